//! What instructions have to do at least.

use std::sync::Arc;

use tensor_ops::{
    Activation, BinaryFunction, Broadcast, Epilogue, Geometry, Instruction, Span, Tap, Taps,
    Tensor, UpdateRule, Work,
};

fn geometry() -> Geometry {
    Geometry {
        batch: 2,
        input: [5, 7],
        output: [3, 4],
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        padding: [1, 1],
    }
}

#[test]
fn a_convolution_and_its_gradients_count_multiply_adds_alike() {
    let (groups, inputs, outputs) = (2, 6, 4);
    let geometry = geometry();
    let input = Tensor::dense(0, geometry.input_rows(), inputs);
    let output = Tensor::dense(1000, geometry.output_rows(), outputs);
    let weight = Span::new(2000, 9 * inputs / groups * outputs);
    let mut counted = 0;
    for _position in 0..geometry.output_rows() {
        for _tap in 0..geometry.taps() {
            for _output in 0..outputs {
                counted += 2 * (inputs / groups) as u64;
            }
        }
    }
    let values = |more: usize| 4 * (2 * 35 * 6 + 2 * 12 * 4 + 9 * 3 * 4 + more) as u64;
    let forward = |accumulate, bias| Instruction::Conv {
        geometry,
        groups,
        input,
        weight,
        bias,
        output,
        accumulate,
        epilogue: Epilogue::NONE,
    };
    let bias = Some(Span::new(3000, outputs));
    assert_eq!(forward(false, None).work(), Work { flops: counted, bytes: values(0) });
    assert_eq!(forward(false, bias).work(), Work { flops: counted, bytes: values(4) });
    assert_eq!(forward(true, None).work(), Work { flops: counted, bytes: values(2 * 12 * 4) });
    let grad_input = |accumulate| Instruction::ConvGradInput {
        geometry,
        groups,
        grad_output: output,
        weight,
        grad_input: input,
        accumulate,
    };
    assert_eq!(grad_input(false).work(), Work { flops: counted, bytes: values(0) });
    assert_eq!(grad_input(true).work(), Work { flops: counted, bytes: values(2 * 35 * 6) });
    let grad_weight = Instruction::ConvGradWeight {
        geometry,
        groups,
        input,
        grad_output: output,
        grad_weight: weight,
        grad_bias: None,
    };
    assert_eq!(grad_weight.work(), Work { flops: counted, bytes: values(0) });
}

#[test]
fn a_depthwise_convolution_counts_one_input_for_each_output() {
    let geometry = geometry();
    let input = Tensor::dense(0, geometry.input_rows(), 3);
    let output = Tensor::dense(1000, geometry.output_rows(), 6);
    let weight = Span::new(2000, 9 * 6);
    let forward = Instruction::Depthwise {
        geometry,
        multiplier: 2,
        input,
        weight,
        bias: None,
        output,
        epilogue: Epilogue::NONE,
    };
    assert_eq!(
        forward.work(),
        Work { flops: 2 * 24 * 9 * 6, bytes: 4 * (70 * 3 + 24 * 6 + 9 * 6) }
    );
}

#[test]
fn what_is_overwritten_is_not_read_and_what_is_not_needed_is_not_either() {
    let [first, second, third, fourth] = [0, 100, 200, 300].map(|at| Tensor::dense(at, 10, 10));
    let bytes = |tensors: u64| tensors * 400;
    let gradient = |activation| Instruction::ActivateGrad {
        activation,
        input: first,
        output: second,
        grad_output: third,
        grad_input: third,
        accumulate: false,
    };
    assert_eq!(gradient(Activation::Relu).work().bytes, bytes(3));
    assert_eq!(gradient(Activation::Silu).work().bytes, bytes(3));
    let binary = |function, accumulate| Instruction::BinaryGrad {
        function,
        first,
        second,
        broadcast: Broadcast::None,
        grad_output: third,
        grad_first: Some((fourth, accumulate)),
        grad_second: None,
    };
    assert_eq!(binary(BinaryFunction::Add, false).work().bytes, bytes(2));
    assert_eq!(binary(BinaryFunction::Add, true).work().bytes, bytes(3));
    assert_eq!(binary(BinaryFunction::Multiply, true).work().bytes, bytes(5));
    let sum = |accumulate| {
        Instruction::Sum { inputs: vec![first, second], output: third, accumulate }.work()
    };
    assert_eq!(sum(false), Work { flops: 100, bytes: bytes(3) });
    assert_eq!(sum(true), Work { flops: 200, bytes: bytes(4) });
    let update = Instruction::Update {
        parameters: Span::new(0, 100),
        gradients: Span::new(100, 100),
        decay: 0.0,
        rule: UpdateRule::Sgd { momentum: 0.9, nesterov: false, velocity: Span::new(200, 100) },
    };
    assert_eq!(update.work(), Work { flops: 600, bytes: bytes(5) });
}

#[test]
fn maps_count_their_taps() {
    let half = |source| Tap { source, weight: 0.5 };
    let taps = Arc::new(Taps::new(4, [vec![half(0), half(1)], vec![half(3)]]));
    let positions = Instruction::MapPositions {
        taps: taps.clone(),
        input: Tensor::dense(0, 12, 5),
        output: Tensor::dense(60, 6, 5),
        accumulate: false,
    };
    assert_eq!(positions.work(), Work { flops: 2 * 3 * 3 * 5, bytes: 4 * (60 + 30) });
    let channels = Instruction::MapChannels {
        taps: taps.clone(),
        input: Tensor::dense(0, 7, 4),
        output: Tensor::dense(28, 7, 2),
        accumulate: false,
    };
    assert_eq!(channels.work(), Work { flops: 2 * 7 * 3, bytes: 4 * (28 + 14) });
    let values = Instruction::MapValues {
        taps,
        input: Tensor::dense(0, 6, 2),
        output: Tensor::dense(12, 3, 2),
        accumulate: false,
    };
    assert_eq!(values.work(), Work { flops: 2 * 3 * 3, bytes: 4 * (12 + 6) });
}

#[test]
fn work_beyond_all_counting_is_the_most_that_can_be_counted() {
    let huge = Tensor::dense(0, usize::MAX, usize::MAX);
    let geometry = Geometry { kernel: [usize::MAX; 2], ..geometry() };
    let conv = Instruction::Conv {
        geometry,
        groups: 0,
        input: huge,
        weight: Span::new(0, usize::MAX),
        bias: None,
        output: huge,
        accumulate: true,
        epilogue: Epilogue::NONE,
    };
    assert_eq!(conv.work(), Work { flops: u64::MAX, bytes: u64::MAX });
    let empty = Tensor::dense(0, 0, 8);
    let activate =
        Instruction::Activate { activation: Activation::Relu, input: empty, output: empty };
    assert_eq!(activate.work(), Work::default());
}

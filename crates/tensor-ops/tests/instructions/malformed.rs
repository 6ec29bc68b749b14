//! What `prepare` refuses.

use std::sync::Arc;

use tensor_ops::{
    Activation, BinaryFunction, Broadcast, Cpu, Device, DeviceError, Epilogue, FilterStep,
    Geometry, Instruction, Level, ResponseNorm, Span, Taps, Tensor, UpdateRule,
};

const LEN: usize = 4096;

fn problem(instruction: Instruction) -> Option<String> {
    match Cpu::new(1).unwrap().prepare(vec![instruction], LEN) {
        Ok(_) => None,
        Err(DeviceError::Malformed { index: 0, problem, .. }) => Some(problem),
        Err(other) => panic!("{other}"),
    }
}

fn assert_refused(instruction: Instruction, because: &str) {
    let shown = format!("{instruction:?}");
    let problem = problem(instruction).unwrap_or_else(|| panic!("{shown} is accepted"));
    assert!(problem.contains(because), "{shown}: {problem}");
}

fn geometry() -> Geometry {
    Geometry {
        batch: 2,
        input: [5, 5],
        output: [5, 5],
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [1, 1],
    }
}

fn conv(
    change: impl FnOnce(&mut Geometry, &mut usize, &mut Tensor, &mut Span, &mut Tensor),
) -> Instruction {
    let (mut geometry, mut groups) = (geometry(), 1);
    let mut input = Tensor::dense(0, 50, 4);
    let mut weight = Span::new(200, 9 * 4 * 6);
    let mut output = Tensor::dense(1000, 50, 6);
    change(&mut geometry, &mut groups, &mut input, &mut weight, &mut output);
    Instruction::Conv {
        geometry,
        groups,
        input,
        weight,
        bias: None,
        output,
        accumulate: false,
        epilogue: Epilogue::NONE,
    }
}

#[test]
fn convolutions_that_do_not_fit_are_refused() {
    assert_eq!(problem(conv(|_, _, _, _, _| {})), None);
    assert_refused(conv(|geometry, _, _, _, _| geometry.batch = 3), "rows");
    assert_refused(conv(|geometry, _, _, _, _| geometry.stride = [0, 1]), "zero");
    assert_refused(conv(|geometry, _, _, _, _| geometry.kernel = [3, 2]), "`weight`");
    assert_refused(conv(|geometry, _, _, _, _| geometry.padding = [usize::MAX, 1]), "too large");
    assert_refused(conv(|geometry, _, _, _, _| geometry.dilation = [1 << 30, 1]), "too large");
    assert_refused(conv(|geometry, _, _, _, _| geometry.batch = usize::MAX), "too large");
    assert_refused(conv(|_, groups, _, _, _| *groups = 3), "groups");
    assert_refused(conv(|_, groups, _, _, _| *groups = 0), "groups");
    assert_refused(conv(|_, _, input, _, _| input.channels = 0), "no values");
    assert_refused(conv(|_, _, input, _, _| input.pitch = 3), "pitch");
    assert_refused(conv(|_, _, input, _, _| input.pitch = usize::MAX), "overflows");
    assert_refused(conv(|_, _, input, _, _| input.offset = usize::MAX), "overflows");
    assert_refused(conv(|_, _, _, weight, _| weight.len -= 1), "`weight`");
    assert_refused(conv(|_, _, _, _, output| output.offset = LEN - 299), "beyond the arena");
    assert_refused(conv(|_, _, _, _, output| output.offset = 199), "overlap");
    assert_refused(conv(|_, _, _, _, output| output.offset = 300), "overlap");
}

/// A geometry that asks for a block far larger than anything it is made from.
#[test]
fn geometries_that_need_absurd_scratch_are_refused() {
    let far = (1 << 30) - 1;
    let instruction = conv(|geometry, _, _, _, _| {
        geometry.dilation = [far, far];
        geometry.padding = [far, far];
    });
    assert_refused(instruction, "scratch");
}

#[test]
fn slices_of_one_tensor_are_accepted_and_overlapping_ones_are_not() {
    let whole = Tensor::dense(0, 10, 9);
    let sum = |output: Tensor| Instruction::Sum {
        inputs: vec![whole.slice(0, 3)],
        output,
        accumulate: false,
    };
    assert_eq!(problem(sum(whole.slice(3, 3))), None);
    assert_eq!(problem(sum(whole.slice(6, 3))), None);
    assert_refused(sum(whole.slice(2, 3)), "overlap");
    assert_refused(sum(whole.slice(0, 3)), "overlap");
}

#[test]
fn gradients_in_place_are_accepted_unless_they_accumulate() {
    let [input, output, grad] = [0, 100, 200].map(|offset| Tensor::dense(offset, 10, 10));
    let gradient = |grad_input, accumulate| Instruction::ActivateGrad {
        activation: Activation::Relu,
        input,
        output,
        grad_output: grad,
        grad_input,
        accumulate,
    };
    assert_eq!(problem(gradient(grad, false)), None);
    assert_refused(gradient(grad, true), "overlap");
    assert_refused(gradient(Tensor { offset: 205, ..grad }, false), "overlap");
    assert_refused(gradient(output, false), "overlap");
}

#[test]
fn other_instructions_that_do_not_fit_are_refused() {
    let [a, b, c] = [0, 100, 200].map(|offset| Tensor::dense(offset, 10, 10));
    let span = |offset| Span::new(offset, 10);
    assert_refused(Instruction::Sum { inputs: vec![], output: a, accumulate: false }, "empty");
    assert_refused(
        Instruction::Activate {
            activation: Activation::Relu,
            input: a,
            output: Tensor::dense(100, 9, 10),
        },
        "`output` is 9 x 10",
    );
    let function = BinaryFunction::Multiply;
    let binary = |second, broadcast, output| Instruction::Binary {
        function,
        first: a,
        second,
        broadcast,
        output,
    };
    assert_refused(binary(b, Broadcast::Positions { area: 2 }, c), "spread");
    assert_refused(binary(b, Broadcast::Positions { area: 0 }, c), "spread");
    assert_refused(binary(b, Broadcast::Channels, c), "instead of 1");
    assert_refused(binary(b, Broadcast::None, b), "overlap");
    assert_eq!(problem(binary(b, Broadcast::None, a)), None);
    let activation = Activation::Scale { factor: f32::INFINITY };
    assert_refused(Instruction::Activate { activation, input: a, output: b }, "`factor`");
    let activation = Activation::LeakyRelu { slope: -0.5 };
    assert_refused(Instruction::Activate { activation, input: a, output: b }, "`slope`");
    assert_refused(Instruction::Dropout { rate: 1.0, stream: 0, input: a, output: b }, "`rate`");
    assert_refused(
        Instruction::SoftmaxCrossEntropy {
            logits: a,
            labels: Span::new(300, 9),
            smoothing: 0.0,
            losses: span(400),
            correct: span(500),
            grad_logits: None,
        },
        "`labels`",
    );
    assert_refused(
        Instruction::SigmoidCrossEntropy {
            logits: a,
            targets: Tensor::dense(300, a.rows, a.channels + 1),
            smoothing: 0.0,
            losses: span(400),
            correct: span(500),
            grad_logits: None,
        },
        "`targets`",
    );
    assert_refused(
        Instruction::BatchNormTrain {
            input: a,
            gamma: None,
            beta: span(300),
            mean: span(310),
            inv_std: span(320),
            running_mean: span(330),
            running_variance: span(335),
            epsilon: 1e-3,
            momentum: 0.1,
            activation: Activation::Relu,
            gate: None,
            output: b,
        },
        "overlap",
    );
    assert_refused(
        Instruction::BatchNormInfer {
            input: a,
            gamma: Some(Span::new(300, 11)),
            beta: span(320),
            mean: span(330),
            variance: span(340),
            epsilon: 1e-3,
            activation: Activation::Silu,
            output: b,
        },
        "`gamma`",
    );
    assert_refused(
        Instruction::Update {
            parameters: span(0),
            gradients: span(10),
            decay: 0.0,
            rule: UpdateRule::Sgd { momentum: 0.9, nesterov: false, velocity: Span::new(20, 9) },
        },
        "`velocity`",
    );
    let outside =
        Geometry { input: [1, 1], output: [1, 1], dilation: [2, 2], kernel: [2, 2], ..geometry() };
    assert_refused(
        Instruction::MaxPool {
            geometry: outside,
            input: Tensor::dense(0, 2, 3),
            output: Tensor::dense(10, 2, 3),
        },
        "outside the image",
    );
}

#[test]
fn maps_that_do_not_fit_are_refused() {
    let [a, b] = [0, 100].map(|offset| Tensor::dense(offset, 10, 10));
    let positions = |taps, input, output| Instruction::MapPositions {
        taps: Arc::new(taps),
        input,
        output,
        accumulate: false,
    };
    let half = Tensor { rows: 5, ..b };
    assert_eq!(problem(positions(Taps::gather(2, [0]), a, half)), None);
    assert_refused(positions(Taps::gather(2, [0]), a, b), "10 rows and `output` 10");
    assert_refused(positions(Taps::gather(2, [0]), Tensor { rows: 9, ..a }, half), "9 rows");
    assert_refused(positions(Taps::gather(2, [2]), a, half), "map 3 positions");
    assert_refused(positions(Taps::gather(0, []), a, b), "map 0 positions");
    assert_refused(positions(Taps::gather(3, [0, 1, 2]), a, b), "map 3 positions");
    assert_refused(
        positions(Taps::gather(2, [0]), a, Tensor { channels: 9, ..half }),
        "9 channels",
    );
    assert_refused(positions(Taps::gather(2, [0, 1]), a, a), "overlap");
    let channels = |taps, input, output| Instruction::MapChannels {
        taps: Arc::new(taps),
        input,
        output,
        accumulate: true,
    };
    assert_eq!(problem(channels(Taps::gather(10, [7; 10]), a, b)), None);
    assert_refused(channels(Taps::gather(10, [7; 9]), a, b), "10 channels to 9");
    assert_refused(channels(Taps::gather(9, [10; 10]), a, b), "11 channels to 10");
    assert_refused(channels(Taps::gather(10, [7; 10]), a, half), "5 rows");
    let values = |taps, input, output| Instruction::MapValues {
        taps: Arc::new(taps),
        input,
        output,
        accumulate: false,
    };
    assert_eq!(problem(values(Taps::gather(20, [19; 10]), a, half)), None);
    assert_refused(values(Taps::gather(20, [19; 9]), a, half), "20 values to 9");
    assert_refused(values(Taps::gather(20, [20; 10]), a, half), "21 values to 10");
    assert_refused(values(Taps::gather(20, [19; 10]), a, b), "`input` is 10 x 10");
    assert_refused(values(Taps::gather(20, []), a, b), "20 values to 0");
}

#[test]
fn instructions_on_rows_that_do_not_fit_are_refused() {
    let [a, b, c] = [0, 100, 200].map(|offset| Tensor::dense(offset, 10, 10));
    let narrow = Tensor { channels: 9, ..b };
    let bias = Span::new(300, 10);
    assert_eq!(problem(Instruction::AddBias { bias, input: a, output: a }), None);
    assert_refused(Instruction::AddBias { bias, input: a, output: narrow }, "`output`");
    assert_refused(Instruction::AddBias { bias: Span::new(300, 9), input: a, output: b }, "`bias`");
    assert_refused(
        Instruction::AddBias { bias: Span::new(195, 10), input: a, output: c },
        "overlap",
    );
    assert_refused(
        Instruction::SumRows { grad_output: a, grad_bias: Span::new(300, 11) },
        "`grad_bias`",
    );
    let shrink = |kernel, shares| Instruction::Filters(FilterStep::Shrink { kernel, shares });
    assert_eq!(problem(shrink(a, bias)), None);
    assert_refused(shrink(a, Span::new(300, 9)), "`shares`");
    assert_refused(shrink(a, Span::new(95, 10)), "overlap");
    let strengths =
        |kernel, strengths| Instruction::Filters(FilterStep::RootMeanSquares { kernel, strengths });
    assert_eq!(problem(strengths(a, bias)), None);
    assert_refused(strengths(a, Span::new(300, 11)), "`strengths`");
    assert_refused(strengths(a, Span::new(95, 10)), "overlap");
    assert_refused(strengths(Tensor { rows: 0, ..a }, bias), "no values");
    assert_refused(Instruction::Softmax { input: a, output: narrow }, "`output`");
    assert_refused(
        Instruction::SoftmaxGrad { output: a, grad_output: b, grad_input: b, accumulate: true },
        "overlap",
    );
    let norm = ResponseNorm { before: 2, after: 2, alpha: 1e-4, beta: 0.75, bias: 1.0 };
    let response = |norm| Instruction::LocalResponseNorm { norm, input: a, output: b };
    assert_eq!(problem(response(norm)), None);
    assert_refused(response(ResponseNorm { bias: 0.0, ..norm }), "`bias`");
    assert_refused(response(ResponseNorm { alpha: -1.0, ..norm }), "`alpha`");
    assert_refused(response(ResponseNorm { beta: f32::NAN, ..norm }), "`beta`");
    assert_refused(response(ResponseNorm { after: usize::MAX, ..norm }), "too large");
    assert_refused(
        Instruction::LocalResponseNormGrad {
            norm,
            input: a,
            grad_output: b,
            grad_input: b,
            accumulate: false,
        },
        "overlap",
    );
}

#[test]
fn the_error_names_the_instruction() {
    let copy =
        |inputs| Instruction::Sum { inputs, output: Tensor::dense(10, 1, 3), accumulate: false };
    let list = vec![copy(vec![Tensor::dense(0, 1, 3)]), copy(vec![Tensor::dense(0, 1, 4)])];
    let error = Cpu::new(1).unwrap().prepare(list, 20).err().unwrap();
    assert_eq!(error.to_string(), "instruction 1 (Sum): `inputs` is 1 x 4, but `output` is 1 x 3");
}

#[test]
fn impossible_devices_and_arenas_are_errors() {
    assert!(matches!(Cpu::new(0), Err(DeviceError::Threads { threads: 0, .. })));
    let all = [Level::Portable, Level::Avx2, Level::Avx512, Level::Neon];
    for level in all.into_iter().filter(|level| !Level::available().contains(level)) {
        assert!(matches!(Cpu::with_level(1, level), Err(DeviceError::Unsupported { .. })));
    }
    let cpu = Cpu::new(1).unwrap();
    assert!(matches!(cpu.allocate(usize::MAX), Err(DeviceError::OutOfMemory { .. })));
    assert!(matches!(cpu.allocate(usize::MAX / 8), Err(DeviceError::OutOfMemory { .. })));
}

#[test]
fn levels_are_read_as_they_are_shown_and_others_are_errors() {
    for level in Level::available() {
        assert_eq!(level.to_string().parse(), Ok(level));
        assert!(Cpu::at(1, Some(level)).unwrap().name().ends_with(&format!("{level})")));
    }
    let error = "sse9".parse::<Level>().unwrap_err();
    assert!(error.contains("portable"), "{error}");
}

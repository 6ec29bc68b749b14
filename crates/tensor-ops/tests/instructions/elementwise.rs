//! Activations, sums, functions of two tensors and dropout.

use proptest::prelude::*;
use tensor_ops::{
    Activation, BinaryFunction, Broadcast, Cpu, Device, Instruction, Level, Scalars, Span, Tensor,
};

use crate::arena::{Layout, SCALARS, assert_matches_reference, cases, execute};

const ACTIVATIONS: [Activation; 11] = [
    Activation::Identity,
    Activation::Relu,
    Activation::Relu6,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Elu,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Silu,
    Activation::HardSigmoid,
    Activation::HardSwish,
    Activation::Scale { factor: -1.5 },
];

const BINARY_FUNCTIONS: [BinaryFunction; 5] = [
    BinaryFunction::Add,
    BinaryFunction::Subtract,
    BinaryFunction::Multiply,
    BinaryFunction::Maximum,
    BinaryFunction::Minimum,
];

pub(crate) fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(&ACTIVATIONS[..])
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn activations_and_their_gradients_match_the_reference(
        activation in activation(),
        rows in 1..60_usize,
        channels in 1..40_usize,
        accumulate: bool,
        in_place: bool,
        seed: u64,
    ) {
        let mut layout = Layout::seeded(seed);
        let [input, output, grad_output, separate] = [0; 4].map(|_| layout.tensor(rows, channels));
        let grad_input = if in_place && !accumulate { grad_output } else { separate };
        let instructions = [
            Instruction::Activate { activation, input, output },
            Instruction::ActivateGrad { activation, input, output, grad_output, grad_input, accumulate },
        ];
        let mut values = layout.values();
        for value in &mut values {
            *value *= 8.0;
        }
        assert_matches_reference(&instructions, &values, 1e-5);
    }

    #[test]
    fn sums_match_the_reference(
        inputs in 1..5_usize, rows in 1..60_usize, channels in 1..40_usize, accumulate: bool, seed: u64,
    ) {
        let mut layout = Layout::seeded(seed);
        let inputs = (0..inputs).map(|_| layout.tensor(rows, channels)).collect();
        let output = layout.tensor(rows, channels);
        let instructions = [Instruction::Sum { inputs, output, accumulate }];
        assert_matches_reference(&instructions, &layout.values(), 1e-6);
    }

    #[test]
    fn functions_of_two_tensors_and_their_gradients_match_the_reference(
        function in prop::sample::select(&BINARY_FUNCTIONS[..]),
        kind in 0..3_usize,
        images in 1..20_usize,
        area in 1..12_usize,
        channels in 1..40_usize,
        accumulate: bool,
        in_place: bool,
        ties: bool,
        wanted in 1..4_usize,
        seed: u64,
    ) {
        let rows = images * area;
        let (broadcast, [rows2, channels2]) = match kind {
            0 => (Broadcast::None, [rows, channels]),
            1 => (Broadcast::Positions { area }, [images, channels]),
            _ => (Broadcast::Channels, [rows, 1]),
        };
        let mut layout = Layout::seeded(seed);
        let first = layout.tensor(rows, channels);
        let second = layout.tensor(rows2, channels2);
        let [output, grad_output, grad_first] = [0; 3].map(|_| layout.tensor(rows, channels));
        let grad_second = layout.tensor(rows2, channels2);
        let instructions = [
            Instruction::BinaryGrad {
                function,
                first,
                second,
                broadcast,
                grad_output,
                grad_first: (wanted & 1 != 0).then_some((grad_first, accumulate)),
                grad_second: (wanted & 2 != 0).then_some((grad_second, !accumulate)),
            },
            Instruction::Binary {
                function,
                first,
                second,
                broadcast,
                output: if in_place { first } else { output },
            },
        ];
        let mut values = layout.values();
        if ties {
            for value in &mut values {
                *value = (*value * 2.0).round();
            }
        }
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

/// Large enough for several chunks, also of rows that a spread operand is shared by.
#[test]
fn functions_of_two_large_tensors_match_the_reference() {
    let (images, area, channels) = (70, 49, 9);
    for function in BINARY_FUNCTIONS {
        for (broadcast, rows2, channels2) in [
            (Broadcast::None, images * area, channels),
            (Broadcast::Positions { area }, images, channels),
            (Broadcast::Channels, images * area, 1),
        ] {
            let mut layout = Layout::seeded(3);
            let [first, output, grad_output, grad_first] =
                [0; 4].map(|_| layout.tensor(images * area, channels));
            let [second, grad_second] = [0; 2].map(|_| layout.tensor(rows2, channels2));
            let instructions = [
                Instruction::Binary { function, first, second, broadcast, output },
                Instruction::BinaryGrad {
                    function,
                    first,
                    second,
                    broadcast,
                    grad_output,
                    grad_first: Some((grad_first, false)),
                    grad_second: Some((grad_second, true)),
                },
            ];
            assert_matches_reference(&instructions, &layout.values(), 2e-5);
        }
    }
}

/// Not-a-number of either operand must reach the loss.
#[test]
fn functions_of_two_tensors_pass_not_a_number_on() {
    for level in Level::available() {
        for function in BINARY_FUNCTIONS {
            let [first, second, output] = [0, 11, 22].map(|offset| Tensor::dense(offset, 1, 11));
            let broadcast = Broadcast::None;
            let instructions = [Instruction::Binary { function, first, second, broadcast, output }];
            let mut values = vec![0.5; 33];
            values[2] = f32::NAN;
            values[11 + 9] = f32::NAN;
            let found = execute(&Cpu::with_level(1, level).unwrap(), &instructions, &values);
            let missing: Vec<usize> = (0..11).filter(|&i| found[22 + i].is_nan()).collect();
            assert_eq!(missing, [2, 9], "{level} {function:?}");
        }
    }
}

/// Not-a-number must reach the loss, where training looks for it.
#[test]
fn rectifiers_pass_not_a_number_on() {
    for level in Level::available() {
        for activation in ACTIVATIONS {
            let (input, output) = (Tensor::dense(0, 1, 11), Tensor::dense(11, 1, 11));
            let instructions = [Instruction::Activate { activation, input, output }];
            let mut values = vec![0.5; 22];
            values[3] = f32::NAN;
            values[9] = f32::NAN;
            let found = execute(&Cpu::with_level(1, level).unwrap(), &instructions, &values);
            assert!(found[14].is_nan() && found[20].is_nan(), "{level} {activation:?}");
            assert!(found[15].is_finite());
        }
    }
}

/// Masks of `ones` through dropout.
fn mask(cpu: &Cpu, scalars: Scalars, stream: u64, rate: f32, pitch: usize) -> Vec<f32> {
    let (rows, channels) = (400, 25);
    let input = Tensor { offset: 0, rows, channels, pitch };
    let output = Tensor { offset: rows * pitch, ..input };
    let grad = Tensor { offset: 2 * rows * pitch, ..input };
    let instructions = vec![
        Instruction::Dropout { rate, stream, input, output },
        Instruction::DropoutGrad {
            rate,
            stream,
            grad_output: input,
            grad_input: grad,
            accumulate: false,
        },
        Instruction::DropoutGrad {
            rate,
            stream,
            grad_output: input,
            grad_input: grad,
            accumulate: true,
        },
    ];
    let len = 3 * rows * pitch;
    let mut memory = cpu.allocate(len).unwrap();
    cpu.upload(&mut memory, Span::new(0, len), &vec![1.0; len]);
    let mut executable = cpu.prepare(instructions, len).unwrap();
    cpu.execute(&mut memory, &mut executable, scalars);
    let mut values = vec![0.0; len];
    cpu.download(&memory, Span::new(0, len), &mut values);
    let read = |tensor: Tensor| {
        let values = &values;
        (0..rows).flat_map(move |row| {
            (0..channels).map(move |channel| values[tensor.offset + row * tensor.pitch + channel])
        })
    };
    assert!(read(output).zip(read(grad)).all(|(output, grad)| 2.0 * output == grad));
    read(output).collect()
}

#[test]
fn dropout_masks_depend_on_seed_step_stream_and_index_only() {
    let cpu = Cpu::new(1).unwrap();
    let rate = 0.3;
    let first = mask(&cpu, SCALARS, 7, rate, 25);
    assert_eq!(first, mask(&Cpu::new(3).unwrap(), SCALARS, 7, rate, 31));
    assert_eq!(first, mask(&Cpu::with_level(2, Level::Portable).unwrap(), SCALARS, 7, rate, 25));
    for other in [
        mask(&cpu, SCALARS, 8, rate, 25),
        mask(&cpu, Scalars { step: 4, ..SCALARS }, 7, rate, 25),
        mask(&cpu, Scalars { seed: 12, ..SCALARS }, 7, rate, 25),
    ] {
        let agree = first.iter().zip(&other).filter(|(a, b)| a == b).count();
        // Independent masks agree in 0.7^2 + 0.3^2 = 58 % of 10,000 values; the deviation is 50.
        assert!((5500..6100).contains(&agree), "{agree}");
    }
}

#[test]
fn dropout_keeps_the_expected_fraction_and_scales_it_up() {
    let mask = mask(&Cpu::new(1).unwrap(), SCALARS, 1, 0.25, 25);
    let kept = mask.iter().filter(|&&value| value != 0.0).count();
    // 7,500 expected with deviation 43.
    assert!((7250..7750).contains(&kept), "{kept}");
    assert!(mask.iter().all(|&value| value == 0.0 || (value - 4.0 / 3.0).abs() < 1e-6));
}

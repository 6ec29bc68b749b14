//! Depthwise convolutions with their gradients.

use proptest::prelude::*;
use tensor_ops::{Epilogue, Geometry, Instruction};

use crate::arena::{Layout, assert_matches_reference, cases};
use crate::convolutions::{epilogue, geometry};
use crate::squares::square;

fn depthwise(
    geometry: Geometry,
    (inputs, multiplier): (usize, usize),
    accumulate: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let outputs = inputs * multiplier;
    let input = layout.tensor(geometry.input_rows(), inputs);
    let weight = layout.span(geometry.taps() * outputs);
    let output = layout.tensor(geometry.output_rows(), outputs);
    let grad_output = layout.tensor(geometry.output_rows(), outputs);
    let bias = layout.maybe_span(outputs);
    let complete = epilogue(&mut layout, outputs);
    let epilogue = layout.maybe_span(1).map_or(Epilogue::NONE, |_| complete);
    let instructions = vec![
        Instruction::Depthwise { geometry, multiplier, input, weight, bias, output, epilogue },
        Instruction::DepthwiseGradInput {
            geometry,
            multiplier,
            grad_output,
            weight,
            grad_input: layout.tensor(geometry.input_rows(), inputs),
            accumulate,
        },
        Instruction::DepthwiseGradWeight {
            geometry,
            multiplier,
            input,
            grad_output,
            grad_weight: layout.span(geometry.taps() * outputs),
            grad_bias: layout.maybe_span(outputs),
        },
    ];
    (instructions, layout.values())
}

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn depthwise_and_its_gradients_match_the_reference(
        geometry in geometry(),
        inputs in 1..40_usize,
        multiplier in prop_oneof![2 => Just(1_usize), 1 => 2..4_usize],
        accumulate: bool,
        seed: u64,
    ) {
        let (instructions, values) = depthwise(geometry, (inputs, multiplier), accumulate, seed);
        assert_matches_reference(&instructions, &values, 2e-5);
    }

    #[test]
    fn depthwise_with_small_square_kernels_matches_the_reference(
        geometry in square(prop_oneof![3 => Just(3_usize), 1 => Just(5)], 2), channels in 1..70_usize, accumulate: bool, seed: u64,
    ) {
        let (instructions, values) = depthwise(geometry, (channels, 1), accumulate, seed);
        assert_matches_reference(&instructions, &values, 2e-5);
    }
}

/// Large enough for several units of several images, for bands of one image, and for several blocks of a band; the last also
/// for being asked for ahead.
#[test]
fn depthwise_in_units_and_blocks_matches_the_reference() {
    for (batch, side, kernel, stride, channels) in [
        (37, 4, 3, 1, 33),
        (33, 9, 3, 2, 40),
        (3, 41, 3, 1, 50),
        (2, 30, 5, 1, 37),
        (1, 57, 3, 2, 130),
        (1, 50, 5, 2, 72),
        (9, 64, 3, 2, 96),
    ] {
        let padding = (kernel - 1) / 2;
        let geometry = Geometry {
            batch,
            input: [side; 2],
            output: [(side - 1) / stride + 1; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1, 1],
            padding: [padding; 2],
        };
        let (instructions, values) = depthwise(geometry, (channels, 1), true, 5);
        assert_matches_reference(&instructions, &values, 1e-4);
    }
}

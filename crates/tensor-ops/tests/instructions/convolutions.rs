//! Convolutions with their gradients.

use proptest::prelude::*;
use tensor_ops::{Clamp, Epilogue, Geometry, Instruction, Norm};

use crate::arena::{Layout, assert_matches_reference, cases};

/// One axis: input, kernel, stride, dilation, padding, and how much of the possible output is missing.
fn axis() -> impl Strategy<Value = [usize; 6]> {
    (1..10_usize, 1..5_usize, 1..4_usize, 1..3_usize, 0..4_usize, 0..3_usize).prop_map(
        |(input, kernel, stride, dilation, padding, less)| {
            let reach = (kernel - 1) * dilation + 1;
            let input = if input + 2 * padding < reach { reach } else { input };
            let most = (input + 2 * padding - reach) / stride + 1;
            [input, kernel, stride, dilation, padding, most.saturating_sub(less).max(1)]
        },
    )
}

pub(crate) fn geometry() -> impl Strategy<Value = Geometry> {
    (1..6_usize, axis(), axis()).prop_map(|(batch, y, x)| Geometry {
        batch,
        input: [y[0], x[0]],
        output: [y[5], x[5]],
        kernel: [y[1], x[1]],
        stride: [y[2], x[2]],
        dilation: [y[3], x[3]],
        padding: [y[4], x[4]],
    })
}

/// Groups, input and output channels.
fn channels() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        3 => (1..40_usize, 1..40_usize).prop_map(|(inputs, outputs)| (1, inputs, outputs)),
        1 => (2..4_usize, 1..10_usize, 1..20_usize)
            .prop_map(|(groups, inputs, outputs)| (groups, groups * inputs, groups * outputs)),
    ]
}

/// An epilogue that is complete or has only a clamp; some values are cut off on each side.
pub(crate) fn epilogue(layout: &mut Layout, channels: usize) -> Epilogue {
    let gamma = layout.maybe_span(channels);
    let [beta, mean, variance] = [0; 3].map(|_| layout.span(channels));
    // Variances of the arena are above -1.
    let norm = Norm { gamma, beta, mean, variance, epsilon: 1.5 };
    let clamp = Clamp { low: -0.5, high: 0.75 };
    Epilogue { norm: layout.maybe_span(1).map(|_| norm), clamp }
}

fn convolution(
    geometry: Geometry,
    (groups, inputs, outputs): (usize, usize, usize),
    accumulate: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let kernel = geometry.taps() * inputs / groups * outputs;
    let input = layout.tensor(geometry.input_rows(), inputs);
    let weight = layout.span(kernel);
    let output = layout.tensor(geometry.output_rows(), outputs);
    let grad_output = layout.tensor(geometry.output_rows(), outputs);
    let bias = layout.maybe_span(outputs);
    let epilogue = if accumulate { epilogue(&mut layout, outputs) } else { Epilogue::NONE };
    let instructions = vec![
        Instruction::Conv {
            geometry,
            groups,
            input,
            weight,
            bias,
            output,
            accumulate: !accumulate,
            epilogue,
        },
        Instruction::ConvGradInput {
            geometry,
            groups,
            grad_output,
            weight,
            grad_input: layout.tensor(geometry.input_rows(), inputs),
            accumulate,
        },
        Instruction::ConvGradWeight {
            geometry,
            groups,
            input,
            grad_output,
            grad_weight: layout.span(kernel),
            grad_bias: layout.maybe_span(outputs),
        },
    ];
    (instructions, layout.values())
}

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn convolution_and_its_gradients_match_the_reference(
        geometry in geometry(), channels in channels(), accumulate: bool, seed: u64,
    ) {
        let (instructions, values) = convolution(geometry, channels, accumulate, seed);
        assert_matches_reference(&instructions, &values, 2e-5);
    }

    /// Few channels and steps of 1: vectors hold positions.
    #[test]
    fn convolutions_of_few_channels_match_the_reference(
        geometry in geometry(), batch in 1..40_usize, inputs in 1..12_usize, outputs in 1..8_usize,
        accumulate: bool, seed: u64,
    ) {
        let output = [0, 1].map(|i| {
            let reach = (geometry.kernel[i] - 1) * geometry.dilation[i] + 1;
            let most = geometry.input[i] + 2 * geometry.padding[i] - reach + 1;
            geometry.output[i].min(most)
        });
        let geometry = Geometry { batch, stride: [1, 1], output, ..geometry };
        let (instructions, values) =
            convolution(geometry, (1, inputs, outputs), accumulate, seed);
        assert_matches_reference(&instructions, &values, 2e-5);
    }

    #[test]
    fn linear_layers_match_the_reference(
        rows in 1..150_usize, inputs in 1..80_usize, outputs in 1..40_usize, seed: u64,
    ) {
        let (instructions, values) =
            convolution(Geometry::pointwise(rows), (1, inputs, outputs), false, seed);
        assert_matches_reference(&instructions, &values, 2e-5);
    }
}

/// Large enough for several chunks and for bands of one image.
#[test]
fn convolutions_of_many_chunks_match_the_reference() {
    let square = |batch, input: usize, kernel, stride, padding: usize| Geometry {
        batch,
        input: [input, input],
        output: [(input + 2 * padding - kernel) / stride + 1; 2],
        kernel: [kernel, kernel],
        stride: [stride, stride],
        dilation: [1, 1],
        padding: [padding, padding],
    };
    for (geometry, channels) in [
        (square(20, 14, 3, 1, 1), (1, 8, 8)),
        (square(40, 14, 3, 1, 1), (1, 6, 5)),
        (square(3, 30, 5, 1, 2), (1, 17, 3)),
        (square(13, 7, 3, 2, 1), (1, 5, 17)),
        (square(2, 40, 3, 1, 1), (1, 33, 9)),
        (square(1, 41, 3, 2, 1), (1, 40, 12)),
        (square(1, 44, 1, 2, 0), (1, 37, 6)),
        (square(24, 7, 1, 1, 0), (2, 28, 24)),
        (square(6, 12, 5, 1, 0), (1, 4, 25)),
        // Deep enough for several parts, and kernels whose gradient is cut by input channels.
        (square(3, 5, 3, 1, 1), (1, 131, 130)),
        (square(2, 4, 3, 2, 1), (1, 150, 100)),
        (square(1, 6, 1, 1, 0), (1, 520, 260)),
    ] {
        let (instructions, values) = convolution(geometry, channels, true, 5);
        assert_matches_reference(&instructions, &values, 1e-4);
    }
}

/// Large enough for tiles of four and of two outputs along an axis to be worth their transforms.
#[test]
fn large_convolutions_of_3x3_taps_match_the_reference() {
    let square = |batch, size, padding: usize| Geometry {
        batch,
        input: [size, size],
        output: [size + 2 * padding - 2; 2],
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [padding, padding],
    };
    for (geometry, channels) in [
        (square(8, 14, 1), (1, 40, 48)),
        (square(110, 2, 1), (1, 72, 70)),
        (square(2, 23, 0), (1, 60, 33)),
    ] {
        let (instructions, values) = convolution(geometry, channels, true, 5);
        assert_matches_reference(&instructions, &values, 1e-4);
    }
}

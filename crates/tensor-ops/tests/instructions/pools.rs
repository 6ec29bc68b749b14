//! Maximum and mean over windows.

use proptest::prelude::*;
use tensor_ops::{Cpu, Geometry, Instruction, Level, Tensor};

use crate::arena::{Layout, assert_matches_reference, cases, execute};
use crate::convolutions::geometry;
use crate::squares::square;

/// Whether each window has a tap in the image.
fn every_window_touches(geometry: &Geometry) -> bool {
    (0..2).all(|axis| {
        (0..geometry.output[axis]).all(|position| {
            (0..geometry.kernel[axis]).any(|tap| {
                let at = (position * geometry.stride[axis] + tap * geometry.dilation[axis]) as i64
                    - geometry.padding[axis] as i64;
                (0..geometry.input[axis] as i64).contains(&at)
            })
        })
    })
}

/// All pools and their gradients, and the arena's values: few different ones if they are `coarse`, so that windows have ties.
fn pools(
    geometry: Geometry,
    channels: usize,
    accumulate: bool,
    coarse: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let input = layout.tensor(geometry.input_rows(), channels);
    let [max, mean] = [0, 1].map(|_| layout.tensor(geometry.output_rows(), channels));
    let grad_output = layout.tensor(geometry.output_rows(), channels);
    let instructions = vec![
        Instruction::MaxPool { geometry, input, output: max },
        Instruction::AvgPool { geometry, input, output: mean },
        Instruction::MaxPoolGrad {
            geometry,
            input,
            output: max,
            grad_output,
            grad_input: layout.tensor(geometry.input_rows(), channels),
            accumulate,
        },
        Instruction::AvgPoolGrad {
            geometry,
            grad_output,
            grad_input: layout.tensor(geometry.input_rows(), channels),
            accumulate,
        },
    ];
    let mut values = layout.values();
    if coarse {
        for value in &mut values {
            *value = (*value * 2.0).round();
        }
    }
    (instructions, values)
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn pools_and_their_gradients_match_the_reference(
        geometry in geometry().prop_filter("windows outside the image are refused", every_window_touches),
        channels in 1..40_usize,
        accumulate: bool,
        coarse: bool,
        seed: u64,
    ) {
        let (instructions, values) = pools(geometry, channels, accumulate, coarse, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }

    #[test]
    fn pools_of_small_square_windows_match_the_reference(
        geometry in square(2..4_usize, 0).prop_filter("windows outside the image are refused", every_window_touches),
        channels in prop_oneof![1..10_usize, 15..18_usize, 31..36_usize],
        accumulate: bool,
        coarse: bool,
        seed: u64,
    ) {
        let (instructions, values) = pools(geometry, channels, accumulate, coarse, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

#[test]
fn what_lies_beside_the_image_takes_no_gradient_from_a_maximum_of_minus_infinity() {
    let geometry = Geometry {
        batch: 1,
        input: [1, 1],
        output: [1, 1],
        kernel: [2, 2],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [1, 1],
    };
    let [input, output, grad_output, grad_input] =
        [0, 1, 2, 3].map(|offset| Tensor::dense(offset, 1, 1));
    let instructions = [
        Instruction::MaxPool { geometry, input, output },
        Instruction::MaxPoolGrad {
            geometry,
            input,
            output,
            grad_output,
            grad_input,
            accumulate: false,
        },
    ];
    let values = [f32::NEG_INFINITY, 0.0, 3.0, 0.0];
    for level in Level::available() {
        let found = execute(&Cpu::with_level(1, level).unwrap(), &instructions, &values);
        assert_eq!(found[3], 3.0, "{level}");
    }
}

//! Biases, softmax and local response normalisation.

use proptest::prelude::*;
use tensor_ops::{Cpu, Instruction, Level, ResponseNorm, Tensor};

use crate::arena::{Layout, assert_matches_reference, cases, execute};

fn bias(rows: usize, channels: usize, in_place: bool, seed: u64) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let [input, separate, grad_output] = [0; 3].map(|_| layout.tensor(rows, channels));
    let [bias, grad_bias] = [0; 2].map(|_| layout.span(channels));
    let output = if in_place { input } else { separate };
    let instructions = vec![
        Instruction::AddBias { bias, input, output },
        Instruction::SumRows { grad_output, grad_bias },
    ];
    (instructions, layout.values())
}

fn softmax(
    rows: usize,
    channels: usize,
    accumulate: bool,
    in_place: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>, Tensor) {
    let mut layout = Layout::seeded(seed);
    let [input, output, grad_output, separate] = [0; 4].map(|_| layout.tensor(rows, channels));
    let grad_input = if in_place && !accumulate { grad_output } else { separate };
    let instructions = vec![
        Instruction::Softmax { input, output },
        Instruction::SoftmaxGrad { output, grad_output, grad_input, accumulate },
    ];
    (instructions, layout.values(), input)
}

fn response_norm(
    norm: ResponseNorm,
    rows: usize,
    channels: usize,
    accumulate: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let [input, output, grad_output, grad_input] = [0; 4].map(|_| layout.tensor(rows, channels));
    let instructions = vec![
        Instruction::LocalResponseNorm { norm, input, output },
        Instruction::LocalResponseNormGrad { norm, input, grad_output, grad_input, accumulate },
    ];
    (instructions, layout.values())
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn biases_and_their_gradients_match_the_reference(
        rows in 1..200_usize, channels in 1..80_usize, in_place: bool, seed: u64,
    ) {
        let (instructions, values) = bias(rows, channels, in_place, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }

    #[test]
    fn softmax_and_its_gradient_match_the_reference(
        rows in 1..60_usize,
        channels in 1..40_usize,
        accumulate: bool,
        in_place: bool,
        spread in prop_oneof![Just(1.0_f32), Just(30.0)],
        seed: u64,
    ) {
        let (instructions, mut values, _) = softmax(rows, channels, accumulate, in_place, seed);
        for value in &mut values {
            *value *= spread;
        }
        assert_matches_reference(&instructions, &values, 2e-5);
    }

    #[test]
    fn local_response_normalisation_and_its_gradient_match_the_reference(
        before in 0..6_usize,
        after in 0..6_usize,
        alpha in prop_oneof![Just(0.0_f32), 1e-4..2.0_f32],
        beta in prop_oneof![Just(0.75_f32), -1.0..2.0_f32],
        bias in 0.5..2.0_f32,
        rows in 1..40_usize,
        channels in 1..30_usize,
        accumulate: bool,
        seed: u64,
    ) {
        let norm = ResponseNorm { before, after, alpha, beta, bias };
        let (instructions, values) = response_norm(norm, rows, channels, accumulate, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

/// Large enough for several chunks.
#[test]
fn rows_of_many_chunks_match_the_reference() {
    for channels in [3, 8, 37] {
        let (instructions, values) = bias(12_000, channels, false, 1);
        assert_matches_reference(&instructions, &values, 1e-5);
        let (instructions, values, _) = softmax(12_000, channels, true, false, 2);
        assert_matches_reference(&instructions, &values, 1e-5);
        let norm = ResponseNorm { before: 2, after: 2, alpha: 0.5, beta: 0.75, bias: 1.0 };
        let (instructions, values) = response_norm(norm, 12_000, channels, false, 3);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

/// The reference of the property test would overflow here.
#[test]
fn softmax_of_huge_values_is_finite() {
    let (instructions, mut values, input) = softmax(1, 5, false, false, 4);
    for (c, value) in [3e38, -3e38, 3e38, 0.0, 1e30].into_iter().enumerate() {
        values[input.offset + c] = value;
    }
    let Instruction::Softmax { output, .. } = instructions[0] else { unreachable!() };
    for level in Level::available() {
        let found = execute(&Cpu::with_level(1, level).unwrap(), &instructions[..1], &values);
        let probabilities = &found[output.offset..output.offset + 5];
        assert_eq!([probabilities[0], probabilities[2]], [0.5, 0.5]);
        assert!([1, 3, 4].iter().all(|&c| probabilities[c] < 1e-30), "{probabilities:?}");
    }
}

/// Not-a-number must reach the loss.
#[test]
fn softmax_and_local_response_normalisation_pass_not_a_number_on() {
    let [input, normalised, probabilities] = [0, 6, 12].map(|offset| Tensor::dense(offset, 2, 3));
    let norm = ResponseNorm { before: 1, after: 1, alpha: 0.5, beta: 0.75, bias: 1.0 };
    let instructions = [
        Instruction::LocalResponseNorm { norm, input, output: normalised },
        Instruction::Softmax { input: normalised, output: probabilities },
    ];
    let mut values = vec![0.5; 18];
    values[5] = f32::NAN;
    for level in Level::available() {
        let found = execute(&Cpu::with_level(1, level).unwrap(), &instructions, &values);
        let lost: Vec<usize> = (6..18).filter(|&i| found[i].is_nan()).collect();
        assert_eq!(lost, [10, 11, 15, 16, 17], "{level}");
    }
}

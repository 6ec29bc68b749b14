//! Batch normalisation.

use proptest::prelude::*;
use tensor_ops::{Activation, GateSample, Instruction, NormGate};

use crate::arena::{Layout, assert_matches_reference, cases};
use crate::elementwise::activation;

struct Case {
    rows: usize,
    channels: usize,
    activation: Activation,
    /// Temperature of a gate, and whether it is straight-through.
    gate: Option<(f32, bool)>,
    accumulate: bool,
    in_place: bool,
    mean: f32,
    seed: u64,
}

fn assert_batch_norm_matches(case: &Case) {
    let Case { rows, channels, activation, gate, accumulate, in_place, mean: offset, seed } = *case;
    let mut layout = Layout::seeded(seed);
    let input = layout.tensor(rows, channels);
    let output = layout.tensor(rows, channels);
    let grad_output = layout.tensor(rows, channels);
    let separate = layout.tensor(rows, channels);
    let [beta, mean, inv_std, running_mean, running_variance, grad_beta] =
        [0; 6].map(|_| layout.span(channels));
    let gamma = layout.maybe_span(channels);
    let grad_gamma = gamma.map(|_| layout.span(channels));
    let inferred = layout.tensor(rows, channels);
    let [logits, noise, grad_logits] = [0; 3].map(|_| layout.span(channels));
    let temperature = layout.span(1);
    let gate = gate.filter(|_| activation.is_homogeneous());
    let mut values = layout.values();
    values[temperature.offset] = gate.map_or(1.0, |(temperature, _)| temperature);
    let gate = gate.map(|(_, straight_through)| NormGate {
        logits,
        sample: GateSample { noise, temperature, straight_through },
    });
    for row in 0..rows {
        let start = input.offset + row * input.pitch;
        values[start..start + channels].iter_mut().for_each(|value| *value += offset);
    }
    for value in &mut values[running_variance.offset..running_variance.end()] {
        *value = value.abs() + 0.5;
    }
    let mut instructions = vec![Instruction::BatchNormInfer {
        input,
        gamma,
        beta,
        mean: running_mean,
        variance: running_variance,
        epsilon: 1e-3,
        activation,
        output: inferred,
    }];
    if activation.derivative_from_output() {
        instructions.push(Instruction::BatchNormTrain {
            input,
            gamma,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon: 1e-3,
            momentum: 0.1,
            activation,
            gate,
            output,
        });
        instructions.push(Instruction::BatchNormGrad {
            input,
            grad_output,
            gamma,
            beta,
            mean,
            inv_std,
            activation,
            gate: gate.map(|gate| (gate, grad_logits)),
            grad_gamma,
            grad_beta,
            grad_input: if in_place && !accumulate { grad_output } else { separate },
            accumulate,
        });
    }
    if in_place {
        instructions.push(Instruction::BatchNormInfer {
            input: inferred,
            gamma,
            beta,
            mean: running_mean,
            variance: running_variance,
            epsilon: 1e-3,
            activation,
            output: inferred,
        });
    }
    assert_matches_reference(&instructions, &values, 2e-4 * f64::from(offset.abs().max(1.0)));
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn batch_norm_and_its_gradient_match_the_reference(
        rows in 2..200_usize,
        channels in 1..50_usize,
        activation in activation(),
        gate in prop::option::of((0.1..3.0_f32, any::<bool>())),
        accumulate: bool,
        in_place: bool,
        seed: u64,
    ) {
        assert_batch_norm_matches(&Case { rows, channels, activation, gate, accumulate, in_place, mean: 0.0, seed });
    }
}

#[test]
fn batch_norm_of_many_chunks_matches_the_reference() {
    // Narrow tensors are worked on otherwise if their rows lie side by side, which their seed decides.
    for channels in [3, 6, 8, 37, 80] {
        for seed in 0..8 {
            assert_batch_norm_matches(&Case {
                rows: 9003,
                channels,
                activation: Activation::Relu,
                gate: (seed % 3 == 0).then_some((0.5, seed % 2 == 0)),
                accumulate: seed % 2 == 0,
                in_place: true,
                mean: 0.0,
                seed,
            });
        }
    }
}

/// Sums of squares of the values themselves would have no correct digit here.
#[test]
fn batch_norm_keeps_its_precision_far_from_zero() {
    assert_batch_norm_matches(&Case {
        rows: 5000,
        channels: 5,
        activation: Activation::Identity,
        gate: None,
        accumulate: false,
        in_place: false,
        mean: 1000.0,
        seed: 2,
    });
}

//! Gates, also against the values of the original.

use proptest::prelude::*;
use serde::Deserialize;
use tensor_ops::{
    Activation, Cpu, Device, DeviceError, GateMask, GateSample, Instruction, Level, NormGate, Span,
    Tensor,
};

use crate::arena::{Layout, assert_matches_reference, cases, execute};

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn gates_and_their_gradients_match_the_reference(
        rows in 1..3000_usize,
        channels in 1..40_usize,
        temperature in 0.1..3.0_f32,
        straight_through: bool,
        soft: bool,
        with_input_gradient: bool,
        accumulate: bool,
        in_place: bool,
        seed: u64,
    ) {
        let mut layout = Layout::seeded(seed);
        let rows = rows / channels + 1;
        let [input, drawn, expected, grad_output, separate] = [0; 5].map(|_| layout.tensor(rows, channels));
        let [logits, noise, grad_logits] = [0; 3].map(|_| layout.span(channels));
        let sample = GateSample { noise, temperature: layout.span(1), straight_through };
        let target = if in_place && !accumulate { grad_output } else { separate };
        let grad_input = with_input_gradient.then_some((target, accumulate));
        let instructions = [
            Instruction::Gate { logits, mask: GateMask::Expected { soft }, input, output: expected },
            Instruction::Gate { logits, mask: GateMask::Sampled(sample), input, output: drawn },
            Instruction::GateGrad { logits, sample, input, grad_output, grad_logits, grad_input },
        ];
        let mut values = layout.values();
        values[sample.temperature.offset] = temperature;
        values[noise.offset..noise.end()].iter_mut().for_each(|value| *value *= 3.0);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

#[derive(Deserialize)]
struct Vectors {
    gate: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
enum Case {
    Training {
        logits: Vec<f32>,
        noise: Vec<f32>,
        temperature: f32,
        straight_through: bool,
        keep_first_channel_alive: bool,
        weights: Vec<f32>,
        mask: Vec<f32>,
        grad: Vec<f32>,
    },
    Inference {
        logits: Vec<f32>,
        soft_mask_for_inference: bool,
        keep_first_channel_alive: bool,
        mask: Vec<f32>,
    },
}

/// The gate on one row of ones: its output is the mask, and the output's gradient is that of the mask.
fn on_ones(
    logits: &[f32],
    noise: &[f32],
    weights: &[f32],
    temperature: f32,
    straight_through: bool,
) -> [Vec<f32>; 2] {
    let channels = logits.len();
    let at = |index: usize| index * channels;
    let span = |index| Span::new(at(index), channels);
    let tensor = |index| Tensor::dense(at(index), 1, channels);
    let sample = GateSample { noise: span(1), temperature: Span::new(at(6), 1), straight_through };
    let (logits_at, input, grad_output) = (span(0), tensor(2), tensor(3));
    let instructions = [
        Instruction::Gate {
            logits: logits_at,
            mask: GateMask::Sampled(sample),
            input,
            output: tensor(4),
        },
        Instruction::GateGrad {
            logits: logits_at,
            sample,
            input,
            grad_output,
            grad_logits: span(5),
            grad_input: None,
        },
    ];
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; 2 * channels]);
    let values = [logits, noise, &ones, weights, &zeros, &[temperature]].concat();
    let found = execute(&Cpu::new(1).unwrap(), &instructions, &values);
    [at(4), at(5)].map(|start| found[start..start + channels].to_vec())
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let allowed = tolerance * expected.abs() + 1e-6 * largest;
        assert!((found - expected).abs() <= allowed, "{found}, not {expected}");
    }
}

/// The original keeps the first channel on, where here it is the strongest. So a stronger one is added, and a first channel
/// that the original keeps is looked at alone, where it is the strongest.
#[test]
fn masks_and_their_gradients_are_those_of_the_original() {
    let text = include_str!("../../../../tests/golden/morphnet/unit_vectors.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    let (mut drawn, mut expected) = (0, 0);
    for case in vectors.gate {
        match case {
            Case::Training {
                logits,
                noise,
                temperature,
                straight_through,
                keep_first_channel_alive: keeps,
                weights,
                mask,
                grad,
            } => {
                let with = |values: &[f32], last: f32| [values, &[last]].concat();
                let [found_mask, found_gradient] = on_ones(
                    &with(&logits, 100.0),
                    &with(&noise, 0.0),
                    &with(&weights, 1.0),
                    temperature,
                    straight_through,
                );
                let own = usize::from(keeps)..logits.len();
                assert_near(&found_mask[own.clone()], &mask[own.clone()], 2e-5);
                assert_near(&found_gradient[own.clone()], &grad[own], 1e-4);
                if keeps {
                    let [found_mask, found_gradient] = on_ones(
                        &logits[..1],
                        &noise[..1],
                        &weights[..1],
                        temperature,
                        straight_through,
                    );
                    assert_near(&found_mask, &mask[..1], 2e-5);
                    assert_near(&found_gradient, &grad[..1], 1e-4);
                }
                drawn += 1;
            }
            Case::Inference {
                logits,
                soft_mask_for_inference: soft,
                keep_first_channel_alive,
                mask,
            } => {
                let channels = logits.len();
                let instruction = Instruction::Gate {
                    logits: Span::new(0, channels),
                    mask: GateMask::Expected { soft },
                    input: Tensor::dense(channels, 1, channels),
                    output: Tensor::dense(2 * channels, 1, channels),
                };
                let values = [logits, vec![1.0; channels], vec![0.0; channels]].concat();
                let found = execute(&Cpu::new(1).unwrap(), &[instruction], &values);
                let own = usize::from(keep_first_channel_alive)..channels;
                assert_near(&found[2 * channels..][own.clone()], &mask[own], 2e-5);
                expected += 1;
            }
        }
    }
    assert_eq!((drawn, expected), (10, 4));
}

#[test]
fn the_strongest_channel_is_on_whatever_the_noise() {
    let logits = [-3.0, -1.0, -2.0, -1.0];
    for straight_through in [false, true] {
        let mask_and_gradient =
            |noise| on_ones(&logits, &[noise; 4], &[1.0; 4], 0.5, straight_through);
        let [mask, gradient] = mask_and_gradient(-500.0);
        assert_eq!(mask, [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(gradient[1], 0.0);
        let [mask, gradient] = mask_and_gradient(1.5);
        assert_eq!(mask[1], 1.0);
        // Half a unit above the edge: the sample is 1 by itself only if it is hard.
        assert_eq!(gradient[1] > 0.0, straight_through);
        assert!(gradient[3] > 0.0);
    }
}

#[test]
fn gates_that_do_not_fit_are_refused() {
    let cpu = Cpu::with_level(1, Level::Portable).unwrap();
    let [input, output, grad] = [0, 100, 200].map(|offset| Tensor::dense(offset, 10, 10));
    let span = |offset, len| Span::new(offset, len);
    let problem = |instruction| match cpu.prepare(vec![instruction], 1000) {
        Ok(_) => String::new(),
        Err(DeviceError::Malformed { problem, .. }) => problem,
        Err(other) => panic!("{other}"),
    };
    let sample =
        GateSample { noise: span(310, 10), temperature: span(320, 1), straight_through: false };
    let logits = span(300, 10);
    let gate = |logits, sample, output| Instruction::Gate {
        logits,
        mask: GateMask::Sampled(sample),
        input,
        output,
    };
    assert_eq!(problem(gate(logits, sample, output)), "");
    let expected = |logits| Instruction::Gate {
        logits,
        mask: GateMask::Expected { soft: true },
        input,
        output,
    };
    assert_eq!(problem(expected(logits)), "");
    assert!(problem(expected(span(300, 9))).contains("`logits`"));
    assert!(problem(gate(span(300, 11), sample, output)).contains("`logits`"));
    let noise = GateSample { noise: span(310, 9), ..sample };
    assert!(problem(gate(logits, noise, output)).contains("`noise`"));
    let temperature = GateSample { temperature: span(320, 2), ..sample };
    assert!(problem(gate(logits, temperature, output)).contains("`temperature`"));
    assert!(problem(gate(span(195, 10), sample, output)).contains("overlap"));
    assert!(problem(gate(logits, sample, input)).contains("overlap"));
    assert!(problem(gate(logits, sample, Tensor { rows: 9, ..output })).contains("`output`"));

    let with_norm = |activation, logits, sample| Instruction::BatchNormTrain {
        input,
        gamma: None,
        beta: span(400, 10),
        mean: span(410, 10),
        inv_std: span(420, 10),
        running_mean: span(430, 10),
        running_variance: span(440, 10),
        epsilon: 1e-3,
        momentum: 0.1,
        activation,
        gate: Some(NormGate { logits, sample }),
        output,
    };
    assert_eq!(problem(with_norm(Activation::Relu, logits, sample)), "");
    assert!(problem(with_norm(Activation::Relu6, logits, sample)).contains("`Gate`"));
    assert!(problem(with_norm(Activation::Relu, span(300, 9), sample)).contains("`logits`"));
    assert!(problem(with_norm(Activation::Relu, logits, noise)).contains("`noise`"));
    assert!(problem(with_norm(Activation::Relu, span(195, 10), sample)).contains("overlap"));

    let gradient = |sample, grad_logits, grad_input| Instruction::GateGrad {
        logits,
        sample,
        input,
        grad_output: grad,
        grad_logits,
        grad_input,
    };
    let grad_logits = span(330, 10);
    assert_eq!(problem(gradient(sample, grad_logits, None)), "");
    assert_eq!(problem(gradient(sample, grad_logits, Some((grad, false)))), "");
    assert_eq!(problem(gradient(sample, grad_logits, Some((output, true)))), "");
    assert!(problem(gradient(sample, grad_logits, Some((grad, true)))).contains("overlap"));
    assert!(problem(gradient(sample, grad_logits, Some((input, false)))).contains("overlap"));
    assert!(problem(gradient(sample, span(330, 9), None)).contains("`grad_logits`"));
    assert!(problem(gradient(sample, span(305, 10), None)).contains("overlap"));
    assert!(problem(gradient(noise, grad_logits, None)).contains("`noise`"));
    let narrow = Tensor { channels: 9, ..output };
    assert!(problem(gradient(sample, grad_logits, Some((narrow, false)))).contains("`grad_input`"));
}

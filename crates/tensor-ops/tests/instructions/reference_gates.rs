//! Plain loops in `f64` for gates.

use tensor_ops::{GateMask, GateSample, Instruction, Span};

use crate::reference::{Values, at, positions, put, span_at};

/// Mask and derivative of the mask by the logit, of every channel.
pub(crate) fn drawn(values: &Values, logits: Span, sample: GateSample) -> Vec<(f64, f64)> {
    let logit = |channel: usize| values[span_at(logits, channel)];
    let temperature = values[span_at(sample.temperature, 0)];
    let strongest =
        (0..logits.len).find(|&c| (0..logits.len).all(|other| logit(c) >= logit(other)));
    let of = |channel: usize| {
        let sum = logit(channel) + values[span_at(sample.noise, channel)];
        let soft = 1.0 / (1.0 + (-sum / temperature).exp());
        let hard = if sum > 0.0 { 1.0 } else { 0.0 };
        let mask = if sample.straight_through { hard } else { soft };
        let slope = soft * (1.0 - soft) / temperature;
        if strongest == Some(channel) && mask < 1.0 { (1.0, 0.0) } else { (mask, slope) }
    };
    (0..logits.len).map(of).collect()
}

pub(crate) fn execute(instruction: &Instruction, values: &mut Values) {
    if let Instruction::Gate { logits, mask, input, output } = *instruction {
        let mask: Vec<f64> = match mask {
            GateMask::Sampled(sample) => {
                drawn(values, logits, sample).into_iter().map(|(mask, _)| mask).collect()
            }
            GateMask::Expected { soft } => (0..logits.len)
                .map(|channel| values[span_at(logits, channel)])
                .map(|logit| match (logit > 0.0, soft) {
                    (false, _) => 0.0,
                    (true, true) => 1.0 / (1.0 + (-logit).exp()),
                    (true, false) => 1.0,
                })
                .collect(),
        };
        for (row, channel) in positions(input) {
            values[at(output, row, channel)] = values[at(input, row, channel)] * mask[channel];
        }
    }
    if let Instruction::GateGrad { logits, sample, input, grad_output, grad_logits, grad_input } =
        *instruction
    {
        let drawn = drawn(values, logits, sample);
        let mut sums = vec![0.0; logits.len];
        for (row, channel) in positions(input) {
            let gradient = values[at(grad_output, row, channel)];
            sums[channel] += gradient * values[at(input, row, channel)];
            if let Some((target, accumulate)) = grad_input {
                let value = gradient * drawn[channel].0;
                put(values, at(target, row, channel), value, accumulate);
            }
        }
        for (channel, sum) in sums.into_iter().enumerate() {
            values[span_at(grad_logits, channel)] = sum * drawn[channel].1;
        }
    }
}

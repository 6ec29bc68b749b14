//! Row counts, channel counts and lengths that each instruction needs.

use std::cmp::Ordering;

use super::maps::{channels, positions, spread, values};
use super::numbers::{fraction, from_output, response_norm, slope};
use super::windows::{LIMIT, convolution, depthwise, pool};
use crate::{
    Activation, Clamp, Epilogue, FilterStep, GateMask, GateSample, Instruction, Norm, NormGate,
    Span, Tensor, UpdateRule,
};

pub(super) fn check(instruction: &Instruction) -> Result<(), String> {
    match *instruction {
        Instruction::Conv {
            geometry,
            groups,
            input,
            weight,
            bias,
            output,
            accumulate,
            epilogue,
        } => {
            convolution(
                geometry,
                groups,
                ("input", input),
                ("weight", weight),
                ("output", output),
            )?;
            if accumulate && epilogue != Epilogue::NONE {
                return Err("sums are added to the output, so they can have no epilogue".to_owned());
            }
            per_channel(output, &[("bias", bias)])?;
            of_epilogue(output, epilogue)
        }
        Instruction::ConvGradInput {
            geometry,
            groups,
            grad_output,
            weight,
            grad_input,
            accumulate: _,
        } => convolution(
            geometry,
            groups,
            ("grad_input", grad_input),
            ("weight", weight),
            ("grad_output", grad_output),
        ),
        Instruction::ConvGradWeight {
            geometry,
            groups,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        } => {
            let weight = ("grad_weight", grad_weight);
            convolution(geometry, groups, ("input", input), weight, ("grad_output", grad_output))?;
            per_channel(grad_output, &[("grad_bias", grad_bias)])
        }
        Instruction::Depthwise { geometry, multiplier, input, weight, bias, output, epilogue } => {
            depthwise(
                geometry,
                multiplier,
                ("input", input),
                ("weight", weight),
                ("output", output),
            )?;
            per_channel(output, &[("bias", bias)])?;
            of_epilogue(output, epilogue)
        }
        Instruction::DepthwiseGradInput {
            geometry,
            multiplier,
            grad_output,
            weight,
            grad_input,
            accumulate: _,
        } => depthwise(
            geometry,
            multiplier,
            ("grad_input", grad_input),
            ("weight", weight),
            ("grad_output", grad_output),
        ),
        Instruction::DepthwiseGradWeight {
            geometry,
            multiplier,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        } => {
            let weight = ("grad_weight", grad_weight);
            depthwise(
                geometry,
                multiplier,
                ("input", input),
                weight,
                ("grad_output", grad_output),
            )?;
            per_channel(grad_output, &[("grad_bias", grad_bias)])
        }
        Instruction::BatchNormTrain {
            input,
            gamma,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon: _,
            momentum: _,
            activation,
            gate,
            output,
        } => {
            from_output(activation)?;
            of_norm(gate, activation, input)?;
            same(("output", output), ("input", input))?;
            let beta = Some(beta);
            let running = [
                ("running_mean", Some(running_mean)),
                ("running_variance", Some(running_variance)),
            ];
            per_channel(input, &running)?;
            per_channel(
                input,
                &[
                    ("gamma", gamma),
                    ("beta", beta),
                    ("mean", Some(mean)),
                    ("inv_std", Some(inv_std)),
                ],
            )
        }
        Instruction::BatchNormGrad {
            input,
            grad_output,
            gamma,
            beta,
            mean,
            inv_std,
            activation,
            gate,
            grad_gamma,
            grad_beta,
            grad_input,
            accumulate: _,
        } => {
            from_output(activation)?;
            of_norm(gate.map(|(gate, _)| gate), activation, input)?;
            per_channel(input, &[("grad_logits", gate.map(|(_, gradient)| gradient))])?;
            same(("grad_output", grad_output), ("input", input))?;
            same(("grad_input", grad_input), ("input", input))?;
            per_channel(input, &[("grad_gamma", grad_gamma), ("grad_beta", Some(grad_beta))])?;
            per_channel(
                input,
                &[
                    ("gamma", gamma),
                    ("beta", Some(beta)),
                    ("mean", Some(mean)),
                    ("inv_std", Some(inv_std)),
                ],
            )
        }
        Instruction::BatchNormInfer {
            input,
            gamma,
            beta,
            mean,
            variance,
            epsilon: _,
            activation,
            output,
        } => {
            slope(activation)?;
            same(("output", output), ("input", input))?;
            let statistics = [("mean", Some(mean)), ("variance", Some(variance))];
            per_channel(input, &statistics)?;
            per_channel(input, &[("gamma", gamma), ("beta", Some(beta))])
        }
        Instruction::Activate { activation, input, output } => {
            slope(activation)?;
            same(("output", output), ("input", input))
        }

        Instruction::ActivateGrad {
            activation,
            input,
            output,
            grad_output,
            grad_input,
            accumulate: _,
        } => {
            slope(activation)?;
            same(("output", output), ("input", input))?;
            same(("grad_output", grad_output), ("input", input))?;
            same(("grad_input", grad_input), ("input", input))
        }
        Instruction::Sum { ref inputs, output, accumulate: _ } => {
            if inputs.is_empty() {
                return Err("`inputs` is empty".to_owned());
            }
            inputs.iter().try_for_each(|&input| same(("inputs", input), ("output", output)))
        }
        Instruction::Binary { function: _, first, second, broadcast, output } => {
            spread(first, second, broadcast)?;
            same(("output", output), ("first", first))
        }
        Instruction::BinaryGrad {
            function: _,
            first,
            second,
            broadcast,
            grad_output,
            grad_first,
            grad_second,
        } => {
            spread(first, second, broadcast)?;
            same(("grad_output", grad_output), ("first", first))?;
            if let Some((tensor, _)) = grad_first {
                same(("grad_first", tensor), ("first", first))?;
            }
            if let Some((tensor, _)) = grad_second {
                same(("grad_second", tensor), ("second", second))?;
            }
            Ok(())
        }
        Instruction::AddBias { bias, input, output } => {
            per_channel(input, &[("bias", Some(bias))])?;
            same(("output", output), ("input", input))
        }
        Instruction::SumRows { grad_output, grad_bias } => {
            filled("grad_output", grad_output)?;
            per_channel(grad_output, &[("grad_bias", Some(grad_bias))])
        }
        Instruction::Filters(FilterStep::RootMeanSquares { kernel, strengths }) => {
            filled("kernel", kernel)?;
            per_channel(kernel, &[("strengths", Some(strengths))])
        }
        Instruction::Filters(FilterStep::Shrink { kernel, shares }) => {
            per_channel(kernel, &[("shares", Some(shares))])
        }
        Instruction::MapPositions { ref taps, input, output, accumulate: _ } => {
            positions(taps, input, output)
        }
        Instruction::MapChannels { ref taps, input, output, accumulate: _ } => {
            channels(taps, input, output)
        }
        Instruction::MapValues { ref taps, input, output, accumulate: _ } => {
            values(taps, input, output)
        }
        Instruction::MaxPool { geometry, input, output }
        | Instruction::AvgPool { geometry, input, output } => {
            pool(geometry, ("input", input), ("output", output))
        }
        Instruction::MaxPoolGrad {
            geometry,
            input,
            output,
            grad_output,
            grad_input,
            accumulate: _,
        } => {
            pool(geometry, ("input", input), ("output", output))?;
            same(("grad_output", grad_output), ("output", output))?;
            same(("grad_input", grad_input), ("input", input))
        }
        Instruction::AvgPoolGrad { geometry, grad_output, grad_input, accumulate: _ } => {
            pool(geometry, ("grad_input", grad_input), ("grad_output", grad_output))
        }
        Instruction::Gate { logits, mask, input, output } => {
            same(("output", output), ("input", input))?;
            per_channel(input, &[("logits", Some(logits))])?;
            match mask {
                GateMask::Sampled(sample) => sampled(sample, input),
                GateMask::Expected { soft: _ } => Ok(()),
            }
        }
        Instruction::GateGrad { logits, sample, input, grad_output, grad_logits, grad_input } => {
            same(("grad_output", grad_output), ("input", input))?;
            per_channel(input, &[("logits", Some(logits)), ("grad_logits", Some(grad_logits))])?;
            sampled(sample, input)?;
            grad_input.map_or(Ok(()), |(tensor, _)| same(("grad_input", tensor), ("input", input)))
        }
        Instruction::Dropout { rate, stream: _, input, output } => {
            fraction("rate", rate)?;
            same(("output", output), ("input", input))
        }
        Instruction::DropoutGrad { rate, stream: _, grad_output, grad_input, accumulate: _ } => {
            fraction("rate", rate)?;
            same(("grad_output", grad_output), ("grad_input", grad_input))
        }
        Instruction::Softmax { input, output } => same(("output", output), ("input", input)),
        Instruction::SoftmaxGrad { output, grad_output, grad_input, accumulate: _ } => {
            same(("grad_output", grad_output), ("output", output))?;
            same(("grad_input", grad_input), ("output", output))
        }
        Instruction::LocalResponseNorm { norm, input, output } => {
            response_norm(norm)?;
            same(("output", output), ("input", input))
        }
        Instruction::LocalResponseNormGrad {
            norm,
            input,
            grad_output,
            grad_input,
            accumulate: _,
        } => {
            response_norm(norm)?;
            same(("grad_output", grad_output), ("input", input))?;
            same(("grad_input", grad_input), ("input", input))
        }
        Instruction::SigmoidCrossEntropy {
            logits,
            targets,
            smoothing,
            losses,
            correct,
            grad_logits,
        } => {
            fraction("smoothing", smoothing)?;
            filled("logits", logits)?;
            same(("targets", targets), ("logits", logits))?;
            length("losses", losses, logits.rows)?;
            length("correct", correct, logits.rows)?;
            match grad_logits {
                Some(tensor) => same(("grad_logits", tensor), ("logits", logits)),
                None => Ok(()),
            }
        }
        Instruction::SoftmaxCrossEntropy {
            logits,
            labels,
            smoothing,
            losses,
            correct,
            grad_logits,
        } => {
            fraction("smoothing", smoothing)?;
            filled("logits", logits)?;
            length("labels", labels, logits.rows)?;
            length("losses", losses, logits.rows)?;
            length("correct", correct, logits.rows)?;
            match grad_logits {
                Some(tensor) => same(("grad_logits", tensor), ("logits", logits)),
                None => Ok(()),
            }
        }
        Instruction::Update { parameters, gradients, decay: _, rule } => {
            let len = parameters.len;
            length("gradients", gradients, len)?;
            match rule {
                UpdateRule::Sgd { momentum: _, nesterov: _, velocity } => {
                    length("velocity", velocity, len)
                }
                UpdateRule::RmsProp {
                    decay: _,
                    momentum: _,
                    epsilon: _,
                    mean_square,
                    velocity,
                } => {
                    length("mean_square", mean_square, len)?;
                    length("velocity", velocity, len)
                }
                UpdateRule::Adam {
                    beta1: _,
                    beta2: _,
                    epsilon: _,
                    first_moment,
                    second_moment,
                } => {
                    length("first_moment", first_moment, len)?;
                    length("second_moment", second_moment, len)
                }
            }
        }
    }
}

/// An operand with its name.
pub(super) type Named<T> = (&'static str, T);

/// Whether a gate can be computed with a batch norm.
fn of_norm(gate: Option<NormGate>, activation: Activation, input: Tensor) -> Result<(), String> {
    let Some(NormGate { logits, sample }) = gate else { return Ok(()) };
    if !activation.is_homogeneous() {
        return Err(format!("`{activation:?}` keeps no factor: use `Gate` behind it"));
    }
    per_channel(input, &[("logits", Some(logits))])?;
    sampled(sample, input)
}

pub(super) fn filled(name: &str, tensor: Tensor) -> Result<(), String> {
    if tensor.rows == 0 || tensor.channels == 0 {
        return Err(format!("`{name}` is {} x {}: it has no values", tensor.rows, tensor.channels));
    }
    if tensor.rows >= LIMIT || tensor.channels >= LIMIT {
        return Err(format!("`{name}` is {} x {}: too large", tensor.rows, tensor.channels));
    }
    Ok(())
}

fn same((name, tensor): Named<Tensor>, (other_name, other): Named<Tensor>) -> Result<(), String> {
    filled(name, tensor)?;
    if (tensor.rows, tensor.channels) == (other.rows, other.channels) {
        return Ok(());
    }
    Err(format!(
        "`{name}` is {} x {}, but `{other_name}` is {} x {}",
        tensor.rows, tensor.channels, other.rows, other.channels
    ))
}

pub(super) fn length(name: &str, span: Span, len: usize) -> Result<(), String> {
    if span.len == len {
        return Ok(());
    }
    Err(format!("`{name}` has {} values instead of {len}", span.len))
}

fn sampled(sample: GateSample, input: Tensor) -> Result<(), String> {
    length("noise", sample.noise, input.channels)?;
    length("temperature", sample.temperature, 1)
}

/// The spans and numbers of an epilogue.
fn of_epilogue(output: Tensor, Epilogue { norm, clamp }: Epilogue) -> Result<(), String> {
    let Clamp { low, high } = clamp;
    if low.partial_cmp(&high) != Some(Ordering::Less) {
        return Err(format!("clamps between {low} and {high}, expected a range"));
    }
    match norm {
        Some(Norm { gamma, beta, mean, variance, epsilon: _ }) => per_channel(
            output,
            &[
                ("gamma", gamma),
                ("beta", Some(beta)),
                ("mean", Some(mean)),
                ("variance", Some(variance)),
            ],
        ),
        None => Ok(()),
    }
}

fn per_channel(tensor: Tensor, spans: &[Named<Option<Span>>]) -> Result<(), String> {
    spans.iter().try_for_each(|&(name, span)| {
        span.map_or(Ok(()), |span| length(name, span, tensor.channels))
    })
}

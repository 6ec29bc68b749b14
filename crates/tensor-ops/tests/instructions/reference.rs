//! Plain loops in `f64`, one per instruction, as its documentation says.

use tensor_ops::{
    Activation, BinaryFunction, Broadcast, Instruction, Scalars, Span, Tensor, UpdateRule,
};

use crate::{reference_filters, reference_gates, reference_layers, reference_rows};

/// Values of the arena.
pub(crate) type Values = [f64];

pub(crate) fn at(tensor: Tensor, row: usize, channel: usize) -> usize {
    assert!(row < tensor.rows && channel < tensor.channels);
    tensor.offset + row * tensor.pitch + channel
}

pub(crate) fn span_at(span: Span, index: usize) -> usize {
    assert!(index < span.len);
    span.offset + index
}

/// Writes or adds.
pub(crate) fn put(values: &mut Values, index: usize, value: f64, accumulate: bool) {
    values[index] = if accumulate { values[index] + value } else { value };
}

/// All indices of a tensor.
pub(crate) fn positions(tensor: Tensor) -> impl Iterator<Item = (usize, usize)> {
    (0..tensor.rows).flat_map(move |row| (0..tensor.channels).map(move |channel| (row, channel)))
}

pub(crate) fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Scale { factor } => f64::from(factor) * x,
    }
}

/// `f'`, from the output where it follows from it.
pub(crate) fn derivative(activation: Activation, x: f64, y: f64) -> f64 {
    let indicator = |condition: bool| if condition { 1.0 } else { 0.0 };
    match activation {
        Activation::Identity => 1.0,
        Activation::Relu => indicator(y > 0.0),
        Activation::Relu6 => indicator(y > 0.0 && y < 6.0),
        Activation::LeakyRelu { slope } => {
            if y > 0.0 {
                1.0
            } else {
                f64::from(slope)
            }
        }
        Activation::Elu => {
            if y > 0.0 {
                1.0
            } else {
                y + 1.0
            }
        }
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
        Activation::Silu => {
            let s = 1.0 / (1.0 + (-x).exp());
            s * (1.0 + x * (1.0 - s))
        }
        Activation::HardSigmoid => indicator(y > 0.0 && y < 1.0) / 6.0,
        Activation::HardSwish => {
            if x <= -3.0 {
                0.0
            } else if x > 3.0 {
                1.0
            } else {
                (2.0 * x + 3.0) / 6.0
            }
        }
        Activation::Scale { factor } => f64::from(factor),
    }
}

fn binary(function: BinaryFunction, a: f64, b: f64) -> f64 {
    match function {
        BinaryFunction::Add => a + b,
        BinaryFunction::Subtract => a - b,
        BinaryFunction::Multiply => a * b,
        BinaryFunction::Maximum => a.max(b),
        BinaryFunction::Minimum => a.min(b),
    }
}

/// Derivatives by `a` and by `b`.
fn binary_derivatives(function: BinaryFunction, a: f64, b: f64) -> (f64, f64) {
    let first_if = |condition: bool| if condition { (1.0, 0.0) } else { (0.0, 1.0) };
    match function {
        BinaryFunction::Add => (1.0, 1.0),
        BinaryFunction::Subtract => (1.0, -1.0),
        BinaryFunction::Multiply => (b, a),
        BinaryFunction::Maximum => first_if(a >= b),
        BinaryFunction::Minimum => first_if(a <= b),
    }
}

/// Row and channel of the second operand that belong to a position of the first.
fn spread(broadcast: Broadcast, row: usize, channel: usize) -> (usize, usize) {
    match broadcast {
        Broadcast::None => (row, channel),
        Broadcast::Positions { area } => (row / area, channel),
        Broadcast::Channels => (row, 0),
    }
}

pub(crate) fn execute(instruction: &Instruction, values: &mut Values, scalars: Scalars) {
    match *instruction {
        Instruction::Conv { .. }
        | Instruction::ConvGradInput { .. }
        | Instruction::ConvGradWeight { .. }
        | Instruction::Depthwise { .. }
        | Instruction::DepthwiseGradInput { .. }
        | Instruction::DepthwiseGradWeight { .. }
        | Instruction::BatchNormTrain { .. }
        | Instruction::BatchNormGrad { .. }
        | Instruction::BatchNormInfer { .. }
        | Instruction::MaxPool { .. }
        | Instruction::MaxPoolGrad { .. }
        | Instruction::AvgPool { .. }
        | Instruction::AvgPoolGrad { .. } => reference_layers::execute(instruction, values),
        Instruction::Activate { activation, input, output } => {
            for (row, channel) in positions(input) {
                values[at(output, row, channel)] =
                    activate(activation, values[at(input, row, channel)]);
            }
        }
        Instruction::ActivateGrad {
            activation,
            input,
            output,
            grad_output,
            grad_input,
            accumulate,
        } => {
            for (row, channel) in positions(input) {
                let (x, y) = (values[at(input, row, channel)], values[at(output, row, channel)]);
                let value = values[at(grad_output, row, channel)] * derivative(activation, x, y);
                put(values, at(grad_input, row, channel), value, accumulate);
            }
        }
        Instruction::Sum { ref inputs, output, accumulate } => {
            for (row, channel) in positions(output) {
                let total = inputs.iter().map(|&input| values[at(input, row, channel)]).sum();
                put(values, at(output, row, channel), total, accumulate);
            }
        }
        Instruction::Binary { function, first, second, broadcast, output } => {
            for (row, channel) in positions(first) {
                let (row2, channel2) = spread(broadcast, row, channel);
                values[at(output, row, channel)] = binary(
                    function,
                    values[at(first, row, channel)],
                    values[at(second, row2, channel2)],
                );
            }
        }
        Instruction::BinaryGrad {
            function,
            first,
            second,
            broadcast,
            grad_output,
            grad_first,
            grad_second,
        } => {
            if let Some((target, accumulate)) = grad_second {
                for (row, channel) in positions(second) {
                    put(values, at(target, row, channel), 0.0, accumulate);
                }
            }
            for (row, channel) in positions(first) {
                let (row2, channel2) = spread(broadcast, row, channel);
                let (by_first, by_second) = binary_derivatives(
                    function,
                    values[at(first, row, channel)],
                    values[at(second, row2, channel2)],
                );
                let gradient = values[at(grad_output, row, channel)];
                if let Some((target, accumulate)) = grad_first {
                    put(values, at(target, row, channel), gradient * by_first, accumulate);
                }
                if let Some((target, _)) = grad_second {
                    put(values, at(target, row2, channel2), gradient * by_second, true);
                }
            }
        }
        Instruction::AddBias { .. }
        | Instruction::SumRows { .. }
        | Instruction::MapPositions { .. }
        | Instruction::MapChannels { .. }
        | Instruction::MapValues { .. }
        | Instruction::Softmax { .. }
        | Instruction::SoftmaxGrad { .. }
        | Instruction::LocalResponseNorm { .. }
        | Instruction::LocalResponseNormGrad { .. } => reference_rows::execute(instruction, values),
        Instruction::SoftmaxCrossEntropy {
            logits,
            labels,
            smoothing,
            losses,
            correct,
            grad_logits,
        } => {
            let smoothing = f64::from(smoothing);
            for row in 0..logits.rows {
                let z: Vec<f64> =
                    (0..logits.channels).map(|c| values[at(logits, row, c)]).collect();
                let label = values[span_at(labels, row)] as usize;
                let target = |class: usize| {
                    smoothing / z.len() as f64 + if class == label { 1.0 - smoothing } else { 0.0 }
                };
                let normaliser = z.iter().map(|z| z.exp()).sum::<f64>().ln();
                let loss =
                    z.iter().enumerate().map(|(class, z)| target(class) * (normaliser - z)).sum();
                let best = (0..z.len()).find(|&a| z.iter().all(|&other| z[a] >= other));
                values[span_at(losses, row)] = loss;
                values[span_at(correct, row)] = if best == Some(label) { 1.0 } else { 0.0 };
                if let Some(gradient) = grad_logits {
                    for (class, z) in z.iter().enumerate() {
                        values[at(gradient, row, class)] =
                            ((z - normaliser).exp() - target(class)) / logits.rows as f64;
                    }
                }
            }
        }
        Instruction::SigmoidCrossEntropy {
            logits,
            targets,
            smoothing,
            losses,
            correct,
            grad_logits,
        } => {
            let (smoothing, classes) = (f64::from(smoothing), logits.channels);
            for row in 0..logits.rows {
                let z: Vec<f64> = (0..classes).map(|c| values[at(logits, row, c)]).collect();
                let of: Vec<f64> = (0..classes).map(|c| values[at(targets, row, c)]).collect();
                let target = |class: usize| (1.0 - smoothing) * of[class] + smoothing / 2.0;
                let probability = |class: usize| 1.0 / (1.0 + (-z[class]).exp());
                let loss = |class: usize| {
                    let (p, t) = (probability(class), target(class));
                    -t * p.ln() - (1.0 - t) * (1.0 / (1.0 + z[class].exp())).ln()
                };
                let best = (0..classes).find(|&a| z.iter().all(|&other| z[a] >= other));
                values[span_at(losses, row)] = (0..classes).map(loss).sum::<f64>() / classes as f64;
                values[span_at(correct, row)] =
                    if best.is_some_and(|best| of[best] > 0.5) { 1.0 } else { 0.0 };
                if let Some(gradient) = grad_logits {
                    for class in 0..classes {
                        values[at(gradient, row, class)] =
                            (probability(class) - target(class)) / (logits.rows * classes) as f64;
                    }
                }
            }
        }
        Instruction::Update { parameters, gradients, decay, rule } => {
            let rate = f64::from(scalars.rate);
            for i in 0..parameters.len {
                let parameter = span_at(parameters, i);
                let g = values[span_at(gradients, i)] + f64::from(decay) * values[parameter];
                let direction = match rule {
                    UpdateRule::Sgd { momentum, nesterov, velocity } => {
                        let momentum = f64::from(momentum);
                        let v = momentum * values[span_at(velocity, i)] + g;
                        values[span_at(velocity, i)] = v;
                        if nesterov { g + momentum * v } else { v }
                    }
                    UpdateRule::RmsProp { decay, momentum, epsilon, mean_square, velocity } => {
                        let decay = f64::from(decay);
                        let s = decay * values[span_at(mean_square, i)] + (1.0 - decay) * g * g;
                        let v = f64::from(momentum) * values[span_at(velocity, i)]
                            + g / (s + f64::from(epsilon)).sqrt();
                        values[span_at(mean_square, i)] = s;
                        values[span_at(velocity, i)] = v;
                        v
                    }
                    UpdateRule::Adam { beta1, beta2, epsilon, first_moment, second_moment } => {
                        let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
                        let m = beta1 * values[span_at(first_moment, i)] + (1.0 - beta1) * g;
                        let s = beta2 * values[span_at(second_moment, i)] + (1.0 - beta2) * g * g;
                        values[span_at(first_moment, i)] = m;
                        values[span_at(second_moment, i)] = s;
                        let t = scalars.step as f64;
                        (m / (1.0 - beta1.powf(t)))
                            / ((s / (1.0 - beta2.powf(t))).sqrt() + f64::from(epsilon))
                    }
                };
                values[parameter] -= rate * direction;
            }
        }
        Instruction::Filters(step) => reference_filters::execute(step, values),
        Instruction::Gate { .. } | Instruction::GateGrad { .. } => {
            reference_gates::execute(instruction, values);
        }
        Instruction::Dropout { .. } | Instruction::DropoutGrad { .. } => {
            unreachable!("masks are the device's own and are tested by their properties")
        }
    }
}

//! Plain loops in `f64` for instructions with windows or statistics.

use crate::reference_gates::drawn;
use tensor_ops::{Epilogue, Geometry, Instruction, Norm, Span, Tensor};

use crate::reference::{Values, activate, at, derivative, positions, put, span_at};

/// A tap of a window inside the image.
struct Tap {
    input_row: usize,
    output_row: usize,
    number: usize,
}

/// All taps inside images, in row order, output position by output position.
fn taps(geometry: Geometry) -> Vec<Tap> {
    let mut taps = Vec::new();
    let Geometry { batch, input, output, kernel, stride, dilation, padding } = geometry;
    for image in 0..batch {
        for y in 0..output[0] {
            for x in 0..output[1] {
                for (ky, kx) in (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| (ky, kx)))
                {
                    let row = (y * stride[0] + ky * dilation[0]) as i64 - padding[0] as i64;
                    let column = (x * stride[1] + kx * dilation[1]) as i64 - padding[1] as i64;
                    if (0..input[0] as i64).contains(&row) && (0..input[1] as i64).contains(&column)
                    {
                        taps.push(Tap {
                            input_row: (image * input[0] + row as usize) * input[1]
                                + column as usize,
                            output_row: (image * output[0] + y) * output[1] + x,
                            number: ky * kernel[1] + kx,
                        });
                    }
                }
            }
        }
    }
    taps
}

/// `(input channel, output channel, index in the kernel)` of all products at tap 0, and the kernel's values per tap.
fn connections(
    inputs: usize,
    outputs: usize,
    groups: usize,
) -> (Vec<(usize, usize, usize)>, usize) {
    let (group_inputs, group_outputs) = (inputs / groups, outputs / groups);
    let mut all = Vec::new();
    for o in 0..outputs {
        for i in 0..group_inputs {
            all.push((o / group_outputs * group_inputs + i, o, i * outputs + o));
        }
    }
    (all, group_inputs * outputs)
}

fn depthwise_connections(outputs: usize, multiplier: usize) -> (Vec<(usize, usize, usize)>, usize) {
    ((0..outputs).map(|o| (o / multiplier, o, o)).collect(), outputs)
}

type Connections = (Vec<(usize, usize, usize)>, usize);

fn forward(
    values: &mut Values,
    geometry: Geometry,
    (connections, per_tap): Connections,
    input: Tensor,
    weight: Span,
    bias: Option<Span>,
    (output, accumulate): (Tensor, bool),
) {
    for (row, channel) in positions(output) {
        let bias = bias.map_or(0.0, |bias| values[span_at(bias, channel)]);
        put(values, at(output, row, channel), bias, accumulate);
    }
    for Tap { input_row, output_row, number } in taps(geometry) {
        for &(i, o, w) in &connections {
            values[at(output, output_row, o)] +=
                values[at(input, input_row, i)] * values[span_at(weight, number * per_tap + w)];
        }
    }
}

fn grad_input(
    values: &mut Values,
    geometry: Geometry,
    (connections, per_tap): Connections,
    grad_output: Tensor,
    weight: Span,
    grad_input: Tensor,
    accumulate: bool,
) {
    for (row, channel) in positions(grad_input) {
        put(values, at(grad_input, row, channel), 0.0, accumulate);
    }
    for Tap { input_row, output_row, number } in taps(geometry) {
        for &(i, o, w) in &connections {
            values[at(grad_input, input_row, i)] += values[at(grad_output, output_row, o)]
                * values[span_at(weight, number * per_tap + w)];
        }
    }
}

fn grad_weight(
    values: &mut Values,
    geometry: Geometry,
    (connections, per_tap): Connections,
    input: Tensor,
    grad_output: Tensor,
    grad_weight: Span,
    grad_bias: Option<Span>,
) {
    values[grad_weight.offset..grad_weight.end()].fill(0.0);
    for Tap { input_row, output_row, number } in taps(geometry) {
        for &(i, o, w) in &connections {
            values[span_at(grad_weight, number * per_tap + w)] +=
                values[at(grad_output, output_row, o)] * values[at(input, input_row, i)];
        }
    }
    if let Some(bias) = grad_bias {
        values[bias.offset..bias.end()].fill(0.0);
        for (row, channel) in positions(grad_output) {
            values[span_at(bias, channel)] += values[at(grad_output, row, channel)];
        }
    }
}

/// Normalises and clamps what a convolution has written.
fn finish(values: &mut Values, output: Tensor, Epilogue { norm, clamp }: Epilogue) {
    for (row, channel) in positions(output) {
        let mut value = values[at(output, row, channel)];
        if let Some(Norm { gamma, beta, mean, variance, epsilon }) = norm {
            let of = |span| values[span_at(span, channel)];
            let scale = gamma.map_or(1.0, of) / (of(variance) + f64::from(epsilon)).sqrt();
            value = (value - of(mean)) * scale + of(beta);
        }
        values[at(output, row, channel)] =
            value.max(f64::from(clamp.low)).min(f64::from(clamp.high));
    }
}

pub(crate) fn execute(instruction: &Instruction, values: &mut Values) {
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
            let connections = connections(input.channels, output.channels, groups);
            let target = (output, accumulate);
            forward(values, geometry, connections, input, weight, bias, target);
            finish(values, output, epilogue);
        }
        Instruction::ConvGradInput {
            geometry,
            groups,
            grad_output,
            weight,
            grad_input: target,
            accumulate,
        } => {
            let connections = connections(target.channels, grad_output.channels, groups);
            grad_input(values, geometry, connections, grad_output, weight, target, accumulate);
        }
        Instruction::ConvGradWeight {
            geometry,
            groups,
            input,
            grad_output,
            grad_weight: target,
            grad_bias,
        } => {
            let connections = connections(input.channels, grad_output.channels, groups);
            grad_weight(values, geometry, connections, input, grad_output, target, grad_bias);
        }
        Instruction::Depthwise { geometry, multiplier, input, weight, bias, output, epilogue } => {
            let connections = depthwise_connections(output.channels, multiplier);
            forward(values, geometry, connections, input, weight, bias, (output, false));
            finish(values, output, epilogue);
        }
        Instruction::DepthwiseGradInput {
            geometry,
            multiplier,
            grad_output,
            weight,
            grad_input: target,
            accumulate,
        } => {
            let connections = depthwise_connections(grad_output.channels, multiplier);
            grad_input(values, geometry, connections, grad_output, weight, target, accumulate);
        }
        Instruction::DepthwiseGradWeight {
            geometry,
            multiplier,
            input,
            grad_output,
            grad_weight: target,
            grad_bias,
        } => {
            let connections = depthwise_connections(grad_output.channels, multiplier);
            grad_weight(values, geometry, connections, input, grad_output, target, grad_bias);
        }
        Instruction::BatchNormTrain {
            input,
            gamma,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon,
            momentum,
            activation,
            gate,
            output,
        } => {
            let masks = gate.map(|gate| drawn(values, gate.logits, gate.sample));
            let (rows, momentum) = (input.rows as f64, f64::from(momentum));
            for channel in 0..input.channels {
                let column: Vec<f64> =
                    (0..input.rows).map(|row| values[at(input, row, channel)]).collect();
                let average = column.iter().sum::<f64>() / rows;
                let squares = column.iter().map(|x| (x - average).powi(2)).sum::<f64>();
                let scale = 1.0 / (squares / rows + f64::from(epsilon)).sqrt();
                values[span_at(mean, channel)] = average;
                values[span_at(inv_std, channel)] = scale;
                values[span_at(running_mean, channel)] +=
                    momentum * (average - values[span_at(running_mean, channel)]);
                values[span_at(running_variance, channel)] += momentum
                    * (squares / (rows - 1.0).max(1.0)
                        - values[span_at(running_variance, channel)]);
                let gamma = gamma.map_or(1.0, |gamma| values[span_at(gamma, channel)]);
                for (row, x) in column.into_iter().enumerate() {
                    let z = gamma * (x - average) * scale + values[span_at(beta, channel)];
                    let mask = masks.as_ref().map_or(1.0, |masks| masks[channel].0);
                    values[at(output, row, channel)] = mask * activate(activation, z);
                }
            }
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
            accumulate,
        } => {
            let rows = input.rows as f64;
            let masks = gate.map(|(gate, _)| drawn(values, gate.logits, gate.sample));
            for channel in 0..input.channels {
                let (mean, inv_std) =
                    (values[span_at(mean, channel)], values[span_at(inv_std, channel)]);
                let normalised: Vec<f64> = (0..input.rows)
                    .map(|row| (values[at(input, row, channel)] - mean) * inv_std)
                    .collect();
                let (mask, slope) = masks.as_ref().map_or((1.0, 0.0), |masks| masks[channel]);
                let mut by_mask = 0.0;
                let dz: Vec<f64> = (0..input.rows)
                    .map(|row| {
                        let gamma = gamma.map_or(1.0, |gamma| values[span_at(gamma, channel)]);
                        let z = gamma * normalised[row] + values[span_at(beta, channel)];
                        let y = activate(activation, z);
                        let gradient = values[at(grad_output, row, channel)];
                        by_mask += gradient * y;
                        mask * gradient * derivative(activation, f64::NAN, y)
                    })
                    .collect();
                if let Some((_, grad_logits)) = gate {
                    values[span_at(grad_logits, channel)] = by_mask * slope;
                }
                let sum: f64 = dz.iter().sum();
                let product: f64 = dz.iter().zip(&normalised).map(|(dz, x)| dz * x).sum();
                values[span_at(grad_beta, channel)] = sum;
                if let Some(grad_gamma) = grad_gamma {
                    values[span_at(grad_gamma, channel)] = product;
                }
                let gamma = gamma.map_or(1.0, |gamma| values[span_at(gamma, channel)]);
                for row in 0..input.rows {
                    let value =
                        gamma * inv_std * (dz[row] - sum / rows - normalised[row] * product / rows);
                    put(values, at(grad_input, row, channel), value, accumulate);
                }
            }
        }
        Instruction::BatchNormInfer {
            input,
            gamma,
            beta,
            mean,
            variance,
            epsilon,
            activation,
            output,
        } => {
            for (row, channel) in positions(input) {
                let gamma = gamma.map_or(1.0, |gamma| values[span_at(gamma, channel)]);
                let scale =
                    gamma / (values[span_at(variance, channel)] + f64::from(epsilon)).sqrt();
                let centred = values[at(input, row, channel)] - values[span_at(mean, channel)];
                values[at(output, row, channel)] =
                    activate(activation, centred * scale + values[span_at(beta, channel)]);
            }
        }
        Instruction::MaxPool { geometry, input, output } => {
            for (row, channel) in positions(output) {
                values[at(output, row, channel)] = f64::NEG_INFINITY;
            }
            for Tap { input_row, output_row, .. } in taps(geometry) {
                for channel in 0..input.channels {
                    let best = values[at(output, output_row, channel)];
                    values[at(output, output_row, channel)] =
                        best.max(values[at(input, input_row, channel)]);
                }
            }
        }
        Instruction::MaxPoolGrad {
            geometry,
            input,
            output,
            grad_output,
            grad_input,
            accumulate,
        } => {
            for (row, channel) in positions(grad_input) {
                put(values, at(grad_input, row, channel), 0.0, accumulate);
            }
            let mut given = vec![false; output.rows * output.channels];
            for Tap { input_row, output_row, .. } in taps(geometry) {
                for channel in 0..input.channels {
                    let given = &mut given[output_row * output.channels + channel];
                    let wins = values[at(input, input_row, channel)]
                        == values[at(output, output_row, channel)];
                    if wins && !*given {
                        *given = true;
                        values[at(grad_input, input_row, channel)] +=
                            values[at(grad_output, output_row, channel)];
                    }
                }
            }
        }
        Instruction::AvgPool { geometry, input, output } => {
            let all = taps(geometry);
            for (row, channel) in positions(output) {
                let seen: Vec<f64> = all
                    .iter()
                    .filter(|tap| tap.output_row == row)
                    .map(|tap| values[at(input, tap.input_row, channel)])
                    .collect();
                values[at(output, row, channel)] = seen.iter().sum::<f64>() / seen.len() as f64;
            }
        }
        Instruction::AvgPoolGrad { geometry, grad_output, grad_input, accumulate } => {
            for (row, channel) in positions(grad_input) {
                put(values, at(grad_input, row, channel), 0.0, accumulate);
            }
            let all = taps(geometry);
            for Tap { input_row, output_row, .. } in &all {
                let area = all.iter().filter(|tap| tap.output_row == *output_row).count();
                for channel in 0..grad_input.channels {
                    values[at(grad_input, *input_row, channel)] +=
                        values[at(grad_output, *output_row, channel)] / area as f64;
                }
            }
        }
        Instruction::Activate { .. }
        | Instruction::ActivateGrad { .. }
        | Instruction::Sum { .. }
        | Instruction::Binary { .. }
        | Instruction::BinaryGrad { .. }
        | Instruction::AddBias { .. }
        | Instruction::SumRows { .. }
        | Instruction::MapPositions { .. }
        | Instruction::MapChannels { .. }
        | Instruction::MapValues { .. }
        | Instruction::Softmax { .. }
        | Instruction::SoftmaxGrad { .. }
        | Instruction::LocalResponseNorm { .. }
        | Instruction::LocalResponseNormGrad { .. }
        | Instruction::Gate { .. }
        | Instruction::GateGrad { .. }
        | Instruction::Dropout { .. }
        | Instruction::DropoutGrad { .. }
        | Instruction::SoftmaxCrossEntropy { .. }
        | Instruction::SigmoidCrossEntropy { .. }
        | Instruction::Update { .. }
        | Instruction::Filters(_) => unreachable!("other parts of the reference have these"),
    }
}

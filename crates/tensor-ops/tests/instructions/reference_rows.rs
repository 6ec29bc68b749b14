//! Plain loops in `f64` for instructions that map positions or channels, or work along the channels of a row.

use tensor_ops::{Instruction, ResponseNorm, Taps, Tensor};

use crate::reference::{Values, at, positions, put, span_at};

/// The matrix of a map, a row per target.
fn matrix(taps: &Taps) -> Vec<Vec<f64>> {
    let mut matrix = vec![vec![0.0; taps.sources()]; taps.targets()];
    for (target, row) in matrix.iter_mut().enumerate() {
        for tap in taps.row(target) {
            row[tap.source] += f64::from(tap.weight);
        }
    }
    matrix
}

fn row(values: &Values, tensor: Tensor, row: usize) -> Vec<f64> {
    (0..tensor.channels).map(|channel| values[at(tensor, row, channel)]).collect()
}

/// Channels in the window of channel `c`.
fn window(norm: ResponseNorm, c: usize, channels: usize) -> Vec<usize> {
    (0..channels).filter(|&k| k + norm.before >= c && k <= c + norm.after).collect()
}

/// `bias + alpha * sum of squares` at channel `c` of a row.
fn divisor(norm: ResponseNorm, x: &[f64], c: usize) -> f64 {
    let squares: f64 = window(norm, c, x.len()).into_iter().map(|k| x[k] * x[k]).sum();
    f64::from(norm.bias) + f64::from(norm.alpha) * squares
}

/// `dy[c] / dx[k]` of local response normalisation.
fn slope(norm: ResponseNorm, x: &[f64], c: usize, k: usize) -> f64 {
    let (alpha, beta) = (f64::from(norm.alpha), f64::from(norm.beta));
    let divisor = divisor(norm, x, c);
    let own = if c == k { divisor.powf(-beta) } else { 0.0 };
    let others = if window(norm, c, x.len()).contains(&k) {
        x[c] * -beta * divisor.powf(-beta - 1.0) * alpha * 2.0 * x[k]
    } else {
        0.0
    };
    own + others
}

/// `dy[c] / dx[k]` of softmax, from its output.
fn softmax_slope(y: &[f64], c: usize, k: usize) -> f64 {
    y[c] * (if c == k { 1.0 } else { 0.0 } - y[k])
}

/// `grad_input[k] = sum over c of grad_output[c] * dy[c] / dx[k]`.
fn chain(gradient: &[f64], k: usize, slope: impl Fn(usize, usize) -> f64) -> f64 {
    gradient.iter().enumerate().map(|(c, gradient)| gradient * slope(c, k)).sum()
}

pub(crate) fn execute(instruction: &Instruction, values: &mut Values) {
    match instruction {
        Instruction::AddBias { bias, input, output } => {
            for (row, channel) in positions(*output) {
                values[at(*output, row, channel)] =
                    values[at(*input, row, channel)] + values[span_at(*bias, channel)];
            }
        }
        Instruction::SumRows { grad_output, grad_bias } => {
            for channel in 0..grad_bias.len {
                let all = (0..grad_output.rows).map(|row| values[at(*grad_output, row, channel)]);
                values[span_at(*grad_bias, channel)] = all.sum();
            }
        }
        Instruction::MapPositions { taps, input, output, accumulate } => {
            let matrix = matrix(taps);
            for (row, channel) in positions(*output) {
                let (image, target) = (row / taps.targets(), row % taps.targets());
                let products = matrix[target].iter().enumerate().map(|(source, weight)| {
                    weight * values[at(*input, image * taps.sources() + source, channel)]
                });
                let total = products.sum();
                put(values, at(*output, row, channel), total, *accumulate);
            }
        }
        Instruction::MapChannels { taps, input, output, accumulate } => {
            let matrix = matrix(taps);
            for (row, channel) in positions(*output) {
                let sources = matrix[channel].iter().enumerate();
                let total = sources.map(|(c, weight)| weight * values[at(*input, row, c)]).sum();
                put(values, at(*output, row, channel), total, *accumulate);
            }
        }
        Instruction::MapValues { taps, input, output, accumulate } => {
            let matrix = matrix(taps);
            let [sources, targets] =
                [taps.sources() / input.channels, taps.targets() / output.channels];
            for (row, channel) in positions(*output) {
                let (image, target) = (row / targets, row % targets * output.channels + channel);
                let products = matrix[target].iter().enumerate().map(|(source, weight)| {
                    let row = image * sources + source / input.channels;
                    weight * values[at(*input, row, source % input.channels)]
                });
                let total = products.sum();
                put(values, at(*output, row, channel), total, *accumulate);
            }
        }
        Instruction::Softmax { input, output } => {
            for index in 0..output.rows {
                let exponentials: Vec<f64> =
                    row(values, *input, index).into_iter().map(f64::exp).collect();
                let sum: f64 = exponentials.iter().sum();
                for (c, exponential) in exponentials.iter().enumerate() {
                    values[at(*output, index, c)] = exponential / sum;
                }
            }
        }
        Instruction::SoftmaxGrad { output, grad_output, grad_input, accumulate } => {
            for index in 0..output.rows {
                let (y, gradient) = (row(values, *output, index), row(values, *grad_output, index));
                for k in 0..y.len() {
                    let value = chain(&gradient, k, |c, k| softmax_slope(&y, c, k));
                    put(values, at(*grad_input, index, k), value, *accumulate);
                }
            }
        }
        Instruction::LocalResponseNorm { norm, input, output } => {
            for index in 0..output.rows {
                let x = row(values, *input, index);
                for c in 0..x.len() {
                    values[at(*output, index, c)] =
                        x[c] * divisor(*norm, &x, c).powf(-f64::from(norm.beta));
                }
            }
        }
        Instruction::LocalResponseNormGrad { norm, input, grad_output, grad_input, accumulate } => {
            for index in 0..input.rows {
                let (x, gradient) = (row(values, *input, index), row(values, *grad_output, index));
                for k in 0..x.len() {
                    let value = chain(&gradient, k, |c, k| slope(*norm, &x, c, k));
                    put(values, at(*grad_input, index, k), value, *accumulate);
                }
            }
        }
        Instruction::Conv { .. }
        | Instruction::ConvGradInput { .. }
        | Instruction::ConvGradWeight { .. }
        | Instruction::Depthwise { .. }
        | Instruction::DepthwiseGradInput { .. }
        | Instruction::DepthwiseGradWeight { .. }
        | Instruction::BatchNormTrain { .. }
        | Instruction::BatchNormGrad { .. }
        | Instruction::BatchNormInfer { .. }
        | Instruction::Activate { .. }
        | Instruction::ActivateGrad { .. }
        | Instruction::Sum { .. }
        | Instruction::Binary { .. }
        | Instruction::BinaryGrad { .. }
        | Instruction::MaxPool { .. }
        | Instruction::MaxPoolGrad { .. }
        | Instruction::AvgPool { .. }
        | Instruction::AvgPoolGrad { .. }
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

//! What instructions have to do at least.

use super::operands::operands;
use crate::{Clamp, Epilogue, FilterStep, Geometry, Instruction, Tensor, UpdateRule};

/// What an instruction has to do however it is done, to hold times against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Floating point operations of its definition: two for each multiply-add of a convolution, those on padding included;
    /// of other instructions one for each operation on a value, where functions such as the exponential are one.
    pub flops: u64,
    /// Bytes of its operands, each read or written once.
    pub bytes: u64,
}

impl Instruction {
    /// What the instruction has to do at least. The most that can be counted if it is more.
    pub fn work(&self) -> Work {
        let accesses = operands(self).all.into_iter().map(|operand| {
            let times = usize::from(operand.read) + usize::from(operand.written);
            product(&[operand.region.rows, operand.region.channels, size_of::<f32>(), times])
        });
        Work { flops: flops(self), bytes: accesses.fold(0, u64::saturating_add) }
    }
}

fn flops(instruction: &Instruction) -> u64 {
    match *instruction {
        Instruction::Conv { geometry, groups, input, output, epilogue, .. } => {
            convolution(geometry, groups, input, output)
                .saturating_add(of_epilogue(output, epilogue))
        }
        Instruction::ConvGradInput { geometry, groups, grad_output, grad_input, .. } => {
            convolution(geometry, groups, grad_input, grad_output)
        }
        Instruction::ConvGradWeight { geometry, groups, input, grad_output, .. } => {
            convolution(geometry, groups, input, grad_output)
        }
        Instruction::Depthwise { geometry, output, epilogue, .. } => {
            let [height, width] = geometry.kernel;
            product(&[2, output.rows, output.channels, height, width])
                .saturating_add(of_epilogue(output, epilogue))
        }
        Instruction::DepthwiseGradInput { geometry, grad_output: filtered, .. }
        | Instruction::DepthwiseGradWeight { geometry, grad_output: filtered, .. } => {
            let [height, width] = geometry.kernel;
            product(&[2, filtered.rows, filtered.channels, height, width])
        }
        // Mean: 1. Variance: subtraction and multiply-add. Output: multiply-add and activation.
        Instruction::BatchNormTrain { output, .. } => values(output, 7),
        // Derivative of the activation, two sums of which one is weighted, and a combination of three.
        Instruction::BatchNormGrad { grad_output, .. } => values(grad_output, 10),
        Instruction::BatchNormInfer { output, .. } => values(output, 3),
        Instruction::Activate { output, .. }
        | Instruction::Gate { output, .. }
        | Instruction::Binary { output, .. }
        | Instruction::AddBias { output, .. }
        | Instruction::Dropout { output, .. } => values(output, 1),
        Instruction::ActivateGrad { grad_output, .. } => values(grad_output, 2),
        Instruction::Sum { ref inputs, output, accumulate } => {
            values(output, inputs.len().saturating_sub(usize::from(!accumulate)))
        }
        Instruction::BinaryGrad { grad_output, grad_first, grad_second, .. } => {
            let wanted = usize::from(grad_first.is_some()) + usize::from(grad_second.is_some());
            values(grad_output, wanted)
        }
        Instruction::SumRows { grad_output, .. } | Instruction::DropoutGrad { grad_output, .. } => {
            values(grad_output, 1)
        }
        Instruction::MapPositions { ref taps, output, .. } => {
            let images = output.rows / taps.targets().max(1);
            product(&[2, images, taps.count(), output.channels])
        }
        Instruction::MapChannels { ref taps, output, .. } => {
            product(&[2, output.rows, taps.count()])
        }
        Instruction::MapValues { ref taps, output, .. } => {
            let images = output.rows.saturating_mul(output.channels) / taps.targets().max(1);
            product(&[2, images, taps.count()])
        }
        Instruction::MaxPool { geometry, output: pooled, .. }
        | Instruction::MaxPoolGrad { geometry, grad_output: pooled, .. }
        | Instruction::AvgPool { geometry, output: pooled, .. }
        | Instruction::AvgPoolGrad { geometry, grad_output: pooled, .. } => {
            let [height, width] = geometry.kernel;
            product(&[pooled.rows, pooled.channels, height, width])
        }
        Instruction::GateGrad { grad_output, .. } => values(grad_output, 3),
        // Maximum, difference, exponential, sum, quotient.
        Instruction::Softmax { output, .. } => values(output, 5),
        Instruction::SoftmaxGrad { output, .. } => values(output, 4),
        Instruction::LocalResponseNorm { norm, output, .. } => {
            let window = norm.before.saturating_add(norm.after).saturating_add(1);
            values(output, window.saturating_mul(2).saturating_add(3))
        }
        Instruction::LocalResponseNormGrad { norm, grad_output, .. } => {
            let window = norm.before.saturating_add(norm.after).saturating_add(1);
            values(grad_output, window.saturating_mul(4).saturating_add(6))
        }
        Instruction::SoftmaxCrossEntropy { logits, .. }
        | Instruction::SigmoidCrossEntropy { logits, .. } => values(logits, 7),
        // Square and sum; product and difference.
        Instruction::Filters(
            FilterStep::RootMeanSquares { kernel, .. } | FilterStep::Shrink { kernel, .. },
        ) => values(kernel, 2),
        Instruction::Update { parameters, rule, .. } => {
            let each = match rule {
                UpdateRule::Sgd { nesterov: false, .. } => 6,
                UpdateRule::Sgd { nesterov: true, .. } => 8,
                UpdateRule::RmsProp { .. } => 12,
                UpdateRule::Adam { .. } => 15,
            };
            product(&[parameters.len, each])
        }
    }
}

/// Of a convolution and both its gradients.
fn convolution(geometry: Geometry, groups: usize, input: Tensor, output: Tensor) -> u64 {
    let [height, width] = geometry.kernel;
    product(&[2, output.rows, output.channels, height, width, input.channels / groups.max(1)])
}

/// A multiply-add for the normalisation, one operation for the clamp.
fn of_epilogue(output: Tensor, Epilogue { norm, clamp }: Epilogue) -> u64 {
    let norm = if norm.is_some() { 2 } else { 0 };
    values(output, norm + usize::from(clamp != Clamp::NONE))
}

fn values(tensor: Tensor, each: usize) -> u64 {
    product(&[tensor.rows, tensor.channels, each])
}

fn product(factors: &[usize]) -> u64 {
    if factors.contains(&0) {
        return 0;
    }
    factors.iter().fold(1, |product: u64, factor| product.saturating_mul(*factor as u64))
}

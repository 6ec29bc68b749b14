//! Softmax over channels and its gradient.

use super::activation::exp_of_nonpositive;
use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target};
use super::simd::Simd;
use crate::Tensor;

pub(super) struct Softmax {
    pub(super) input: Tensor,
    pub(super) output: Tensor,
}

impl Kernel for Softmax {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.output]).chunks(), self);
    }
}

impl Task for Softmax {
    /// Exponentials of the values less their maximum go to the output, which is then divided by their sum.
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.input.channels;
        let (start, rows) = RowSplit::of(&[self.output]).chunk(chunk);
        for row in start..start + rows {
            let to = context.row(self.output, row);
            // SAFETY: the tensors were checked: rows have `channels` values and do not overlap.
            let input = unsafe {
                std::slice::from_raw_parts(context.row(self.input, row).cast_const(), channels)
            };
            let largest = input.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            // SAFETY: as above; chunks hold different rows of the output.
            unsafe {
                for (c, &value) in input.iter().enumerate() {
                    *to.add(c) = exp_of_nonpositive(value - largest);
                }
                for c in 0..channels {
                    sum += f64::from(*to.add(c));
                }
                let scale = (1.0 / sum) as f32;
                for c in 0..channels {
                    *to.add(c) *= scale;
                }
            }
        }
    }
}

pub(super) struct SoftmaxGrad {
    pub(super) output: Tensor,
    pub(super) grad_output: Tensor,
    pub(super) target: Target,
}

impl Kernel for SoftmaxGrad {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.output]).chunks(), self);
    }
}

impl Task for SoftmaxGrad {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.output.channels;
        let (start, rows) = RowSplit::of(&[self.output]).chunk(chunk);
        for row in start..start + rows {
            let (output, gradient) =
                (context.row(self.output, row), context.row(self.grad_output, row));
            let to = context.row(self.target.tensor, row);
            let mut product = 0.0;
            // SAFETY: the tensors were checked: rows have `channels` values. The target may be the gradient itself, of which
            // a value is read before it is written. Chunks hold different rows of the target.
            unsafe {
                for c in 0..channels {
                    product += f64::from(*output.add(c)) * f64::from(*gradient.add(c));
                }
                let product = product as f32;
                for c in 0..channels {
                    let value = *output.add(c) * (*gradient.add(c) - product);
                    let to = to.add(c);
                    *to = if self.target.accumulate { *to + value } else { value };
                }
            }
        }
    }
}

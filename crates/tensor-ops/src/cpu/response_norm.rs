//! Local response normalisation across channels and its gradient.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target};
use super::simd::Simd;
use crate::{ResponseNorm, Tensor};

impl ResponseNorm {
    /// `bias + alpha * sum of squares` at channel `c` of a row.
    #[inline(always)]
    fn divisor(&self, row: &[f32], c: usize) -> f64 {
        let window = &row[c.saturating_sub(self.before)..(c + self.after + 1).min(row.len())];
        let squares: f64 = window.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        f64::from(self.bias) + f64::from(self.alpha) * squares
    }
}

pub(super) struct LocalResponseNorm {
    pub(super) norm: ResponseNorm,
    pub(super) input: Tensor,
    pub(super) output: Tensor,
}

impl Kernel for LocalResponseNorm {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.output]).chunks(), self);
    }
}

impl Task for LocalResponseNorm {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let (start, rows) = RowSplit::of(&[self.output]).chunk(chunk);
        let beta = f64::from(self.norm.beta);
        for row in start..start + rows {
            let to = context.row(self.output, row);
            // SAFETY: the tensors were checked: rows have as many values as there are channels and do not overlap.
            let input = unsafe {
                let from = context.row(self.input, row).cast_const();
                std::slice::from_raw_parts(from, self.input.channels)
            };
            for (c, &x) in input.iter().enumerate() {
                let value = f64::from(x) * self.norm.divisor(input, c).powf(-beta);
                // SAFETY: as above; chunks hold different rows of the output.
                unsafe { *to.add(c) = value as f32 };
            }
        }
    }
}

/// With `d` the divisor, `y = x * d^-beta` and `g` its gradient:
/// `grad_input[k] = g[k] * d[k]^-beta - 2 * alpha * beta * x[k] * sum over c, whose window has k, of g[c] * x[c] * d[c]^(-beta - 1)`.
pub(super) struct LocalResponseNormGrad {
    pub(super) norm: ResponseNorm,
    pub(super) input: Tensor,
    pub(super) grad_output: Tensor,
    pub(super) target: Target,
}

impl Kernel for LocalResponseNormGrad {
    fn scratch(&self) -> Scratch {
        Scratch { shared: 0, worker: 2 * self.input.channels }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.input]).chunks(), self);
    }
}

impl Task for LocalResponseNormGrad {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let ResponseNorm { before, after, alpha, beta, bias: _ } = self.norm;
        let (alpha, beta) = (f64::from(alpha), f64::from(beta));
        let channels = self.input.channels;
        let (start, rows) = RowSplit::of(&[self.input]).chunk(chunk);
        for row in start..start + rows {
            let to = context.row(self.target.tensor, row);
            // SAFETY: the tensors were checked: rows have `channels` values and those written overlap no other; the
            // worker's scratch has twice as many and is this thread's alone.
            let (input, gradient, powers, terms) = unsafe {
                let scratch = context.worker(worker);
                (
                    std::slice::from_raw_parts(context.row(self.input, row).cast_const(), channels),
                    std::slice::from_raw_parts(
                        context.row(self.grad_output, row).cast_const(),
                        channels,
                    ),
                    std::slice::from_raw_parts_mut(scratch, channels),
                    std::slice::from_raw_parts_mut(scratch.add(channels), channels),
                )
            };
            for c in 0..channels {
                let divisor = self.norm.divisor(input, c);
                let power = divisor.powf(-beta);
                powers[c] = power as f32;
                terms[c] = (f64::from(gradient[c]) * f64::from(input[c]) * power / divisor) as f32;
            }
            for c in 0..channels {
                let window = &terms[c.saturating_sub(after)..(c + before + 1).min(channels)];
                let sum: f64 = window.iter().map(|&term| f64::from(term)).sum();
                let value = f64::from(gradient[c]) * f64::from(powers[c])
                    - 2.0 * alpha * beta * f64::from(input[c]) * sum;
                // SAFETY: as above; chunks hold different rows of the target.
                unsafe {
                    let to = to.add(c);
                    *to = value as f32 + if self.target.accumulate { *to } else { 0.0 };
                }
            }
        }
    }
}

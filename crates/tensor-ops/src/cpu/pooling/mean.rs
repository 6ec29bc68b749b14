//! Mean over windows and its gradient.

use super::factors;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::{Channels, Operation, Plan, Source, Windows};
use crate::cpu::level::Task;
use crate::cpu::rows::{RowSplit, Target};
use crate::cpu::simd::{Simd, load_up_to, store_up_to};
use crate::{Geometry, Tensor};

pub(super) struct AvgPool {
    windows: Windows,
    sum: Sum,
    input: Tensor,
    output: Tensor,
}

impl AvgPool {
    pub(super) fn new(geometry: Geometry, input: Tensor, output: Tensor) -> Self {
        let channels = input.channels;
        let plan = Plan::forward(geometry, channels, None);
        let sum = Sum { factors: factors(&geometry) };
        Self { windows: Windows { plan, channels, fold: 1 }, sum, input, output }
    }
}

impl Kernel for AvgPool {
    fn scratch(&self) -> Scratch {
        self.windows.scratch()
    }

    fn run(&self, context: &Context<'_>) {
        let source = Source { memory: context.arena, tensor: self.input, fill: 0.0 };
        let target = Target { tensor: self.output, accumulate: false };
        self.windows.launch(context, &self.sum, source, (context.arena, target));
    }
}

/// Sum of what the taps see, times the position's factor if there are any.
struct Sum {
    factors: Vec<f32>,
}

impl Operation for Sum {
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S, _context: &Context<'_>, _channels: Channels) -> S::V {
        simd.splat(0.0)
    }

    #[inline(always)]
    fn tap<S: Simd>(
        &self,
        simd: S,
        _context: &Context<'_>,
        _tap: usize,
        _channels: Channels,
    ) -> S::V {
        simd.splat(0.0)
    }

    #[inline(always)]
    unsafe fn step<S: Simd>(&self, simd: S, sum: S::V, seen: *const f32, _tap: S::V) -> S::V {
        // SAFETY: the caller's.
        simd.add(sum, unsafe { simd.load(seen) })
    }

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        simd: S,
        _context: &Context<'_>,
        sum: S::V,
        position: usize,
        _channels: Channels,
    ) -> S::V {
        self.factors.get(position).map_or(
            sum,
            #[inline(always)]
            |&factor| simd.mul(sum, simd.splat(factor)),
        )
    }
}

pub(super) struct AvgPoolGrad {
    windows: Windows,
    factors: Vec<f32>,
    grad_output: Tensor,
    target: Target,
}

impl AvgPoolGrad {
    pub(super) fn new(geometry: Geometry, grad_output: Tensor, target: Target) -> Self {
        let channels = grad_output.channels;
        let plan = Plan::gradient(geometry, channels, None);
        let factors = factors(&geometry);
        Self { windows: Windows { plan, channels, fold: 1 }, factors, grad_output, target }
    }

    /// Gradients of the sums.
    fn scratch_tensor(&self) -> Tensor {
        Tensor::dense(0, self.grad_output.rows, self.grad_output.channels)
    }
}

impl Kernel for AvgPoolGrad {
    fn scratch(&self) -> Scratch {
        let Tensor { rows, channels, .. } = self.scratch_tensor();
        Scratch { shared: rows.saturating_mul(channels), ..self.windows.scratch() }
    }

    fn run(&self, context: &Context<'_>) {
        let scratch = self.scratch_tensor();
        let scale = Scaled { tensor: self.grad_output, scratch, factors: &self.factors };
        context.launch(scale.chunks(), &scale);
        let source = Source { memory: context.shared, tensor: scratch, fill: 0.0 };
        let sum = Sum { factors: Vec::new() };
        self.windows.launch(context, &sum, source, (context.arena, self.target));
    }
}

/// Copies a tensor into the shared scratch, each row times its position's factor.
struct Scaled<'a> {
    tensor: Tensor,
    scratch: Tensor,
    factors: &'a [f32],
}

impl Scaled<'_> {
    fn chunks(&self) -> usize {
        RowSplit::of(&[self.tensor]).chunks()
    }
}

impl Task for Scaled<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let (start, rows) = RowSplit::of(&[self.tensor]).chunk(chunk);
        let channels = self.tensor.channels;
        let mut position = start % self.factors.len();
        for row in start..start + rows {
            let from = context.row(self.tensor, row);
            let to = context.shared.wrapping_add(self.scratch.offset + row * self.scratch.pitch);
            let factor = simd.splat(self.factors[position]);
            position = if position + 1 == self.factors.len() { 0 } else { position + 1 };
            let mut c = 0;
            while c < channels {
                // SAFETY: `c + min(channels - c, LANES)` values of each row exist, and chunks hold different rows.
                unsafe {
                    let value = load_up_to(simd, from.add(c), channels - c);
                    store_up_to(simd, to.add(c), simd.mul(value, factor), channels - c);
                }
                c += S::LANES;
            }
        }
    }
}

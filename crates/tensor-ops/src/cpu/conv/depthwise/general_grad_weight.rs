//! Gradient of the kernel and bias of a depthwise convolution.

use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::block::{Block, Source};
use crate::cpu::conv::parts::Parts;
use crate::cpu::conv::plan::{Plan, Unit};
use crate::cpu::level::Task;
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

/// Each channel of the block with its own gradient. The plan never takes the source for the block.
pub(super) struct GeneralGradWeight {
    plan: Plan,
    input: Tensor,
    grad_output: Tensor,
    parts: Parts,
}

impl GeneralGradWeight {
    pub(super) fn new(
        geometry: Geometry,
        input: Tensor,
        grad_output: Tensor,
        grad_weight: Span,
        grad_bias: Option<Span>,
    ) -> Self {
        let plan = Plan::forward(geometry, grad_output.channels, None);
        let parts = Parts::new(plan.units(), grad_weight, grad_bias, grad_output.channels);
        Self { plan, input, grad_output, parts }
    }
}

impl Kernel for GeneralGradWeight {
    fn scratch(&self) -> Scratch {
        Scratch { shared: self.parts.len(), worker: self.plan.block_len().saturating_add(SLACK) }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.parts.count(), self);
        self.parts.launch_sum(context);
    }
}

/// Taps whose sums are in registers at the same time.
const TAPS: usize = 9;

impl Task for GeneralGradWeight {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let weight = self.parts.weight(context, chunk);
        let bias = self.parts.bias(context, chunk);
        let channels = self.grad_output.channels;
        let range = self.parts.units(chunk);
        for index in range.clone() {
            let unit = self.plan.unit(index);
            let source = Source { memory: context.arena, tensor: self.input, fill: 0.0 };
            // SAFETY: the plan was made for this source, and each worker has its own scratch.
            let block =
                unsafe { Block::of(simd, &self.plan, source, &unit, context.worker(worker)) };
            let sums =
                Sums { instruction: self, context, block, unit, first: index == range.start };
            let mut start = 0;
            while start < channels {
                // SAFETY: the channels exist, and this chunk alone has the part.
                unsafe {
                    if let Some(bias) = bias {
                        sums.bias(simd, bias, start);
                    }
                    sums.weights(simd, weight, start);
                }
                start += S::LANES;
            }
        }
    }
}

/// One unit's contribution.
struct Sums<'a> {
    instruction: &'a GeneralGradWeight,
    context: &'a Context<'a>,
    block: Block,
    unit: Unit,
    /// Whether the part holds nothing yet.
    first: bool,
}

impl Sums<'_> {
    /// What the first position of a row sees, and its gradient.
    #[inline(always)]
    fn row(&self, image: usize, row: usize) -> (*const f32, *const f32) {
        let plan = &self.instruction.plan;
        let [height, width] = plan.target;
        let from = self.block.image * image + plan.source_step[0] * self.block.row * row;
        let (image, y) = (self.unit.images.start + image, self.unit.rows.start + row);
        let gradient = self.context.row(self.instruction.grad_output, (image * height + y) * width);
        (self.block.start.wrapping_add(from), gradient)
    }

    /// # Safety
    ///
    /// The part is this thread's, there is a channel `start`, and nothing writes to the arena.
    #[inline(always)]
    unsafe fn bias<S: Simd>(&self, simd: S, bias: *mut f32, start: usize) {
        let GeneralGradWeight { ref plan, grad_output, .. } = *self.instruction;
        let mut total = simd.splat(0.0);
        for image in 0..self.unit.images.len() {
            for row in 0..self.unit.rows.len() {
                let (_, gradient) = self.row(image, row);
                for x in 0..plan.target[1] {
                    // SAFETY: a vector may reach beyond the row's end, but not beyond the arena's slack.
                    total = simd.add(total, unsafe {
                        simd.load(gradient.add(x * grad_output.pitch + start))
                    });
                }
            }
        }
        // SAFETY: the part has all channels of the bias.
        unsafe { self.add(simd, bias.add(start), total, grad_output.channels - start) };
    }

    /// # Safety
    ///
    /// As for `bias`.
    #[inline(always)]
    unsafe fn weights<S: Simd>(&self, simd: S, part: *mut f32, start: usize) {
        let GeneralGradWeight { ref plan, grad_output, .. } = *self.instruction;
        let step = plan.source_step[1] * self.block.pixel;
        let offsets = &plan.passes[0].offsets;
        for (tile, offsets) in offsets.chunks(TAPS).enumerate() {
            // Taps that do not exist see what the first one sees, and their sums are not kept.
            let mut seen = [offsets[0] + start; TAPS];
            for (seen, offset) in seen.iter_mut().zip(offsets) {
                *seen = offset + start;
            }
            let mut totals = [simd.splat(0.0); TAPS];
            for image in 0..self.unit.images.len() {
                for row in 0..self.unit.rows.len() {
                    let (mut from, gradient) = self.row(image, row);
                    let mut gradient = gradient.wrapping_add(start);
                    for _ in 0..plan.target[1] {
                        // SAFETY: vectors may reach beyond a position's last channel, but not beyond the slack of arena
                        // and scratch.
                        unsafe {
                            let g = simd.load(gradient);
                            for t in 0..TAPS {
                                totals[t] =
                                    simd.mul_add(simd.load(from.add(seen[t])), g, totals[t]);
                            }
                        }
                        from = from.wrapping_add(step);
                        gradient = gradient.wrapping_add(grad_output.pitch);
                    }
                }
            }
            let mut sums = [[0.0; MAX_LANES]; TAPS];
            for t in 0..TAPS {
                // SAFETY: there is room for a vector.
                unsafe { simd.store(sums[t].as_mut_ptr(), totals[t]) };
            }
            for (t, sums) in sums.iter().enumerate().take(offsets.len()) {
                let at = (tile * TAPS + t) * grad_output.channels + start;
                // SAFETY: the part has all taps of the kernel.
                unsafe {
                    self.add(
                        simd,
                        part.add(at),
                        simd.load(sums.as_ptr()),
                        grad_output.channels - start,
                    );
                }
            }
        }
    }

    /// Adds a vector to `count` values of the part, or to as many as it has.
    ///
    /// # Safety
    ///
    /// The part has as many values at `to`.
    #[inline(always)]
    unsafe fn add<S: Simd>(&self, simd: S, to: *mut f32, vector: S::V, count: usize) {
        // SAFETY: the caller's.
        unsafe {
            let before = if self.first { simd.splat(0.0) } else { load_up_to(simd, to, count) };
            store_up_to(simd, to, simd.add(before, vector), count);
        }
    }
}

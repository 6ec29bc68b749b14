//! Gradient of kernel and bias: sums over positions of products of what they see with the output's gradient.

use std::ops::Range;

use super::block::{Block, Source};
use super::parts::Parts;
use super::plan::{Plan, Unit, collapse};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

pub(in crate::cpu) struct ConvGradWeight {
    plan: Plan,
    level: Level,
    groups: usize,
    input: Tensor,
    grad_output: Tensor,
    parts: Parts,
}

impl ConvGradWeight {
    pub(in crate::cpu) fn new(
        level: Level,
        geometry: Geometry,
        groups: usize,
        input: Tensor,
        grad_output: Tensor,
        grad_weight: Span,
        grad_bias: Option<Span>,
    ) -> Self {
        let inputs = input.channels / groups;
        let plan = Plan::forward(collapse(geometry, inputs), inputs, Some(input.pitch));
        let parts = Parts::new(plan.units(), grad_weight, grad_bias, grad_output.channels);
        let level = level.for_channels(grad_output.channels / groups);
        Self { plan, level, groups, input, grad_output, parts }
    }
}

impl Kernel for ConvGradWeight {
    fn scratch(&self) -> Scratch {
        Scratch { shared: self.parts.len(), worker: self.plan.block_len().saturating_add(SLACK) }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch_at(self.level, self.parts.count(), self);
        self.parts.launch_sum(context);
    }
}

impl Task for ConvGradWeight {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let part = self.parts.part(context, chunk);
        let (inputs, outputs) =
            (self.input.channels / self.groups, self.grad_output.channels / self.groups);
        let range = self.parts.units(chunk);
        for index in range.clone() {
            let unit = self.plan.unit(index);
            let first = index == range.start;
            for group in 0..self.groups {
                let tensor = self.input.slice(group * inputs, inputs);
                let source = Source { memory: context.arena, tensor, fill: 0.0 };
                // SAFETY: the plan was made for this source, and each worker has its own scratch.
                let block =
                    unsafe { Block::of(simd, &self.plan, source, &unit, context.worker(worker)) };
                let mut start = 0;
                while start < outputs {
                    let channel = group * outputs + start;
                    let count = outputs - start;
                    let sums = Sums {
                        instruction: self,
                        context,
                        block,
                        unit: unit.clone(),
                        first,
                        part,
                        channel,
                    };
                    // SAFETY: block, part and channels are those of this instruction, and this chunk alone has the part.
                    unsafe {
                        if count > S::LANES {
                            sums.bias::<S, 2>(simd, count.min(2 * S::LANES));
                            sums.weights::<S, 2>(simd, count.min(2 * S::LANES));
                        } else {
                            sums.bias::<S, 1>(simd, count);
                            sums.weights::<S, 1>(simd, count);
                        }
                    }
                    start += 2 * S::LANES;
                }
            }
        }
    }
}

/// One unit's contribution to the gradients of one or two vectors of output channels.
struct Sums<'a> {
    instruction: &'a ConvGradWeight,
    context: &'a Context<'a>,
    block: Block,
    unit: Unit,
    /// Whether the part holds nothing yet.
    first: bool,
    part: *mut f32,
    channel: usize,
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
        (self.block.start.wrapping_add(from), gradient.wrapping_add(self.channel))
    }

    /// # Safety
    ///
    /// `VECTORS` vectors fit `count` channels from `channel` on, and nothing writes to the arena.
    #[inline(always)]
    unsafe fn bias<S: Simd, const VECTORS: usize>(&self, simd: S, count: usize) {
        let ConvGradWeight { ref plan, ref parts, grad_output, .. } = *self.instruction;
        let Some(bias) = parts.bias() else { return };
        let mut totals = [simd.splat(0.0); VECTORS];
        for image in 0..self.unit.images.len() {
            for row in 0..self.unit.rows.len() {
                let (_, gradient) = self.row(image, row);
                for x in 0..plan.target[1] {
                    for j in 0..VECTORS {
                        let at = gradient.wrapping_add(x * grad_output.pitch + j * S::LANES);
                        // SAFETY: vectors may reach beyond the row's end, but not beyond the arena's slack.
                        totals[j] = simd.add(totals[j], unsafe { simd.load(at) });
                    }
                }
            }
        }
        let mut sums = [0.0; 2 * MAX_LANES];
        // SAFETY: there is room for two vectors, and the bias's values follow the kernel's in the part.
        unsafe {
            for j in 0..VECTORS {
                simd.store(sums.as_mut_ptr().add(j * S::LANES), totals[j]);
            }
            self.add(simd, self.part.add(bias + self.channel), &sums, count);
        }
    }

    /// # Safety
    ///
    /// As for `bias`.
    #[inline(always)]
    unsafe fn weights<S: Simd, const VECTORS: usize>(&self, simd: S, count: usize) {
        let mut row = 0;
        for segment in &self.instruction.plan.passes[0].segments {
            let mut at = 0;
            while at < segment.len {
                let rows = row + at..row + segment.len;
                let seen = segment.offset + at;
                // SAFETY: the caller's.
                at += unsafe {
                    match (VECTORS, S::ROWS_ONE, S::ROWS_TWO, rows.len()) {
                        (1, _, _, 1..=4) => self.tile::<S, 4, VECTORS>(simd, rows, seen, count),
                        (1, 8, _, _) => self.tile::<S, 8, VECTORS>(simd, rows, seen, count),
                        (1, _, _, _) => self.tile::<S, 12, VECTORS>(simd, rows, seen, count),
                        (_, _, _, 1..=2) => self.tile::<S, 2, VECTORS>(simd, rows, seen, count),
                        (_, _, 4, _) => self.tile::<S, 4, VECTORS>(simd, rows, seen, count),
                        (_, _, 6, _) => self.tile::<S, 6, VECTORS>(simd, rows, seen, count),
                        (_, _, _, _) => self.tile::<S, 12, VECTORS>(simd, rows, seen, count),
                    }
                };
            }
            row += segment.len;
        }
    }

    /// Sums for some rows of the kernel, `[tap, input]`, that lie `seen` behind what a position sees first. Returns the
    /// number of rows.
    ///
    /// # Safety
    ///
    /// As for `bias`; the rows are the kernel's.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        rows: Range<usize>,
        seen: usize,
        count: usize,
    ) -> usize {
        let ConvGradWeight { ref plan, grad_output, .. } = *self.instruction;
        let step = plan.source_step[1] * self.block.pixel;
        let mut totals = [[simd.splat(0.0); VECTORS]; ROWS];
        for image in 0..self.unit.images.len() {
            for row in 0..self.unit.rows.len() {
                let (from, mut gradient) = self.row(image, row);
                let mut from = from.wrapping_add(seen);
                for _ in 0..plan.target[1] {
                    // SAFETY: vectors of gradients and rows beyond the kernel's may reach beyond what belongs to them,
                    // but not beyond the slack of arena and scratch, and their sums are not kept.
                    unsafe {
                        let mut g = [simd.splat(0.0); VECTORS];
                        for j in 0..VECTORS {
                            g[j] = simd.load(gradient.add(j * S::LANES));
                        }
                        for r in 0..ROWS {
                            let x = simd.splat(*from.add(r));
                            for j in 0..VECTORS {
                                totals[r][j] = simd.mul_add(x, g[j], totals[r][j]);
                            }
                        }
                    }
                    from = from.wrapping_add(step);
                    gradient = gradient.wrapping_add(grad_output.pitch);
                }
            }
        }
        // Only a loop as short as this one is unrolled early enough for the totals to have stayed in registers.
        let mut sums = [[0.0; 2 * MAX_LANES]; ROWS];
        for r in 0..ROWS {
            for j in 0..VECTORS {
                // SAFETY: a row of sums has room for two vectors.
                unsafe { simd.store(sums[r].as_mut_ptr().add(j * S::LANES), totals[r][j]) };
            }
        }
        let kept = rows.len().min(ROWS);
        for (r, sums) in sums.iter().enumerate().take(kept) {
            let at = (rows.start + r) * grad_output.channels + self.channel;
            // SAFETY: the part has all rows of the kernel.
            unsafe { self.add(simd, self.part.add(at), sums, count) };
        }
        kept
    }

    /// Adds `count` sums to the part.
    ///
    /// # Safety
    ///
    /// The part has `count` values at `to`.
    #[inline(always)]
    unsafe fn add<S: Simd>(
        &self,
        simd: S,
        to: *mut f32,
        sums: &[f32; 2 * MAX_LANES],
        count: usize,
    ) {
        let mut at = 0;
        while at < count {
            // SAFETY: the caller's; there are at most two vectors.
            unsafe {
                let (to, sums) = (to.add(at), simd.load(sums.as_ptr().add(at)));
                let before =
                    if self.first { simd.splat(0.0) } else { load_up_to(simd, to, count - at) };
                store_up_to(simd, to, simd.add(before, sums), count - at);
            }
            at += S::LANES;
        }
    }
}

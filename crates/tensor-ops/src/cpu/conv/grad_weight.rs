//! Gradient of kernel and bias: sums over positions of products of what they see with the output's gradient.

use std::ops::Range;

use super::block::{Block, Source};
use super::parts::Parts;
use super::plan::{Plan, UNITS, Unit, collapse};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

/// Values of a kernel from which on adding up parts of it costs more than cutting its input channels into slices, for up to
/// `FEW` output positions and for any number.
const LARGE: [usize; 2] = [1 << 17, 1 << 18];

/// See `LARGE`.
const FEW: usize = 1 << 12;

/// Slices that there should be.
const SLICES: usize = 8;

pub(in crate::cpu) struct ConvGradWeight {
    level: Level,
    groups: usize,
    input: Tensor,
    grad_output: Tensor,
    /// All input channels of a group, or slices of them that have a single part.
    slices: Vec<Slice>,
    parts: Parts,
}

/// Input channels of a group.
struct Slice {
    start: usize,
    channels: usize,
    plan: Plan,
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
        let level = level.for_channels(grad_output.channels / groups);
        let large = LARGE[usize::from(geometry.output_rows() > FEW)];
        let sliced = groups == 1 && grad_weight.len >= large && inputs > MAX_LANES;
        let (units, width) = if sliced {
            (1, inputs.div_ceil(SLICES).next_multiple_of(MAX_LANES))
        } else {
            (UNITS, inputs)
        };
        let slice = |start: usize| {
            let channels = width.min(inputs - start);
            let geometry = collapse(geometry, channels);
            let plan = Plan::forward_in(units, geometry, channels, Some(input.pitch));
            Slice { start, channels, plan }
        };
        let slices: Vec<Slice> = (0..inputs).step_by(width).map(slice).collect();
        let units = slices[0].plan.units();
        let parts = if sliced {
            Parts::one(units, grad_weight, grad_bias)
        } else {
            Parts::new(units, grad_weight, grad_bias, grad_output.channels)
        };
        Self { level, groups, input, grad_output, slices, parts }
    }
}

impl Kernel for ConvGradWeight {
    fn scratch(&self) -> Scratch {
        let block = self.slices.iter().map(|slice| slice.plan.block_len()).max().unwrap_or(0);
        Scratch { shared: self.parts.len(), worker: block.saturating_add(SLACK) }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch_at(self.level, self.slices.len() * self.parts.count(), self);
        self.parts.launch_sum(context);
    }
}

impl Task for ConvGradWeight {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let (slice, part) = (chunk / self.parts.count(), chunk % self.parts.count());
        let Slice { start: first_input, channels, ref plan } = self.slices[slice];
        let (inputs, outputs) =
            (self.input.channels / self.groups, self.grad_output.channels / self.groups);
        // Plans of slices may differ in their units, but those have a single part.
        let range = if self.slices.len() > 1 { 0..plan.units() } else { self.parts.units(part) };
        for index in range.clone() {
            let unit = plan.unit(index);
            for group in 0..self.groups {
                let tensor = self.input.slice(group * inputs + first_input, channels);
                let source = Source { memory: context.arena, tensor, fill: 0.0 };
                // SAFETY: the plan was made for this source, and each worker has its own scratch.
                let block = unsafe { Block::of(simd, plan, source, &unit, context.worker(worker)) };
                let mut start = 0;
                while start < outputs {
                    let sums = Sums {
                        instruction: self,
                        slice: &self.slices[slice],
                        context,
                        block,
                        unit: unit.clone(),
                        first: index == range.start,
                        weight: self.parts.weight(context, part),
                        channel: group * outputs + start,
                    };
                    let bias = self.parts.bias(context, part).filter(|_| slice == 0);
                    let count = outputs - start;
                    // SAFETY: block, part and channels are those of this instruction, and this chunk alone has the part's
                    // values for the slice.
                    unsafe {
                        if count > S::LANES {
                            sums.bias::<S, 2>(simd, bias, count.min(2 * S::LANES));
                            sums.weights::<S, 2>(simd, count.min(2 * S::LANES));
                        } else {
                            sums.bias::<S, 1>(simd, bias, count);
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
    slice: &'a Slice,
    context: &'a Context<'a>,
    block: Block,
    unit: Unit,
    /// Whether the part holds nothing yet.
    first: bool,
    /// First value of the part.
    weight: *mut f32,
    channel: usize,
}

impl Sums<'_> {
    /// What the first position of a row sees, and its gradient.
    #[inline(always)]
    fn row(&self, image: usize, row: usize) -> (*const f32, *const f32) {
        let plan = &self.slice.plan;
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
    unsafe fn bias<S: Simd, const VECTORS: usize>(
        &self,
        simd: S,
        bias: Option<*mut f32>,
        count: usize,
    ) {
        let (plan, grad_output) = (&self.slice.plan, self.instruction.grad_output);
        let Some(bias) = bias else { return };
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
        // SAFETY: there is room for two vectors, and the bias has all output channels.
        unsafe {
            for j in 0..VECTORS {
                simd.store(sums.as_mut_ptr().add(j * S::LANES), totals[j]);
            }
            self.add(simd, bias.add(self.channel), &sums, count);
        }
    }

    /// # Safety
    ///
    /// As for `bias`.
    #[inline(always)]
    unsafe fn weights<S: Simd, const VECTORS: usize>(&self, simd: S, count: usize) {
        let mut row = 0;
        for segment in &self.slice.plan.passes[0].segments {
            let mut at = 0;
            while at < segment.len {
                let rows = row + at..row + segment.len;
                let seen = segment.offset + at;
                // SAFETY: the caller's.
                at += unsafe {
                    match (VECTORS, S::ROWS_ONE, S::ROWS_TWO, rows.len()) {
                        (1, _, _, 1..=4) => self.tile::<S, 4, VECTORS>(simd, rows, seen, count),
                        (1, 8, _, _) | (1, _, _, 5..=8 | 13..=16) => {
                            self.tile::<S, 8, VECTORS>(simd, rows, seen, count)
                        }
                        (1, _, _, _) => self.tile::<S, 12, VECTORS>(simd, rows, seen, count),
                        (_, _, _, 1..=2) => self.tile::<S, 2, VECTORS>(simd, rows, seen, count),
                        (_, _, 4, _) | (_, _, _, 3..=4) => {
                            self.tile::<S, 4, VECTORS>(simd, rows, seen, count)
                        }
                        (_, _, 6, _) => self.tile::<S, 6, VECTORS>(simd, rows, seen, count),
                        (_, _, _, 5..=8 | 13..=16) => {
                            self.tile::<S, 8, VECTORS>(simd, rows, seen, count)
                        }
                        (_, _, _, _) => self.tile::<S, 12, VECTORS>(simd, rows, seen, count),
                    }
                };
            }
            row += segment.len;
        }
    }

    /// What to ask for while a tile is summed, and the step to the next position's: from the following unit the gradients
    /// with the first tile, and with the other ones line by line what its positions see, if that is not copied together.
    #[inline(always)]
    fn ahead<const ROWS: usize, const VECTORS: usize>(&self, row: usize) -> (*const f32, usize) {
        let images = self.unit.images.len();
        if row == 0 {
            let (_, gradient) = self.row(images, 0);
            return (gradient, self.instruction.grad_output.pitch);
        }
        let lines = VECTORS * MAX_LANES;
        let earlier = (row / ROWS - 1) * images * self.slice.plan.target[1] * lines;
        (self.block.start.wrapping_add(images * self.block.image + earlier), lines)
    }

    /// Sums for some rows of the slice's kernel, `[tap, input]`, that lie `seen` behind what a position sees first. Returns the
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
        let (plan, grad_output) = (&self.slice.plan, self.instruction.grad_output);
        let step = plan.source_step[1] * self.block.pixel;
        let mut totals = [[simd.splat(0.0); VECTORS]; ROWS];
        let (mut ahead, ahead_step) = self.ahead::<ROWS, VECTORS>(rows.start);
        for image in 0..self.unit.images.len() {
            for row in 0..self.unit.rows.len() {
                let (from, mut gradient) = self.row(image, row);
                let mut from = from.wrapping_add(seen);
                for _ in 0..plan.target[1] {
                    for j in 0..VECTORS {
                        simd.prefetch(ahead.wrapping_add(j * MAX_LANES));
                    }
                    ahead = ahead.wrapping_add(ahead_step);
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
        let inputs = self.instruction.input.channels / self.instruction.groups;
        let (mut tap, mut input) =
            (rows.start / self.slice.channels, rows.start % self.slice.channels);
        for sums in sums.iter().take(kept) {
            let at = (tap * inputs + self.slice.start + input) * grad_output.channels;
            // SAFETY: the part has all rows of the kernel.
            unsafe { self.add(simd, self.weight.add(at + self.channel), sums, count) };
            input += 1;
            if input == self.slice.channels {
                (tap, input) = (tap + 1, 0);
            }
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

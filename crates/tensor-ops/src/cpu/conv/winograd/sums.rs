//! Sums of products of tiles for all points, and the gradient of the kernel that follows from them.

use std::ops::Range;

use super::choice::Size;
use super::outer::panels;
use super::rows::odd_lines;
use super::transform::{KernelGrad, square};
use crate::Span;
use crate::cpu::context::Context;
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::{Simd, store_up_to};

/// Most inputs or outputs of a block: the sums of 48 x 48 are 324 KiB.
const BLOCK: usize = 48;

/// Units of work there should be.
const UNITS: usize = 16;

/// Fewest tiles of a part of the batch, on average.
const PART: usize = 48;

/// Blocks of inputs and outputs, whose sums are over parts of the batch. Where there is one part, a unit of work transforms its
/// sums back; otherwise all parts go to the shared scratch and are added in order.
pub(super) struct Sums {
    pub(super) points: usize,
    lanes: usize,
    /// Inputs and outputs.
    channels: [usize; 2],
    /// Inputs and outputs of a block, in whole vectors.
    block: [usize; 2],
    parts: usize,
    grad_weight: Span,
}

impl Sums {
    pub(super) fn new(
        level: Level,
        size: Size,
        tiles: usize,
        channels: [usize; 2],
        grad_weight: Span,
    ) -> Self {
        let lanes = level.lanes();
        let block = channels.map(|channels| {
            let vectors = channels.div_ceil(lanes);
            vectors.div_ceil(channels.div_ceil(BLOCK)) * lanes
        });
        let mut sums =
            Self { points: size.points(), lanes, channels, block, parts: 1, grad_weight };
        sums.parts = UNITS.div_ceil(sums.blocks()).min(tiles / PART).max(1);
        sums
    }

    /// Inputs and outputs of a block.
    #[inline(always)]
    pub(super) fn block(&self) -> [usize; 2] {
        self.block
    }

    /// Blocks of inputs and of outputs.
    #[inline(always)]
    fn along(&self) -> [usize; 2] {
        [0, 1].map(
            #[inline(always)]
            |axis| self.channels[axis].div_ceil(self.block[axis]),
        )
    }

    #[inline(always)]
    fn blocks(&self) -> usize {
        self.along()[0] * self.along()[1]
    }

    pub(super) fn units(&self) -> usize {
        self.blocks() * self.parts
    }

    /// Values of the sums of a point of a unit.
    #[inline(always)]
    pub(super) fn point(&self) -> usize {
        odd_lines(self.block[0] * self.block[1])
    }

    /// Values of the sums of a unit.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.points * self.point()
    }

    pub(super) fn shared_len(&self) -> usize {
        if self.parts == 1 { 0 } else { self.units().saturating_mul(self.len()) }
    }

    /// The tiles of a unit, of so many.
    #[inline(always)]
    pub(super) fn tiles_of(&self, unit: usize, tiles: usize) -> Range<usize> {
        let part = unit % self.parts;
        part * tiles / self.parts..(part + 1) * tiles / self.parts
    }

    /// The inputs and outputs of a unit.
    #[inline(always)]
    pub(super) fn channels_of(&self, unit: usize) -> [Range<usize>; 2] {
        let block = unit / self.parts;
        let [_, outputs] = self.along();
        let blocks = [block / outputs, block % outputs];
        [0, 1].map(
            #[inline(always)]
            |axis| {
                let start = blocks[axis] * self.block[axis];
                start..self.channels[axis].min(start + self.block[axis])
            },
        )
    }

    /// Where the sums of a unit go: to its worker's scratch if they are needed no more after it.
    #[inline(always)]
    pub(super) fn place(&self, context: &Context<'_>, unit: usize, worker: *mut f32) -> *mut f32 {
        if self.parts == 1 { worker } else { context.shared.wrapping_add(unit * self.len()) }
    }

    /// Transforms the sums of a unit back if those are all.
    ///
    /// # Safety
    ///
    /// The sums of the unit have been written.
    #[inline(always)]
    pub(super) unsafe fn finish<S: Simd, const N: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        unit: usize,
        from: *const f32,
    ) {
        if self.parts == 1 {
            let [inputs, _] = self.channels_of(unit);
            // SAFETY: the caller's.
            unsafe { self.back::<S, N>(simd, context, unit, 0..inputs.len(), from) };
        }
    }

    /// Adds the sums of all parts, and transforms them back.
    pub(super) fn launch(&self, context: &Context<'_>, level: Level) {
        if self.parts > 1 {
            context.launch_at(level, self.blocks() * self.block[0] / self.lanes, self);
        }
    }

    /// Transforms the sums of some inputs of a block, numbered within it, back.
    ///
    /// # Safety
    ///
    /// The sums from `from` on, where those of the first part are, have been written, and no other thread touches these
    /// gradients.
    #[inline(always)]
    unsafe fn back<S: Simd, const N: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        unit: usize,
        rows: Range<usize>,
        from: *const f32,
    ) {
        let [inputs, outputs] = self.channels_of(unit);
        let padded = inputs.len().next_multiple_of(S::LANES);
        let (point, part) = (self.point(), self.len());
        let [all_inputs, all_outputs] = self.channels;
        for row in rows {
            for panel in panels(outputs.len().div_ceil(S::LANES)) {
                for j in 0..panel.vectors {
                    let at = panel.start * padded + row * panel.vectors + j;
                    let from = from.wrapping_add(at * S::LANES);
                    let output = outputs.start + (panel.start + j) * S::LANES;
                    let at = (inputs.start + row) * all_outputs + output;
                    let to = context.span(self.grad_weight).wrapping_add(at);
                    square::<KernelGrad, S, N, 3>(
                        simd,
                        #[inline(always)]
                        |row, column| {
                            let from = from.wrapping_add((row * N + column) * point);
                            // SAFETY: the caller's.
                            unsafe {
                                let mut sum = simd.load(from);
                                for other in 1..self.parts {
                                    sum = simd.add(sum, simd.load(from.add(other * part)));
                                }
                                sum
                            }
                        },
                        #[inline(always)]
                        |row, values: [S::V; 3]| {
                            for column in 0..3 {
                                let tap = (row * 3 + column) * all_inputs * all_outputs;
                                let count = all_outputs - output;
                                // SAFETY: the span was checked to be `[tap, input, output]`.
                                unsafe { store_up_to(simd, to.add(tap), values[column], count) };
                            }
                        },
                    );
                }
            }
        }
    }
}

impl Task for Sums {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let per_block = self.block[0] / S::LANES;
        let unit = chunk / per_block * self.parts;
        let first = chunk % per_block * S::LANES;
        let [inputs, _] = self.channels_of(unit);
        let rows = first..inputs.len().min(first + S::LANES);
        let from = context.shared.wrapping_add(unit * self.len());
        // SAFETY: all sums have been written, and chunks have different inputs or outputs.
        unsafe {
            if self.points == 16 {
                self.back::<S, 4>(simd, context, unit, rows, from);
            } else {
                self.back::<S, 6>(simd, context, unit, rows, from);
            }
        }
    }
}

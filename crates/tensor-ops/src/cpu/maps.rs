//! Sparse maps of positions, of channels and of values.

use std::sync::Arc;

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target};
use super::simd::{Simd, load_up_to, store_up_to};
use crate::{Tap, Taps, Tensor};

pub(super) struct MapPositions {
    pub(super) taps: Arc<Taps>,
    pub(super) input: Tensor,
    pub(super) target: Target,
}

impl Kernel for MapPositions {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.target.tensor]).chunks(), self);
    }
}

impl Task for MapPositions {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let Target { tensor: target, accumulate } = self.target;
        let (sources, targets) = (self.taps.sources(), self.taps.targets());
        let (start, rows) = RowSplit::of(&[target]).chunk(chunk);
        for row in start..start + rows {
            let taps = self.taps.row(row % targets);
            if taps.is_empty() && accumulate {
                continue;
            }
            let image = row / targets * sources;
            let to = context.row(target, row);
            let mut c = 0;
            while c < target.channels {
                let count = target.channels - c;
                let mut total = simd.splat(0.0);
                // SAFETY: the operands were checked: sources are positions of an image of the input, and
                // `c + min(count, LANES)` values of each row exist. Chunks hold different rows of the target.
                unsafe {
                    for tap in taps {
                        let from = context.row(self.input, image + tap.source).add(c);
                        let weight = simd.splat(tap.weight);
                        total = simd.mul_add(weight, load_up_to(simd, from, count), total);
                    }
                    if accumulate {
                        total = simd.add(load_up_to(simd, to.add(c), count), total);
                    }
                    store_up_to(simd, to.add(c), total, count);
                }
                c += S::LANES;
            }
        }
    }
}

pub(super) struct MapChannels {
    taps: Arc<Taps>,
    /// The source of every target, if all targets are copies.
    copies: Option<Vec<u32>>,
    input: Tensor,
    target: Target,
}

impl MapChannels {
    pub(super) fn new(taps: Arc<Taps>, input: Tensor, target: Target) -> Self {
        let copy = |channel| match taps.row(channel) {
            [tap] if tap.weight == 1.0 => u32::try_from(tap.source).ok(),
            _ => None,
        };
        let copies = (0..taps.targets()).map(copy).collect();
        Self { taps, copies, input, target }
    }

    /// # Safety
    ///
    /// `from` and `to` are a row of the checked input and of the checked target, which nobody else writes.
    #[inline(always)]
    unsafe fn copy(&self, copies: &[u32], from: *const f32, to: *mut f32) {
        for (channel, &source) in copies.iter().enumerate() {
            // SAFETY: sources are channels of the input, and there is a copy for every channel of the target.
            unsafe {
                let value = *from.add(source as usize);
                let to = to.add(channel);
                *to = if self.target.accumulate { *to + value } else { value };
            }
        }
    }

    /// # Safety
    ///
    /// As for `copy`.
    #[inline(always)]
    unsafe fn sum(&self, from: *const f32, to: *mut f32) {
        for channel in 0..self.taps.targets() {
            let mut total = 0.0;
            // SAFETY: sources are channels of the input, and targets those of the target.
            unsafe {
                for tap in self.taps.row(channel) {
                    total += tap.weight * *from.add(tap.source);
                }
                let to = to.add(channel);
                *to = if self.target.accumulate { *to + total } else { total };
            }
        }
    }
}

impl Kernel for MapChannels {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.target.tensor]).chunks(), self);
    }
}

impl Task for MapChannels {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let target = self.target.tensor;
        let (start, rows) = RowSplit::of(&[target]).chunk(chunk);
        for row in start..start + rows {
            let (from, to) = (context.row(self.input, row), context.row(target, row));
            // SAFETY: the operands were checked, and chunks hold different rows of the target.
            unsafe {
                match &self.copies {
                    Some(copies) => self.copy(copies, from, to),
                    None => self.sum(from, to),
                }
            }
        }
    }
}

pub(super) struct MapValues {
    /// Sources are distances in memory from the first value of an image.
    taps: Taps,
    /// Positions of an image of the input and of the target.
    positions: [usize; 2],
    input: Tensor,
    target: Target,
}

impl MapValues {
    pub(super) fn new(taps: &Taps, input: Tensor, target: Target) -> Self {
        let Tensor { channels, pitch, .. } = input;
        let positions = [taps.sources() / channels, taps.targets() / target.tensor.channels];
        let place = |tap: &Tap| {
            let source = tap.source / channels * pitch + tap.source % channels;
            Tap { source, weight: tap.weight }
        };
        let rows = (0..taps.targets()).map(|target| taps.row(target).iter().map(place));
        Self { taps: Taps::new(0, rows), positions, input, target }
    }
}

impl Kernel for MapValues {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.target.tensor]).chunks(), self);
    }
}

impl Task for MapValues {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let Target { tensor: target, accumulate } = self.target;
        let [sources, targets] = self.positions;
        let (start, rows) = RowSplit::of(&[target]).chunk(chunk);
        for row in start..start + rows {
            let from = context.row(self.input, row / targets * sources);
            let to = context.row(target, row);
            let first = row % targets * target.channels;
            for channel in 0..target.channels {
                let mut total = 0.0;
                // SAFETY: the operands were checked: sources are values of an image of the input. Chunks hold different
                // rows of the target.
                unsafe {
                    for tap in self.taps.row(first + channel) {
                        total += tap.weight * *from.add(tap.source);
                    }
                    let to = to.add(channel);
                    *to = if accumulate { *to + total } else { total };
                }
            }
        }
    }
}

//! Windows that work on each channel alone: depthwise convolutions, pools and their gradients.

use super::block::{Block, Source};
use super::cursor::Cursor;
use super::plan::{Pass, Plan, Unit};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Scratch};
use crate::cpu::level::Task;
use crate::cpu::rows::Target;
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};

/// Which vector of channels an operation works on.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Channels {
    pub(in crate::cpu) start: usize,
    /// Channels that exist from there on; may be more than a vector has.
    pub(in crate::cpu) count: usize,
}

/// What a window computes from the values it sees.
pub(in crate::cpu) trait Operation: Sync {
    /// The state before the first tap.
    fn start<S: Simd>(&self, simd: S, context: &Context<'_>, channels: Channels) -> S::V;

    /// What a tap of the kernel needs to know for all positions.
    fn tap<S: Simd>(&self, simd: S, context: &Context<'_>, tap: usize, channels: Channels) -> S::V;

    /// The state after a tap.
    ///
    /// # Safety
    ///
    /// The tap sees the block's values from `seen` on; a vector more than there are can be read.
    unsafe fn step<S: Simd>(&self, simd: S, state: S::V, seen: *const f32, tap: S::V) -> S::V;

    /// The result at a position, counted within its image.
    fn finish<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        state: S::V,
        position: usize,
        channels: Channels,
    ) -> S::V;
}

/// The plan of windows. It never takes the source for the block, so vectors may reach beyond a position's last channel.
pub(in crate::cpu) struct Windows {
    pub(in crate::cpu) plan: Plan,
    /// Channels that are worked on; the block may have more.
    pub(in crate::cpu) channels: usize,
    /// Neighbouring channels whose results are added into one channel of the target.
    pub(in crate::cpu) fold: usize,
}

impl Windows {
    pub(in crate::cpu) fn scratch(&self) -> Scratch {
        Scratch { shared: 0, worker: self.plan.block_len().saturating_add(SLACK) }
    }

    /// Runs an operation on all positions.
    pub(in crate::cpu) fn launch<O: Operation>(
        &self,
        context: &Context<'_>,
        operation: &O,
        source: Source,
        (memory, target): (*mut f32, Target),
    ) {
        let run = Run { windows: self, operation, source, memory, target };
        context.launch(self.plan.units(), &run);
    }
}

/// An operation on all positions of all channels.
struct Run<'a, O> {
    windows: &'a Windows,
    operation: &'a O,
    source: Source,
    /// What the target's offset counts from.
    memory: *mut f32,
    target: Target,
}

// SAFETY: chunks write different rows of the target, and nothing writes the source meanwhile.
unsafe impl<O: Operation> Sync for Run<'_, O> {}

impl<O: Operation> Task for Run<'_, O> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let Windows { plan, channels, .. } = self.windows;
        let unit = plan.unit(chunk);
        // SAFETY: the plan was made for this source, and each worker has its own scratch.
        let block = unsafe { Block::of(simd, plan, self.source, &unit, context.worker(worker)) };
        for pass in &plan.passes {
            let sweep = Sweep { run: self, context, pass, unit: unit.of(pass), block };
            let mut start = 0;
            while start < *channels {
                let channels = Channels { start, count: (channels - start).min(2 * S::LANES) };
                // SAFETY: the channels exist, and this chunk alone writes the unit's rows of the target.
                unsafe {
                    if channels.count > S::LANES {
                        sweep.run::<S, 4, 2>(simd, channels);
                    } else {
                        sweep.run::<S, 8, 1>(simd, channels);
                    }
                }
                start += 2 * S::LANES;
            }
        }
    }
}

/// All positions of a unit for one pass.
struct Sweep<'a, O> {
    run: &'a Run<'a, O>,
    context: &'a Context<'a>,
    pass: &'a Pass,
    unit: Unit,
    block: Block,
}

impl<O: Operation> Sweep<'_, O> {
    /// # Safety
    ///
    /// The channels exist, and no other thread touches the unit's target rows.
    #[inline(always)]
    unsafe fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        channels: Channels,
    ) {
        let Run { windows, operation, memory, target, .. } = *self.run;
        let Windows { ref plan, fold, .. } = *windows;
        let Channels { start, count } = channels;
        let vector =
            |j: usize| Channels { start: start + j * S::LANES, count: count - j * S::LANES };
        let to = memory.wrapping_add(target.tensor.offset + start / fold);
        let mut cursor =
            Cursor::new(plan, self.pass, &self.unit, self.block, to, target.tensor.pitch);
        let mut init = [operation.start(simd, self.context, channels); VECTORS];
        for j in 1..VECTORS {
            init[j] = operation.start(simd, self.context, vector(j));
        }
        let area = self.pass.count[0] * self.pass.count[1];
        let mut position = self.unit.rows.start * self.pass.count[1];
        let mut left = cursor.positions();
        while left > 0 {
            let rows = left.min(ROWS);
            let positions = cursor.tile::<ROWS>(rows);
            let mut states = [init; ROWS];
            for (&tap, &offset) in self.pass.taps.iter().zip(&self.pass.offsets) {
                let mut of_tap = [operation.tap(simd, self.context, tap, channels); VECTORS];
                for j in 1..VECTORS {
                    of_tap[j] = operation.tap(simd, self.context, tap, vector(j));
                }
                for r in 0..ROWS {
                    for j in 0..VECTORS {
                        let seen = positions[r].from.wrapping_add(offset + start + j * S::LANES);
                        // SAFETY: the tap's values are in the block, which has slack behind its last.
                        states[r][j] =
                            unsafe { operation.step(simd, states[r][j], seen, of_tap[j]) };
                    }
                }
            }
            let mut results = [[0.0; 2 * MAX_LANES]; ROWS];
            for r in 0..ROWS {
                for j in 0..VECTORS {
                    let result =
                        operation.finish(simd, self.context, states[r][j], position, vector(j));
                    // SAFETY: a row of results has room for two vectors.
                    unsafe { simd.store(results[r].as_mut_ptr().add(j * S::LANES), result) };
                }
                if r + 1 < rows {
                    position = if position + 1 == area { 0 } else { position + 1 };
                }
            }
            position = if position + 1 == area { 0 } else { position + 1 };
            for (results, at) in results.iter().zip(&positions).take(rows) {
                // SAFETY: the caller's.
                unsafe {
                    if fold == 1 {
                        self.store(simd, results, at.to, count);
                    } else {
                        self.fold(results, at.to, channels);
                    }
                }
            }
            left -= rows;
        }
    }

    /// # Safety
    ///
    /// The target has `count` values at `to`.
    #[inline(always)]
    unsafe fn store<S: Simd>(
        &self,
        simd: S,
        results: &[f32; 2 * MAX_LANES],
        to: *mut f32,
        count: usize,
    ) {
        let mut at = 0;
        while at < count {
            // SAFETY: the caller's; there are at most two vectors.
            unsafe {
                let mut value = simd.load(results.as_ptr().add(at));
                if self.run.target.accumulate {
                    value = simd.add(load_up_to(simd, to.add(at), count - at), value);
                }
                store_up_to(simd, to.add(at), value, count - at);
            }
            at += S::LANES;
        }
    }

    /// Adds neighbours, from a channel's first on.
    ///
    /// # Safety
    ///
    /// The target has the channels that these are folded into from `to` on.
    #[inline(always)]
    unsafe fn fold(&self, results: &[f32; 2 * MAX_LANES], to: *mut f32, channels: Channels) {
        let fold = self.run.windows.fold;
        for (i, result) in results.iter().enumerate().take(channels.count) {
            let channel = channels.start + i;
            let first = channel.is_multiple_of(fold) && !self.run.target.accumulate;
            // SAFETY: the caller's.
            unsafe {
                let to = to.add(channel / fold - channels.start / fold);
                *to = if first { *result } else { *to + *result };
            }
        }
    }
}

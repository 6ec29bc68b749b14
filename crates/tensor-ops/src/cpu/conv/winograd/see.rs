//! Transforms of what tiles see, by all threads.

use super::grid::Grid;
use super::rows::Rows;
use super::transform::Seen;
use crate::Tensor;
use crate::cpu::context::Context;
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::Simd;

/// Tiles that are transformed by one chunk.
pub(super) const TILES: usize = 12;

/// Values of all points that are in the scratch at the same time, about: 8 MiB.
const VALUES: usize = 2 << 20;

/// Tiles to transform at a time that have so many channels.
pub(super) fn tiles_at_a_time(grid: &Grid, points: usize, channels: usize) -> usize {
    (VALUES / points / channels).max(4 * TILES).min(grid.tiles())
}

/// Transforms some tiles to the shared scratch. Each worker has scratch for as many zeros as the tensor has channels, in whole vectors.
pub(super) struct See<'a> {
    pub(super) grid: &'a Grid,
    pub(super) points: usize,
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) source: Tensor,
    pub(super) rows: Rows,
}

impl See<'_> {
    pub(super) fn launch(&self, context: &Context<'_>, level: Level) {
        context.launch_at(level, self.count.div_ceil(TILES), self);
    }

    #[inline(always)]
    fn tiles<S: Simd, const N: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        zeros: *const f32,
    ) {
        let Self { grid, source, rows, .. } = *self;
        for tile in chunk * TILES..self.count.min((chunk + 1) * TILES) {
            let place = grid.place(self.start + tile);
            let patch = grid.seen::<N>(place, context.row(source, 0), source);
            // SAFETY: the patch is of a checked tensor; vectors may reach beyond a row's end, but not beyond the arena's
            // slack; this chunk alone writes its tiles.
            unsafe { rows.put::<Seen, S, N, N>(simd, patch, zeros, tile, context.shared) };
        }
    }
}

impl Task for See<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let zeros = context.worker(worker);
        // SAFETY: each worker has scratch for as many zeros.
        unsafe { put_zeros(simd, zeros, self.rows.channels) };
        if self.points == 16 {
            self.tiles::<S, 4>(simd, context, chunk, zeros);
        } else {
            self.tiles::<S, 6>(simd, context, chunk, zeros);
        }
    }
}

/// Writes zeros in whole vectors.
///
/// # Safety
///
/// There is room for `count` values in whole vectors.
#[inline(always)]
pub(super) unsafe fn put_zeros<S: Simd>(simd: S, to: *mut f32, count: usize) {
    for at in (0..count).step_by(S::LANES) {
        // SAFETY: the caller's.
        unsafe { simd.store(to.add(at), simd.splat(0.0)) };
    }
}

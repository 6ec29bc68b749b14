//! Convolution tiles by tiles: all weights are transformed once.

use super::conv::Layer;
use super::multiply::multiply;
use super::rows::{Rows, odd_lines};
use super::see::{TILES, put_zeros};
use super::transform::Seen;
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Scratch};
use crate::cpu::level::Task;
use crate::cpu::simd::Simd;

/// Values that a unit of work has at all points, about: 640 KiB.
const VALUES: usize = 160 << 10;

/// Units of work there should be.
const UNITS: usize = 16;

/// Each unit of work transforms what some tiles see, multiplies it with the weights panel by panel, and transforms the
/// products back.
pub(super) struct ByTiles {
    /// What tiles of a unit see.
    rows: Rows,
}

impl ByTiles {
    pub(super) fn new(layer: &Layer) -> Self {
        let (points, channels) = (layer.weights.points, layer.source.channels);
        let most = VALUES / points / (channels + 2 * layer.weights.level.lanes());
        let tiles = most.min(layer.grid.tiles().div_ceil(UNITS)).max(1).next_multiple_of(TILES);
        Self { rows: Rows { channels, tiles } }
    }

    fn units(&self, layer: &Layer) -> usize {
        layer.grid.tiles().div_ceil(self.rows.tiles)
    }

    /// Values that move between the farther caches.
    pub(super) fn moved(&self, layer: &Layer) -> usize {
        layer.weights.len().saturating_mul(self.units(layer) + 2)
    }

    /// Values of zeros, of what the tiles of a unit see and of their products with a panel.
    #[inline(always)]
    fn parts(&self, layer: &Layer) -> [usize; 3] {
        let (lanes, points) = (layer.weights.level.lanes(), layer.weights.points);
        [
            self.rows.channels.next_multiple_of(lanes),
            self.rows.point(lanes).saturating_mul(points),
            odd_lines(self.rows.tiles * 2 * lanes) * points,
        ]
    }

    pub(super) fn scratch(&self, layer: &Layer) -> Scratch {
        let worker = self.parts(layer).into_iter().fold(SLACK, usize::saturating_add);
        Scratch { shared: 0, worker }
    }

    pub(super) fn run(&self, layer: &Layer, context: &Context<'_>) {
        if context.stale {
            layer.weights.launch(context);
        }
        context.launch_at(layer.weights.level, self.units(layer), &Units { order: self, layer });
    }
}

struct Units<'a> {
    order: &'a ByTiles,
    layer: &'a Layer,
}

impl Task for Units<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let scratch = context.worker(worker);
        // SAFETY: each worker has its own scratch, which has room for all parts, and chunks have different tiles.
        unsafe {
            if self.layer.weights.points == 16 {
                self.unit::<S, 4, 2>(simd, context, chunk, scratch);
            } else {
                self.unit::<S, 6, 4>(simd, context, chunk, scratch);
            }
        }
    }
}

impl Units<'_> {
    /// # Safety
    ///
    /// The scratch has room for all parts, and no other thread touches it, nor the tiles of the target.
    #[inline(always)]
    unsafe fn unit<S: Simd, const N: usize, const M: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        zeros: *mut f32,
    ) {
        let Layer { ref grid, ref weights, source, .. } = *self.layer;
        let rows = self.order.rows;
        let start = chunk * rows.tiles;
        let count = rows.tiles.min(grid.tiles() - start);
        let [zeros_len, seen_len, _] = self.order.parts(self.layer);
        let seen = zeros.wrapping_add(zeros_len);
        let products = seen.wrapping_add(seen_len);
        // SAFETY: the caller's.
        unsafe { put_zeros(simd, zeros, zeros_len) };
        for tile in 0..count {
            let patch = grid.seen::<N>(grid.place(start + tile), context.row(source, 0), source);
            // SAFETY: the patch is of the checked source; vectors may reach beyond a row's end, but not beyond the arena's
            // slack.
            unsafe { rows.put::<Seen, S, N, N>(simd, patch, zeros, tile, seen) };
        }
        let kept = weights.len();
        for panel in 0..weights.panels() {
            let panel = weights.panel(panel);
            let point = odd_lines(rows.tiles * panel.vectors * S::LANES);
            for i in 0..N * N {
                let seen = seen.wrapping_add(i * rows.point(S::LANES));
                let packed = context.derived.wrapping_add(panel.offset + i * panel.point);
                let products = products.wrapping_add(i * point);
                // SAFETY: the caller's; the weights were packed for this panel.
                unsafe {
                    if panel.vectors == 1 {
                        multiply::<S, 1>(simd, rows, count, seen, packed, products, true);
                    } else {
                        multiply::<S, 2>(simd, rows, count, seen, packed, products, true);
                    }
                }
            }
            for j in 0..panel.vectors {
                let channel = panel.start + j * S::LANES;
                for tile in 0..count {
                    let from = products.wrapping_add((tile * panel.vectors + j) * S::LANES);
                    let place = grid.place(start + tile);
                    // SAFETY: the caller's.
                    unsafe {
                        self.layer.back::<S, N, M>(
                            simd,
                            context,
                            place,
                            channel,
                            (from, point),
                            kept,
                        );
                    };
                }
            }
        }
    }
}

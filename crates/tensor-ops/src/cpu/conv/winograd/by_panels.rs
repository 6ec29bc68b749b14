//! Convolution panel by panel of the weights, which are transformed where they are used and never leave the nearer caches.

use super::conv::Layer;
use super::multiply::multiply;
use super::rows::{Rows, odd_lines};
use super::see::{See, TILES, tiles_at_a_time};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Scratch};
use crate::cpu::level::Task;
use crate::cpu::simd::Simd;

/// Most tiles of a unit of work.
const UNIT: usize = 6 * TILES;

/// Values of the weights that are transformed at a time, about: 256 KiB.
const WEIGHTS: usize = 1 << 16;

/// All threads transform what some tiles see. Then each unit of work multiplies a part of them with a panel of the weights.
pub(super) struct ByPanels {
    /// What tiles see that are transformed at a time.
    rows: Rows,
    /// Room for the tiles of a unit of work.
    unit: usize,
    /// Source channels whose weights are transformed at a time.
    channels: usize,
}

impl ByPanels {
    pub(super) fn new(layer: &Layer) -> Self {
        let (points, channels) = (layer.weights.points, layer.source.channels);
        let lanes = layer.weights.level.lanes();
        let tiles = tiles_at_a_time(&layer.grid, points, channels);
        Self {
            rows: Rows { channels, tiles },
            unit: tiles.div_ceil(tiles.div_ceil(UNIT)).next_multiple_of(TILES),
            channels: (WEIGHTS / points / (2 * lanes)).next_multiple_of(lanes),
        }
    }

    /// Values that move between the farther caches: the weights as they are, and what the tiles see once for each panel.
    pub(super) fn moved(&self, layer: &Layer) -> usize {
        let weights = layer.weights.weight.len;
        let tiles = layer.grid.tiles();
        let seen = tiles.saturating_mul(layer.weights.points).saturating_mul(self.rows.channels);
        seen.saturating_mul(layer.weights.panels() + 2)
            .saturating_add(weights.saturating_mul(tiles.div_ceil(self.unit)))
    }

    /// Values of the weights of a panel that are transformed at a time, and of the products of a unit.
    #[inline(always)]
    fn parts(&self, layer: &Layer) -> [usize; 2] {
        [self.channels, self.unit].map(
            #[inline(always)]
            |rows| odd_lines(rows * 2 * layer.weights.level.lanes()) * layer.weights.points,
        )
    }

    pub(super) fn scratch(&self, layer: &Layer) -> Scratch {
        let [weights, products] = self.parts(layer);
        Scratch {
            // Blocks of rows of the last tiles end at a multiple of 12.
            shared: self
                .rows
                .point(layer.weights.level.lanes())
                .saturating_add(TILES * layer.weights.level.lanes())
                .saturating_mul(layer.weights.points),
            worker: (weights + products).max(self.rows.channels).saturating_add(SLACK),
        }
    }

    pub(super) fn run(&self, layer: &Layer, context: &Context<'_>) {
        let (tiles, level) = (layer.grid.tiles(), layer.weights.level);
        for start in (0..tiles).step_by(self.rows.tiles) {
            let count = self.rows.tiles.min(tiles - start);
            let points = layer.weights.points;
            See { grid: &layer.grid, points, start, count, source: layer.source, rows: self.rows }
                .launch(context, level);
            let units = Units { order: self, layer, start, count };
            context.launch_at(level, layer.weights.panels() * units.per_panel(), &units);
        }
    }
}

/// The units of work of the tiles that have been transformed.
struct Units<'a> {
    order: &'a ByPanels,
    layer: &'a Layer,
    start: usize,
    count: usize,
}

impl Units<'_> {
    #[inline(always)]
    fn per_panel(&self) -> usize {
        self.count.div_ceil(self.order.unit)
    }

    /// # Safety
    ///
    /// The scratch has room for all parts, and no other thread touches it, nor the tiles of the target.
    #[inline(always)]
    unsafe fn unit<S: Simd, const N: usize, const M: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        packed: *mut f32,
    ) {
        let Layer { ref grid, ref weights, source, .. } = *self.layer;
        let ByPanels { rows, unit, channels } = *self.order;
        let mut panel = weights.panel(chunk / self.per_panel());
        panel.point = odd_lines(channels * panel.vectors * S::LANES);
        let first = chunk % self.per_panel() * unit;
        let count = unit.min(self.count - first);
        let [packed_len, _] = self.order.parts(self.layer);
        let products = packed.wrapping_add(packed_len);
        let point = odd_lines(unit * panel.vectors * S::LANES);
        for channel in (0..source.channels).step_by(channels) {
            let end = source.channels.min(channel + channels);
            // SAFETY: the caller's.
            unsafe { weights.transform::<S, N>(simd, context, panel, channel..end, packed) };
            let shape = Rows { channels: end - channel, ..rows };
            let at = channel * rows.tiles + first * S::LANES;
            for i in 0..N * N {
                let seen = context.shared.wrapping_add(i * rows.point(S::LANES) + at);
                let packed = packed.wrapping_add(i * panel.point);
                let products = products.wrapping_add(i * point);
                let begin = channel == 0;
                // SAFETY: the caller's; all tiles have been transformed.
                unsafe {
                    if panel.vectors == 1 {
                        multiply::<S, 1>(simd, shape, count, seen, packed, products, begin);
                    } else {
                        multiply::<S, 2>(simd, shape, count, seen, packed, products, begin);
                    }
                }
            }
        }
        for j in 0..panel.vectors {
            let channel = panel.start + j * S::LANES;
            for tile in 0..count {
                let from = products.wrapping_add((tile * panel.vectors + j) * S::LANES);
                let place = grid.place(self.start + first + tile);
                // SAFETY: the caller's.
                unsafe {
                    self.layer.back::<S, N, M>(simd, context, place, channel, (from, point), 0);
                };
            }
        }
    }
}

impl Task for Units<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let scratch = context.worker(worker);
        // SAFETY: each worker has its own scratch, which has room for all parts, and chunks have different tiles or panels.
        unsafe {
            if self.layer.weights.points == 16 {
                self.unit::<S, 4, 2>(simd, context, chunk, scratch);
            } else {
                self.unit::<S, 6, 4>(simd, context, chunk, scratch);
            }
        }
    }
}

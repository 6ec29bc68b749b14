//! Convolution and the gradient of its input.

use super::choice::Size;
use super::grid::{Grid, Place};
use super::multiply::multiply;
use super::rows::{Rows, odd_lines};
use super::transform::{Output, Seen, square};
use super::weights::{Panel, Weights};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Derived, Kernel, Scratch};
use crate::cpu::conv::finish::Finish;
use crate::cpu::conv::pack::Direction;
use crate::cpu::level::{Level, Task};
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

/// Tiles per unit of work are a multiple of this.
const TILES: usize = 12;

/// Values that a unit of work has at all points, about: 640 KiB.
const VALUES: usize = 160 << 10;

/// Units of work there should be.
const UNITS: usize = 16;

/// Each unit of work transforms what some tiles see, multiplies it with the weights panel by panel, and transforms the
/// products back.
pub(in crate::cpu) struct WinogradConv {
    grid: Grid,
    weights: Weights,
    source: Tensor,
    finish: Finish,
    target: Target,
    /// What tiles of a unit see.
    rows: Rows,
}

impl WinogradConv {
    pub(in crate::cpu) fn forward(
        level: Level,
        size: Size,
        geometry: Geometry,
        source: Tensor,
        weight: Span,
        finish: Finish,
        target: Target,
    ) -> Self {
        let weights = Weights {
            direction: Direction::Forward,
            level: level.for_channels(target.tensor.channels),
            source: source.channels,
            target: target.tensor.channels,
            points: size.points(),
            weight,
        };
        Self::new(size.forward(&geometry), weights, source, finish, target)
    }

    pub(in crate::cpu) fn grad_input(
        level: Level,
        size: Size,
        geometry: Geometry,
        source: Tensor,
        weight: Span,
        target: Target,
    ) -> Self {
        let weights = Weights {
            direction: Direction::Gradient,
            level: level.for_channels(target.tensor.channels),
            source: source.channels,
            target: target.tensor.channels,
            points: size.points(),
            weight,
        };
        let finish = Finish::nothing(target.tensor.channels);
        Self::new(size.gradient(&geometry), weights, source, finish, target)
    }

    fn new(grid: Grid, weights: Weights, source: Tensor, finish: Finish, target: Target) -> Self {
        let channels = source.channels;
        let most = VALUES / weights.points / (channels + 2 * weights.level.lanes());
        let tiles = most.min(grid.tiles().div_ceil(UNITS)).max(1).next_multiple_of(TILES);
        Self { grid, weights, source, finish, target, rows: Rows { channels, tiles } }
    }

    /// Values of zeros, of what the tiles of a unit see and of their products with a panel.
    fn parts(&self) -> [usize; 3] {
        let Weights { level, points, .. } = self.weights;
        [
            self.rows.channels.next_multiple_of(level.lanes()),
            self.rows.point(level.lanes()).saturating_mul(points),
            odd_lines(self.rows.tiles * 2 * level.lanes()) * points,
        ]
    }
}

impl Kernel for WinogradConv {
    fn scratch(&self) -> Scratch {
        let worker = self.parts().into_iter().fold(SLACK, usize::saturating_add);
        Scratch { shared: 0, worker }
    }

    fn derived(&self) -> Derived {
        let mut sources = self.finish.sources();
        sources.push(self.weights.weight);
        Derived { len: self.weights.len().saturating_add(self.finish.len()), sources }
    }

    fn run(&self, context: &Context<'_>) {
        if context.stale {
            self.weights.launch(context);
            self.finish.derive(context, self.weights.len());
        }
        let chunks = self.grid.tiles().div_ceil(self.rows.tiles);
        context.launch_at(self.weights.level, chunks, self);
    }
}

impl Task for WinogradConv {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let start = chunk * self.rows.tiles;
        let count = self.rows.tiles.min(self.grid.tiles() - start);
        let [zeros, seen, _] = self.parts();
        let zeros_at = context.worker(worker);
        let unit = Unit {
            conv: self,
            context,
            start,
            count,
            zeros: zeros_at,
            seen: zeros_at.wrapping_add(zeros),
            products: zeros_at.wrapping_add(zeros + seen),
        };
        // SAFETY: each worker has its own scratch, which has room for all parts, and chunks have different tiles.
        unsafe {
            for at in (0..zeros).step_by(S::LANES) {
                simd.store(zeros_at.add(at), simd.splat(0.0));
            }
            if self.weights.points == 16 {
                unit.run::<S, 4, 2>(simd);
            } else {
                unit.run::<S, 6, 4>(simd);
            }
        }
    }
}

/// Some tiles.
struct Unit<'a> {
    conv: &'a WinogradConv,
    context: &'a Context<'a>,
    start: usize,
    count: usize,
    zeros: *const f32,
    seen: *mut f32,
    products: *mut f32,
}

impl Unit<'_> {
    /// # Safety
    ///
    /// The unit points to scratch with room for its parts, which no other thread touches, nor the tiles of the target.
    #[inline(always)]
    unsafe fn run<S: Simd, const N: usize, const M: usize>(&self, simd: S) {
        let WinogradConv { ref grid, ref weights, rows, .. } = *self.conv;
        for tile in 0..self.count {
            let source = self.context.row(self.conv.source, 0);
            let patch = grid.seen::<N>(grid.place(self.start + tile), source, self.conv.source);
            // SAFETY: the patch is of the checked source, and the caller's.
            unsafe { rows.put::<Seen, S, N, N>(simd, patch, self.zeros, tile, self.seen) };
        }
        for panel in 0..weights.panels() {
            let panel = weights.panel(panel);
            let point = odd_lines(rows.tiles * panel.vectors * S::LANES);
            for i in 0..N * N {
                let seen = self.seen.wrapping_add(i * rows.point(S::LANES));
                let packed = self.context.derived.wrapping_add(panel.offset + i * panel.point);
                let products = self.products.wrapping_add(i * point);
                // SAFETY: the caller's; the weights were packed for this panel.
                unsafe {
                    if panel.vectors == 1 {
                        multiply::<S, 1>(simd, rows, self.count, seen, packed, products);
                    } else {
                        multiply::<S, 2>(simd, rows, self.count, seen, packed, products);
                    }
                }
            }
            for j in 0..panel.vectors {
                for tile in 0..self.count {
                    let from = self.products.wrapping_add((tile * panel.vectors + j) * S::LANES);
                    let place = grid.place(self.start + tile);
                    // SAFETY: the caller's.
                    unsafe { self.back::<S, N, M>(simd, panel, j, place, from, point) };
                }
            }
        }
    }

    /// Transforms the products of a vector of a panel at a tile, and puts them into the target.
    ///
    /// # Safety
    ///
    /// As for `run`; `from` has the products, `point` apart.
    #[inline(always)]
    unsafe fn back<S: Simd, const N: usize, const M: usize>(
        &self,
        simd: S,
        panel: Panel,
        vector: usize,
        place: Place,
        from: *const f32,
        point: usize,
    ) {
        let WinogradConv { ref grid, ref weights, finish, .. } = *self.conv;
        let Target { tensor, accumulate } = self.conv.target;
        let channel = panel.start + vector * S::LANES;
        let count = tensor.channels - channel;
        let [height, width] = grid.extent(place);
        let to = self.context.row(tensor, grid.target_row(place)).wrapping_add(channel);
        // SAFETY: the span was checked to have one value per channel.
        let bias = finish.bias(self.context, channel).map_or(
            simd.splat(0.0),
            #[inline(always)]
            |bias| unsafe { load_up_to(simd, bias, count) },
        );
        let finishing = finish.from(self.context, weights.len(), channel);
        square::<Output, S, N, M>(
            simd,
            // SAFETY: the caller's.
            #[inline(always)]
            |row, column| unsafe { simd.load(from.add((row * N + column) * point)) },
            #[inline(always)]
            |row, values: [S::V; M]| {
                if row < height {
                    let to = to.wrapping_add(row * grid.target[1] * tensor.pitch);
                    for column in 0..M {
                        if column < width {
                            // SAFETY: the tile has this row and column.
                            unsafe {
                                let to = to.add(column * tensor.pitch);
                                let mut value = simd.add(values[column], bias);
                                if let Some(finishing) = finishing {
                                    value = finishing.apply(simd, value, 0, count);
                                }
                                if accumulate {
                                    value = simd.add(load_up_to(simd, to, count), value);
                                }
                                store_up_to(simd, to, value, count);
                            }
                        }
                    }
                }
            },
        );
    }
}

//! Convolution and the gradient of its input.

use super::by_panels::ByPanels;
use super::by_tiles::ByTiles;
use super::choice::Size;
use super::grid::{Grid, Place};
use super::transform::{Output, square};
use super::weights::Weights;
use crate::cpu::context::{Context, Derived, Kernel, Scratch};
use crate::cpu::conv::finish::Finish;
use crate::cpu::conv::pack::Direction;
use crate::cpu::level::Level;
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

/// Transforms what tiles see, multiplies it with the weights, and transforms the products back.
pub(in crate::cpu) struct WinogradConv {
    layer: Layer,
    order: Order,
}

/// What goes on in the nearer caches.
enum Order {
    /// Some tiles, for which all weights are read.
    Tiles(ByTiles),
    /// Some weights, for which all tiles are read.
    Panels(ByPanels),
}

impl Order {
    /// Number of transformed weights among the derived values; what the epilogue needs follows them.
    fn kept(&self, layer: &Layer) -> usize {
        match self {
            Self::Tiles(_) => layer.weights.len(),
            Self::Panels(_) => 0,
        }
    }
}

/// A convolution from a source to a target.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) grid: Grid,
    pub(super) weights: Weights,
    pub(super) source: Tensor,
    pub(super) finish: Finish,
    pub(super) target: Target,
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
        Self::new(Layer { grid: size.forward(&geometry), weights, source, finish, target })
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
        Self::new(Layer { grid: size.gradient(&geometry), weights, source, finish, target })
    }

    fn new(layer: Layer) -> Self {
        let (tiles, panels) = (ByTiles::new(&layer), ByPanels::new(&layer));
        let order = if panels.moved(&layer) < tiles.moved(&layer) {
            Order::Panels(panels)
        } else {
            Order::Tiles(tiles)
        };
        Self { layer, order }
    }

    /// The same with both orders.
    #[cfg(test)]
    pub(super) fn orders(self) -> [Self; 2] {
        let order = Order::Tiles(ByTiles::new(&self.layer));
        let panels = Order::Panels(ByPanels::new(&self.layer));
        [Self { layer: self.layer.clone(), order }, Self { layer: self.layer, order: panels }]
    }
}

impl Kernel for WinogradConv {
    fn scratch(&self) -> Scratch {
        match &self.order {
            Order::Tiles(order) => order.scratch(&self.layer),
            Order::Panels(order) => order.scratch(&self.layer),
        }
    }

    fn derived(&self) -> Derived {
        let mut sources = self.layer.finish.sources();
        let weights = self.order.kept(&self.layer);
        if weights > 0 {
            sources.push(self.layer.weights.weight);
        }
        Derived { len: weights.saturating_add(self.layer.finish.len()), sources }
    }

    fn run(&self, context: &Context<'_>) {
        if context.stale {
            self.layer.finish.derive(context, self.order.kept(&self.layer));
        }
        match &self.order {
            Order::Tiles(order) => order.run(&self.layer, context),
            Order::Panels(order) => order.run(&self.layer, context),
        }
    }
}

impl Layer {
    /// Transforms the products of a tile for a vector of channels, and puts them into the target. What the epilogue needs is
    /// `derived` behind the first derived value.
    ///
    /// # Safety
    ///
    /// `from` has the products, `point` apart, the channel exists, and no other thread touches it at the tile.
    #[inline(always)]
    pub(super) unsafe fn back<S: Simd, const N: usize, const M: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        place: Place,
        channel: usize,
        (from, point): (*const f32, usize),
        derived: usize,
    ) {
        let Self { ref grid, finish, target: Target { tensor, accumulate }, .. } = *self;
        let count = tensor.channels - channel;
        let [height, width] = grid.extent(place);
        let to = context.row(tensor, grid.target_row(place)).wrapping_add(channel);
        let bias = match finish.bias(context, channel) {
            // SAFETY: the span was checked to have one value per channel.
            Some(bias) => unsafe { load_up_to(simd, bias, count) },
            None => simd.splat(0.0),
        };
        let finishing = finish.from(context, derived, channel);
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

//! Whether transforming pays.

use std::ops::RangeInclusive;

use super::grid::Grid;
use crate::Geometry;
use crate::cpu::level::Level;

/// Outputs along an axis of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cpu::conv) enum Size {
    Two,
    Four,
}

/// Products below which there is nothing to be gained: about 0.05 ms.
const PRODUCTS: usize = 1 << 23;

/// Fewest and most channels on either side: few would be filled up with zeros, and the scratch grows with many.
const CHANNELS: RangeInclusive<usize> = 8..=8192;

impl Size {
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Number of points.
    pub(super) fn points(self) -> usize {
        (self.outputs() + 2).pow(2)
    }

    /// Cycles that take a vector of channels of a tile to the points, and back.
    fn transforms(self) -> [usize; 2] {
        match self {
            Self::Two => [70, 70],
            Self::Four => [180, 200],
        }
    }

    /// The size with which a convolution from `source` to `target` channels takes the least time, if that is clearly
    /// less than without tiles.
    pub(in crate::cpu::conv) fn of(
        level: Level,
        geometry: &Geometry,
        groups: usize,
        source: usize,
        target: usize,
    ) -> Option<Self> {
        let Geometry { batch, input, output, kernel, stride, dilation, padding: _ } = *geometry;
        let rows = geometry.input_rows().max(geometry.output_rows());
        let products = rows.saturating_mul(9).saturating_mul(source).saturating_mul(target);
        if [kernel, stride, dilation] != [[3, 3], [1, 1], [1, 1]]
            || groups != 1
            || products < PRODUCTS
            || ![source, target].iter().all(|channels| CHANNELS.contains(channels))
        {
            return None;
        }
        let level = level.for_channels(target);
        let vectors = target.div_ceil(level.lanes());
        let direct = rows.saturating_mul(9).saturating_mul(source).saturating_mul(vectors);
        let cycles = |size: Self| {
            let tile = |side: usize| side.div_ceil(size.outputs());
            let tiles = [input, output]
                .map(|[height, width]| batch.saturating_mul(tile(height) * tile(width)));
            let [to, back] = size.transforms();
            let of_tile = size
                .points()
                .saturating_mul(source)
                .saturating_mul(vectors)
                .saturating_add(source.div_ceil(level.lanes()).saturating_mul(to))
                .saturating_add(vectors.saturating_mul(back));
            let weights = source.saturating_mul(vectors).saturating_mul(to);
            tiles[0].max(tiles[1]).saturating_mul(of_tile).saturating_add(weights)
        };
        let best = [Self::Four, Self::Two].into_iter().min_by_key(|&size| cycles(size));
        best.filter(|&size| cycles(size) < direct / 6 * 5)
    }

    /// The tiles of the output.
    pub(super) fn forward(self, geometry: &Geometry) -> Grid {
        Grid {
            batch: geometry.batch,
            source: geometry.input,
            target: geometry.output,
            padding: geometry.padding.map(|padding| padding as i64),
            size: self.outputs(),
        }
    }

    /// The tiles of the input, which see the output's gradient.
    pub(super) fn gradient(self, geometry: &Geometry) -> Grid {
        Grid {
            batch: geometry.batch,
            source: geometry.output,
            target: geometry.input,
            padding: geometry.padding.map(|padding| 2 - padding as i64),
            size: self.outputs(),
        }
    }
}

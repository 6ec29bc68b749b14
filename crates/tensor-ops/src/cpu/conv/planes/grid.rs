//! Where positions are in a plane, and what they see there.

use std::ops::Range;

use crate::Geometry;
use crate::cpu::conv::plan::UNITS;

/// Most target channels: with more, vectors of channels are full enough.
const FEW: usize = 6;

/// Most source channels: with more there is too much to copy for each sum.
const SOURCE: usize = 32;

/// Largest extent along an axis, and most taps.
const EXTENT: usize = 1 << 12;

/// Values of all planes of a unit, unless one image has more: they should stay in a first-level cache.
const UNIT: usize = 1 << 13;

/// Most values of all planes of a unit.
const MOST: usize = 1 << 16;

/// Values behind the last image that are there to be read.
const TAIL: usize = 64;

/// The planes of a unit's images. Source and target positions have the same places.
#[derive(Clone, Debug)]
pub(in crate::cpu::conv) struct Grid {
    /// Height and width of the source images.
    pub(super) source: [usize; 2],
    /// Height and width of the target images.
    pub(super) target: [usize; 2],
    /// Distance between rows.
    pub(super) pitch: usize,
    /// Distance between images.
    pub(super) image: usize,
    /// Values before the first image.
    pub(super) margin: usize,
    /// Distance of what each tap sees from the target position's place, by tap of the kernel.
    pub(super) offsets: Vec<isize>,
    /// Images per unit.
    pub(super) images: usize,
    batch: usize,
}

/// Positions along an axis.
struct Axis {
    /// How far what the taps see is away.
    taps: Vec<i64>,
    /// Positions that the source and zeros beside it take.
    places: usize,
    /// Zeros before the first position.
    before: usize,
}

impl Axis {
    fn new(source: usize, target: usize, taps: Vec<i64>) -> Option<Self> {
        let first = taps.iter().copied().min()?;
        let last = taps.iter().copied().max()?;
        let before = (-first).max(0);
        let after = (target as i64 - 1 + last - (source as i64 - 1)).max(0);
        let places = (source as i64 + before.max(after)).max(target as i64);
        Some(Self { taps, places: places as usize, before: before as usize })
    }
}

impl Grid {
    /// The planes of a convolution with steps of 1, if vectors of positions are worth their copies. `target` is the number of
    /// channels that vectors would hold otherwise.
    pub(in crate::cpu::conv) fn forward(
        geometry: &Geometry,
        groups: usize,
        source: usize,
        target: usize,
    ) -> Option<Self> {
        let Geometry { input, output, .. } = *geometry;
        let tap = |tap: usize, padding: usize| tap as i64 - padding as i64;
        Self::new(geometry, groups, [source, target], [input, output], tap)
    }

    /// The planes of the gradient of such a convolution's input: `source` counts its outputs, `target` its inputs.
    pub(in crate::cpu::conv) fn gradient(
        geometry: &Geometry,
        groups: usize,
        source: usize,
        target: usize,
    ) -> Option<Self> {
        let Geometry { input, output, .. } = *geometry;
        let tap = |tap: usize, padding: usize| padding as i64 - tap as i64;
        Self::new(geometry, groups, [source, target], [output, input], tap)
    }

    fn new(
        geometry: &Geometry,
        groups: usize,
        channels: [usize; 2],
        [source, target]: [[usize; 2]; 2],
        tap: impl Fn(usize, usize) -> i64,
    ) -> Option<Self> {
        let Geometry { batch, kernel, stride, dilation, padding, .. } = *geometry;
        let all = [source, target, kernel, dilation, padding];
        if groups != 1
            || stride != [1, 1]
            || channels[0] > SOURCE
            || channels[1] > FEW
            || all.iter().flatten().any(|&extent| extent > EXTENT)
            || !(2..=EXTENT).contains(&geometry.taps())
            // Single positions see each tap at one place: there is nothing to move along.
            || geometry.output.contains(&1)
        {
            return None;
        }
        let axis = |i: usize| {
            let taps = (0..kernel[i]).map(|k| tap(k * dilation[i], padding[i])).collect();
            Axis::new(source[i], target[i], taps)
        };
        let [rows, columns] = [axis(0)?, axis(1)?];
        let pitch = columns.places;
        let offsets = rows
            .taps
            .iter()
            .flat_map(|y| columns.taps.iter().map(move |x| (y * pitch as i64 + x) as isize));
        let image = rows.places * pitch;
        let planes = channels[0] + channels[1];
        let images = (UNIT / (planes * image).max(1)).clamp(1, (batch / UNITS).max(1));
        let grid = Self {
            source,
            target,
            pitch,
            image,
            margin: rows.before * pitch + columns.before,
            offsets: offsets.collect(),
            images,
            batch,
        };
        (planes * grid.line() <= MOST).then_some(grid)
    }

    /// Values of a plane.
    pub(super) fn line(&self) -> usize {
        (self.margin + self.places() + TAIL).next_multiple_of(16)
    }

    /// Places of a unit's positions, those of zeros among them.
    pub(super) fn places(&self) -> usize {
        self.images * self.image
    }

    /// Units of work.
    pub(super) fn units(&self) -> usize {
        self.batch.div_ceil(self.images)
    }

    /// The images of a unit.
    #[inline(always)]
    pub(super) fn unit(&self, unit: usize) -> Range<usize> {
        unit * self.images..self.batch.min((unit + 1) * self.images)
    }
}

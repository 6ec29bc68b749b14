//! How a convolution or the gradient of its input moves over the source.

use std::ops::Range;

use crate::Geometry;

/// Output positions per unit of work, at most and at least.
const POSITIONS: Range<usize> = 48..512;

/// The same, of a kernel of one tap.
const COLLAPSED: usize = 192;

/// Units of work there should be.
pub(super) const UNITS: usize = 16;

/// Values of a source block: 256 KiB, which leaves most of a second-level cache to weights and sums.
const BLOCK: usize = 1 << 16;

/// Values that a tile sums over in one go: with their weights they stay in a first-level cache while tiles pass by.
const DEPTH: usize = 256;

/// Values that are not worth being cut into parts of `DEPTH`.
const DEEP: usize = 1024;

/// Values that lie side by side in the source, seen from a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Distance from the position's first value.
    pub(super) offset: usize,
    /// Number of values.
    pub(super) len: usize,
}

/// A part of what a position sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Depth {
    /// Number of values of earlier parts.
    pub(super) earlier: usize,
    pub(super) segments: Vec<Segment>,
}

/// Cuts segments into parts of `DEPTH` values if there are many; at least one part.
fn parts(segments: &[Segment]) -> Vec<Depth> {
    let total: usize = segments.iter().map(|segment| segment.len).sum();
    let most = if total > DEEP { DEPTH } else { total };
    let mut parts = vec![Depth { earlier: 0, segments: Vec::new() }];
    let mut room = most;
    for segment in segments {
        let mut rest = *segment;
        while rest.len > 0 {
            if room == 0 {
                let earlier = parts.len() * most;
                parts.push(Depth { earlier, segments: Vec::new() });
                room = most;
            }
            let len = rest.len.min(room);
            if let Some(part) = parts.last_mut() {
                part.segments.push(Segment { offset: rest.offset, len });
            }
            rest = Segment { offset: rest.offset + len, len: rest.len - len };
            room -= len;
        }
    }
    parts
}

/// The target positions that see the same taps.
#[derive(Debug)]
pub(super) struct Pass {
    /// Taps of the kernel, numbered row by row, in the order of `segments`.
    pub(super) taps: Vec<usize>,
    /// Number of taps of earlier passes.
    pub(super) earlier: usize,
    /// Distance of what each tap sees from the position's first value.
    pub(super) offsets: Vec<usize>,
    /// The same with neighbours joined.
    pub(super) segments: Vec<Segment>,
    /// The segments again, cut into parts that are summed one after the other.
    pub(super) parts: Vec<Depth>,
    /// First target position along each axis.
    pub(super) start: [usize; 2],
    /// Number of target positions along each axis.
    pub(super) count: [usize; 2],
}

/// Source and target images and the passes that lead from one to the other.
#[derive(Debug)]
pub(in crate::cpu) struct Plan {
    pub(super) source: [usize; 2],
    pub(super) target: [usize; 2],
    /// Distance between target positions of a pass.
    pub(super) target_step: [usize; 2],
    /// Distance between what neighbouring target positions of a pass see.
    pub(super) source_step: [usize; 2],
    /// Where the block starts in the source image; may be outside.
    pub(super) origin: [i64; 2],
    /// How far the taps of one position reach.
    pub(super) extent: [usize; 2],
    /// Width of the block.
    pub(super) width: usize,
    /// Whether the source itself serves as the block.
    pub(super) direct: bool,
    /// Distance between neighbouring positions of the block.
    pub(super) pixel: usize,
    pub(super) passes: Vec<Pass>,
    /// Number of taps of all passes.
    pub(super) taps: usize,
    batch: usize,
    unit_images: usize,
    bands: usize,
    band_rows: usize,
    rows: usize,
}

/// A part of the batch: some images, or some rows of target positions of one image.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) images: Range<usize>,
    pub(super) rows: Range<usize>,
}

impl Unit {
    /// The rows that a pass has.
    pub(super) fn of(&self, pass: &Pass) -> Self {
        let most = pass.count[0];
        Self {
            images: self.images.clone(),
            rows: self.rows.start.min(most)..self.rows.end.min(most),
        }
    }
}

/// Target positions along an axis that see the same taps: `(tap, offset)`.
struct Phase {
    start: usize,
    count: usize,
    taps: Vec<(usize, usize)>,
}

/// One axis of a plan.
struct Axis {
    origin: i64,
    extent: usize,
    source_step: usize,
    target_step: usize,
    phases: Vec<Phase>,
}

impl Axis {
    fn forward(geometry: &Geometry, axis: usize) -> Self {
        let taps: Vec<_> =
            (0..geometry.kernel[axis]).map(|tap| (tap, tap * geometry.dilation[axis])).collect();
        Self {
            origin: -(geometry.padding[axis] as i64),
            extent: (geometry.kernel[axis] - 1) * geometry.dilation[axis] + 1,
            source_step: geometry.stride[axis],
            target_step: 1,
            phases: vec![Phase { start: 0, count: geometry.output[axis], taps }],
        }
    }

    /// Input position `start + stride * i` is seen by output position `i + offset` through those taps for which
    /// `start + padding - tap * dilation` is `stride * offset`. A single output position can have any stride; with the
    /// largest, input positions see only the one tap that sees them.
    fn gradient(geometry: &Geometry, axis: usize) -> Self {
        let size = geometry.input[axis];
        let stride = if geometry.output[axis] == 1 { size } else { geometry.stride[axis] };
        let offsets = |start: usize| {
            (0..geometry.kernel[axis]).rev().filter_map(move |tap| {
                let distance = (start + geometry.padding[axis]) as i64
                    - (tap * geometry.dilation[axis]) as i64;
                (distance % stride as i64 == 0).then_some((tap, distance / stride as i64))
            })
        };
        let all = || (0..stride.min(size)).flat_map(offsets).map(|(_, offset)| offset);
        let origin = all().min().unwrap_or(0);
        let phases = (0..stride.min(size)).map(|start| Phase {
            start,
            count: (size - start).div_ceil(stride),
            taps: offsets(start).map(|(tap, offset)| (tap, (offset - origin) as usize)).collect(),
        });
        Self {
            origin,
            extent: all().max().map_or(1, |last| (last - origin) as usize + 1),
            source_step: 1,
            target_step: stride,
            phases: phases.collect(),
        }
    }

    fn positions(&self) -> usize {
        self.phases.iter().map(|phase| phase.count).max().unwrap_or(1)
    }

    fn block_len(&self) -> usize {
        (self.positions() - 1) * self.source_step + self.extent
    }

    fn inside(&self, size: usize) -> bool {
        self.origin >= 0 && self.origin as usize + self.block_len() <= size
    }
}

/// A kernel of one tap that sees each position once is a product of matrices: positions of all images form new images of
/// one row, as long as fits a unit of work.
pub(super) fn collapse(geometry: Geometry, channels: usize) -> Geometry {
    let single = geometry.kernel == [1, 1]
        && geometry.stride == [1, 1]
        && geometry.padding == [0, 0]
        && geometry.input == geometry.output;
    if !single {
        return geometry;
    }
    let rows = geometry.input_rows();
    let most = (rows / UNITS).clamp(POSITIONS.start, COLLAPSED).min(BLOCK / channels).max(1);
    let width = (1..=most).rev().find(|&width| rows.is_multiple_of(width)).unwrap_or(1);
    Geometry { batch: rows / width, input: [1, width], output: [1, width], ..geometry }
}

impl Plan {
    /// From input to output.
    pub(in crate::cpu) fn forward(
        geometry: Geometry,
        channels: usize,
        pitch: Option<usize>,
    ) -> Self {
        Self::forward_in(UNITS, geometry, channels, pitch)
    }

    /// As `forward`, with about so many units of work where their size leaves a choice.
    pub(super) fn forward_in(
        units: usize,
        geometry: Geometry,
        channels: usize,
        pitch: Option<usize>,
    ) -> Self {
        let axes = [0, 1].map(|axis| Axis::forward(&geometry, axis));
        Self::new(units, &geometry, geometry.input, geometry.output, &axes, channels, pitch)
    }

    /// From the output's gradient to the input's.
    pub(in crate::cpu) fn gradient(
        geometry: Geometry,
        channels: usize,
        pitch: Option<usize>,
    ) -> Self {
        let axes = [0, 1].map(|axis| Axis::gradient(&geometry, axis));
        Self::new(UNITS, &geometry, geometry.output, geometry.input, &axes, channels, pitch)
    }

    /// A block has `channels` values per position. The source can serve as the block if its rows, `pitch` apart, begin
    /// with those.
    fn new(
        units: usize,
        geometry: &Geometry,
        source: [usize; 2],
        target: [usize; 2],
        axes: &[Axis; 2],
        channels: usize,
        pitch: Option<usize>,
    ) -> Self {
        let [y, x] = axes;
        let (batch, kernel_width) = (geometry.batch, geometry.kernel[1]);
        let pitch = pitch.filter(|_| y.inside(source[0]) && x.inside(source[1]));
        let direct = pitch.is_some();
        let pixel = pitch.unwrap_or(channels);
        let block_width = if direct { source[1] } else { x.block_len() };
        let mut passes = Vec::new();
        let mut taps = 0;
        for phase_y in &y.phases {
            for phase_x in &x.phases {
                let mut pass = Pass {
                    taps: Vec::new(),
                    offsets: Vec::new(),
                    earlier: taps,
                    segments: Vec::new(),
                    parts: Vec::new(),
                    start: [phase_y.start, phase_x.start],
                    count: [phase_y.count, phase_x.count],
                };
                for &(tap_y, offset_y) in &phase_y.taps {
                    for &(tap_x, offset_x) in &phase_x.taps {
                        let offset = offset_y.saturating_mul(block_width).saturating_add(offset_x);
                        let offset = offset.saturating_mul(pixel);
                        pass.taps.push(tap_y * kernel_width + tap_x);
                        pass.offsets.push(offset);
                        match pass.segments.last_mut() {
                            Some(last) if last.offset.saturating_add(last.len) == offset => {
                                last.len += channels;
                            }
                            Some(_) | None => pass.segments.push(Segment { offset, len: channels }),
                        }
                    }
                }
                taps += pass.taps.len();
                pass.parts = parts(&pass.segments);
                passes.push(pass);
            }
        }
        let positions = y.positions() * x.positions();
        let row = block_width.saturating_mul(channels);
        let image = row.saturating_mul(if direct { source[0] } else { y.block_len() });
        let (unit_images, band_rows) = if image > BLOCK && y.positions() > 1 {
            let rows = (BLOCK / row.saturating_mul(y.source_step))
                .max(POSITIONS.start.div_ceil(x.positions()));
            (1, rows.clamp(1, y.positions()))
        } else {
            let most = (batch * positions / units).clamp(POSITIONS.start, POSITIONS.end);
            ((most / positions).min(BLOCK / image.max(1)).clamp(1, batch), y.positions())
        };
        let bands = y.positions().div_ceil(band_rows);
        Self {
            source,
            target,
            target_step: [y.target_step, x.target_step],
            source_step: [y.source_step, x.source_step],
            origin: [y.origin, x.origin],
            extent: [y.extent, x.extent],
            width: block_width,
            direct,
            pixel,
            passes,
            taps,
            batch,
            unit_images,
            bands,
            band_rows: y.positions().div_ceil(bands),
            rows: y.positions(),
        }
    }

    /// Number of units of work, a function of the geometry alone.
    pub(super) fn units(&self) -> usize {
        self.batch.div_ceil(self.unit_images) * self.bands
    }

    /// One of the units.
    pub(super) fn unit(&self, unit: usize) -> Unit {
        let (images, band) =
            (unit / self.bands * self.unit_images, unit % self.bands * self.band_rows);
        Unit {
            images: images..self.batch.min(images + self.unit_images),
            rows: band.min(self.rows)..self.rows.min(band + self.band_rows),
        }
    }

    /// Rows of the block that some rows of target positions see.
    pub(super) fn block_rows(&self, rows: usize) -> usize {
        (rows.max(1) - 1) * self.source_step[0] + self.extent[0]
    }

    /// Values of the largest block, if it has to be made.
    pub(super) fn block_len(&self) -> usize {
        if self.direct {
            return 0;
        }
        self.unit_images
            .saturating_mul(self.block_rows(self.band_rows))
            .saturating_mul(self.width)
            .saturating_mul(self.pixel)
    }
}

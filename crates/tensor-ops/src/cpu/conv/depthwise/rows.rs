//! Depthwise convolution and the gradient of its input, row by row.

use std::ops::Range;

use super::ahead::{self, Ahead};
use super::steps::Steps;
use crate::cpu::context::{Context, Derived, Kernel, Scratch};
use crate::cpu::conv::bands::Bands;
use crate::cpu::conv::finish::Finish;
use crate::cpu::level::Task;
use crate::cpu::rows::Target;
use crate::cpu::simd::Simd;
use crate::{Geometry, Span, Tensor};

/// What is read and written.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) source: Tensor,
    pub(super) weight: Span,
    pub(super) finish: Finish,
    pub(super) target: Target,
}

/// `K * K` taps. A target position sees the source at `STRIDE` times its own; or, if `UP`, a source position is seen by the
/// target at `STRIDE` times its own.
pub(super) struct Rows<const K: usize, const STRIDE: usize, const UP: bool> {
    pub(super) ends: Ends,
    pub(super) source: [usize; 2],
    pub(super) target: [usize; 2],
    /// Padding above and to the left.
    top: isize,
    pub(super) left: isize,
    pub(super) steps: Steps,
    /// Whether the kernel is read backwards.
    pub(super) flip: bool,
    bands: Bands,
    /// Whether the tensors come from memory.
    far: bool,
}

impl<const K: usize, const STRIDE: usize> Rows<K, STRIDE, false> {
    /// Steps by which a target position is finished after it was first seen.
    const LATE: usize = K.div_ceil(STRIDE) - 1;

    pub(super) fn forward(geometry: &Geometry, ends: Ends) -> Self {
        let padding = geometry.padding.map(|padding| padding as isize);
        Self::new(geometry.batch, geometry.input, geometry.output, padding, false, ends)
    }

    fn new(
        batch: usize,
        source: [usize; 2],
        target: [usize; 2],
        padding: [isize; 2],
        flip: bool,
        ends: Ends,
    ) -> Self {
        let (stride, late) = (STRIDE as isize, Self::LATE as isize);
        let steps = Steps::down(stride, late, padding[1], source[1], target[1]);
        let far = ahead::pays([ends.source, ends.target.tensor]);
        let row = source[1].saturating_mul(STRIDE).saturating_add(target[1]);
        let bands = Bands::new(batch, target[0], row.saturating_mul(ends.source.channels));
        Self { ends, source, target, top: padding[0], left: padding[1], steps, flip, bands, far }
    }
}

impl<const K: usize> Rows<K, 1, false> {
    /// With a stride of 1, the gradient of the input is a convolution with the kernel read backwards.
    pub(super) fn grad_input(geometry: &Geometry, ends: Ends) -> Self {
        let padding = geometry.padding.map(|padding| K as isize - 1 - padding as isize);
        Self::new(geometry.batch, geometry.output, geometry.input, padding, true, ends)
    }
}

impl<const K: usize, const STRIDE: usize> Rows<K, STRIDE, true> {
    pub(super) fn grad_input(geometry: &Geometry, ends: Ends) -> Self {
        let Geometry { batch, input: target, output: source, padding, .. } = *geometry;
        let padding = padding.map(|padding| padding as isize);
        let (stride, late) = (STRIDE as isize, K.div_ceil(STRIDE) as isize - 1);
        let steps = Steps::up(stride, late, padding[1], source[1], target[1]);
        let far = ahead::pays([ends.source, ends.target.tensor]);
        let row = source[1].saturating_add(target[1].saturating_mul(STRIDE)) / STRIDE;
        let bands = Bands::new(batch, target[0], row.saturating_mul(ends.source.channels));
        Self {
            ends,
            source,
            target,
            top: padding[0],
            left: padding[1],
            steps,
            flip: false,
            bands,
            far,
        }
    }
}

impl<const K: usize, const STRIDE: usize, const UP: bool> Kernel for Rows<K, STRIDE, UP> {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn derived(&self) -> Derived {
        let finish = self.ends.finish;
        Derived { len: finish.len(), sources: finish.sources() }
    }

    fn run(&self, context: &Context<'_>) {
        if context.stale {
            self.ends.finish.derive(context, 0);
        }
        let level = context.level.for_channels(self.ends.source.channels);
        context.launch_at(level, self.bands.units(), self);
    }
}

impl<const K: usize, const STRIDE: usize, const UP: bool> Task for Rows<K, STRIDE, UP> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.ends.source.channels;
        self.bands.for_each_block(
            chunk,
            #[inline(always)]
            |images, rows| {
                for image in images {
                    let parts = channels.div_ceil(S::LANES) * rows.len();
                    let mut part = 0;
                    let mut start = 0;
                    while start < channels {
                        let panel = Panel { start, count: channels - start };
                        for y in rows.clone() {
                            if self.far {
                                self.ahead(simd, context, (image, &rows), (part, parts));
                                part += 1;
                            }
                            // SAFETY: panel, image and row exist, and this chunk alone writes the row.
                            unsafe { self.line(simd, context, (panel, image, y)) };
                        }
                        start += S::LANES;
                    }
                }
            },
        );
    }
}

/// A vector of channels.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) start: usize,
    /// Channels that exist from there on; may be more than a vector has.
    pub(super) count: usize,
}

/// The rows of the kernel that see something.
#[derive(Clone, Copy)]
pub(super) struct Taps {
    /// The first of them, and what it sees.
    pub(super) tap: usize,
    pub(super) row: usize,
    pub(super) count: usize,
}

impl<const K: usize, const STRIDE: usize, const UP: bool> Rows<K, STRIDE, UP> {
    #[inline(always)]
    fn taps(&self, y: usize) -> Taps {
        let height = self.source[0] as isize;
        let (kernel, stride) = (K as isize, STRIDE as isize);
        let (tap, row, count) = if UP {
            let at = y as isize + self.top;
            // Later taps see earlier rows.
            let skipped = (at / stride - (height - 1)).max(0);
            let (tap, row) = (at % stride + skipped * stride, at / stride - skipped);
            (tap, row, ((kernel - tap + stride - 1) / stride).min(row + 1))
        } else {
            let top = y as isize * stride - self.top;
            let tap = (-top).max(0);
            (tap, top + tap, kernel.min(height - top) - tap)
        };
        Taps { tap: tap as usize, row: row as usize, count: count.max(0) as usize }
    }

    /// Asks for a part of what the next block will see first and write.
    #[inline(always)]
    fn ahead<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        (image, rows): (usize, &Range<usize>),
        (part, parts): (usize, usize),
    ) {
        let (end, count) = (rows.end as isize, rows.len());
        let stride = STRIDE as isize;
        let seen = if UP {
            ((end + self.top) / stride, count.div_ceil(STRIDE))
        } else {
            (end * stride + K as isize - stride - self.top, count * STRIDE)
        };
        Ahead::new(context, self.ends.source, self.source, image, seen).ask(simd, part, parts);
        let target = self.ends.target.tensor;
        Ahead::new(context, target, self.target, image, (end, count)).ask(simd, part, parts);
    }

    /// One row of the target.
    ///
    /// # Safety
    ///
    /// Panel, image and row exist, and no other thread touches the row.
    #[inline(always)]
    unsafe fn line<S: Simd>(&self, simd: S, context: &Context<'_>, place: (Panel, usize, usize)) {
        let taps = self.taps(place.2);
        // SAFETY: the row has these taps, and the caller's.
        unsafe {
            match taps.count {
                0 => self.row::<S, 0>(simd, context, place, taps),
                1 => self.row::<S, 1>(simd, context, place, taps),
                2 => self.row::<S, 2>(simd, context, place, taps),
                3 => self.row::<S, 3>(simd, context, place, taps),
                4 if K > 3 && !UP => self.row::<S, 4>(simd, context, place, taps),
                _ if K > 3 && !UP => self.row::<S, 5>(simd, context, place, taps),
                _ => {}
            }
        }
    }
}

//! Copies between rows of channels and planes.

use std::ops::Range;

use crate::Tensor;
use crate::cpu::context::Context;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};

/// Lanes of the vectors that are turned; the levels for few channels have as many.
pub(super) const SIDE: usize = 8;

/// Planes one after the other.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    /// Place of the first plane's first position.
    pub(super) start: *mut f32,
    /// Distance between planes.
    pub(super) line: usize,
    /// Distance between rows of positions.
    pub(super) pitch: usize,
    /// Distance between images.
    pub(super) image: usize,
}

impl Planes {
    /// Copies images of some height and width. What lies between rows has to be zero before, and stays so.
    ///
    /// # Safety
    ///
    /// The images are rows of the checked tensor, which nobody writes. There is a plane for each channel, with room for a
    /// vector behind each row, and nobody else touches it.
    #[inline(always)]
    pub(super) unsafe fn fill<S: Simd>(
        self,
        simd: S,
        context: &Context<'_>,
        tensor: Tensor,
        images: Range<usize>,
        [height, width]: [usize; 2],
    ) {
        let zero = simd.splat(0.0);
        for (index, image) in images.enumerate() {
            for y in 0..height {
                let from = context.row(tensor, (image * height + y) * width).cast_const();
                let to = self.start.wrapping_add(index * self.image + y * self.pitch);
                let mut channel = 0;
                while channel < tensor.channels {
                    let count = (tensor.channels - channel).min(SIDE);
                    let (from, to) =
                        (from.wrapping_add(channel), to.wrapping_add(channel * self.line));
                    // SAFETY: the row has `width` positions, and a vector may reach as far as the arena's slack; the planes
                    // are there, and what is written behind a row is zero.
                    unsafe {
                        for x in (0..width).step_by(SIDE) {
                            let mut rows = [zero; SIDE];
                            for i in 0..SIDE {
                                if x + i < width {
                                    rows[i] = simd.load(from.add((x + i) * tensor.pitch));
                                }
                            }
                            let lines = simd.transpose(rows);
                            for i in 0..SIDE {
                                if i < count {
                                    simd.store(to.add(i * self.line + x), lines[i]);
                                }
                            }
                        }
                    }
                    channel += SIDE;
                }
            }
        }
    }

    /// Calls `put` with each position of some images' rows: number of the row in the tensor, and the vector of its channels,
    /// of which there are at most `SIDE`.
    ///
    /// # Safety
    ///
    /// There is a plane for each of the `count` channels, with values to read behind each row.
    #[inline(always)]
    pub(super) unsafe fn for_each<S: Simd>(
        self,
        simd: S,
        count: usize,
        images: Range<usize>,
        [height, width]: [usize; 2],
        mut put: impl FnMut(usize, S::V),
    ) {
        for (index, image) in images.enumerate() {
            for y in 0..height {
                let row = (image * height + y) * width;
                let from = self.start.wrapping_add(index * self.image + y * self.pitch);
                for x in (0..width).step_by(SIDE) {
                    let mut lines = [simd.splat(0.0); SIDE];
                    for i in 0..SIDE {
                        if i < count {
                            // SAFETY: the caller's.
                            lines[i] = unsafe { simd.load(from.add(i * self.line + x)) };
                        }
                    }
                    let rows = simd.transpose(lines);
                    for i in 0..SIDE {
                        if x + i < width {
                            put(row + x + i, rows[i]);
                        }
                    }
                }
            }
        }
    }
}

/// Adds up the lanes of each of some vectors.
#[inline(always)]
pub(super) fn totals<S: Simd>(simd: S, vectors: [S::V; SIDE]) -> S::V {
    let turned = simd.transpose(vectors);
    let pairs = [0, 2, 4, 6].map(
        #[inline(always)]
        |i| simd.add(turned[i], turned[i + 1]),
    );
    simd.add(simd.add(pairs[0], pairs[1]), simd.add(pairs[2], pairs[3]))
}

/// Adds `count` values to what is there.
///
/// # Safety
///
/// So many values are there, and nobody else touches them.
#[inline(always)]
pub(super) unsafe fn add<S: Simd>(simd: S, to: *mut f32, values: S::V, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        let sum = simd.add(load_up_to(simd, to, count), values);
        store_up_to(simd, to, sum, count);
    }
}

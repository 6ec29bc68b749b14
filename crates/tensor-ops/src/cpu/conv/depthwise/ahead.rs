//! Values of the next block, asked for while the one before is worked on.

use crate::Tensor;
use crate::cpu::context::Context;
use crate::cpu::simd::Simd;

/// Values of a cache line.
const LINE: usize = 16;

/// Values of both tensors from which on they come from memory: 16 MiB. From a cache they come without being asked for.
const FAR: usize = 1 << 22;

/// Whether asking for rows of both tensors saves more than it costs.
pub(super) fn pays(tensors: [Tensor; 2]) -> bool {
    let values = tensors.map(|tensor| tensor.rows.saturating_mul(tensor.channels));
    let dense = tensors.iter().all(|tensor| tensor.pitch / 2 < tensor.channels);
    dense && values[0].saturating_add(values[1]) > FAR
}

/// Rows of positions that follow each other in an image, or in the next.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    start: *const f32,
    len: usize,
}

impl Ahead {
    /// `count` rows of `width` positions from row `first` of an image of so many rows on.
    #[inline(always)]
    pub(super) fn new(
        context: &Context<'_>,
        tensor: Tensor,
        [height, width]: [usize; 2],
        image: usize,
        (first, count): (isize, usize),
    ) -> Self {
        let row = width * tensor.pitch;
        let first = ((image * height) as isize + first).wrapping_mul(row as isize);
        let start = context.row(tensor, 0).cast_const().wrapping_offset(first);
        Self { start, len: count * row }
    }

    /// Asks for part `nth` of `parts`.
    #[inline(always)]
    pub(super) fn ask<S: Simd>(self, simd: S, nth: usize, parts: usize) {
        let part = self.len.div_ceil(parts).next_multiple_of(LINE);
        let mut at = nth * part;
        let end = self.len.min(at + part);
        while at < end {
            simd.prefetch(self.start.wrapping_add(at));
            at += LINE;
        }
    }
}

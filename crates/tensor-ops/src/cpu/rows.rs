//! Loops over the values of tensors of equal shape.

use super::context::Context;
use super::simd::{Simd, inlined, load_up_to, store_up_to};
use crate::Tensor;

/// About as many values as a chunk holds.
const CHUNK: usize = 1 << 14;

/// Rows cut into chunks, and chunks into runs of values that lie side by side in every tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowSplit {
    rows: usize,
    channels: usize,
    chunk_rows: usize,
    dense: bool,
}

impl RowSplit {
    /// For tensors of equal shape, at least one.
    pub(super) fn of(tensors: &[Tensor]) -> Self {
        let Tensor { rows, channels, .. } = tensors[0];
        Self {
            rows,
            channels,
            chunk_rows: (CHUNK / channels.max(1)).max(1),
            dense: tensors.iter().all(|tensor| tensor.pitch == channels),
        }
    }

    pub(super) fn chunks(self) -> usize {
        self.rows.div_ceil(self.chunk_rows)
    }

    /// First row and number of rows of a chunk.
    #[inline(always)]
    pub(super) fn chunk(self, chunk: usize) -> (usize, usize) {
        let start = chunk * self.chunk_rows;
        (start, self.chunk_rows.min(self.rows - start))
    }

    /// Calls `f` with first row and length of each run of a chunk.
    #[inline(always)]
    pub(super) fn for_each_run(self, chunk: usize, mut f: impl FnMut(usize, usize)) {
        let (start, rows) = self.chunk(chunk);
        if self.dense {
            f(start, rows * self.channels);
        } else {
            for row in start..start + rows {
                f(row, self.channels);
            }
        }
    }
}

/// Where the results of a map go.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) tensor: Tensor,
    pub(super) accumulate: bool,
}

/// `target = f(sources)` on one chunk, value by value. The target may be one of the sources.
///
/// # Safety
///
/// All tensors have been checked against the arena, have the shape of `split`, and no other thread writes the sources' or
/// touches the target's rows of this chunk.
#[inline(always)]
pub(super) unsafe fn map_rows<S: Simd, const N: usize>(
    simd: S,
    context: &Context<'_>,
    split: RowSplit,
    chunk: usize,
    sources: [Tensor; N],
    target: Target,
    f: impl Fn([S::V; N]) -> S::V,
) {
    split.for_each_run(
        chunk,
        #[inline(always)]
        |row, len| {
            let from = sources.map(
                #[inline(always)]
                |tensor| context.row(tensor, row),
            );
            let to = context.row(target.tensor, row);
            let step = inlined(
                #[inline(always)]
                |start: usize, count: usize| {
                    // SAFETY: `start + count <= len`, and a run of `len` lies inside every tensor.
                    unsafe {
                        let mut values = [simd.splat(0.0); N];
                        for i in 0..N {
                            values[i] = load_up_to(simd, from[i].add(start), count);
                        }
                        let mut value = f(values);
                        if target.accumulate {
                            value = simd.add(load_up_to(simd, to.add(start), count), value);
                        }
                        store_up_to(simd, to.add(start), value, count);
                    }
                },
            );
            let mut start = 0;
            while start + S::LANES <= len {
                step(start, S::LANES);
                start += S::LANES;
            }
            if start < len {
                step(start, len - start);
            }
        },
    );
}

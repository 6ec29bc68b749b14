//! Sums over the rows of a tensor.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::RowSplit;
use super::simd::{Simd, load_up_to, store_up_to};
use crate::{Span, Tensor};

pub(super) struct SumRows {
    pub(super) input: Tensor,
    pub(super) sums: Span,
}

/// Rows that are summed by themselves, so that few additions are to a large sum.
const BLOCK: usize = 32;

/// Channels whose sums are merged by one chunk.
const MERGE: usize = 32;

impl Kernel for SumRows {
    fn scratch(&self) -> Scratch {
        let chunks = RowSplit::of(&[self.input]).chunks();
        Scratch { shared: chunks.saturating_mul(self.input.channels), worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.input]).chunks(), self);
        context.launch(self.input.channels.div_ceil(MERGE), &Merge { instruction: self });
    }
}

impl Task for SumRows {
    /// The sums of a chunk go to its row of the shared scratch.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.input.channels;
        let (start, rows) = RowSplit::of(&[self.input]).chunk(chunk);
        let to = context.shared.wrapping_add(chunk * channels);
        let mut c = 0;
        while c < channels {
            let count = channels - c;
            // SAFETY: the tensor was checked: `c + min(count, LANES)` values of each row exist, and as many of the
            // chunk's row of the scratch.
            unsafe {
                let mut total = simd.splat(0.0);
                let mut block = start;
                while block < start + rows {
                    let mut sum = simd.splat(0.0);
                    for row in block..(block + BLOCK).min(start + rows) {
                        let value = load_up_to(simd, context.row(self.input, row).add(c), count);
                        sum = simd.add(sum, value);
                    }
                    total = simd.add(total, sum);
                    block += BLOCK;
                }
                store_up_to(simd, to.add(c), total, count);
            }
            c += S::LANES;
        }
    }
}

/// Adds the chunks' sums in order.
struct Merge<'a> {
    instruction: &'a SumRows,
}

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let SumRows { input, sums } = *self.instruction;
        let channels = input.channels;
        for c in chunk * MERGE..channels.min((chunk + 1) * MERGE) {
            // SAFETY: there is a row of scratch for every chunk, and the span was checked to have one value per channel.
            unsafe {
                let of_chunk = |chunk| f64::from(*context.shared.add(chunk * channels + c));
                let total: f64 = (0..RowSplit::of(&[input]).chunks()).map(of_chunk).sum();
                *context.span(sums).add(c) = total as f32;
            }
        }
    }
}

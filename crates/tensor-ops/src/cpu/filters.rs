//! Strengths of filters, and steps that shrink them.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::RowSplit;
use super::simd::{Simd, load_up_to, store_up_to};
use crate::{Span, Tensor};

/// Root mean square of every column, with sums in double precision.
pub(super) struct RootMeanSquares {
    pub(super) kernel: Tensor,
    pub(super) strengths: Span,
}

/// Rows that are squared while their columns' sums are in registers.
const ROWS: usize = 8;

/// Columns whose sums are in registers, where there are so many.
const WIDE: usize = 16;

/// And where there are fewer.
const NARROW: usize = 4;

/// Columns whose sums are merged by one chunk.
const MERGE: usize = 32;

/// Values of scratch that one sum takes.
const SUM: usize = size_of::<f64>() / size_of::<f32>();

impl RootMeanSquares {
    /// The sum of a chunk's squares in a column.
    #[inline(always)]
    fn sum(&self, context: &Context<'_>, chunk: usize, column: usize) -> *mut f64 {
        context.shared.wrapping_add(SUM * (chunk * self.kernel.channels + column)).cast()
    }
}

impl Kernel for RootMeanSquares {
    /// A row of sums per chunk.
    fn scratch(&self) -> Scratch {
        let chunks = RowSplit::of(&[self.kernel]).chunks();
        Scratch {
            shared: chunks.saturating_mul(self.kernel.channels).saturating_mul(SUM),
            worker: 0,
        }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.kernel]).chunks(), self);
        context.launch(self.kernel.channels.div_ceil(MERGE), &Merge { instruction: self });
    }
}

impl Task for RootMeanSquares {
    /// A product of two values is exact in double precision and sums have a fixed order: all levels give the same bits.
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let columns = self.kernel.channels;
        let (start, rows) = RowSplit::of(&[self.kernel]).chunk(chunk);
        let mut done = 0;
        while done < rows {
            let count = ROWS.min(rows - done);
            let mut column = 0;
            while column < columns {
                let left = columns - column;
                let from = context.row(self.kernel, start + done).wrapping_add(column);
                let to = self.sum(context, chunk, column);
                let begun = done > 0;
                let pitch = self.kernel.pitch;
                // SAFETY: the tensor was checked, so that `count` rows have `left` values from here on, and the chunk has a row
                // of scratch for itself.
                column += unsafe {
                    if left >= WIDE {
                        add_squares::<WIDE>(from, pitch, count, to, begun)
                    } else if left >= NARROW {
                        add_squares::<NARROW>(from, pitch, count, to, begun)
                    } else {
                        add_squares::<1>(from, pitch, count, to, begun)
                    }
                };
            }
            done += count;
        }
    }
}

/// Adds the squares of some rows of `N` values to the sums, which are 0 if they are not begun. Gives `N`.
///
/// # Safety
///
/// `count` rows of `N` values can be read, and `N` sums written, wherever they lie.
#[inline(always)]
unsafe fn add_squares<const N: usize>(
    from: *const f32,
    pitch: usize,
    count: usize,
    to: *mut f64,
    begun: bool,
) -> usize {
    // SAFETY: the caller's.
    unsafe {
        let to = to.cast::<[f64; N]>();
        let mut sums = if begun { to.read_unaligned() } else { [0.0; N] };
        for row in 0..count {
            let values = from.add(row * pitch).cast::<[f32; N]>().read_unaligned();
            for i in 0..N {
                sums[i] += f64::from(values[i]) * f64::from(values[i]);
            }
        }
        to.write_unaligned(sums);
    }
    N
}

/// Adds the chunks' sums in order, and takes the roots.
struct Merge<'a> {
    instruction: &'a RootMeanSquares,
}

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let RootMeanSquares { kernel, strengths } = *self.instruction;
        let chunks = RowSplit::of(&[kernel]).chunks();
        for c in chunk * MERGE..kernel.channels.min((chunk + 1) * MERGE) {
            // SAFETY: there is a row of scratch for every chunk, and the span was checked to have one value per column.
            unsafe {
                let of_chunk = |chunk| self.instruction.sum(context, chunk, c).read_unaligned();
                let total: f64 = (0..chunks).map(of_chunk).sum();
                *context.span(strengths).add(c) = (total / kernel.rows as f64).sqrt() as f32;
            }
        }
    }
}

/// Takes a share of every value off it.
pub(super) struct Shrink {
    pub(super) kernel: Tensor,
    pub(super) shares: Span,
}

/// A share that changes no value: less than half of the distance to the next one below, which is at least `2^-24` of it.
const NOTHING: f32 = 1.0 / (1 << 26) as f32;

impl Kernel for Shrink {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        // SAFETY: the span was checked, and nobody writes it while this kernel runs.
        let shares =
            unsafe { std::slice::from_raw_parts(context.span(self.shares), self.shares.len) };
        let stays = shares.iter().all(|share| share.abs() <= NOTHING);
        if !stays {
            context.launch(RowSplit::of(&[self.kernel]).chunks(), self);
        }
    }
}

impl Task for Shrink {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        let (start, rows) = RowSplit::of(&[self.kernel]).chunk(chunk);
        for row in start..start + rows {
            let to = context.row(self.kernel, row);
            let mut c = 0;
            while c < self.kernel.channels {
                let count = self.kernel.channels - c;
                // SAFETY: the tensor was checked: `c + min(count, LANES)` values of each row and of the shares exist. Chunks
                // hold different rows.
                unsafe {
                    let share = load_up_to(simd, context.span(self.shares).add(c), count);
                    let value = load_up_to(simd, to.add(c), count);
                    let left = simd.mul_add(simd.sub(zero, share), value, value);
                    store_up_to(simd, to.add(c), simd.where_unequal(share, one, left), count);
                }
                c += S::LANES;
            }
        }
    }
}

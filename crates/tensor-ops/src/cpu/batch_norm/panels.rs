//! Rows cut into chunks, chunks into blocks that stay in the nearest cache, and channels into panels of one or two vectors.

use crate::Tensor;
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};

/// About as many values as a chunk holds.
const CHUNK: usize = 1 << 14;

/// About as many values of each tensor as a block holds.
const BLOCK: usize = 1 << 11;

/// Fewest rows of a block: what is known of a channel is loaded once for so many.
const BLOCK_ROWS: usize = 32;

/// Rows of fewer channels are folded if they do not fill whole vectors.
const NARROW: usize = 4 * MAX_LANES;

/// Rows of some tensors of equal shape. Narrow ones that lie side by side are folded into wide rows that fill whole vectors:
/// `fold` rows of the tensor are one wide row, in which each channel comes `fold` times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    count: usize,
    channels: usize,
    pub(super) fold: usize,
}

/// Wide rows that are worked on together.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// First row, counted as the tensor's.
    pub(super) row: usize,
    /// Number of wide rows.
    pub(super) count: usize,
    /// Channels of each: fewer than all in the last row of a tensor.
    pub(super) channels: usize,
}

impl Rows {
    /// For tensors of equal shape, at least one.
    pub(super) fn of(tensors: &[Tensor]) -> Self {
        let Tensor { rows, channels, .. } = tensors[0];
        let dense = tensors.iter().all(|tensor| tensor.pitch == channels);
        let fold = if dense && channels < NARROW {
            MAX_LANES >> channels.trailing_zeros().min(MAX_LANES.trailing_zeros())
        } else {
            1
        };
        Self { count: rows, channels, fold }
    }

    /// Channels of a wide row.
    #[inline(always)]
    pub(super) fn channels(self) -> usize {
        self.channels * self.fold
    }

    /// Distance between the starts of a tensor's wide rows.
    #[inline(always)]
    pub(super) fn pitch(self, tensor: Tensor) -> usize {
        tensor.pitch * self.fold
    }

    fn chunk_rows(self) -> usize {
        (CHUNK / self.channels().max(1)).max(1) * self.fold
    }

    pub(super) fn chunks(self) -> usize {
        self.count.div_ceil(self.chunk_rows())
    }

    /// First row of a chunk, and how many of its rows are a wide row's `copy`-th one.
    #[inline(always)]
    pub(super) fn copy(self, chunk: usize, copy: usize) -> (usize, usize) {
        let start = chunk * self.chunk_rows();
        let rows = self.chunk_rows().min(self.count - start);
        (start, (rows + self.fold - 1 - copy) / self.fold)
    }

    /// Calls `f` with the blocks of a chunk, in order.
    #[inline(always)]
    pub(super) fn for_each_block(self, chunk: usize, mut f: impl FnMut(Block)) {
        let start = chunk * self.chunk_rows();
        let rows = self.chunk_rows().min(self.count - start);
        let whole = rows / self.fold;
        let block = (BLOCK / self.channels().max(1)).max(BLOCK_ROWS);
        let mut done = 0;
        while done < whole {
            let count = block.min(whole - done);
            f(Block { row: start + done * self.fold, count, channels: self.channels() });
            done += count;
        }
        let rest = rows - whole * self.fold;
        if rest > 0 {
            let row = start + whole * self.fold;
            f(Block { row, count: 1, channels: rest * self.channels });
        }
    }

    /// Writes each channel of a wide row, the channel's value `fold` times.
    ///
    /// # Safety
    ///
    /// `to` is valid for writes of a wide row.
    pub(super) unsafe fn spread(self, to: *mut f32, value: impl Fn(usize) -> f32) {
        for copy in 0..self.fold {
            for channel in 0..self.channels {
                // SAFETY: the caller's.
                unsafe { *to.add(copy * self.channels + channel) = value(channel) };
            }
        }
    }
}

/// Loads the vectors of a panel of `count` channels, which fill them if `FULL`.
///
/// # Safety
///
/// `min(count, N * LANES)` values can be read.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const N: usize, const FULL: bool>(
    simd: S,
    from: *const f32,
    count: usize,
) -> [S::V; N] {
    let mut vectors = [simd.splat(0.0); N];
    for i in 0..N {
        // SAFETY: the caller's.
        vectors[i] = unsafe {
            if FULL || i + 1 < N {
                simd.load(from.add(i * S::LANES))
            } else {
                load_up_to(simd, from.add(i * S::LANES), count - i * S::LANES)
            }
        };
    }
    vectors
}

/// Stores the vectors of a panel of `count` channels, which fill them if `FULL`.
///
/// # Safety
///
/// `min(count, N * LANES)` values can be written.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const N: usize, const FULL: bool>(
    simd: S,
    to: *mut f32,
    vectors: [S::V; N],
    count: usize,
) {
    for i in 0..N {
        // SAFETY: the caller's.
        unsafe {
            if FULL || i + 1 < N {
                simd.store(to.add(i * S::LANES), vectors[i]);
            } else {
                store_up_to(simd, to.add(i * S::LANES), vectors[i], count - i * S::LANES);
            }
        }
    }
}

/// What to do with a panel: `start..start + count` of the channels, `count` in more than `N - 1` vectors.
pub(super) trait PanelWork<S: Simd> {
    /// Does it. `FULL` says that the channels fill all vectors.
    fn panel<const N: usize, const FULL: bool>(&self, simd: S, start: usize, count: usize);
}

/// Cuts channels into panels of two vectors and, at the end, one.
#[inline(always)]
pub(super) fn for_each_panel<S: Simd>(simd: S, channels: usize, work: &impl PanelWork<S>) {
    let mut start = 0;
    while start + 2 * S::LANES <= channels {
        work.panel::<2, true>(simd, start, 2 * S::LANES);
        start += 2 * S::LANES;
    }
    let left = channels - start;
    if left > S::LANES {
        work.panel::<2, false>(simd, start, left);
    } else if left == S::LANES {
        work.panel::<1, true>(simd, start, left);
    } else if left > 0 {
        work.panel::<1, false>(simd, start, left);
    }
}

/// Chains of sums that hide half of the additions' latency; two vectors hide the rest.
pub(super) const CHAINS: usize = 2;

/// Calls `f` with every row and the chain that it is added to.
#[inline(always)]
pub(super) fn in_chains(rows: usize, mut f: impl FnMut(usize, usize)) {
    let mut row = 0;
    while row + CHAINS <= rows {
        for chain in 0..CHAINS {
            f(row + chain, chain);
        }
        row += CHAINS;
    }
    while row < rows {
        f(row, 0);
        row += 1;
    }
}

/// Sets `len` values to zero.
///
/// # Safety
///
/// `to` is valid for writes of `len` values.
#[inline(always)]
pub(super) unsafe fn clear<S: Simd>(simd: S, to: *mut f32, len: usize) {
    let mut at = 0;
    while at < len {
        // SAFETY: the caller's.
        unsafe { store_up_to(simd, to.add(at), simd.splat(0.0), len - at) };
        at += S::LANES;
    }
}

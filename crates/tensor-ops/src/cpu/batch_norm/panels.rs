//! Channels cut into panels of one or two vectors.

use crate::cpu::simd::{Simd, load_up_to, store_up_to};

/// Loads the vectors of a panel of `count` channels.
///
/// # Safety
///
/// `min(count, N * LANES)` values can be read.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const N: usize>(
    simd: S,
    from: *const f32,
    count: usize,
) -> [S::V; N] {
    let mut vectors = [simd.splat(0.0); N];
    for (i, vector) in vectors.iter_mut().enumerate() {
        let left = if i + 1 < N { S::LANES } else { count - i * S::LANES };
        // SAFETY: the caller's.
        *vector = unsafe { load_up_to(simd, from.add(i * S::LANES), left) };
    }
    vectors
}

/// Stores the vectors of a panel of `count` channels.
///
/// # Safety
///
/// `min(count, N * LANES)` values can be written.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const N: usize>(
    simd: S,
    to: *mut f32,
    vectors: [S::V; N],
    count: usize,
) {
    for (i, vector) in vectors.into_iter().enumerate() {
        let left = if i + 1 < N { S::LANES } else { count - i * S::LANES };
        // SAFETY: the caller's.
        unsafe { store_up_to(simd, to.add(i * S::LANES), vector, left) };
    }
}

/// What to do with a panel: `start..start + count` of the channels, `count` in more than `N - 1` vectors.
pub(super) trait PanelWork<S: Simd> {
    /// Does it.
    fn panel<const N: usize>(&self, simd: S, start: usize, count: usize);
}

/// Cuts channels into panels of two vectors and, at the end, one.
#[inline(always)]
pub(super) fn for_each_panel<S: Simd>(simd: S, channels: usize, work: &impl PanelWork<S>) {
    let mut start = 0;
    while start < channels {
        let left = channels - start;
        if left > S::LANES {
            work.panel::<2>(simd, start, left.min(2 * S::LANES));
        } else {
            work.panel::<1>(simd, start, left);
        }
        start += 2 * S::LANES;
    }
}

//! Requests for memory that is needed soon.

use super::grid::Patch;

/// Values of a cache line.
const LINE: usize = 16;

/// Asks for the first `channels` channels of the positions of a patch that are inside.
#[inline(always)]
pub(super) fn prefetch<const N: usize>(patch: Patch<N>, channels: usize) {
    for row in patch.rows[0]..patch.rows[1] {
        for column in patch.columns[0]..patch.columns[1] {
            let from = patch.at(row, column);
            for channel in (0..channels).step_by(LINE) {
                request(from.wrapping_add(channel));
            }
        }
    }
}

#[inline(always)]
fn request(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every machine of the architecture has the instruction, which does nothing where there is no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

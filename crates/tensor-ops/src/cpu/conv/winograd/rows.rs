//! Where transformed values lie.

use super::grid::Patch;
use super::transform::{Line, square};
use crate::cpu::simd::{Simd, inlined};

/// Matrices of tiles and channels, one per point: vectors of channels, each for all tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub(super) channels: usize,
    /// Tiles there is room for.
    pub(super) tiles: usize,
}

impl Rows {
    /// Values between points. An odd number of cache lines, so that the same value of all points does not share a few sets of
    /// the cache.
    #[inline(always)]
    pub(super) fn point(self, lanes: usize) -> usize {
        odd_lines(self.channels.div_ceil(lanes).saturating_mul(self.tiles).saturating_mul(lanes))
    }

    /// Transforms all channels of a patch, and puts them where a tile's are. Positions outside are read from `zeros`.
    ///
    /// # Safety
    ///
    /// The patch has as many channels, vectors may be read beyond their end, and `zeros` has as many in whole vectors. `to`
    /// has room for `TO * TO` points.
    #[inline(always)]
    pub(super) unsafe fn put<L: Line, S: Simd, const FROM: usize, const TO: usize>(
        self,
        simd: S,
        patch: Patch<FROM>,
        zeros: *const f32,
        tile: usize,
        to: *mut f32,
    ) {
        let point = self.point(S::LANES);
        let inside = patch.is_inside();
        let table = if inside { [[zeros; FROM]; FROM] } else { patch.table(zeros) };
        for block in 0..self.channels.div_ceil(S::LANES) {
            let channel = block * S::LANES;
            let to = to.wrapping_add((block * self.tiles + tile) * S::LANES);
            let store = inlined(
                #[inline(always)]
                |row: usize, points: [S::V; TO]| {
                    for column in 0..TO {
                        // SAFETY: the caller's.
                        unsafe { simd.store(to.add((row * TO + column) * point), points[column]) };
                    }
                },
            );
            if inside {
                square::<L, S, FROM, TO>(
                    simd,
                    // SAFETY: the caller's; the position is inside.
                    #[inline(always)]
                    |row, column| unsafe { simd.load(patch.at(row, column).add(channel)) },
                    store,
                );
            } else {
                square::<L, S, FROM, TO>(
                    simd,
                    // SAFETY: the caller's; positions in the table are inside, or zeros.
                    #[inline(always)]
                    |row, column| unsafe { simd.load(table[row][column].add(channel)) },
                    store,
                );
            }
        }
    }
}

/// At least `len` values that are an odd number of cache lines.
#[inline(always)]
pub(super) fn odd_lines(len: usize) -> usize {
    (len.div_ceil(16) | 1).saturating_mul(16)
}

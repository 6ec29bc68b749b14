//! Sums over tiles of products of what they see with their gradients.

use super::rows::Rows;
use crate::cpu::simd::Simd;

/// Tiles whose gradients stay in the nearest cache.
const TILES: usize = 128;

/// Neighbouring vectors of outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// First vector.
    pub(super) start: usize,
    pub(super) vectors: usize,
}

/// Panels of two vectors, and one of a single vector if there is one left.
#[inline(always)]
pub(super) fn panels(vectors: usize) -> impl Iterator<Item = Panel> {
    (0..vectors).step_by(2).map(
        #[inline(always)]
        move |start| Panel { start, vectors: (vectors - start).min(2) },
    )
}

/// For each panel of `b`'s channels, `sums[i, j] += sum over tiles of a[tile, i] * b[tile, j]`, for all channels of `a` in whole
/// vectors; the first time, without what was in `sums`.
///
/// # Safety
///
/// `a` and `b` are what their shapes say, with at least `tiles` tiles, and `sums` has room for all sums.
#[inline(always)]
pub(super) unsafe fn outer<S: Simd>(
    simd: S,
    tiles: usize,
    (a_rows, a): (Rows, *const f32),
    (b_rows, b): (Rows, *const f32),
    sums: *mut f32,
    first: bool,
) {
    let (blocks, vectors) =
        (a_rows.channels.div_ceil(S::LANES), b_rows.channels.div_ceil(S::LANES));
    let [a_block, b_block] = [a_rows.tiles * S::LANES, b_rows.tiles * S::LANES];
    for start in (0..tiles).step_by(TILES) {
        let tiles = TILES.min(tiles - start);
        let first = first && start == 0;
        for panel in panels(vectors) {
            let b = b.wrapping_add(panel.start * b_block + start * S::LANES);
            let sums = sums.wrapping_add(panel.start * blocks * S::LANES * S::LANES);
            for block in 0..blocks {
                let a = a.wrapping_add(block * a_block + start * S::LANES);
                let mut row = 0;
                while row < S::LANES {
                    let at = (block * S::LANES + row) * panel.vectors * S::LANES;
                    let (a, sums) = (a.wrapping_add(row), sums.wrapping_add(at));
                    // SAFETY: the caller's.
                    row += unsafe {
                        match (panel.vectors, S::LANES) {
                            (1, 16) => add::<S, 16, 1>(simd, tiles, a, (b, b_block), sums, first),
                            (1, _) => add::<S, 8, 1>(simd, tiles, a, (b, b_block), sums, first),
                            (_, 16) => add::<S, 8, 2>(simd, tiles, a, (b, b_block), sums, first),
                            (_, _) => add::<S, 4, 2>(simd, tiles, a, (b, b_block), sums, first),
                        }
                    };
                }
            }
        }
    }
}

/// The sums of `ROWS` channels of `a`. Returns their number.
///
/// # Safety
///
/// As for `outer`.
#[inline(always)]
unsafe fn add<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    tiles: usize,
    a: *const f32,
    (b, b_block): (*const f32, usize),
    sums: *mut f32,
    first: bool,
) -> usize {
    let mut totals = [[simd.splat(0.0); VECTORS]; ROWS];
    if !first {
        for r in 0..ROWS {
            for j in 0..VECTORS {
                // SAFETY: the caller's.
                totals[r][j] = unsafe { simd.load(sums.add((r * VECTORS + j) * S::LANES)) };
            }
        }
    }
    for tile in 0..tiles {
        // SAFETY: the caller's.
        unsafe {
            let mut y = [simd.splat(0.0); VECTORS];
            for j in 0..VECTORS {
                y[j] = simd.load(b.add(tile * S::LANES + j * b_block));
            }
            for r in 0..ROWS {
                let x = simd.splat(*a.add(tile * S::LANES + r));
                for j in 0..VECTORS {
                    totals[r][j] = simd.mul_add(x, y[j], totals[r][j]);
                }
            }
        }
    }
    for r in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: the caller's.
            unsafe { simd.store(sums.add((r * VECTORS + j) * S::LANES), totals[r][j]) };
        }
    }
    ROWS
}

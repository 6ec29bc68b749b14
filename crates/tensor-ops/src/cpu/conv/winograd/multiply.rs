//! Products of matrices in the order in which tiles are transformed.

use super::rows::Rows;
use crate::cpu::simd::Simd;

/// `sums[tile, j] += sum over k of rows[tile, k] * weights[k, j]` for `tiles` tiles and `VECTORS` vectors; the first time,
/// without what was in `sums`.
///
/// # Safety
///
/// `rows` is what `shape` says, with at least `tiles` tiles; there are as many rows of `VECTORS` vectors at `weights` as
/// channels, and room for as many at `sums` as the next multiple of 12 after `tiles`.
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd, const VECTORS: usize>(
    simd: S,
    shape: Rows,
    tiles: usize,
    rows: *const f32,
    weights: *const f32,
    sums: *mut f32,
    first: bool,
) {
    let mut tile = 0;
    while tile < tiles {
        let (rows, sums) =
            (rows.wrapping_add(tile * S::LANES), sums.wrapping_add(tile * VECTORS * S::LANES));
        let most = if VECTORS == 1 { S::ROWS_ONE } else { S::ROWS_TWO };
        // SAFETY: the caller's; blocks of rows end at the next multiple of 12 at the latest.
        tile += unsafe {
            match (most, tiles - tile) {
                (_, 1..=4) | (4, _) => {
                    block::<S, 4, VECTORS>(simd, shape, rows, weights, sums, first)
                }
                (6, _) => block::<S, 6, VECTORS>(simd, shape, rows, weights, sums, first),
                (8, _) | (_, 5..=8) => {
                    block::<S, 8, VECTORS>(simd, shape, rows, weights, sums, first)
                }
                (_, _) => block::<S, 12, VECTORS>(simd, shape, rows, weights, sums, first),
            }
        };
    }
}

/// The sums of `ROWS` tiles. Returns their number.
///
/// # Safety
///
/// As for `multiply`.
#[inline(always)]
unsafe fn block<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    shape: Rows,
    rows: *const f32,
    weights: *const f32,
    sums: *mut f32,
    first: bool,
) -> usize {
    let (mut rows, mut weights) = (rows, weights);
    let mut totals = [[simd.splat(0.0); VECTORS]; ROWS];
    if !first {
        for r in 0..ROWS {
            for j in 0..VECTORS {
                // SAFETY: the caller's.
                totals[r][j] = unsafe { simd.load(sums.add((r * VECTORS + j) * S::LANES)) };
            }
        }
    }
    let mut left = shape.channels;
    while left > 0 {
        for k in 0..left.min(S::LANES) {
            // SAFETY: the caller's.
            unsafe {
                let mut w = [simd.splat(0.0); VECTORS];
                for j in 0..VECTORS {
                    w[j] = simd.load(weights.add(j * S::LANES));
                }
                for r in 0..ROWS {
                    let x = simd.splat(*rows.add(r * S::LANES + k));
                    for j in 0..VECTORS {
                        totals[r][j] = simd.mul_add(x, w[j], totals[r][j]);
                    }
                }
            }
            weights = weights.wrapping_add(VECTORS * S::LANES);
        }
        rows = rows.wrapping_add(shape.tiles * S::LANES);
        left = left.saturating_sub(S::LANES);
    }
    for r in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: the caller's.
            unsafe { simd.store(sums.add((r * VECTORS + j) * S::LANES), totals[r][j]) };
        }
    }
    ROWS
}

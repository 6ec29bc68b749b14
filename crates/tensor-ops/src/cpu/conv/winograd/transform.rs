//! Transforms of lines of values to points and back, for tiles of two and of four outputs.
//!
//! With `d` seen by a line of outputs `y`, a kernel `g`, and matrices `A`, `B`, `G` for the points,
//! `y = A^T [(G g) * (B^T d)]` with `*` point by point. Along both axes `Y = A^T [(G g G^T) * (B^T d B)] A`, and the gradient of
//! the kernel by a gradient `y` is `G^T [(A y A^T) * (B^T d B)] G`.
//!
//! Tiles of two: points 0, 1, -1 and infinity. Their results are more exact than sums over all taps. Tiles of four: points 0,
//! `+-5/8`, `+-3/2` and infinity, for which all factors are exact. With uniform random values the error has about 2 times the
//! root mean square of that of a sum over all taps at 16 to 40 inputs, 1.7 times at 256; with the usual points 0, `+-1`, `+-2` it
//! would be 4 to 5 times.

use crate::cpu::simd::{Simd, inlined};

/// A linear map of a line of values.
pub(super) trait Line {
    fn of<S: Simd, const FROM: usize, const TO: usize>(simd: S, x: [S::V; FROM]) -> [S::V; TO];
}

/// `B^T`: what a line of outputs sees, to points.
pub(super) struct Seen;
/// `G`: a line of the kernel, to points.
pub(super) struct Kernel;
/// `A^T`: points to a line of outputs.
pub(super) struct Output;
/// `A`: a line of outputs' gradients, to points.
pub(super) struct OutputGrad;
/// `G^T`: points to a line of the kernel's gradient.
pub(super) struct KernelGrad;

/// The first pair of points.
const A: f32 = 0.625;
/// The second pair of points.
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
/// Products of the differences between a point of a pair and all other points, inverted.
const A_SCALE: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const B_SCALE: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

impl Line for Seen {
    #[inline(always)]
    fn of<S: Simd, const FROM: usize, const TO: usize>(simd: S, d: [S::V; FROM]) -> [S::V; TO] {
        let mut points = [simd.splat(0.0); TO];
        if FROM == 4 {
            points[0] = simd.sub(d[0], d[2]);
            points[1] = simd.add(d[1], d[2]);
            points[2] = simd.sub(d[2], d[1]);
            points[3] = simd.sub(d[3], d[1]);
        } else {
            let product = simd.splat(A2 * B2);
            let sum = simd.splat(-A2 - B2);
            let pair = inlined(
                #[inline(always)]
                |a: f32, other: f32| {
                    let (a, other) = (simd.splat(a), simd.splat(-other));
                    let even = simd.mul_add(other, d[2], d[4]);
                    let odd = simd.mul(a, simd.mul_add(other, d[1], d[3]));
                    (simd.add(even, odd), simd.sub(even, odd))
                },
            );
            points[0] = simd.mul_add(product, d[0], simd.mul_add(sum, d[2], d[4]));
            (points[1], points[2]) = pair(A, B2);
            (points[3], points[4]) = pair(B, A2);
            points[5] = simd.mul_add(product, d[1], simd.mul_add(sum, d[3], d[5]));
        }
        points
    }
}

impl Line for Kernel {
    #[inline(always)]
    fn of<S: Simd, const FROM: usize, const TO: usize>(simd: S, g: [S::V; FROM]) -> [S::V; TO] {
        let mut points = [simd.splat(0.0); TO];
        let pair = inlined(
            #[inline(always)]
            |point: f32, scale: f32| {
                let even = simd.mul_add(simd.splat(point * point), g[2], g[0]);
                let (even, odd) =
                    (simd.mul(simd.splat(scale), even), simd.mul(simd.splat(scale * point), g[1]));
                (simd.add(even, odd), simd.sub(even, odd))
            },
        );
        if TO == 4 {
            points[0] = g[0];
            (points[1], points[2]) = pair(1.0, 0.5);
            points[3] = g[2];
        } else {
            points[0] = simd.mul(simd.splat(1.0 / (A2 * B2)), g[0]);
            (points[1], points[2]) = pair(A, A_SCALE);
            (points[3], points[4]) = pair(B, B_SCALE);
            points[5] = g[2];
        }
        points
    }
}

impl Line for Output {
    #[inline(always)]
    fn of<S: Simd, const FROM: usize, const TO: usize>(simd: S, m: [S::V; FROM]) -> [S::V; TO] {
        let mut y = [simd.splat(0.0); TO];
        let (even, odd) = (simd.add(m[1], m[2]), simd.sub(m[1], m[2]));
        if TO == 2 {
            y[0] = simd.add(m[0], even);
            y[1] = simd.add(odd, m[3]);
        } else {
            let (even_b, odd_b) = (simd.add(m[3], m[4]), simd.sub(m[3], m[4]));
            let both = inlined(
                #[inline(always)]
                |a: f32, x: S::V, b: f32, y: S::V| {
                    simd.mul_add(simd.splat(a), x, simd.mul(simd.splat(b), y))
                },
            );
            y[0] = simd.add(m[0], simd.add(even, even_b));
            y[1] = both(A, odd, B, odd_b);
            y[2] = both(A2, even, B2, even_b);
            y[3] = simd.add(both(A * A2, odd, B * B2, odd_b), m[5]);
        }
        y
    }
}

impl Line for OutputGrad {
    #[inline(always)]
    fn of<S: Simd, const FROM: usize, const TO: usize>(simd: S, y: [S::V; FROM]) -> [S::V; TO] {
        let mut points = [simd.splat(0.0); TO];
        points[0] = y[0];
        points[TO - 1] = y[FROM - 1];
        if FROM == 2 {
            points[1] = simd.add(y[0], y[1]);
            points[2] = simd.sub(y[0], y[1]);
        } else {
            let pair = inlined(
                #[inline(always)]
                |a: f32| {
                    let even = simd.mul_add(simd.splat(a * a), y[2], y[0]);
                    let odd = simd.mul_add(simd.splat(a * a), y[3], y[1]);
                    let odd = simd.mul(simd.splat(a), odd);
                    (simd.add(even, odd), simd.sub(even, odd))
                },
            );
            (points[1], points[2]) = pair(A);
            (points[3], points[4]) = pair(B);
        }
        points
    }
}

impl Line for KernelGrad {
    #[inline(always)]
    fn of<S: Simd, const FROM: usize, const TO: usize>(simd: S, m: [S::V; FROM]) -> [S::V; TO] {
        let mut g = [simd.splat(0.0); TO];
        let pair = inlined(
            #[inline(always)]
            |i: usize, scale: f32| {
                let scale = simd.splat(scale);
                let (even, odd) = (simd.add(m[i], m[i + 1]), simd.sub(m[i], m[i + 1]));
                (simd.mul(scale, even), simd.mul(scale, odd))
            },
        );
        if FROM == 4 {
            let (even, odd) = pair(1, 0.5);
            g[0] = simd.add(m[0], even);
            g[1] = odd;
            g[2] = simd.add(even, m[3]);
        } else {
            let ((even, odd), (even_b, odd_b)) = (pair(1, A_SCALE), pair(3, B_SCALE));
            let both = simd.add(even, even_b);
            g[0] = simd.mul_add(simd.splat(1.0 / (A2 * B2)), m[0], both);
            g[1] = simd.mul_add(simd.splat(A), odd, simd.mul(simd.splat(B), odd_b));
            let both = simd.mul_add(simd.splat(A2), even, simd.mul(simd.splat(B2), even_b));
            g[2] = simd.add(both, m[5]);
        }
        g
    }
}

/// A map along both axes of a square, from where `load` finds its values to where `store` puts a row of results.
#[inline(always)]
pub(super) fn square<L: Line, S: Simd, const FROM: usize, const TO: usize>(
    simd: S,
    load: impl Fn(usize, usize) -> S::V,
    mut store: impl FnMut(usize, [S::V; TO]),
) {
    let mut half = [[simd.splat(0.0); FROM]; TO];
    for column in 0..FROM {
        let mut x = [simd.splat(0.0); FROM];
        for row in 0..FROM {
            x[row] = load(row, column);
        }
        let x: [S::V; TO] = L::of(simd, x);
        for row in 0..TO {
            half[row][column] = x[row];
        }
    }
    for row in 0..TO {
        store(row, L::of(simd, half[row]));
    }
}

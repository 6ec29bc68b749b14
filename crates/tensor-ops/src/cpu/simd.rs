//! Vectors of `f32` with one implementation per instruction set.

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// Most lanes of any vector.
pub(super) const MAX_LANES: usize = 16;

/// A token that proves the presence of an instruction set.
pub(super) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Values per vector.
    const LANES: usize;
    /// Rows of a tile of accumulators that is one vector wide.
    const ROWS_ONE: usize;
    /// Rows of a tile of accumulators that is two vectors wide.
    const ROWS_TWO: usize;

    fn splat(self, value: f32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a * b + c`.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `b` where `a < b`, else `a`: keeps a NaN of `a`.
    fn at_least(self, a: Self::V, b: Self::V) -> Self::V;
    /// `b` where `a > b`, else `a`: keeps a NaN of `a`.
    fn at_most(self, a: Self::V, b: Self::V) -> Self::V;
    /// `value` where `a > 0`, else 0.
    fn where_positive(self, a: Self::V, value: Self::V) -> Self::V;
    /// `value` where `a == b`, else 0.
    fn where_equal(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V;
    /// `value` where `where_equal` has 0, and 0 elsewhere.
    fn where_unequal(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V;

    /// # Safety
    ///
    /// `LANES` values can be read at `from`.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// # Safety
    ///
    /// `LANES` values can be written at `to`.
    unsafe fn store(self, to: *mut f32, value: Self::V);
    /// Asks for the cache line of an address, which need not be valid.
    fn prefetch(self, from: *const f32);
    /// The first `count` lanes; the others are 0.
    ///
    /// # Safety
    ///
    /// `count < LANES` values can be read at `from`.
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V;
    /// # Safety
    ///
    /// `count < LANES` values can be written at `to`.
    unsafe fn store_first(self, to: *mut f32, value: Self::V, count: usize);

    /// The matrix whose rows are the first 8 lanes of the vectors, transposed; other lanes are 0.
    #[inline(always)]
    fn transpose(self, rows: [Self::V; 8]) -> [Self::V; 8] {
        let mut values = [[0.0; MAX_LANES]; 8];
        let mut turned = [[0.0; MAX_LANES]; 8];
        let mut columns = rows;
        // SAFETY: the arrays have `MAX_LANES >= LANES` values a row.
        unsafe {
            for i in 0..8 {
                self.store(values[i].as_mut_ptr(), rows[i]);
            }
            for i in 0..8 {
                for j in 0..8 {
                    turned[j][i] = values[i][j];
                }
            }
            for i in 0..8 {
                columns[i] = self.load(turned[i].as_ptr());
            }
        }
        columns
    }
}

/// Its argument: a closure can be marked `#[inline(always)]` as an argument only.
#[inline(always)]
pub(super) fn inlined<F>(f: F) -> F {
    f
}

/// Loads `count` lanes, all of them if `count >= LANES`.
///
/// # Safety
///
/// As many values can be read at `from`.
#[inline(always)]
pub(super) unsafe fn load_up_to<S: Simd>(simd: S, from: *const f32, count: usize) -> S::V {
    // SAFETY: the caller's.
    unsafe { if count >= S::LANES { simd.load(from) } else { simd.load_first(from, count) } }
}

/// Stores `count` lanes, all of them if `count >= LANES`.
///
/// # Safety
///
/// As many values can be written at `to`.
#[inline(always)]
pub(super) unsafe fn store_up_to<S: Simd>(simd: S, to: *mut f32, value: S::V, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        if count >= S::LANES {
            simd.store(to, value);
        } else {
            simd.store_first(to, value, count);
        }
    }
}

/// Applies a function to each lane.
#[inline(always)]
pub(super) fn map_lanes<S: Simd>(simd: S, value: S::V, f: impl Fn(f32) -> f32) -> S::V {
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: the array has at least `LANES` values.
    unsafe {
        simd.store(lanes.as_mut_ptr(), value);
        for lane in &mut lanes[..S::LANES] {
            *lane = f(*lane);
        }
        simd.load(lanes.as_ptr())
    }
}

/// Sum of all lanes, in order.
#[inline(always)]
pub(super) fn sum_lanes<S: Simd>(simd: S, value: S::V) -> f32 {
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: the array has at least `LANES` values.
    unsafe { simd.store(lanes.as_mut_ptr(), value) };
    lanes[..S::LANES].iter().sum()
}

/// Arrays of eight, left to the compiler's vectorizer. `FMA` where it is a machine instruction of every machine of the
/// architecture.
#[derive(Clone, Copy)]
pub(super) struct Lanes<const FMA: bool>;

impl<const FMA: bool> Lanes<FMA> {
    #[inline(always)]
    fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
        let mut result = [0.0; 8];
        for i in 0..8 {
            result[i] = f(a[i], b[i]);
        }
        result
    }
}

impl<const FMA: bool> Simd for Lanes<FMA> {
    type V = [f32; 8];
    const LANES: usize = 8;
    const ROWS_ONE: usize = 8;
    const ROWS_TWO: usize = 4;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; 8]
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(
            a,
            b,
            #[inline(always)]
            |a, b| a + b,
        )
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(
            a,
            b,
            #[inline(always)]
            |a, b| a - b,
        )
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(
            a,
            b,
            #[inline(always)]
            |a, b| a * b,
        )
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(
            a,
            b,
            #[inline(always)]
            |a, b| a / b,
        )
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let mut result = c;
        for i in 0..8 {
            result[i] = if FMA { a[i].mul_add(b[i], c[i]) } else { a[i] * b[i] + c[i] };
        }
        result
    }

    #[inline(always)]
    fn at_least(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(
            a,
            b,
            #[inline(always)]
            |a, b| if a < b { b } else { a },
        )
    }

    #[inline(always)]
    fn at_most(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(
            a,
            b,
            #[inline(always)]
            |a, b| if a > b { b } else { a },
        )
    }

    #[inline(always)]
    fn where_positive(self, a: Self::V, value: Self::V) -> Self::V {
        Self::zip(
            a,
            value,
            #[inline(always)]
            |a, value| if a > 0.0 { value } else { 0.0 },
        )
    }

    #[inline(always)]
    fn where_equal(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V {
        let mut result = value;
        for i in 0..8 {
            result[i] = if a[i] == b[i] { value[i] } else { 0.0 };
        }
        result
    }

    #[inline(always)]
    fn where_unequal(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V {
        let mut result = value;
        for i in 0..8 {
            result[i] = if a[i] == b[i] { 0.0 } else { value[i] };
        }
        result
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller's.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::V) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(value) };
    }

    #[inline(always)]
    fn prefetch(self, _from: *const f32) {}

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V {
        let mut result = [0.0; 8];
        for (i, lane) in result.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's.
            *lane = unsafe { *from.add(i) };
        }
        result
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, value: Self::V, count: usize) {
        for (i, lane) in value.iter().enumerate().take(count) {
            // SAFETY: the caller's.
            unsafe { *to.add(i) = *lane };
        }
    }
}

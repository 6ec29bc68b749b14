//! Vectors of x86-64.

use std::arch::x86_64::{
    __m256, __m512, __mmask16, _CMP_EQ_OQ, _CMP_GT_OQ, _CMP_NEQ_UQ, _MM_HINT_T0, _mm_castps_pd,
    _mm_cvtsd_f64, _mm_cvtss_f32, _mm_movehl_ps, _mm_prefetch, _mm_storeu_ps, _mm256_add_ps,
    _mm256_and_ps, _mm256_castps256_ps128, _mm256_cmp_ps, _mm256_div_ps, _mm256_extractf128_ps,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_ps, _mm256_max_ps,
    _mm256_min_ps, _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_shuffle_ps, _mm256_sqrt_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sqrt_ps,
    _mm512_storeu_ps, _mm512_sub_ps,
};

use super::Simd;

/// AVX2 with FMA: 8 lanes, 16 registers.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    ///
    /// The machine has AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// AVX-512F: 16 lanes, 32 registers.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    ///
    /// The machine has AVX-512F.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Functions of registers only.
macro_rules! on_registers {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) = $body:expr;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: $kind),*) -> Self::V {
                // SAFETY: the token proves that the machine has the instructions.
                unsafe { $body }
            }
        )*
    };
}

/// `LANES` ones, then as many zeros: a mask of `n` lanes starts at `LANES - n`.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const ROWS_ONE: usize = 12;
    const ROWS_TWO: usize = 6;

    on_registers! {
        fn splat(value: f32) = _mm256_set1_ps(value);
        fn add(a: __m256, b: __m256) = _mm256_add_ps(a, b);
        fn sub(a: __m256, b: __m256) = _mm256_sub_ps(a, b);
        fn mul(a: __m256, b: __m256) = _mm256_mul_ps(a, b);
        fn div(a: __m256, b: __m256) = _mm256_div_ps(a, b);
        fn sqrt(a: __m256) = _mm256_sqrt_ps(a);
        fn mul_add(a: __m256, b: __m256, c: __m256) = _mm256_fmadd_ps(a, b, c);
        fn at_least(a: __m256, b: __m256) = _mm256_max_ps(b, a);
        fn at_most(a: __m256, b: __m256) = _mm256_min_ps(b, a);
        fn where_positive(a: __m256, value: __m256) =
            _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, _mm256_setzero_ps()), value);
        fn where_equal(a: __m256, b: __m256, value: __m256) =
            _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b), value);
        fn where_unequal(a: __m256, b: __m256, value: __m256) =
            _mm256_and_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a, b), value);
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: the caller's, and the token's.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m256) {
        // SAFETY: the caller's, and the token's.
        unsafe { _mm256_storeu_ps(to, value) };
    }

    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        // SAFETY: a prefetch touches nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) };
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: the mask is read at `8 - count <= 8`, so inside the table; lanes outside the mask are not touched.
        unsafe {
            let mask = _mm256_loadu_si256(MASKS.as_ptr().add(8 - count.min(8)).cast());
            _mm256_maskload_ps(from, mask)
        }
    }

    /// A masked store takes a dozen cycles on some machines, these few stores do not.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, value: __m256, count: usize) {
        // SAFETY: 4, 2 and 1 values are written as the bits of `count` say, so `count` together.
        unsafe {
            let mut to = to;
            let mut part = _mm256_castps256_ps128(value);
            if count & 4 != 0 {
                _mm_storeu_ps(to, part);
                part = _mm256_extractf128_ps::<1>(value);
                to = to.add(4);
            }
            if count & 2 != 0 {
                to.cast::<f64>().write_unaligned(_mm_cvtsd_f64(_mm_castps_pd(part)));
                part = _mm_movehl_ps(part, part);
                to = to.add(2);
            }
            if count & 1 != 0 {
                *to = _mm_cvtss_f32(part);
            }
        }
    }

    #[inline(always)]
    fn transpose(self, rows: [__m256; 8]) -> [__m256; 8] {
        let [a, b, c, d, e, f, g, h] = rows;
        // SAFETY: the token proves that the machine has the instructions.
        unsafe {
            // Pairs of rows, then fours within halves, then halves.
            let pairs = [
                _mm256_unpacklo_ps(a, b),
                _mm256_unpackhi_ps(a, b),
                _mm256_unpacklo_ps(c, d),
                _mm256_unpackhi_ps(c, d),
                _mm256_unpacklo_ps(e, f),
                _mm256_unpackhi_ps(e, f),
                _mm256_unpacklo_ps(g, h),
                _mm256_unpackhi_ps(g, h),
            ];
            let fours = [
                _mm256_shuffle_ps::<0x44>(pairs[0], pairs[2]),
                _mm256_shuffle_ps::<0xee>(pairs[0], pairs[2]),
                _mm256_shuffle_ps::<0x44>(pairs[1], pairs[3]),
                _mm256_shuffle_ps::<0xee>(pairs[1], pairs[3]),
                _mm256_shuffle_ps::<0x44>(pairs[4], pairs[6]),
                _mm256_shuffle_ps::<0xee>(pairs[4], pairs[6]),
                _mm256_shuffle_ps::<0x44>(pairs[5], pairs[7]),
                _mm256_shuffle_ps::<0xee>(pairs[5], pairs[7]),
            ];
            [
                _mm256_permute2f128_ps::<0x20>(fours[0], fours[4]),
                _mm256_permute2f128_ps::<0x20>(fours[1], fours[5]),
                _mm256_permute2f128_ps::<0x20>(fours[2], fours[6]),
                _mm256_permute2f128_ps::<0x20>(fours[3], fours[7]),
                _mm256_permute2f128_ps::<0x31>(fours[0], fours[4]),
                _mm256_permute2f128_ps::<0x31>(fours[1], fours[5]),
                _mm256_permute2f128_ps::<0x31>(fours[2], fours[6]),
                _mm256_permute2f128_ps::<0x31>(fours[3], fours[7]),
            ]
        }
    }
}

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS_ONE: usize = 12;
    const ROWS_TWO: usize = 12;

    on_registers! {
        fn splat(value: f32) = _mm512_set1_ps(value);
        fn add(a: __m512, b: __m512) = _mm512_add_ps(a, b);
        fn sub(a: __m512, b: __m512) = _mm512_sub_ps(a, b);
        fn mul(a: __m512, b: __m512) = _mm512_mul_ps(a, b);
        fn div(a: __m512, b: __m512) = _mm512_div_ps(a, b);
        fn sqrt(a: __m512) = _mm512_sqrt_ps(a);
        fn mul_add(a: __m512, b: __m512, c: __m512) = _mm512_fmadd_ps(a, b, c);
        fn at_least(a: __m512, b: __m512) = _mm512_max_ps(b, a);
        fn at_most(a: __m512, b: __m512) = _mm512_min_ps(b, a);
        fn where_positive(a: __m512, value: __m512) =
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, _mm512_setzero_ps()), value);
        fn where_equal(a: __m512, b: __m512, value: __m512) =
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), value);
        fn where_unequal(a: __m512, b: __m512, value: __m512) =
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a, b), value);
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the caller's, and the token's.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m512) {
        // SAFETY: the caller's, and the token's.
        unsafe { _mm512_storeu_ps(to, value) };
    }

    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        // SAFETY: a prefetch touches nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) };
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: lanes outside the mask are not touched.
        unsafe { _mm512_maskz_loadu_ps(first_lanes(count), from) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, value: __m512, count: usize) {
        // SAFETY: lanes outside the mask are not touched.
        unsafe { _mm512_mask_storeu_ps(to, first_lanes(count), value) };
    }
}

#[inline(always)]
fn first_lanes(count: usize) -> __mmask16 {
    ((1_u32 << count.min(16)) - 1) as __mmask16
}

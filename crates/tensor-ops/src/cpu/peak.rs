//! Arithmetic at full speed, to hold kernels against.

use super::context::Context;
use super::level::Task;
use super::simd::Simd;

/// Accumulators: more than latency times units of any processor, and few enough for 16 registers.
const SUMS: usize = 12;

/// Multiply-adds on registers.
pub(super) struct MultiplyAdds {
    /// How often all accumulators are added to.
    pub(super) rounds: usize,
}

impl MultiplyAdds {
    /// FLOPs of one chunk on vectors of so many lanes.
    pub(super) fn flops(&self, lanes: usize) -> u64 {
        2 * (self.rounds * SUMS * lanes) as u64
    }
}

impl Task for MultiplyAdds {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, _: usize, worker: usize) {
        let (factor, summand) = (simd.splat(0.5), simd.splat(1.0));
        let mut sums = [summand; SUMS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, summand);
            }
        }
        let total = sums.into_iter().fold(simd.splat(0.0), |a, b| simd.add(a, b));
        // SAFETY: every worker has room for a vector.
        unsafe { simd.store(context.worker(worker), total) };
    }
}

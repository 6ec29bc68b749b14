//! A row of the target of a depthwise convolution.

use super::rows::{Ends, Panel, Rows, Taps};
use crate::cpu::context::Context;
use crate::cpu::conv::finish::Finishing;
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};

/// A row of the target: what it sees, and where it lies.
struct Line<V, const K: usize, const R: usize> {
    from: [*const f32; R],
    weights: [[V; K]; R],
    bias: V,
    to: *mut f32,
    count: usize,
    finishing: Option<Finishing>,
}

impl<const K: usize, const STRIDE: usize, const UP: bool> Rows<K, STRIDE, UP> {
    /// One row of the target, of which `R` rows of the kernel see something.
    ///
    /// # Safety
    ///
    /// Panel, image, row and taps exist, and no other thread touches the row.
    #[inline(always)]
    pub(super) unsafe fn row<S: Simd, const R: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        (panel, image, y): (Panel, usize, usize),
        taps: Taps,
    ) {
        let Ends { source, weight, finish, target } = self.ends;
        let Panel { start, count } = panel;
        let zero = simd.splat(0.0);
        // Forwards or backwards from tap to tap.
        let channels = source.channels as isize;
        let (first, step) = if self.flip { (K * K - 1, -channels) } else { (0, channels) };
        let weight = context.span(weight).wrapping_add(first * source.channels + start);
        let weight = weight.wrapping_offset((taps.tap * K) as isize * step);
        let mut line = Line {
            from: [context.row(source, 0).cast_const(); R],
            weights: [[zero; K]; R],
            bias: zero,
            to: context.row(target.tensor, (image * self.target[0] + y) * self.target[1]),
            count,
            finishing: finish.from(context, 0, start),
        };
        line.to = line.to.wrapping_add(start);
        for r in 0..R {
            let row = if UP { taps.row - r } else { taps.row + r };
            let row = (image * self.source[0] + row) * self.source[1];
            line.from[r] = context.row(source, row).wrapping_add(start);
            for k in 0..K {
                let tap = if UP { r * STRIDE * K + k } else { r * K + k };
                let weight = weight.wrapping_offset(tap as isize * step);
                // SAFETY: the kernel has the tap, and a vector may reach as far as the arena's slack.
                line.weights[r][k] = unsafe { simd.load(weight) };
            }
        }
        if let Some(bias) = finish.bias(context, start) {
            // SAFETY: the span has a value per channel, and a vector may reach as far as the arena's slack.
            line.bias = unsafe { simd.load(bias) };
        }
        // SAFETY: the caller's.
        unsafe {
            if count >= S::LANES && line.finishing.is_none() && !target.accumulate {
                self.along::<S, R, true>(simd, &line);
            } else {
                self.along::<S, R, false>(simd, &line);
            }
        }
    }

    /// Walks along a row.
    ///
    /// # Safety
    ///
    /// The line exists and is this thread's. If it is `PLAIN`, full vectors overwrite what is there.
    #[inline(always)]
    unsafe fn along<S: Simd, const R: usize, const PLAIN: bool>(
        &self,
        simd: S,
        line: &Line<S::V, K, R>,
    ) {
        let mut sums = [line.bias; K];
        // SAFETY: the caller's; steps of the body read and write inside the image.
        unsafe {
            for t in self.steps.head.clone() {
                sums = self.step::<S, R, true, PLAIN>(simd, line, sums, t);
            }
            for t in self.steps.body.clone() {
                sums = self.step::<S, R, false, PLAIN>(simd, line, sums, t);
            }
            for t in self.steps.tail.clone() {
                sums = self.step::<S, R, true, PLAIN>(simd, line, sums, t);
            }
        }
    }

    /// Adds what a step sees to the sums of positions that are not finished; those that are then make room for new ones.
    ///
    /// # Safety
    ///
    /// The line exists and is this thread's; what the step sees and finishes exists, unless that is checked.
    #[inline(always)]
    unsafe fn step<S: Simd, const R: usize, const CHECKED: bool, const PLAIN: bool>(
        &self,
        simd: S,
        line: &Line<S::V, K, R>,
        mut sums: [S::V; K],
        t: isize,
    ) -> [S::V; K] {
        let (source, target) = (self.source[1] as isize, self.target[1] as isize);
        let last = K.div_ceil(STRIDE) - 1;
        let mut next = [line.bias; K];
        if UP {
            // Sum `k` is that of the position where tap `k` sees `t`.
            if !CHECKED || t < source {
                for r in 0..R {
                    // SAFETY: the position exists, and a vector may reach as far as the arena's slack.
                    let seen = unsafe { simd.load(self.seen(line, r, t)) };
                    for k in 0..K {
                        sums[k] = simd.mul_add(seen, line.weights[r][k], sums[k]);
                    }
                }
            }
            for j in 0..STRIDE {
                let at = t * STRIDE as isize - self.left + j as isize;
                if !CHECKED || (0..target).contains(&at) {
                    // SAFETY: the position exists, and the caller's.
                    unsafe { self.finish::<S, R, PLAIN>(simd, line, at, sums[j]) };
                }
            }
            for k in 0..K {
                if k + STRIDE < K {
                    next[k] = sums[k + STRIDE];
                }
            }
        } else {
            // Sum `i` is that of position `t - i`.
            for j in 0..STRIDE {
                let at = t * STRIDE as isize - self.left + j as isize;
                if !CHECKED || (0..source).contains(&at) {
                    for r in 0..R {
                        // SAFETY: the position exists, and a vector may reach as far as the arena's slack.
                        let seen = unsafe { simd.load(self.seen(line, r, at)) };
                        for i in 0..K {
                            if i * STRIDE + j < K {
                                let weight = line.weights[r][i * STRIDE + j];
                                sums[i] = simd.mul_add(seen, weight, sums[i]);
                            }
                        }
                    }
                }
            }
            let at = t - last as isize;
            if !CHECKED || (0..target).contains(&at) {
                // SAFETY: the position exists, and the caller's.
                unsafe { self.finish::<S, R, PLAIN>(simd, line, at, sums[last]) };
            }
            for i in 0..K {
                if i >= 1 && i <= last {
                    next[i] = sums[i - 1];
                }
            }
        }
        next
    }

    #[inline(always)]
    fn seen<V, const R: usize>(&self, line: &Line<V, K, R>, r: usize, at: isize) -> *const f32 {
        line.from[r].wrapping_offset(at * self.ends.source.pitch as isize)
    }

    /// Stores the sum of a position.
    ///
    /// # Safety
    ///
    /// The position exists and is this thread's.
    #[inline(always)]
    unsafe fn finish<S: Simd, const R: usize, const PLAIN: bool>(
        &self,
        simd: S,
        line: &Line<S::V, K, R>,
        at: isize,
        sum: S::V,
    ) {
        let Target { tensor, accumulate } = self.ends.target;
        let to = line.to.wrapping_offset(at * tensor.pitch as isize);
        // SAFETY: the caller's.
        unsafe {
            if PLAIN {
                simd.store(to, sum);
                return;
            }
            let result = match line.finishing {
                Some(finishing) => finishing.apply(simd, sum, 0, line.count),
                None if accumulate => simd.add(load_up_to(simd, to, line.count), sum),
                None => sum,
            };
            store_up_to(simd, to, result, line.count);
        }
    }
}

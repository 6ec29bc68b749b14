//! Sums over a batch in parts that different threads may compute.

use std::ops::Range;

use crate::Span;
use crate::cpu::context::Context;
use crate::cpu::level::Task;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};

/// Most parts.
const PARTS: usize = 16;

/// Most values of all parts together, unless there are only two.
const VALUES: usize = 1 << 22;

/// Values that are summed over the parts by one chunk.
const CHUNK: usize = 1 << 12;

/// Gradients of a kernel and perhaps a bias. Each part is summed on its own in the shared scratch, the kernel's values before
/// the bias's, then all parts are added in order. A single part is summed where the gradients go.
pub(super) struct Parts {
    count: usize,
    units: usize,
    weight: Span,
    bias: Option<Span>,
    /// Values per part.
    part: usize,
}

impl Parts {
    /// For a batch of so many units of work. A bias has `outputs` values.
    pub(super) fn new(units: usize, weight: Span, bias: Option<Span>, outputs: usize) -> Self {
        let part = weight.len + outputs;
        Self { count: PARTS.min((VALUES / part).max(2)).min(units), units, weight, bias, part }
    }

    /// A single part.
    pub(super) fn one(units: usize, weight: Span, bias: Option<Span>) -> Self {
        Self { count: 1, units, weight, bias, part: weight.len }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Values of the scratch.
    pub(super) fn len(&self) -> usize {
        if self.count == 1 { 0 } else { self.count.saturating_mul(self.part) }
    }

    /// The units that a part sums over.
    #[inline(always)]
    pub(super) fn units(&self, part: usize) -> Range<usize> {
        part * self.units / self.count..(part + 1) * self.units / self.count
    }

    /// First value of a part in the scratch.
    #[inline(always)]
    fn part(&self, context: &Context<'_>, part: usize) -> *mut f32 {
        context.shared.wrapping_add(part * self.part)
    }

    /// Where a part's sums for the kernel start.
    #[inline(always)]
    pub(super) fn weight(&self, context: &Context<'_>, part: usize) -> *mut f32 {
        if self.count == 1 { context.span(self.weight) } else { self.part(context, part) }
    }

    /// Where a part's sums for the bias start, if they are wanted.
    #[inline(always)]
    pub(super) fn bias(&self, context: &Context<'_>, part: usize) -> Option<*mut f32> {
        self.bias.map(|bias| {
            if self.count == 1 {
                context.span(bias)
            } else {
                self.part(context, part).wrapping_add(self.weight.len)
            }
        })
    }

    /// Adds all parts and writes the gradients.
    pub(super) fn launch_sum(&self, context: &Context<'_>) {
        if self.count > 1 {
            context.launch(self.part.div_ceil(CHUNK), self);
        }
    }

    /// Adds some values of all parts; value `i` goes to `to + i`.
    ///
    /// # Safety
    ///
    /// The range lies inside a part, and its values may be written.
    #[inline(always)]
    unsafe fn sum<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        range: Range<usize>,
        to: *mut f32,
    ) {
        let mut at = range.start;
        while at < range.end {
            let left = range.end - at;
            let mut total = simd.splat(0.0);
            // SAFETY: the caller's.
            unsafe {
                for part in 0..self.count {
                    total =
                        simd.add(total, load_up_to(simd, self.part(context, part).add(at), left));
                }
                store_up_to(simd, to.wrapping_add(at), total, left);
            }
            at += S::LANES;
        }
    }
}

impl Task for Parts {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let Span { len, .. } = self.weight;
        let range = chunk * CHUNK..self.part.min((chunk + 1) * CHUNK);
        // SAFETY: the spans were checked to have these lengths, and chunks write different values.
        unsafe {
            let weights = range.start.min(len)..range.end.min(len);
            self.sum(simd, context, weights, context.span(self.weight));
            if let Some(bias) = self.bias {
                let biases = range.start.max(len)..range.end.max(len);
                self.sum(simd, context, biases, context.span(bias).wrapping_sub(len));
            }
        }
    }
}

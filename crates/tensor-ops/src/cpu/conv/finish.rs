//! What is done with sums before they are written.

use crate::cpu::context::Context;
use crate::cpu::simd::{Simd, load_up_to};
use crate::{Clamp, Epilogue, Norm, Span};

/// A bias and an epilogue of so many channels.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) struct Finish {
    pub(in crate::cpu) bias: Option<Span>,
    pub(in crate::cpu) epilogue: Epilogue,
    pub(in crate::cpu) channels: usize,
}

/// What is left to do with the sums of the channels from one on: a scale and a shift if there is a norm, and a clamp.
#[derive(Clone, Copy)]
pub(super) struct Finishing {
    norm: Option<(*const f32, *const f32)>,
    clamp: Clamp,
}

impl Finish {
    /// Nothing at all.
    pub(super) fn nothing(channels: usize) -> Self {
        Self { bias: None, epilogue: Epilogue::NONE, channels }
    }

    /// Values that are derived from the norm.
    pub(super) fn len(&self) -> usize {
        if self.epilogue.norm.is_some() { self.channels.saturating_mul(2) } else { 0 }
    }

    /// What they are derived from.
    pub(super) fn sources(&self) -> Vec<Span> {
        self.epilogue.norm.map_or(Vec::new(), |Norm { gamma, beta, mean, variance, epsilon: _ }| {
            [Some(beta), Some(mean), Some(variance), gamma, self.bias]
                .into_iter()
                .flatten()
                .collect()
        })
    }

    /// Derives a scale and a shift per channel, `derived` behind the kernel's first derived value.
    pub(super) fn derive(&self, context: &Context<'_>, derived: usize) {
        let Some(Norm { gamma, beta, mean, variance, epsilon }) = self.epilogue.norm else {
            return;
        };
        for channel in 0..self.channels {
            // SAFETY: the spans were checked to have one value per channel, and the derived values have room for two.
            unsafe {
                let of = |span: Span| *context.span(span).add(channel);
                let scale = gamma.map_or(1.0, of) / (of(variance) + epsilon).sqrt();
                let shift = of(beta) + (self.bias.map_or(0.0, of) - of(mean)) * scale;
                *context.derived.add(derived + channel) = scale;
                *context.derived.add(derived + self.channels + channel) = shift;
            }
        }
    }

    /// First value of a bias that sums start with, from a channel on: with a norm it is a part of the shift.
    #[inline(always)]
    pub(super) fn bias(&self, context: &Context<'_>, channel: usize) -> Option<*const f32> {
        let bias = self.bias.filter(|_| self.epilogue.norm.is_none())?;
        Some(context.span(bias).wrapping_add(channel).cast_const())
    }

    /// What is done with the sums of the channels from one on, if anything is.
    #[inline(always)]
    pub(super) fn from(
        &self,
        context: &Context<'_>,
        derived: usize,
        channel: usize,
    ) -> Option<Finishing> {
        let Epilogue { norm, clamp } = self.epilogue;
        let scale = context.derived.wrapping_add(derived + channel).cast_const();
        let norm = norm.map(|_| (scale, scale.wrapping_add(self.channels)));
        (norm.is_some() || clamp != Clamp::NONE).then_some(Finishing { norm, clamp })
    }
}

impl Finishing {
    /// The values to write for sums of `count` channels, `channel` behind the first.
    ///
    /// # Safety
    ///
    /// There are so many channels.
    #[inline(always)]
    pub(super) unsafe fn apply<S: Simd>(
        self,
        simd: S,
        sums: S::V,
        channel: usize,
        count: usize,
    ) -> S::V {
        let mut value = sums;
        if let Some((scale, shift)) = self.norm {
            // SAFETY: the caller's; there is a value per channel.
            let (scale, shift) = unsafe {
                (
                    load_up_to(simd, scale.add(channel), count),
                    load_up_to(simd, shift.add(channel), count),
                )
            };
            value = simd.mul_add(value, scale, shift);
        }
        let Clamp { low, high } = self.clamp;
        simd.at_most(simd.at_least(value, simd.splat(low)), simd.splat(high))
    }
}

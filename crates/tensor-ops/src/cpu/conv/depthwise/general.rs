//! General convolution and the gradient of its input.

use crate::cpu::context::{Context, Derived, Kernel, Scratch};
use crate::cpu::conv::block::Source;
use crate::cpu::conv::finish::Finish;
use crate::cpu::conv::plan::Plan;
use crate::cpu::conv::windows::{Channels, Operation, Windows};
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to};
use crate::{Geometry, Span, Tensor};

/// Each channel with its own filter. Input channels are repeated in the block as often as they have outputs.
pub(super) struct General {
    windows: Windows,
    filter: Filter,
    source: Tensor,
    target: Target,
}

impl General {
    pub(super) fn forward(
        geometry: Geometry,
        input: Tensor,
        weight: Span,
        finish: Finish,
        output: Tensor,
    ) -> Self {
        let channels = output.channels;
        let plan = Plan::forward(geometry, channels, None);
        Self {
            windows: Windows { plan, channels, fold: 1 },
            filter: Filter { channels, weight, finish },
            source: input,
            target: Target { tensor: output, accumulate: false },
        }
    }

    pub(super) fn grad_input(
        geometry: Geometry,
        multiplier: usize,
        grad_output: Tensor,
        weight: Span,
        target: Target,
    ) -> Self {
        let channels = grad_output.channels;
        let plan = Plan::gradient(geometry, channels, None);
        Self {
            windows: Windows { plan, channels, fold: multiplier },
            filter: Filter { channels, weight, finish: Finish::nothing(channels) },
            source: grad_output,
            target,
        }
    }
}

impl Kernel for General {
    fn scratch(&self) -> Scratch {
        self.windows.scratch()
    }

    fn derived(&self) -> Derived {
        let finish = self.filter.finish;
        Derived { len: finish.len(), sources: finish.sources() }
    }

    fn run(&self, context: &Context<'_>) {
        if context.stale {
            self.filter.finish.derive(context, 0);
        }
        let source = Source { memory: context.arena, tensor: self.source, fill: 0.0 };
        self.windows.launch(context, &self.filter, source, (context.arena, self.target));
    }
}

/// Sum of what the taps see times the kernel, plus the bias, and the epilogue.
struct Filter {
    channels: usize,
    weight: Span,
    finish: Finish,
}

impl Operation for Filter {
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S, context: &Context<'_>, channels: Channels) -> S::V {
        match self.finish.bias(context, channels.start) {
            // SAFETY: the span was checked to have one value per channel.
            Some(bias) => unsafe { load_up_to(simd, bias, channels.count) },
            None => simd.splat(0.0),
        }
    }

    #[inline(always)]
    fn tap<S: Simd>(&self, simd: S, context: &Context<'_>, tap: usize, channels: Channels) -> S::V {
        let at = tap * self.channels + channels.start;
        // SAFETY: the span was checked to have one value per tap and channel.
        unsafe { load_up_to(simd, context.span(self.weight).add(at), channels.count) }
    }

    #[inline(always)]
    unsafe fn step<S: Simd>(&self, simd: S, sum: S::V, seen: *const f32, weight: S::V) -> S::V {
        // SAFETY: the caller's.
        simd.mul_add(unsafe { simd.load(seen) }, weight, sum)
    }

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        sum: S::V,
        _position: usize,
        channels: Channels,
    ) -> S::V {
        match self.finish.from(context, 0, channels.start) {
            // SAFETY: the channels exist.
            Some(finishing) => unsafe { finishing.apply(simd, sum, 0, channels.count) },
            None => sum,
        }
    }
}

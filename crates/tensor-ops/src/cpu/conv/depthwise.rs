//! Depthwise convolution and the gradient of its input.

use super::block::Source;
use super::plan::Plan;
use super::windows::{Channels, Operation, Windows};
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to};
use crate::{Geometry, Span, Tensor};

/// Each channel with its own filter. Input channels are repeated in the block as often as they have outputs.
pub(in crate::cpu) struct Depthwise {
    windows: Windows,
    filter: Filter,
    source: Tensor,
    target: Target,
}

impl Depthwise {
    pub(in crate::cpu) fn forward(
        geometry: Geometry,
        input: Tensor,
        weight: Span,
        bias: Option<Span>,
        output: Tensor,
    ) -> Self {
        let channels = output.channels;
        let plan = Plan::forward(geometry, channels, None);
        Self {
            windows: Windows { plan, channels, fold: 1 },
            filter: Filter { channels, weight, bias },
            source: input,
            target: Target { tensor: output, accumulate: false },
        }
    }

    pub(in crate::cpu) fn grad_input(
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
            filter: Filter { channels, weight, bias: None },
            source: grad_output,
            target,
        }
    }
}

impl Kernel for Depthwise {
    fn scratch(&self) -> Scratch {
        self.windows.scratch()
    }

    fn run(&self, context: &Context<'_>) {
        let source = Source { memory: context.arena, tensor: self.source, fill: 0.0 };
        self.windows.launch(context, &self.filter, source, (context.arena, self.target));
    }
}

/// Sum of what the taps see times the kernel, plus the bias.
struct Filter {
    channels: usize,
    weight: Span,
    bias: Option<Span>,
}

impl Operation for Filter {
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S, context: &Context<'_>, channels: Channels) -> S::V {
        match self.bias {
            // SAFETY: the span was checked to have one value per channel.
            Some(bias) => unsafe {
                load_up_to(simd, context.span(bias).add(channels.start), channels.count)
            },
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
    fn finish<S: Simd>(&self, _simd: S, sum: S::V, _position: usize) -> S::V {
        sum
    }
}

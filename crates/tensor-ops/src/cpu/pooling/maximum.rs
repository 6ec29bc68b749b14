//! Maximum over windows and its gradient.

use std::ops::Range;

use super::taps_inside;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::{Channels, Operation, Plan, Source, Windows};
use crate::cpu::level::Task;
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};
use crate::{Geometry, Tensor};

pub(in crate::cpu) struct MaxPool {
    windows: Windows,
    input: Tensor,
    output: Tensor,
}

impl MaxPool {
    pub(in crate::cpu) fn new(geometry: Geometry, input: Tensor, output: Tensor) -> Self {
        let channels = input.channels;
        let plan = Plan::forward(geometry, channels, None);
        Self { windows: Windows { plan, channels, fold: 1 }, input, output }
    }
}

impl Kernel for MaxPool {
    fn scratch(&self) -> Scratch {
        self.windows.scratch()
    }

    fn run(&self, context: &Context<'_>) {
        let source = Source { memory: context.arena, tensor: self.input, fill: f32::NEG_INFINITY };
        let target = Target { tensor: self.output, accumulate: false };
        self.windows.launch(context, &Max, source, (context.arena, target));
    }
}

struct Max;

impl Operation for Max {
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S, _context: &Context<'_>, _channels: Channels) -> S::V {
        simd.splat(f32::NEG_INFINITY)
    }

    #[inline(always)]
    fn tap<S: Simd>(
        &self,
        simd: S,
        _context: &Context<'_>,
        _tap: usize,
        _channels: Channels,
    ) -> S::V {
        simd.splat(0.0)
    }

    #[inline(always)]
    unsafe fn step<S: Simd>(&self, simd: S, best: S::V, seen: *const f32, _tap: S::V) -> S::V {
        // SAFETY: the caller's.
        simd.at_least(best, unsafe { simd.load(seen) })
    }

    #[inline(always)]
    fn finish<S: Simd>(&self, _simd: S, best: S::V, _position: usize) -> S::V {
        best
    }
}

/// About as many values as a chunk holds.
const CHUNK: usize = 1 << 14;

pub(in crate::cpu) struct MaxPoolGrad {
    geometry: Geometry,
    input: Tensor,
    output: Tensor,
    grad_output: Tensor,
    target: Target,
    /// Taps inside the image for each output position along each axis.
    taps: [Vec<Range<usize>>; 2],
}

impl MaxPoolGrad {
    pub(in crate::cpu) fn new(
        geometry: Geometry,
        input: Tensor,
        output: Tensor,
        grad_output: Tensor,
        target: Target,
    ) -> Self {
        let taps = [0, 1].map(|axis| {
            (0..geometry.output[axis])
                .map(|position| taps_inside(&geometry, axis, position))
                .collect()
        });
        Self { geometry, input, output, grad_output, target, taps }
    }

    fn chunk_images(&self) -> usize {
        let image = self.input.rows / self.geometry.batch * self.input.channels;
        (CHUNK / image).clamp(1, self.geometry.batch)
    }
}

impl Kernel for MaxPoolGrad {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.geometry.batch.div_ceil(self.chunk_images()), self);
    }
}

impl Task for MaxPoolGrad {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let start = chunk * self.chunk_images();
        for image in start..self.geometry.batch.min(start + self.chunk_images()) {
            // SAFETY: the tensors were checked, and this chunk alone has the image.
            unsafe {
                if !self.target.accumulate {
                    self.clear(simd, context, image);
                }
                for y in 0..self.geometry.output[0] {
                    for x in 0..self.geometry.output[1] {
                        self.scatter(simd, context, image, [y, x]);
                    }
                }
            }
        }
    }
}

impl MaxPoolGrad {
    /// # Safety
    ///
    /// Nobody else has the image.
    #[inline(always)]
    unsafe fn clear<S: Simd>(&self, simd: S, context: &Context<'_>, image: usize) {
        let area = self.geometry.input[0] * self.geometry.input[1];
        let Tensor { channels, .. } = self.target.tensor;
        for row in image * area..(image + 1) * area {
            let to = context.row(self.target.tensor, row);
            let mut c = 0;
            while c < channels {
                // SAFETY: the row lies inside the checked tensor.
                unsafe { store_up_to(simd, to.add(c), simd.splat(0.0), channels - c) };
                c += S::LANES;
            }
        }
    }

    /// Gives the gradients of one window to the first inputs that equal its outputs.
    ///
    /// # Safety
    ///
    /// Nobody else has the image.
    #[inline(always)]
    unsafe fn scatter<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        image: usize,
        [y, x]: [usize; 2],
    ) {
        let Geometry { input: [height, width], output, stride, dilation, padding, .. } =
            self.geometry;
        let taps = [&self.taps[0][y], &self.taps[1][x]];
        let first_y = y * stride[0] + taps[0].start * dilation[0] - padding[0];
        let first_x = x * stride[1] + taps[1].start * dilation[1] - padding[1];
        let first = (image * height + first_y) * width + first_x;
        let (from, to) = (context.row(self.input, first), context.row(self.target.tensor, first));
        let [from_pitch, to_pitch] = [self.input.pitch, self.target.tensor.pitch];
        let row = (image * output[0] + y) * output[1] + x;
        let (best, gradient) = (context.row(self.output, row), context.row(self.grad_output, row));
        let channels = self.input.channels;
        let mut c = 0;
        while c < channels {
            let count = channels - c;
            // SAFETY: taps inside the image have rows inside the checked tensors, and `c + min(count, LANES)` values of
            // each exist.
            unsafe {
                let best = load_up_to(simd, best.add(c), count);
                let mut left = load_up_to(simd, gradient.add(c), count);
                for tap_y in 0..taps[0].len() {
                    let mut from = from.add(c + tap_y * dilation[0] * width * from_pitch);
                    let mut to = to.add(c + tap_y * dilation[0] * width * to_pitch);
                    for _ in 0..taps[1].len() {
                        let value = load_up_to(simd, from, count);
                        let hit = simd.where_equal(value, best, left);
                        left = simd.where_unequal(value, best, left);
                        store_up_to(simd, to, simd.add(load_up_to(simd, to, count), hit), count);
                        from = from.wrapping_add(dilation[1] * from_pitch);
                        to = to.wrapping_add(dilation[1] * to_pitch);
                    }
                }
            }
            c += S::LANES;
        }
    }
}

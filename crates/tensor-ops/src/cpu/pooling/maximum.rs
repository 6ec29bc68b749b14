//! Maximum over windows and its gradient.

use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::{Channels, Operation, Plan, Source, Windows};
use crate::cpu::level::Task;
use crate::cpu::rows::Target;
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};
use crate::{Geometry, Tensor};

pub(super) struct MaxPool {
    windows: Windows,
    input: Tensor,
    output: Tensor,
}

impl MaxPool {
    pub(super) fn new(geometry: Geometry, input: Tensor, output: Tensor) -> Self {
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
    fn finish<S: Simd>(
        &self,
        _simd: S,
        _context: &Context<'_>,
        best: S::V,
        _position: usize,
        _channels: Channels,
    ) -> S::V {
        best
    }
}

/// About as many values as a chunk holds.
const CHUNK: usize = 1 << 14;

/// Vector of channels by vector of channels, an image and its gradient are laid out with their padding in the worker's scratch,
/// where all windows are complete and all vectors full.
pub(super) struct MaxPoolGrad {
    geometry: Geometry,
    input: Tensor,
    output: Tensor,
    grad_output: Tensor,
    target: Target,
    /// Height and width of the padded image.
    padded: [usize; 2],
}

impl MaxPoolGrad {
    pub(super) fn new(
        geometry: Geometry,
        input: Tensor,
        output: Tensor,
        grad_output: Tensor,
        target: Target,
    ) -> Self {
        let padded = [0, 1].map(|axis| {
            let windows = (geometry.output[axis] - 1) * geometry.stride[axis]
                + (geometry.kernel[axis] - 1) * geometry.dilation[axis]
                + 1;
            windows.max(geometry.padding[axis] + geometry.input[axis])
        });
        Self { geometry, input, output, grad_output, target, padded }
    }

    fn chunk_images(&self) -> usize {
        let image = self.input.rows / self.geometry.batch * self.input.channels;
        (CHUNK / image).clamp(1, self.geometry.batch)
    }

    /// Values of a padded image with as many channels as the longest vector.
    fn padded_len(&self) -> usize {
        self.padded[0].saturating_mul(self.padded[1]).saturating_mul(MAX_LANES)
    }
}

impl Kernel for MaxPoolGrad {
    fn scratch(&self) -> Scratch {
        Scratch { shared: 0, worker: self.padded_len().saturating_mul(2) }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.geometry.batch.div_ceil(self.chunk_images()), self);
    }
}

impl Task for MaxPoolGrad {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let values = context.worker(worker);
        let gradients = values.wrapping_add(self.padded_len());
        let start = chunk * self.chunk_images();
        // SAFETY: the tensors were checked, this chunk alone has the images, and each worker has its own scratch.
        unsafe {
            // Positions beside the image equal no maximum.
            for position in 0..self.padded[0] * self.padded[1] {
                simd.store(values.add(position * S::LANES), simd.splat(f32::NAN));
            }
            for image in start..self.geometry.batch.min(start + self.chunk_images()) {
                let mut c = 0;
                while c < self.input.channels {
                    let channels = Channels { start: c, count: self.input.channels - c };
                    self.read(simd, context, image, channels, values, gradients);
                    self.scatter(simd, context, image, channels, values, gradients);
                    self.write(simd, context, image, channels, gradients);
                    c += S::LANES;
                }
            }
        }
    }
}

impl MaxPoolGrad {
    /// Copies values into the padded image and clears its gradient.
    ///
    /// # Safety
    ///
    /// The image and the channels exist, and both padded images are this thread's.
    #[inline(always)]
    unsafe fn read<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        image: usize,
        Channels { start, count }: Channels,
        values: *mut f32,
        gradients: *mut f32,
    ) {
        let Geometry { input: [height, width], padding, .. } = self.geometry;
        for y in 0..height {
            let to = ((y + padding[0]) * self.padded[1] + padding[1]) * S::LANES;
            let from = context.row(self.input, (image * height + y) * width).wrapping_add(start);
            for x in 0..width {
                // SAFETY: the caller's.
                unsafe {
                    let value = load_up_to(simd, from.add(x * self.input.pitch), count);
                    simd.store(values.add(to + x * S::LANES), value);
                }
            }
        }
        for position in 0..self.padded[0] * self.padded[1] {
            // SAFETY: the caller's.
            unsafe { simd.store(gradients.add(position * S::LANES), simd.splat(0.0)) };
        }
    }

    /// Gives the gradient of each window to the first value that equals its maximum.
    ///
    /// # Safety
    ///
    /// As for `read`.
    #[inline(always)]
    unsafe fn scatter<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        image: usize,
        Channels { start, count }: Channels,
        values: *const f32,
        gradients: *mut f32,
    ) {
        let Geometry { output: [height, width], kernel, stride, dilation, .. } = self.geometry;
        let row_len = self.padded[1] * S::LANES;
        for y in 0..height {
            let row = (image * height + y) * width;
            let best = context.row(self.output, row).wrapping_add(start);
            let gradient = context.row(self.grad_output, row).wrapping_add(start);
            for x in 0..width {
                let first = y * stride[0] * row_len + x * stride[1] * S::LANES;
                // SAFETY: the caller's; windows lie inside the padded image.
                unsafe {
                    let best = load_up_to(simd, best.add(x * self.output.pitch), count);
                    let mut left =
                        load_up_to(simd, gradient.add(x * self.grad_output.pitch), count);
                    for tap_y in 0..kernel[0] {
                        let mut at = first + tap_y * dilation[0] * row_len;
                        for _ in 0..kernel[1] {
                            let (value, to) = (simd.load(values.add(at)), gradients.add(at));
                            let hit = simd.where_equal(value, best, left);
                            left = simd.where_unequal(value, best, left);
                            simd.store(to, simd.add(simd.load(to), hit));
                            at += dilation[1] * S::LANES;
                        }
                    }
                }
            }
        }
    }

    /// Copies or adds the gradient to the target.
    ///
    /// # Safety
    ///
    /// As for `read`.
    #[inline(always)]
    unsafe fn write<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        image: usize,
        Channels { start, count }: Channels,
        gradients: *const f32,
    ) {
        let Geometry { input: [height, width], padding, .. } = self.geometry;
        for y in 0..height {
            let from = ((y + padding[0]) * self.padded[1] + padding[1]) * S::LANES;
            let to =
                context.row(self.target.tensor, (image * height + y) * width).wrapping_add(start);
            for x in 0..width {
                // SAFETY: the caller's.
                unsafe {
                    let to = to.add(x * self.target.tensor.pitch);
                    let mut value = simd.load(gradients.add(from + x * S::LANES));
                    if self.target.accumulate {
                        value = simd.add(load_up_to(simd, to, count), value);
                    }
                    store_up_to(simd, to, value, count);
                }
            }
        }
    }
}

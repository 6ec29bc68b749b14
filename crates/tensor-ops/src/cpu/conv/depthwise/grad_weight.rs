//! Gradient of the kernel and bias of a depthwise convolution, row by row.

use super::ahead;
use super::sums::Sums;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::bands::Bands;
use crate::cpu::conv::parts::Parts;
use crate::cpu::level::Task;
use crate::cpu::simd::Simd;
use crate::{Geometry, Span, Tensor};

/// `K * K` taps, whose sums are in registers while rows of the images pass by.
pub(super) struct GradWeight<const K: usize, const STRIDE: usize> {
    pub(super) input: Tensor,
    pub(super) grad_output: Tensor,
    pub(super) source: [usize; 2],
    pub(super) target: [usize; 2],
    pub(super) padding: [isize; 2],
    bands: Bands,
    /// Whether the tensors come from memory.
    pub(super) far: bool,
    parts: Parts,
}

impl<const K: usize, const STRIDE: usize> GradWeight<K, STRIDE> {
    pub(super) fn new(
        geometry: &Geometry,
        input: Tensor,
        grad_output: Tensor,
        grad_weight: Span,
        grad_bias: Option<Span>,
    ) -> Self {
        let Geometry { batch, input: source, output: target, padding, .. } = *geometry;
        let padding = padding.map(|padding| padding as isize);
        let row = source[1].saturating_mul(STRIDE).saturating_add(target[1]);
        let bands = Bands::new(batch, target[0], row.saturating_mul(input.channels));
        let far = ahead::pays([input, grad_output]);
        let parts = Parts::new(bands.units(), grad_weight, grad_bias, input.channels);
        Self { input, grad_output, source, target, padding, bands, far, parts }
    }
}

impl<const K: usize, const STRIDE: usize> Kernel for GradWeight<K, STRIDE> {
    fn scratch(&self) -> Scratch {
        Scratch { shared: self.parts.len(), worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let level = context.level.for_channels(self.input.channels);
        context.launch_at(level, self.parts.count(), self);
        self.parts.launch_sum(context);
    }
}

impl<const K: usize, const STRIDE: usize> Task for GradWeight<K, STRIDE> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let weight = self.parts.weight(context, chunk);
        let bias = self.parts.bias(context, chunk);
        let channels = self.input.channels;
        // SAFETY: this chunk alone has the part.
        unsafe {
            weight.write_bytes(0, K * K * channels);
            if let Some(bias) = bias {
                bias.write_bytes(0, channels);
            }
        }
        for unit in self.parts.units(chunk) {
            self.bands.for_each_block(
                unit,
                #[inline(always)]
                |images, rows| {
                    let mut start = 0;
                    while start < channels {
                        let (images, rows) = (images.clone(), rows.clone());
                        let sums = Sums { instruction: self, context, images, rows, start };
                        // SAFETY: the channels exist, and this chunk alone has the part.
                        unsafe {
                            sums.weights(simd, weight);
                            if let Some(bias) = bias {
                                sums.bias(simd, bias);
                            }
                        }
                        start += S::LANES;
                    }
                },
            );
        }
    }
}

//! Gradient of a convolution's kernel and bias, in planes.

use super::Grid;
use super::channels::{Planes, SIDE, add, totals};
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::parts::Parts;
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::{MAX_LANES, Simd};
use crate::{Span, Tensor};

/// Products of the planes of input and gradient, summed over all places: zeros between rows add nothing.
pub(in crate::cpu::conv) struct PlanesGradWeight {
    level: Level,
    grid: Grid,
    input: Tensor,
    grad_output: Tensor,
    parts: Parts,
}

impl PlanesGradWeight {
    pub(in crate::cpu::conv) fn new(
        level: Level,
        grid: Grid,
        input: Tensor,
        grad_output: Tensor,
        grad_weight: Span,
        grad_bias: Option<Span>,
    ) -> Self {
        let outputs = grad_output.channels;
        let parts = Parts::new(grid.units(), grad_weight, grad_bias, outputs);
        Self { level: level.for_channels(outputs), grid, input, grad_output, parts }
    }
}

impl Kernel for PlanesGradWeight {
    fn scratch(&self) -> Scratch {
        let planes = self.input.channels + self.grad_output.channels;
        Scratch { shared: self.parts.len(), worker: planes * self.grid.line() }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch_at(self.level, self.parts.count(), self);
        self.parts.launch_sum(context);
    }
}

impl Task for PlanesGradWeight {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let Grid { source, target, pitch, image, margin, ref offsets, .. } = self.grid;
        let line = self.grid.line();
        let (inputs, outputs) = (self.input.channels, self.grad_output.channels);
        let weight = self.parts.weight(context, chunk);
        let bias = self.parts.bias(context, chunk);
        let start = context.worker(worker);
        let seen = Planes { start: start.wrapping_add(margin), line, pitch, image };
        let gradients = Planes { start: start.wrapping_add(inputs * line), ..seen };
        // SAFETY: this chunk alone has the part and the scratch, which has a plane for each channel.
        unsafe {
            weight.write_bytes(0, offsets.len() * inputs * outputs);
            if let Some(bias) = bias {
                bias.write_bytes(0, outputs);
            }
        }
        for unit in self.parts.units(chunk) {
            let images = self.grid.unit(unit);
            // SAFETY: as above; the images exist, and nobody writes them.
            unsafe {
                start.write_bytes(0, (inputs + outputs) * line);
                seen.fill(simd, context, self.input, images.clone(), source);
                gradients.fill(simd, context, self.grad_output, images, target);
            }
            let sums = Sums { instruction: self, seen, gradients, weight };
            let mut channel = 0;
            while channel < outputs {
                // SAFETY: as above.
                unsafe {
                    match outputs - channel {
                        1 => channel += sums.weights::<S, 8, 1>(simd, channel),
                        2 | 4 => channel += sums.weights::<S, 6, 2>(simd, channel),
                        _ => channel += sums.weights::<S, 4, 3>(simd, channel),
                    }
                }
            }
            if let Some(bias) = bias {
                // SAFETY: as above.
                unsafe { sums.bias(simd, bias) };
            }
        }
    }
}

/// A unit's sums.
struct Sums<'a> {
    instruction: &'a PlanesGradWeight,
    seen: Planes,
    gradients: Planes,
    weight: *mut f32,
}

impl Sums<'_> {
    /// Adds the sums of `C` output channels, for `N` pairs of tap and input channel at a time; the number of channels.
    ///
    /// # Safety
    ///
    /// The planes and the part exist, and nobody else touches them.
    #[inline(always)]
    unsafe fn weights<S: Simd, const N: usize, const C: usize>(
        &self,
        simd: S,
        channel: usize,
    ) -> usize {
        let Grid { ref offsets, .. } = self.instruction.grid;
        let (inputs, line) = (self.instruction.input.channels, self.seen.line);
        let outputs = self.instruction.grad_output.channels;
        let pairs = offsets.len() * inputs;
        for first in (0..pairs).step_by(N) {
            // Pairs beyond the last repeat it.
            let mut from = [self.seen.start.cast_const(); N];
            for n in 0..N {
                let pair = (first + n).min(pairs - 1);
                let offset = offsets[pair / inputs];
                from[n] = from[n].wrapping_offset(offset).wrapping_add(pair % inputs * line);
            }
            let gradients = self.gradients.start.wrapping_add(channel * line);
            let mut sums = [[simd.splat(0.0); C]; N];
            for place in (0..self.instruction.grid.places()).step_by(S::LANES) {
                let mut gradient = [simd.splat(0.0); C];
                // SAFETY: what places see lies inside the plane, with its margin and tail, which are zero.
                unsafe {
                    for c in 0..C {
                        gradient[c] = simd.load(gradients.add(c * line + place));
                    }
                    for n in 0..N {
                        let seen = simd.load(from[n].add(place));
                        for c in 0..C {
                            sums[n][c] = simd.mul_add(seen, gradient[c], sums[n][c]);
                        }
                    }
                }
            }
            for c in 0..C {
                let mut column = [simd.splat(0.0); SIDE];
                for n in 0..N {
                    column[n] = sums[n][c];
                }
                let mut values = [0.0; MAX_LANES];
                // SAFETY: the part has a value for each pair and output channel.
                unsafe {
                    simd.store(values.as_mut_ptr(), totals(simd, column));
                    for n in 0..N.min(pairs - first) {
                        *self.weight.add((first + n) * outputs + channel + c) += values[n];
                    }
                }
            }
        }
        C
    }

    /// Adds the sums of the gradients themselves.
    ///
    /// # Safety
    ///
    /// As for `weights`.
    #[inline(always)]
    unsafe fn bias<S: Simd>(&self, simd: S, bias: *mut f32) {
        let outputs = self.instruction.grad_output.channels;
        let mut sums = [simd.splat(0.0); SIDE];
        for c in 0..SIDE {
            if c < outputs {
                let from = self.gradients.start.wrapping_add(c * self.gradients.line);
                for place in (0..self.instruction.grid.places()).step_by(S::LANES) {
                    // SAFETY: the plane has these places, or its tail, which is zero.
                    sums[c] = simd.add(sums[c], unsafe { simd.load(from.add(place)) });
                }
            }
        }
        // SAFETY: the bias has a value per output channel, of which there are at most `SIDE`.
        unsafe { add(simd, bias, totals(simd, sums), outputs) };
    }
}

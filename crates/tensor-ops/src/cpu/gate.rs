//! Gates: a factor per channel that is drawn from a trained logit.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target};
use super::simd::{Simd, load_up_to, store_up_to};
use crate::{GateMask, GateSample, Span, Tensor};

/// `1 / (1 + exp(-x))`, rounded once.
fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

/// The values that a mask is made of, read from the arena.
pub(super) struct Values<'a> {
    logits: &'a [f32],
    noise: &'a [f32],
    temperature: f32,
    straight_through: bool,
    /// The first channel with the largest logit.
    strongest: usize,
}

impl<'a> Values<'a> {
    /// # Safety
    ///
    /// The spans have been checked against the arena, logits and noise are of one length and the temperature has a value,
    /// and nobody writes them while they are read.
    pub(super) unsafe fn of(context: &'a Context<'_>, logits: Span, sample: GateSample) -> Self {
        let GateSample { noise, temperature, straight_through } = sample;
        // SAFETY: the caller's.
        let (logits, noise, temperature) =
            unsafe { (read(context, logits), read(context, noise), *context.span(temperature)) };
        let larger = |best: usize, channel: usize| {
            if logits[channel] > logits[best] { channel } else { best }
        };
        let strongest = (0..logits.len()).fold(0, larger);
        Self { logits, noise, temperature, straight_through, strongest }
    }

    /// In single precision up to the sigmoid, since a small temperature magnifies the rounding of the sum.
    fn soft(&self, channel: usize) -> f32 {
        sigmoid((self.logits[channel] + self.noise[channel]) / self.temperature)
    }

    fn sample(&self, channel: usize) -> f32 {
        if !self.straight_through {
            self.soft(channel)
        } else if self.logits[channel] + self.noise[channel] > 0.0 {
            1.0
        } else {
            0.0
        }
    }

    pub(super) fn mask(&self, channel: usize) -> f32 {
        if channel == self.strongest { 1.0 } else { self.sample(channel) }
    }

    /// Derivative of the mask by the logit.
    pub(super) fn slope(&self, channel: usize) -> f64 {
        if channel == self.strongest && self.sample(channel) < 1.0 {
            return 0.0;
        }
        let soft = self.soft(channel);
        f64::from(soft) * f64::from(1.0 - soft) / f64::from(self.temperature)
    }
}

/// # Safety
///
/// The span has been checked against the arena, and nobody writes it while it is read.
unsafe fn read<'a>(context: &'a Context<'_>, span: Span) -> &'a [f32] {
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(context.span(span), span.len) }
}

/// Writes the mask to scratch, all channels in one chunk.
struct Draw {
    logits: Span,
    mask: GateMask,
    to: *mut f32,
}

// SAFETY: the pointer is to scratch borrowed for the length of `execute`, which the only chunk writes.
unsafe impl Sync for Draw {}

impl Task for Draw {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, _chunk: usize, _worker: usize) {
        let put = |channel: usize, value: f32| {
            // SAFETY: there is scratch for a value per channel, which nobody else touches.
            unsafe { *self.to.add(channel) = value };
        };
        match self.mask {
            GateMask::Sampled(sample) => {
                // SAFETY: the spans were checked, and this kernel writes none of them now.
                let values = unsafe { Values::of(context, self.logits, sample) };
                (0..self.logits.len).for_each(|channel| put(channel, values.mask(channel)));
            }
            GateMask::Expected { soft } => {
                // SAFETY: the span was checked, and this kernel does not write it.
                let logits = unsafe { read(context, self.logits) };
                for (channel, &logit) in logits.iter().enumerate() {
                    let on = if soft { sigmoid(logit) } else { 1.0 };
                    put(channel, if logit > 0.0 { on } else { 0.0 });
                }
            }
        }
    }
}

/// `output = input * mask`.
pub(super) struct Gate {
    pub(super) logits: Span,
    pub(super) mask: GateMask,
    pub(super) input: Tensor,
    pub(super) output: Tensor,
}

impl Kernel for Gate {
    /// The mask.
    fn scratch(&self) -> Scratch {
        Scratch { shared: self.input.channels, worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(1, &Draw { logits: self.logits, mask: self.mask, to: context.shared });
        context.launch(RowSplit::of(&[self.input]).chunks(), self);
    }
}

impl Task for Gate {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let (start, rows) = RowSplit::of(&[self.input]).chunk(chunk);
        for row in start..start + rows {
            let (from, to) = (context.row(self.input, row), context.row(self.output, row));
            let mut c = 0;
            while c < self.input.channels {
                let count = self.input.channels - c;
                // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each row and of the mask exist.
                // Chunks hold different rows of the output.
                unsafe {
                    let mask = load_up_to(simd, context.shared.add(c), count);
                    let value = simd.mul(load_up_to(simd, from.add(c), count), mask);
                    store_up_to(simd, to.add(c), value, count);
                }
                c += S::LANES;
            }
        }
    }
}

/// Gradients by the input and by the logits.
pub(super) struct GateGrad {
    pub(super) logits: Span,
    pub(super) sample: GateSample,
    pub(super) input: Tensor,
    pub(super) grad_output: Tensor,
    pub(super) grad_logits: Span,
    pub(super) target: Option<Target>,
}

/// Rows that are summed by themselves, so that few additions are to a large sum.
const BLOCK: usize = 32;

/// Channels whose sums are merged by one chunk.
const MERGE: usize = 32;

impl GateGrad {
    fn chunks(&self) -> usize {
        RowSplit::of(&[self.input]).chunks()
    }
}

impl Kernel for GateGrad {
    /// The mask, then a row of sums per chunk.
    fn scratch(&self) -> Scratch {
        let rows = self.chunks().saturating_add(1);
        Scratch { shared: rows.saturating_mul(self.input.channels), worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let mask = GateMask::Sampled(self.sample);
        context.launch(1, &Draw { logits: self.logits, mask, to: context.shared });
        context.launch(self.chunks(), self);
        context.launch(self.input.channels.div_ceil(MERGE), &Merge { instruction: self });
    }
}

impl Task for GateGrad {
    /// Sums of `input * grad_output` to the chunk's row of the scratch, and the gradient of the input.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.input.channels;
        let (start, rows) = RowSplit::of(&[self.input]).chunk(chunk);
        let sums = context.shared.wrapping_add((chunk + 1) * channels);
        let mut c = 0;
        while c < channels {
            let count = channels - c;
            // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each row exist, and as many of the mask
            // and of the chunk's row of the scratch. Chunks hold different rows of the target, which may be the gradient
            // of the output: every value of it is read before it is written.
            unsafe {
                let mask = load_up_to(simd, context.shared.add(c), count);
                let mut total = simd.splat(0.0);
                let mut block = start;
                while block < start + rows {
                    let mut sum = simd.splat(0.0);
                    for row in block..(block + BLOCK).min(start + rows) {
                        let input = load_up_to(simd, context.row(self.input, row).add(c), count);
                        let gradient = context.row(self.grad_output, row).add(c);
                        let gradient = load_up_to(simd, gradient, count);
                        sum = simd.mul_add(input, gradient, sum);
                        if let Some(Target { tensor, accumulate }) = self.target {
                            let to = context.row(tensor, row).add(c);
                            let mut value = simd.mul(gradient, mask);
                            if accumulate {
                                value = simd.add(load_up_to(simd, to, count), value);
                            }
                            store_up_to(simd, to, value, count);
                        }
                    }
                    total = simd.add(total, sum);
                    block += BLOCK;
                }
                store_up_to(simd, sums.add(c), total, count);
            }
            c += S::LANES;
        }
    }
}

/// Adds the chunks' sums in order, and goes from the mask to the logits.
struct Merge<'a> {
    instruction: &'a GateGrad,
}

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let GateGrad { logits, sample, grad_logits, .. } = *self.instruction;
        let (channels, chunks) = (logits.len, self.instruction.chunks());
        // SAFETY: the spans were checked, and no chunk writes logits, noise or temperature.
        let values = unsafe { Values::of(context, logits, sample) };
        for c in chunk * MERGE..channels.min((chunk + 1) * MERGE) {
            // SAFETY: there is a row of scratch for every chunk behind the mask, and the gradient was checked to have one
            // value per channel.
            unsafe {
                let of_chunk = |chunk| f64::from(*context.shared.add((chunk + 1) * channels + c));
                let total: f64 = (0..chunks).map(of_chunk).sum();
                *context.span(grad_logits).add(c) = (total * values.slope(c)) as f32;
            }
        }
    }
}

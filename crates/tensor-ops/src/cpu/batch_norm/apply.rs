//! `f((x - mean) * scale + shift)`.

use super::panels::{Block, PanelWork, Rows, for_each_panel, load, store};
use crate::cpu::activation;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::Task;
use crate::cpu::simd::{Simd, inlined};
use crate::{Activation, Span, Tensor};

/// What becomes of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) mean: f32,
    pub(super) scale: f32,
    pub(super) shift: f32,
}

/// Places of a mean, a scale and a shift for each channel of a wide row, one after the other.
pub(super) const AFFINE: usize = 3;

pub(super) struct Normalise {
    pub(super) input: Tensor,
    pub(super) output: Tensor,
    pub(super) activation: Activation,
    /// Room for the values of `AFFINE` wide rows.
    pub(super) values: *mut f32,
}

// SAFETY: nothing writes behind the pointer while the task runs.
unsafe impl Sync for Normalise {}

impl Normalise {
    /// Values of room that are needed.
    pub(super) fn room(input: Tensor, output: Tensor) -> usize {
        AFFINE * Rows::of(&[input, output]).channels()
    }

    /// Normalises all rows.
    ///
    /// # Safety
    ///
    /// There is room behind `values`, and nobody else uses it.
    pub(super) unsafe fn launch(&self, context: &Context<'_>, of: impl Fn(usize) -> Affine) {
        let rows = Rows::of(&[self.input, self.output]);
        let len = rows.channels();
        // SAFETY: the caller's.
        unsafe {
            rows.spread(self.values, |channel| of(channel).mean);
            rows.spread(self.values.add(len), |channel| of(channel).scale);
            rows.spread(self.values.add(2 * len), |channel| of(channel).shift);
        }
        context.launch(rows.chunks(), self);
    }

    #[inline(always)]
    fn rows<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        f: impl Fn(S::V) -> S::V,
    ) {
        let rows = Rows::of(&[self.input, self.output]);
        rows.for_each_block(
            chunk,
            #[inline(always)]
            |block| {
                let panels = NormalisePanel { task: self, context, rows, block, f: &f };
                for_each_panel(simd, block.channels, &panels);
            },
        );
    }
}

impl Task for Normalise {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let zero = simd.splat(0.0);
        match self.activation {
            Activation::Identity => {
                let f = inlined(
                    #[inline(always)]
                    |x| x,
                );
                self.rows(simd, context, chunk, f);
            }
            Activation::Relu => {
                let f = inlined(
                    #[inline(always)]
                    |x| simd.at_least(x, zero),
                );
                self.rows(simd, context, chunk, f);
            }
            Activation::Relu6
            | Activation::LeakyRelu { .. }
            | Activation::Elu
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Silu
            | Activation::HardSigmoid
            | Activation::HardSwish
            | Activation::Scale { .. } => {
                let f = inlined(
                    #[inline(always)]
                    |x| activation::apply(simd, self.activation, x),
                );
                self.rows(simd, context, chunk, f);
            }
        }
    }
}

struct NormalisePanel<'a, F> {
    task: &'a Normalise,
    context: &'a Context<'a>,
    rows: Rows,
    block: Block,
    f: &'a F,
}

impl<S: Simd, F: Fn(S::V) -> S::V> PanelWork<S> for NormalisePanel<'_, F> {
    #[inline(always)]
    fn panel<const N: usize, const FULL: bool>(&self, simd: S, start: usize, count: usize) {
        let Normalise { input, output, values, .. } = *self.task;
        let len = self.rows.channels();
        // SAFETY: the rows of the block lie inside the checked tensors, and there is a mean, a scale and a shift for each
        // channel of a wide row.
        unsafe {
            let values = values.add(start);
            let mean = load::<S, N, FULL>(simd, values, count);
            let scale = load::<S, N, FULL>(simd, values.add(len), count);
            let shift = load::<S, N, FULL>(simd, values.add(2 * len), count);
            let mut from = self.context.row(input, self.block.row).add(start).cast_const();
            let mut to = self.context.row(output, self.block.row).add(start);
            for _ in 0..self.block.count {
                let mut x = load::<S, N, FULL>(simd, from, count);
                for i in 0..N {
                    x[i] = (self.f)(simd.mul_add(simd.sub(x[i], mean[i]), scale[i], shift[i]));
                }
                store::<S, N, FULL>(simd, to, x, count);
                from = from.wrapping_add(self.rows.pitch(input));
                to = to.wrapping_add(self.rows.pitch(output));
            }
        }
    }
}

pub(in crate::cpu) struct BatchNormInfer {
    pub(in crate::cpu) input: Tensor,
    pub(in crate::cpu) gamma: Option<Span>,
    pub(in crate::cpu) beta: Span,
    pub(in crate::cpu) mean: Span,
    pub(in crate::cpu) variance: Span,
    pub(in crate::cpu) epsilon: f32,
    pub(in crate::cpu) activation: Activation,
    pub(in crate::cpu) output: Tensor,
}

impl Kernel for BatchNormInfer {
    fn scratch(&self) -> Scratch {
        let channels = self.input.channels;
        let room = Normalise::room(self.input, self.output);
        Scratch { shared: channels.saturating_add(room), worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let Self { input, output, activation, .. } = *self;
        let (scales, values) = (context.shared, context.shared.wrapping_add(input.channels));
        // SAFETY: the spans were checked to have one value per channel; the scratch has room for as many and for the values
        // of `Normalise`.
        unsafe {
            for channel in 0..input.channels {
                let gamma = self.gamma.map_or(1.0, |gamma| *context.span(gamma).add(channel));
                let variance = *context.span(self.variance).add(channel);
                *scales.add(channel) = gamma / (variance + self.epsilon).sqrt();
            }
            Normalise { input, output, activation, values }.launch(context, |channel| Affine {
                mean: *context.span(self.mean).add(channel),
                scale: *scales.add(channel),
                shift: *context.span(self.beta).add(channel),
            });
        }
    }
}

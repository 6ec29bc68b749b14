//! `f((x - mean) * scale + shift)`.

use super::panels::{PanelWork, for_each_panel, load, store};
use crate::cpu::activation;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::Task;
use crate::cpu::rows::RowSplit;
use crate::cpu::simd::{Simd, inlined};
use crate::{Activation, Span, Tensor};

/// One value per channel behind each pointer.
pub(super) struct Normalise {
    pub(super) input: Tensor,
    pub(super) output: Tensor,
    pub(super) mean: *const f32,
    pub(super) scale: *const f32,
    pub(super) shift: *const f32,
    pub(super) activation: Activation,
}

// SAFETY: nothing writes behind the pointers while the task runs.
unsafe impl Sync for Normalise {}

impl Normalise {
    pub(super) fn launch(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.input, self.output]).chunks(), self);
    }
}

impl Task for Normalise {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let (start, rows) = RowSplit::of(&[self.input, self.output]).chunk(chunk);
        let (from, to) = (context.row(self.input, start), context.row(self.output, start));
        let zero = simd.splat(0.0);
        let channels = self.input.channels;
        match self.activation {
            Activation::Identity => {
                let f = inlined(
                    #[inline(always)]
                    |x| x,
                );
                for_each_panel(simd, channels, &NormalisePanel { task: self, from, to, rows, f });
            }
            Activation::Relu => {
                let f = inlined(
                    #[inline(always)]
                    |x| simd.at_least(x, zero),
                );
                for_each_panel(simd, channels, &NormalisePanel { task: self, from, to, rows, f });
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
                for_each_panel(simd, channels, &NormalisePanel { task: self, from, to, rows, f });
            }
        }
    }
}

struct NormalisePanel<'a, F> {
    task: &'a Normalise,
    from: *const f32,
    to: *mut f32,
    rows: usize,
    f: F,
}

impl<S: Simd, F: Fn(S::V) -> S::V> PanelWork<S> for NormalisePanel<'_, F> {
    #[inline(always)]
    fn panel<const N: usize>(&self, simd: S, start: usize, count: usize) {
        let Normalise { input, output, mean, scale, shift, .. } = *self.task;
        // SAFETY: the rows of the chunk lie inside the checked tensors, and one value per channel behind the pointers.
        unsafe {
            let mean = load::<S, N>(simd, mean.add(start), count);
            let scale = load::<S, N>(simd, scale.add(start), count);
            let shift = load::<S, N>(simd, shift.add(start), count);
            for row in 0..self.rows {
                let mut x = load::<S, N>(simd, self.from.add(row * input.pitch + start), count);
                for i in 0..N {
                    x[i] = (self.f)(simd.mul_add(simd.sub(x[i], mean[i]), scale[i], shift[i]));
                }
                store(simd, self.to.add(row * output.pitch + start), x, count);
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
        Scratch { shared: self.input.channels, worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        for channel in 0..self.input.channels {
            // SAFETY: the spans were checked to have one value per channel; the scratch has room for as many.
            unsafe {
                let gamma = self.gamma.map_or(1.0, |gamma| *context.span(gamma).add(channel));
                let variance = *context.span(self.variance).add(channel);
                *context.shared.add(channel) = gamma / (variance + self.epsilon).sqrt();
            }
        }
        Normalise {
            input: self.input,
            output: self.output,
            mean: context.span(self.mean),
            scale: context.shared,
            shift: context.span(self.beta),
            activation: self.activation,
        }
        .launch(context);
    }
}

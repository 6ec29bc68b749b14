//! Gradient of batch normalisation in training.

use super::panels::{PanelWork, for_each_panel, load, store};
use crate::cpu::activation;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::Task;
use crate::cpu::rows::{RowSplit, Target};
use crate::cpu::simd::{Simd, inlined};
use crate::{Activation, Span, Tensor};

/// With `dz` the gradient before the activation and `d = x - mean`:
/// `grad_beta = sum dz`, `grad_gamma = sum dz * d * inv_std`, and
/// `grad_input = gamma * inv_std * (dz - grad_beta / n - d * inv_std * grad_gamma / n)`.
pub(in crate::cpu) struct BatchNormGrad {
    pub(in crate::cpu) input: Tensor,
    pub(in crate::cpu) output: Tensor,
    pub(in crate::cpu) grad_output: Tensor,
    pub(in crate::cpu) gamma: Option<Span>,
    pub(in crate::cpu) mean: Span,
    pub(in crate::cpu) inv_std: Span,
    pub(in crate::cpu) activation: Activation,
    pub(in crate::cpu) grad_gamma: Option<Span>,
    pub(in crate::cpu) grad_beta: Span,
    pub(in crate::cpu) target: Target,
}

impl BatchNormGrad {
    fn split(&self) -> RowSplit {
        RowSplit::of(&[self.input])
    }

    fn coefficients(&self, context: &Context<'_>) -> *mut f32 {
        context.shared.wrapping_add(2 * self.split().chunks() * self.input.channels)
    }
}

impl Kernel for BatchNormGrad {
    fn scratch(&self) -> Scratch {
        Scratch { shared: (2 * self.split().chunks() + 3) * self.input.channels, worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let chunks = self.split().chunks();
        context.launch(chunks, &Rows { instruction: self, write: false });
        context.launch(self.input.channels.div_ceil(MERGE), &Merge { instruction: self });
        context.launch(chunks, &Rows { instruction: self, write: true });
    }
}

/// Adds the chunks' sums in order. Leaves the coefficients of `grad_input = a * dz + b * d + c`, one row each.
struct Merge<'a> {
    instruction: &'a BatchNormGrad,
}

/// Channels whose sums are merged by one chunk.
const MERGE: usize = 32;

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let BatchNormGrad { input, gamma, inv_std, grad_gamma, grad_beta, .. } = *self.instruction;
        let Tensor { rows, channels, .. } = input;
        let chunks = self.instruction.split().chunks();
        let start = chunk * MERGE;
        let count = MERGE.min(channels - start);
        let (mut sums, mut products) = ([0.0; MERGE], [0.0; MERGE]);
        // SAFETY: sums and coefficients lie inside the shared scratch, and the spans were checked to have one value per
        // channel; this chunk alone has these channels.
        unsafe {
            for chunk in 0..chunks {
                let at = context.shared.add(2 * chunk * channels + start);
                for i in 0..count {
                    sums[i] += f64::from(*at.add(i));
                    products[i] += f64::from(*at.add(channels + i));
                }
            }
            let coefficients = self.instruction.coefficients(context).add(start);
            for i in 0..count {
                let at = |span| context.span(span).add(start + i);
                let inv_std = f64::from(*at(inv_std));
                let product = products[i] * inv_std;
                *at(grad_beta) = sums[i] as f32;
                if let Some(grad_gamma) = grad_gamma {
                    *at(grad_gamma) = product as f32;
                }
                let scale = gamma.map_or(1.0, |gamma| f64::from(*at(gamma))) * inv_std;
                *coefficients.add(i) = scale as f32;
                *coefficients.add(channels + i) = (-scale * inv_std * product / rows as f64) as f32;
                *coefficients.add(2 * channels + i) = (-scale * sums[i] / rows as f64) as f32;
            }
        }
    }
}

/// One pass over the rows: sums per chunk, or the gradient.
struct Rows<'a> {
    instruction: &'a BatchNormGrad,
    write: bool,
}

impl Task for Rows<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        match self.instruction.activation {
            Activation::Identity => {
                let f = inlined(
                    #[inline(always)]
                    |_, gradient| gradient,
                );
                self.panels(simd, context, chunk, f);
            }
            Activation::Relu => {
                let f = inlined(
                    #[inline(always)]
                    |y, gradient| simd.where_positive(y, gradient),
                );
                self.panels(simd, context, chunk, f);
            }
            other @ (Activation::Relu6
            | Activation::LeakyRelu { .. }
            | Activation::Elu
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Silu
            | Activation::HardSigmoid
            | Activation::HardSwish
            | Activation::Scale { .. }) => {
                let f = inlined(
                    #[inline(always)]
                    |y, gradient| activation::gradient_from_output(simd, other, y, gradient),
                );
                self.panels(simd, context, chunk, f);
            }
        }
    }
}

impl Rows<'_> {
    #[inline(always)]
    fn panels<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        f: impl Fn(S::V, S::V) -> S::V,
    ) {
        let instruction = self.instruction;
        let channels = instruction.input.channels;
        let (start, rows) = instruction.split().chunk(chunk);
        if self.write {
            for_each_panel(simd, channels, &GradientPanel { instruction, context, start, rows, f });
        } else {
            let sums = context.shared.wrapping_add(2 * chunk * channels);
            for_each_panel(
                simd,
                channels,
                &SumsPanel { instruction, context, start, rows, sums, f },
            );
        }
    }
}

struct SumsPanel<'a, F> {
    instruction: &'a BatchNormGrad,
    context: &'a Context<'a>,
    start: usize,
    rows: usize,
    sums: *mut f32,
    f: F,
}

impl<S: Simd, F: Fn(S::V, S::V) -> S::V> PanelWork<S> for SumsPanel<'_, F> {
    #[inline(always)]
    fn panel<const N: usize>(&self, simd: S, start: usize, count: usize) {
        const CHAINS: usize = 2;
        let BatchNormGrad { input, output, grad_output, mean, .. } = *self.instruction;
        let zero = [[simd.splat(0.0); N]; CHAINS];
        let (mut sums, mut products) = (zero, zero);
        // SAFETY: the rows of the chunk lie inside the checked tensors, the sums inside the shared scratch.
        unsafe {
            let mean = load::<S, N>(simd, self.context.span(mean).add(start), count);
            let x = self.context.row(input, self.start).add(start);
            let y = self.context.row(output, self.start).add(start);
            let gradient = self.context.row(grad_output, self.start).add(start);
            let mut row = 0;
            while row < self.rows {
                let chains = CHAINS.min(self.rows - row);
                for chain in 0..CHAINS {
                    if chain < chains {
                        let row = row + chain;
                        let x = load::<S, N>(simd, x.add(row * input.pitch), count);
                        let y = load::<S, N>(simd, y.add(row * output.pitch), count);
                        let gradient =
                            load::<S, N>(simd, gradient.add(row * grad_output.pitch), count);
                        for i in 0..N {
                            let dz = (self.f)(y[i], gradient[i]);
                            let centred = simd.sub(x[i], mean[i]);
                            sums[chain][i] = simd.add(sums[chain][i], dz);
                            products[chain][i] = simd.mul_add(dz, centred, products[chain][i]);
                        }
                    }
                }
                row += CHAINS;
            }
            for i in 0..N {
                sums[0][i] = simd.add(sums[0][i], sums[1][i]);
                products[0][i] = simd.add(products[0][i], products[1][i]);
            }
            store(simd, self.sums.add(start), sums[0], count);
            store(simd, self.sums.add(input.channels + start), products[0], count);
        }
    }
}

struct GradientPanel<'a, F> {
    instruction: &'a BatchNormGrad,
    context: &'a Context<'a>,
    start: usize,
    rows: usize,
    f: F,
}

impl<S: Simd, F: Fn(S::V, S::V) -> S::V> PanelWork<S> for GradientPanel<'_, F> {
    #[inline(always)]
    fn panel<const N: usize>(&self, simd: S, start: usize, count: usize) {
        let BatchNormGrad { input, output, grad_output, mean, target, .. } = *self.instruction;
        // SAFETY: the rows of the chunk lie inside the checked tensors, the coefficients inside the shared scratch. A row
        // of `grad_output` is read before the same row of `grad_input` is written, which may be the same.
        unsafe {
            let mean = load::<S, N>(simd, self.context.span(mean).add(start), count);
            let coefficients = self.instruction.coefficients(self.context).add(start);
            let a = load::<S, N>(simd, coefficients, count);
            let b = load::<S, N>(simd, coefficients.add(input.channels), count);
            let c = load::<S, N>(simd, coefficients.add(2 * input.channels), count);
            let x = self.context.row(input, self.start).add(start);
            let y = self.context.row(output, self.start).add(start);
            let gradient = self.context.row(grad_output, self.start).add(start);
            let to = self.context.row(target.tensor, self.start).add(start);
            for row in 0..self.rows {
                let x = load::<S, N>(simd, x.add(row * input.pitch), count);
                let y = load::<S, N>(simd, y.add(row * output.pitch), count);
                let mut result = load::<S, N>(simd, gradient.add(row * grad_output.pitch), count);
                let to = to.add(row * target.tensor.pitch);
                for i in 0..N {
                    let dz = (self.f)(y[i], result[i]);
                    result[i] =
                        simd.mul_add(a[i], dz, simd.mul_add(b[i], simd.sub(x[i], mean[i]), c[i]));
                }
                if target.accumulate {
                    let before = load::<S, N>(simd, to, count);
                    for i in 0..N {
                        result[i] = simd.add(before[i], result[i]);
                    }
                }
                store(simd, to, result, count);
            }
        }
    }
}

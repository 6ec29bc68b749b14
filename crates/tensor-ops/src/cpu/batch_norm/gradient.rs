//! Gradient of batch normalisation in training.

use super::panels::{
    Block, CHAINS, PanelWork, Rows, clear, for_each_panel, in_chains, load, store,
};
use super::statistics::scale;
use crate::cpu::activation;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::gate::Values;
use crate::cpu::level::Task;
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, inlined};
use crate::{Activation, NormGate, Span, Tensor};

/// With `dz` the gradient before the activation and `d = x - mean`:
/// `grad_beta = sum dz`, `grad_gamma = sum dz * d * inv_std`, and
/// `grad_input = gamma * inv_std * (dz - grad_beta / n - d * inv_std * grad_gamma / n)`.
///
/// With a gate, `dz` is what it would be without, and all three have the mask as a factor. The gradient of the mask is
/// `sum dz * z` with `z = d * scale + beta`, since what the activation makes of `z` is its derivative times `z`.
///
/// What the activation's derivative follows from is not read but computed again as in the forward pass, to the last bit: both
/// passes over the rows are bound by the memory that they touch.
pub(in crate::cpu) struct BatchNormGrad {
    pub(in crate::cpu) input: Tensor,
    pub(in crate::cpu) grad_output: Tensor,
    pub(in crate::cpu) gamma: Option<Span>,
    pub(in crate::cpu) beta: Span,
    pub(in crate::cpu) mean: Span,
    pub(in crate::cpu) inv_std: Span,
    pub(in crate::cpu) activation: Activation,
    pub(in crate::cpu) gate: Option<(NormGate, Span)>,
    pub(in crate::cpu) grad_gamma: Option<Span>,
    pub(in crate::cpu) grad_beta: Span,
    pub(in crate::cpu) target: Target,
}

/// What there is for each channel of a wide row, behind the sums: mean, scale and shift of the forward pass, and the
/// coefficients of `grad_input = a * dz + b * d + c`.
const VALUES: usize = 6;

impl BatchNormGrad {
    fn rows(&self) -> Rows {
        Rows::of(&[self.input, self.grad_output, self.target.tensor])
    }

    /// Values of all chunks' sums.
    fn sums(&self) -> usize {
        let rows = self.rows();
        2 * rows.chunks() * rows.channels()
    }

    /// The first of the values of a wide row's channels, kind after kind.
    #[inline(always)]
    fn values(&self, context: &Context<'_>) -> *mut f32 {
        context.shared.wrapping_add(self.sums())
    }
}

impl Kernel for BatchNormGrad {
    fn scratch(&self) -> Scratch {
        let values = VALUES * self.rows().channels();
        Scratch { shared: self.sums().saturating_add(values), worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let rows = self.rows();
        let (values, len) = (self.values(context), rows.channels());
        // SAFETY: the spans were checked to have one value per channel, and the scratch has room behind the sums.
        unsafe {
            let at = |span, channel| *context.span(span).add(channel);
            let scale = |channel| {
                scale(self.gamma.map(|gamma| at(gamma, channel)), at(self.inv_std, channel))
            };
            rows.spread(values, |channel| at(self.mean, channel));
            rows.spread(values.add(len), scale);
            rows.spread(values.add(2 * len), |channel| at(self.beta, channel));
        }
        context.launch(rows.chunks(), &Pass { instruction: self, write: false });
        context.launch(self.input.channels.div_ceil(MERGE), &Merge { instruction: self });
        context.launch(rows.chunks(), &Pass { instruction: self, write: true });
    }
}

/// Adds the chunks' sums in order. Leaves the gradient's coefficients.
struct Merge<'a> {
    instruction: &'a BatchNormGrad,
}

/// Channels whose sums are merged by one chunk.
const MERGE: usize = 32;

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let BatchNormGrad { input, gamma, beta, inv_std, gate, grad_gamma, grad_beta, .. } =
            *self.instruction;
        let Tensor { rows: n, channels, .. } = input;
        let rows = self.instruction.rows();
        let start = chunk * MERGE;
        let count = MERGE.min(channels - start);
        let (mut sums, mut products) = ([0.0; MERGE], [0.0; MERGE]);
        let values = self.instruction.values(context);
        // SAFETY: sums and coefficients lie inside the shared scratch, and the spans were checked to have one value per
        // channel; this chunk alone has these channels.
        unsafe {
            for chunk in 0..rows.chunks() {
                for copy in 0..rows.fold {
                    let at = 2 * chunk * rows.channels() + copy * channels + start;
                    let at = context.shared.add(at);
                    for i in 0..count {
                        sums[i] += f64::from(*at.add(i));
                        products[i] += f64::from(*at.add(rows.channels() + i));
                    }
                }
            }
            let gate = gate.map(|(NormGate { logits, sample }, gradient)| {
                (Values::of(context, logits, sample), gradient)
            });
            for i in 0..count {
                let at = |span| context.span(span).add(start + i);
                let inv_std = f64::from(*at(inv_std));
                let product = products[i] * inv_std;
                let gamma = gamma.map_or(1.0, |gamma| f64::from(*at(gamma)));
                let mut mask = 1.0;
                if let Some((gate, grad_logits)) = &gate {
                    let by_mask = gamma * product + f64::from(*at(beta)) * sums[i];
                    *at(*grad_logits) = (by_mask * gate.slope(start + i)) as f32;
                    mask = f64::from(gate.mask(start + i));
                }
                *at(grad_beta) = (mask * sums[i]) as f32;
                if let Some(grad_gamma) = grad_gamma {
                    *at(grad_gamma) = (mask * product) as f32;
                }
                let a = mask * gamma * inv_std;
                let (b, c) = (-a * inv_std * product / n as f64, -a * sums[i] / n as f64);
                for (kind, value) in [a, b, c].into_iter().enumerate() {
                    for copy in 0..rows.fold {
                        let at = (AFTER_FORWARD + kind) * rows.channels() + copy * channels;
                        *values.add(at + start + i) = value as f32;
                    }
                }
            }
        }
    }
}

/// Kinds of values that the forward pass has as well.
const AFTER_FORWARD: usize = 3;

/// One pass over the rows: sums per chunk, or the gradient.
struct Pass<'a> {
    instruction: &'a BatchNormGrad,
    write: bool,
}

impl Task for Pass<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        match self.instruction.activation {
            Activation::Identity => {
                let f = inlined(
                    #[inline(always)]
                    |_, gradient| gradient,
                );
                self.blocks(simd, context, chunk, f);
            }
            // Where the output is positive, so is what the activation was applied to.
            Activation::Relu => {
                let f = inlined(
                    #[inline(always)]
                    |z, gradient| simd.where_positive(z, gradient),
                );
                self.blocks(simd, context, chunk, f);
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
                    |z, gradient| {
                        let y = activation::apply(simd, other, z);
                        activation::gradient_from_output(simd, other, y, gradient)
                    },
                );
                self.blocks(simd, context, chunk, f);
            }
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn blocks<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        f: impl Fn(S::V, S::V) -> S::V,
    ) {
        let instruction = self.instruction;
        let rows = instruction.rows();
        let sums = context.shared.wrapping_add(2 * chunk * rows.channels());
        if !self.write {
            // SAFETY: the chunk's sums lie inside the shared scratch.
            unsafe { clear(simd, sums, 2 * rows.channels()) };
        }
        let values = instruction.values(context);
        rows.for_each_block(
            chunk,
            #[inline(always)]
            |block| {
                let of_block = OfBlock { instruction, context, rows, values, block, f: &f };
                if self.write {
                    for_each_panel(simd, block.channels, &GradientPanel { of_block });
                } else {
                    for_each_panel(simd, block.channels, &SumsPanel { of_block, sums });
                }
            },
        );
    }
}

/// What both passes know of a block.
struct OfBlock<'a, F> {
    instruction: &'a BatchNormGrad,
    context: &'a Context<'a>,
    rows: Rows,
    values: *const f32,
    block: Block,
    /// `dz` from what the activation was applied to and the gradient of its result.
    f: &'a F,
}

impl<F> OfBlock<'_, F> {
    /// The values of one kind from a channel on.
    ///
    /// # Safety
    ///
    /// A wide row has the channels.
    #[inline(always)]
    unsafe fn values<S: Simd, const N: usize, const FULL: bool>(
        &self,
        simd: S,
        kind: usize,
        start: usize,
        count: usize,
    ) -> [S::V; N] {
        // SAFETY: there are values of each kind for all channels of a wide row.
        unsafe {
            load::<S, N, FULL>(simd, self.values.add(kind * self.rows.channels() + start), count)
        }
    }

    /// A channel of the block's first row.
    #[inline(always)]
    fn first(&self, tensor: Tensor, start: usize) -> *mut f32 {
        self.context.row(tensor, self.block.row).wrapping_add(start)
    }
}

struct SumsPanel<'a, F> {
    of_block: OfBlock<'a, F>,
    sums: *mut f32,
}

impl<S: Simd, F: Fn(S::V, S::V) -> S::V> PanelWork<S> for SumsPanel<'_, F> {
    #[inline(always)]
    fn panel<const N: usize, const FULL: bool>(&self, simd: S, start: usize, count: usize) {
        let OfBlock { instruction, rows, block, f, .. } = self.of_block;
        let BatchNormGrad { input, grad_output, .. } = *instruction;
        let zero = [[simd.splat(0.0); N]; CHAINS];
        let (mut sums, mut products) = (zero, zero);
        // SAFETY: the rows of the block lie inside the checked tensors, the sums inside the shared scratch.
        unsafe {
            let [mean, scale, shift] = [0, 1, 2].map(
                #[inline(always)]
                |kind| self.of_block.values::<S, N, FULL>(simd, kind, start, count),
            );
            let x = self.of_block.first(input, start).cast_const();
            let gradient = self.of_block.first(grad_output, start).cast_const();
            let pitch = [rows.pitch(input), rows.pitch(grad_output)];
            in_chains(
                block.count,
                #[inline(always)]
                |row, chain| {
                    let x = load::<S, N, FULL>(simd, x.add(row * pitch[0]), count);
                    let gradient = load::<S, N, FULL>(simd, gradient.add(row * pitch[1]), count);
                    for i in 0..N {
                        let centred = simd.sub(x[i], mean[i]);
                        let dz = f(simd.mul_add(centred, scale[i], shift[i]), gradient[i]);
                        sums[chain][i] = simd.add(sums[chain][i], dz);
                        products[chain][i] = simd.mul_add(dz, centred, products[chain][i]);
                    }
                },
            );
            let to = [self.sums.add(start), self.sums.add(rows.channels() + start)];
            for (to, sums) in to.into_iter().zip([sums, products]) {
                let mut total = load::<S, N, FULL>(simd, to, count);
                for i in 0..N {
                    total[i] = simd.add(total[i], simd.add(sums[0][i], sums[1][i]));
                }
                store::<S, N, FULL>(simd, to, total, count);
            }
        }
    }
}

struct GradientPanel<'a, F> {
    of_block: OfBlock<'a, F>,
}

impl<S: Simd, F: Fn(S::V, S::V) -> S::V> PanelWork<S> for GradientPanel<'_, F> {
    #[inline(always)]
    fn panel<const N: usize, const FULL: bool>(&self, simd: S, start: usize, count: usize) {
        let OfBlock { instruction, rows, block, f, .. } = self.of_block;
        let BatchNormGrad { input, grad_output, target, .. } = *instruction;
        // SAFETY: the rows of the block lie inside the checked tensors. A row of `grad_output` is read before the same row of
        // `grad_input` is written, which may be the same.
        unsafe {
            let [mean, scale, shift, a, b, c] = [0, 1, 2, 3, 4, 5].map(
                #[inline(always)]
                |kind| self.of_block.values::<S, N, FULL>(simd, kind, start, count),
            );
            let mut x = self.of_block.first(input, start).cast_const();
            let mut gradient = self.of_block.first(grad_output, start).cast_const();
            let mut to = self.of_block.first(target.tensor, start);
            for _ in 0..block.count {
                let values = load::<S, N, FULL>(simd, x, count);
                let mut result = load::<S, N, FULL>(simd, gradient, count);
                for i in 0..N {
                    let centred = simd.sub(values[i], mean[i]);
                    let dz = f(simd.mul_add(centred, scale[i], shift[i]), result[i]);
                    result[i] = simd.mul_add(a[i], dz, simd.mul_add(b[i], centred, c[i]));
                }
                if target.accumulate {
                    let before = load::<S, N, FULL>(simd, to, count);
                    for i in 0..N {
                        result[i] = simd.add(before[i], result[i]);
                    }
                }
                store::<S, N, FULL>(simd, to, result, count);
                x = x.wrapping_add(rows.pitch(input));
                gradient = gradient.wrapping_add(rows.pitch(grad_output));
                to = to.wrapping_add(rows.pitch(target.tensor));
            }
        }
    }
}

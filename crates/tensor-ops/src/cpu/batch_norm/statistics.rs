//! Mean and variance of a batch.

use super::apply::{Affine, Normalise};
use super::panels::{
    Block, CHAINS, PanelWork, Rows, clear, for_each_panel, in_chains, load, store,
};
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::gate::Values;
use crate::cpu::level::Task;
use crate::cpu::simd::{Simd, inlined};
use crate::{Activation, NormGate, Span, Tensor};

pub(in crate::cpu) struct BatchNormTrain {
    pub(in crate::cpu) input: Tensor,
    pub(in crate::cpu) gamma: Option<Span>,
    pub(in crate::cpu) beta: Span,
    pub(in crate::cpu) mean: Span,
    pub(in crate::cpu) inv_std: Span,
    pub(in crate::cpu) running_mean: Span,
    pub(in crate::cpu) running_variance: Span,
    pub(in crate::cpu) epsilon: f32,
    pub(in crate::cpu) momentum: f32,
    pub(in crate::cpu) activation: Activation,
    pub(in crate::cpu) gate: Option<NormGate>,
    pub(in crate::cpu) output: Tensor,
}

/// Channels whose sums are merged by one chunk.
const MERGE: usize = 32;

impl BatchNormTrain {
    /// Values of all chunks' sums.
    fn sums(&self) -> usize {
        let rows = Rows::of(&[self.input]);
        2 * rows.chunks() * rows.channels()
    }
}

impl Kernel for BatchNormTrain {
    fn scratch(&self) -> Scratch {
        let room = Normalise::room(self.input, self.output);
        Scratch { shared: self.sums().saturating_add(room), worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let Self { input, output, activation, .. } = *self;
        context.launch(Rows::of(&[input]).chunks(), &ChunkSums { input });
        context.launch(input.channels.div_ceil(MERGE), &Merge { instruction: self });
        let values = context.shared.wrapping_add(self.sums());
        // SAFETY: the spans were checked to have one value per channel, and the scratch has room behind the sums.
        unsafe {
            let at = |span, channel| *context.span(span).add(channel);
            let gate = self.gate.map(|gate| Values::of(context, gate.logits, gate.sample));
            // The activation keeps a factor of what it is applied to.
            Normalise { input, output, activation, values }.launch(context, |channel| {
                let mask = gate.as_ref().map_or(1.0, |gate| gate.mask(channel));
                let gamma = self.gamma.map(|gamma| at(gamma, channel));
                Affine {
                    mean: at(self.mean, channel),
                    scale: mask * scale(gamma, at(self.inv_std, channel)),
                    shift: mask * at(self.beta, channel),
                }
            });
        }
    }
}

/// What the distance from the mean is multiplied by, forward and backward.
pub(super) fn scale(gamma: Option<f32>, inv_std: f32) -> f32 {
    gamma.map_or(inv_std, |gamma| gamma * inv_std)
}

/// Per chunk and channel of a wide row the sums of `x - first` and of its square.
struct ChunkSums {
    input: Tensor,
}

impl Task for ChunkSums {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let input = self.input;
        let rows = Rows::of(&[input]);
        let sums = context.shared.wrapping_add(2 * chunk * rows.channels());
        // SAFETY: the chunk's sums lie inside the shared scratch.
        unsafe { clear(simd, sums, 2 * rows.channels()) };
        let first = context.row(input, rows.copy(chunk, 0).0);
        rows.for_each_block(
            chunk,
            #[inline(always)]
            |block| {
                let from = context.row(input, block.row);
                let panels = ChunkSumsPanel { input, rows, block, first, from, sums };
                for_each_panel(simd, block.channels, &panels);
            },
        );
    }
}

struct ChunkSumsPanel {
    input: Tensor,
    rows: Rows,
    block: Block,
    /// First row of the chunk.
    first: *const f32,
    /// First row of the block.
    from: *const f32,
    sums: *mut f32,
}

impl<S: Simd> PanelWork<S> for ChunkSumsPanel {
    #[inline(always)]
    fn panel<const N: usize, const FULL: bool>(&self, simd: S, start: usize, count: usize) {
        let zero = [[simd.splat(0.0); N]; CHAINS];
        let (mut sums, mut squares) = (zero, zero);
        // SAFETY: the rows of the chunk lie inside the checked input, the sums inside the shared scratch. A wide row with fewer
        // channels is compared with as many of the first one.
        unsafe {
            let to = [self.sums.add(start), self.sums.add(self.rows.channels() + start)];
            let shift = load::<S, N, FULL>(simd, self.first.add(start), count);
            let (from, pitch) = (self.from.add(start), self.rows.pitch(self.input));
            in_chains(
                self.block.count,
                #[inline(always)]
                |row, chain| {
                    let x = load::<S, N, FULL>(simd, from.add(row * pitch), count);
                    for i in 0..N {
                        let difference = simd.sub(x[i], shift[i]);
                        sums[chain][i] = simd.add(sums[chain][i], difference);
                        squares[chain][i] = simd.mul_add(difference, difference, squares[chain][i]);
                    }
                },
            );
            for (to, sums) in to.into_iter().zip([sums, squares]) {
                let mut total = load::<S, N, FULL>(simd, to, count);
                for i in 0..N {
                    total[i] = simd.add(total[i], simd.add(sums[0][i], sums[1][i]));
                }
                store::<S, N, FULL>(simd, to, total, count);
            }
        }
    }
}

/// Mean, inverse deviation and running statistics from the sums of all chunks.
struct Merge<'a> {
    instruction: &'a BatchNormTrain,
}

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let BatchNormTrain { input, epsilon, momentum, .. } = *self.instruction;
        let split = Rows::of(&[input]);
        let channels = input.channels;
        let start = chunk * MERGE;
        let count = MERGE.min(channels - start);
        // A wide row's copies of a channel have sums of their own. A chunk without any row of a copy has nothing to add.
        // SAFETY: first rows of chunks lie inside the checked input, sums inside the shared scratch.
        let of_chunk = inlined(
            #[inline(always)]
            |part: usize, i: usize| unsafe {
                let (chunk, copy) = (part / split.fold, part % split.fold);
                let (row, rows) = split.copy(chunk, copy);
                let shift =
                    if rows == 0 { 0.0 } else { *context.row(input, row + copy).add(start + i) };
                let at = 2 * chunk * split.channels() + copy * channels + start + i;
                let sums = context.shared.add(at);
                let square = *sums.add(split.channels());
                (rows as f64, f64::from(shift), f64::from(*sums), f64::from(square))
            },
        );
        let parts = split.chunks() * split.fold;
        let mut mean = [0.0; MERGE];
        let mut squares = [0.0; MERGE];
        for part in 0..parts {
            for (i, mean) in mean.iter_mut().enumerate().take(count) {
                let (rows, shift, sum, _) = of_chunk(part, i);
                *mean += rows * shift + sum;
            }
        }
        let rows = input.rows as f64;
        for mean in &mut mean {
            *mean /= rows;
        }
        for part in 0..parts {
            for i in 0..count {
                let (rows, shift, sum, square) = of_chunk(part, i);
                let distance = shift - mean[i];
                squares[i] += square + distance * (2.0 * sum + rows * distance);
            }
        }
        for i in 0..count {
            let squares = squares[i].max(0.0);
            let inv_std = 1.0 / (squares / rows + f64::from(epsilon)).sqrt();
            let unbiased = squares / (rows - 1.0).max(1.0);
            // SAFETY: the spans were checked to have one value per channel, and this chunk alone has these channels.
            unsafe {
                let at = |span| context.span(span).add(start + i);
                *at(self.instruction.mean) = mean[i] as f32;
                *at(self.instruction.inv_std) = inv_std as f32;
                let running_mean = at(self.instruction.running_mean);
                *running_mean += momentum * (mean[i] as f32 - *running_mean);
                let running_variance = at(self.instruction.running_variance);
                *running_variance += momentum * (unbiased as f32 - *running_variance);
            }
        }
    }
}

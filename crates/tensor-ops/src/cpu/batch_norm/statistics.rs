//! Mean and variance of a batch.

use super::apply::Normalise;
use super::panels::{PanelWork, for_each_panel, load, store};
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::Task;
use crate::cpu::rows::RowSplit;
use crate::cpu::simd::{Simd, inlined};
use crate::{Activation, Span, Tensor};

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
    pub(in crate::cpu) output: Tensor,
}

/// Channels whose sums are merged by one chunk.
const MERGE: usize = 32;

impl Kernel for BatchNormTrain {
    fn scratch(&self) -> Scratch {
        let chunks = RowSplit::of(&[self.input]).chunks();
        Scratch { shared: (2 * chunks + 1) * self.input.channels, worker: 0 }
    }

    fn run(&self, context: &Context<'_>) {
        let Tensor { channels, .. } = self.input;
        let chunks = RowSplit::of(&[self.input]).chunks();
        let scale = context.shared.wrapping_add(2 * chunks * channels);
        context.launch(chunks, &ChunkSums { input: self.input });
        context.launch(channels.div_ceil(MERGE), &Merge { instruction: self, scale });
        Normalise {
            input: self.input,
            output: self.output,
            mean: context.span(self.mean),
            scale,
            shift: context.span(self.beta),
            activation: self.activation,
        }
        .launch(context);
    }
}

/// Per chunk and channel the sums of `x - first` and of its square.
struct ChunkSums {
    input: Tensor,
}

impl Task for ChunkSums {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.input.channels;
        let (start, rows) = RowSplit::of(&[self.input]).chunk(chunk);
        let sums = context.shared.wrapping_add(2 * chunk * channels);
        let panels = ChunkSumsPanel {
            first: context.row(self.input, start),
            pitch: self.input.pitch,
            rows,
            sums,
            squares: sums.wrapping_add(channels),
        };
        for_each_panel(simd, channels, &panels);
    }
}

struct ChunkSumsPanel {
    first: *const f32,
    pitch: usize,
    rows: usize,
    sums: *mut f32,
    squares: *mut f32,
}

impl<S: Simd> PanelWork<S> for ChunkSumsPanel {
    /// Two chains of sums hide half of the additions' latency, two vectors the rest.
    #[inline(always)]
    fn panel<const N: usize>(&self, simd: S, start: usize, count: usize) {
        const CHAINS: usize = 2;
        let zero = [[simd.splat(0.0); N]; CHAINS];
        let (mut sums, mut squares) = (zero, zero);
        // SAFETY: the rows of the chunk lie inside the checked input, the sums inside the shared scratch.
        unsafe {
            let first = self.first.add(start);
            let shift = load::<S, N>(simd, first, count);
            let mut row = 0;
            while row < self.rows {
                let chains = CHAINS.min(self.rows - row);
                for chain in 0..CHAINS {
                    if chain < chains {
                        let x = load::<S, N>(simd, first.add((row + chain) * self.pitch), count);
                        for i in 0..N {
                            let difference = simd.sub(x[i], shift[i]);
                            sums[chain][i] = simd.add(sums[chain][i], difference);
                            squares[chain][i] =
                                simd.mul_add(difference, difference, squares[chain][i]);
                        }
                    }
                }
                row += CHAINS;
            }
            for i in 0..N {
                sums[0][i] = simd.add(sums[0][i], sums[1][i]);
                squares[0][i] = simd.add(squares[0][i], squares[1][i]);
            }
            store(simd, self.sums.add(start), sums[0], count);
            store(simd, self.squares.add(start), squares[0], count);
        }
    }
}

/// Mean, inverse deviation, `scale = gamma * inv_std` and running statistics from the sums of all chunks.
struct Merge<'a> {
    instruction: &'a BatchNormTrain,
    scale: *mut f32,
}

// SAFETY: chunks write different channels behind the pointer.
unsafe impl Sync for Merge<'_> {}

impl Task for Merge<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let BatchNormTrain { input, epsilon, momentum, .. } = *self.instruction;
        let split = RowSplit::of(&[input]);
        let channels = input.channels;
        let start = chunk * MERGE;
        let count = MERGE.min(channels - start);
        // SAFETY: first rows of chunks lie inside the checked input, sums inside the shared scratch.
        let of_chunk = inlined(
            #[inline(always)]
            |chunk: usize, i: usize| unsafe {
                let (row, rows) = split.chunk(chunk);
                let shift = f64::from(*context.row(input, row).add(start + i));
                let sums = context.shared.add(2 * chunk * channels + start + i);
                (rows as f64, shift, f64::from(*sums), f64::from(*sums.add(channels)))
            },
        );
        let mut mean = [0.0; MERGE];
        let mut squares = [0.0; MERGE];
        for chunk in 0..split.chunks() {
            for (i, mean) in mean.iter_mut().enumerate().take(count) {
                let (rows, shift, sum, _) = of_chunk(chunk, i);
                *mean += rows * shift + sum;
            }
        }
        let rows = input.rows as f64;
        for mean in &mut mean {
            *mean /= rows;
        }
        for chunk in 0..split.chunks() {
            for i in 0..count {
                let (rows, shift, sum, square) = of_chunk(chunk, i);
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
                let gamma = self.instruction.gamma.map_or(1.0, |gamma| *at(gamma));
                *self.scale.add(start + i) = gamma * inv_std as f32;
                let running_mean = at(self.instruction.running_mean);
                *running_mean += momentum * (mean[i] as f32 - *running_mean);
                let running_variance = at(self.instruction.running_variance);
                *running_variance += momentum * (unbiased as f32 - *running_variance);
            }
        }
    }
}

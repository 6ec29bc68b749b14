//! Gradient of the kernel and bias.

use super::choice::Size;
use super::grid::Grid;
use super::outer::outer;
use super::prefetch::prefetch;
use super::rows::{Rows, odd_lines};
use super::see::{TILES, put_zeros};
use super::sums::Sums;
use super::transform::{OutputGrad, Seen};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::Simd;
use crate::cpu::sum_rows::SumRows;
use crate::{Geometry, Span, Tensor};

/// Transformed values of tiles at a time, about: 128 KiB.
const VALUES: usize = 1 << 15;

/// Each unit of work transforms some tiles at a time, and adds up the products of all points for a block of inputs and
/// outputs. The sums of a block stay in the cache of a thread, for which the same tiles are transformed by several units.
pub(in crate::cpu) struct WinogradGradWeight {
    grid: Grid,
    level: Level,
    input: Tensor,
    grad_output: Tensor,
    sums: Sums,
    bias: Option<SumRows>,
    /// Tiles that are transformed at a time.
    tiles: usize,
}

impl WinogradGradWeight {
    pub(in crate::cpu) fn new(
        level: Level,
        size: Size,
        geometry: Geometry,
        input: Tensor,
        grad_output: Tensor,
        grad_weight: Span,
        grad_bias: Option<Span>,
    ) -> Self {
        let (level, grid) = (level.for_channels(grad_output.channels), size.forward(&geometry));
        let channels = [input.channels, grad_output.channels];
        let sums = Sums::new(level, size, grid.tiles(), channels, grad_weight);
        let [inputs, outputs] = sums.block();
        let tiles = (VALUES / size.points() / (inputs + outputs)).max(1).next_multiple_of(TILES);
        let bias = grad_bias.map(|sums| SumRows { input: grad_output, sums });
        Self { grid, level, input, grad_output, sums, bias, tiles }
    }

    #[inline(always)]
    fn rows(&self) -> [Rows; 2] {
        self.sums.block().map(
            #[inline(always)]
            |channels| Rows { channels, tiles: self.tiles },
        )
    }

    /// Values of zeros, of what the tiles see, of their gradients, and of the sums of products.
    #[inline(always)]
    fn parts(&self) -> [usize; 4] {
        let [seen, gradients] = self.rows().map(
            #[inline(always)]
            |rows| rows.point(self.level.lanes()) * self.sums.points,
        );
        let [inputs, outputs] = self.sums.block();
        [odd_lines(inputs.max(outputs)), seen, gradients, self.sums.len()]
    }
}

impl Kernel for WinogradGradWeight {
    fn scratch(&self) -> Scratch {
        let bias = self.bias.as_ref().map_or(0, |bias| bias.scratch().shared);
        let worker = self.parts().into_iter().sum::<usize>() + SLACK;
        Scratch { shared: self.sums.shared_len().max(bias), worker }
    }

    fn run(&self, context: &Context<'_>) {
        context.launch_at(self.level, self.sums.units(), self);
        self.sums.launch(context, self.level);
        if let Some(bias) = &self.bias {
            Kernel::run(bias, context);
        }
    }
}

impl Task for WinogradGradWeight {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        // SAFETY: each worker has its own scratch, which has room for all parts.
        unsafe {
            if self.sums.points == 16 {
                self.unit::<S, 4, 2>(simd, context, chunk, context.worker(worker));
            } else {
                self.unit::<S, 6, 4>(simd, context, chunk, context.worker(worker));
            }
        }
    }
}

impl WinogradGradWeight {
    /// # Safety
    ///
    /// The scratch has room for all parts, and no other thread touches it.
    #[inline(always)]
    unsafe fn unit<S: Simd, const N: usize, const M: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        unit: usize,
        zeros: *mut f32,
    ) {
        let Self { ref grid, ref sums, input, grad_output, .. } = *self;
        let [zeros_len, seen_len, gradients_len, _] = self.parts();
        let to_seen = zeros.wrapping_add(zeros_len);
        let to_gradients = to_seen.wrapping_add(seen_len);
        let to_sums = sums.place(context, unit, to_gradients.wrapping_add(gradients_len));
        let [inputs, outputs] = sums.channels_of(unit);
        let input = input.slice(inputs.start, inputs.len());
        let grad_output = grad_output.slice(outputs.start, outputs.len());
        let [seen, gradients] = [input, grad_output].map(
            #[inline(always)]
            |tensor| Rows { channels: tensor.channels, tiles: self.tiles },
        );
        let tiles = sums.tiles_of(unit, grid.tiles());
        // SAFETY: the caller's.
        unsafe { put_zeros(simd, zeros, inputs.len().max(outputs.len())) };
        for start in tiles.clone().step_by(self.tiles) {
            let count = self.tiles.min(tiles.end - start);
            for tile in 0..count {
                let place = grid.place(start + tile);
                let patch = grid.seen::<N>(place, context.row(input, 0), input);
                let own = grid.outputs::<M>(place, context.row(grad_output, 0), grad_output);
                // SAFETY: the patches are of checked tensors; vectors may reach beyond a row's end, but not beyond the
                // arena's slack.
                unsafe {
                    seen.put::<Seen, S, N, N>(simd, patch, zeros, tile, to_seen);
                    gradients.put::<OutputGrad, S, M, N>(simd, own, zeros, tile, to_gradients);
                }
            }
            let next = start + count;
            let ahead = self.tiles.min(tiles.end - next);
            // What is transformed next is asked for in between, so that it comes meanwhile.
            for i in 0..N * N {
                for tile in next + i * ahead / (N * N)..next + (i + 1) * ahead / (N * N) {
                    let place = grid.place(tile);
                    let patch = grid.seen::<N>(place, context.row(input, 0), input);
                    let own = grid.outputs::<M>(place, context.row(grad_output, 0), grad_output);
                    prefetch(patch, input.channels);
                    prefetch(own, grad_output.channels);
                }
                let from_seen = to_seen.cast_const().wrapping_add(i * seen.point(S::LANES));
                let at = i * gradients.point(S::LANES);
                let from_gradients = to_gradients.cast_const().wrapping_add(at);
                let first = start == tiles.start;
                // SAFETY: the caller's; units have different sums.
                unsafe {
                    let to = to_sums.add(i * sums.point());
                    outer(simd, count, (seen, from_seen), (gradients, from_gradients), to, first);
                }
            }
        }
        // SAFETY: the sums of this unit have just been written.
        unsafe { sums.finish::<S, N>(simd, context, unit, to_sums) };
    }
}

//! Gradient of the kernel and bias.

use super::choice::Size;
use super::grid::Grid;
use super::outer::outer;
use super::rows::{Rows, odd_lines};
use super::transform::{KernelGrad, OutputGrad, Seen, square};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::{Simd, store_up_to};
use crate::cpu::sum_rows::SumRows;
use crate::{Geometry, Span, Tensor};

/// Tiles that are transformed by one chunk.
const TILES: usize = 12;

/// Values of all points that are in the scratch at the same time, about: 8 MiB.
const VALUES: usize = 2 << 20;

/// Some tiles at a time are transformed by all threads, then each point's products are added up by one thread.
pub(in crate::cpu) struct WinogradGradWeight {
    grid: Grid,
    level: Level,
    points: usize,
    input: Tensor,
    grad_output: Tensor,
    grad_weight: Span,
    bias: Option<SumRows>,
    seen: Rows,
    gradients: Rows,
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
        let points = size.points();
        let tiles = (VALUES / points / (input.channels + grad_output.channels))
            .max(4 * TILES)
            .min(grid.tiles());
        let rows = |channels| Rows { channels, tiles };
        Self {
            level,
            points,
            input,
            grad_output,
            grad_weight,
            bias: grad_bias.map(|sums| SumRows { input: grad_output, sums }),
            seen: rows(input.channels),
            gradients: rows(grad_output.channels),
            grid,
        }
    }

    /// Values of what the tiles see, of their gradients, and of the sums of products.
    fn parts(&self) -> [usize; 3] {
        let lanes = self.level.lanes();
        let point = self.sums_point();
        [self.seen.point(lanes), self.gradients.point(lanes), point]
            .map(|point| point.saturating_mul(self.points))
    }

    /// Sums of a point: for each panel of outputs all inputs, in whole vectors.
    #[inline(always)]
    fn sums_point(&self) -> usize {
        let [inputs, outputs] = [self.seen, self.gradients].map(
            #[inline(always)]
            |rows| rows.channels.next_multiple_of(self.level.lanes()),
        );
        odd_lines(inputs.saturating_mul(outputs))
    }

    /// Where the parts are.
    #[inline(always)]
    fn place(&self, context: &Context<'_>) -> [*mut f32; 3] {
        let [seen, gradients, _] = self.parts();
        [0, seen, seen + gradients].map(
            #[inline(always)]
            |at| context.shared.wrapping_add(at),
        )
    }
}

impl Kernel for WinogradGradWeight {
    fn scratch(&self) -> Scratch {
        let shared = self.parts().into_iter().fold(0, usize::saturating_add);
        let bias = self.bias.as_ref().map_or(0, |bias| bias.scratch().shared);
        let zeros = self.input.channels.max(self.grad_output.channels).saturating_add(SLACK);
        Scratch { shared: shared.max(bias), worker: zeros }
    }

    fn run(&self, context: &Context<'_>) {
        let tiles = self.grid.tiles();
        for start in (0..tiles).step_by(self.seen.tiles) {
            let count = self.seen.tiles.min(tiles - start);
            let see = See { of: self, start, count };
            context.launch_at(self.level, count.div_ceil(TILES), &see);
            let multiply = Multiply { of: self, first: start == 0, count };
            context.launch_at(self.level, self.points, &multiply);
        }
        context.launch_at(self.level, self.input.channels.div_ceil(self.level.lanes()), self);
        if let Some(bias) = &self.bias {
            Kernel::run(bias, context);
        }
    }
}

/// Transforms tiles.
struct See<'a> {
    of: &'a WinogradGradWeight,
    start: usize,
    count: usize,
}

impl Task for See<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let zeros = context.worker(worker);
        let channels = self.of.input.channels.max(self.of.grad_output.channels);
        for at in (0..channels).step_by(S::LANES) {
            // SAFETY: each worker has scratch for as many values in whole vectors.
            unsafe { simd.store(zeros.add(at), simd.splat(0.0)) };
        }
        if self.of.points == 16 {
            self.tiles::<S, 4, 2>(simd, context, chunk, zeros);
        } else {
            self.tiles::<S, 6, 4>(simd, context, chunk, zeros);
        }
    }
}

impl See<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const N: usize, const M: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        zeros: *const f32,
    ) {
        let WinogradGradWeight { ref grid, input, grad_output, seen, gradients, .. } = *self.of;
        let [to_seen, to_gradients, _] = self.of.place(context);
        let [from_input, from_gradient] = [input, grad_output].map(
            #[inline(always)]
            |tensor| context.row(tensor, 0),
        );
        for tile in chunk * TILES..self.count.min((chunk + 1) * TILES) {
            let place = grid.place(self.start + tile);
            let patch = grid.seen::<N>(place, from_input, input);
            let outputs = grid.outputs::<M>(place, from_gradient, grad_output);
            // SAFETY: the patches are of the checked tensors; vectors may reach beyond a row's end, but not beyond the
            // arena's slack; this chunk alone writes its tiles.
            unsafe {
                seen.put::<Seen, S, N, N>(simd, patch, zeros, tile, to_seen);
                gradients.put::<OutputGrad, S, M, N>(simd, outputs, zeros, tile, to_gradients);
            }
        }
    }
}

/// Adds the products of a point.
struct Multiply<'a> {
    of: &'a WinogradGradWeight,
    /// Whether there are no sums yet.
    first: bool,
    count: usize,
}

impl Task for Multiply<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let WinogradGradWeight { seen, gradients, .. } = *self.of;
        let [from_seen, from_gradients, sums] = self.of.place(context);
        let from_seen = from_seen.wrapping_add(chunk * seen.point(S::LANES));
        let from_gradients = from_gradients.wrapping_add(chunk * gradients.point(S::LANES));
        let sums = sums.wrapping_add(chunk * self.of.sums_point());
        // SAFETY: all tiles have been transformed, and this chunk alone has the sums of this point.
        unsafe {
            outer(
                simd,
                self.count,
                (seen, from_seen),
                (gradients, from_gradients),
                sums,
                self.first,
            );
        }
    }
}

/// Transforms the sums of some inputs back.
impl Task for WinogradGradWeight {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        if self.points == 16 {
            self.back::<S, 4>(simd, context, chunk * S::LANES);
        } else {
            self.back::<S, 6>(simd, context, chunk * S::LANES);
        }
    }
}

impl WinogradGradWeight {
    #[inline(always)]
    fn back<S: Simd, const N: usize>(&self, simd: S, context: &Context<'_>, first: usize) {
        let (inputs, outputs) = (self.input.channels, self.grad_output.channels);
        let [_, _, sums] = self.place(context);
        let point = self.sums_point();
        let padded = inputs.next_multiple_of(S::LANES);
        for input in first..inputs.min(first + S::LANES) {
            for panel in super::outer::panels(outputs.div_ceil(S::LANES)) {
                for j in 0..panel.vectors {
                    let start = (panel.start + j) * S::LANES;
                    let at = panel.start * padded + input * panel.vectors + j;
                    let from = sums.wrapping_add(at * S::LANES);
                    let to = context.span(self.grad_weight).wrapping_add(input * outputs + start);
                    square::<KernelGrad, S, N, 3>(
                        simd,
                        // SAFETY: the sums of all points have been written.
                        #[inline(always)]
                        |row, column| unsafe { simd.load(from.add((row * N + column) * point)) },
                        #[inline(always)]
                        |row, values: [S::V; 3]| {
                            for column in 0..3 {
                                let tap = (row * 3 + column) * inputs * outputs;
                                // SAFETY: the span was checked to be `[tap, input, output]`.
                                unsafe {
                                    store_up_to(simd, to.add(tap), values[column], outputs - start);
                                }
                            }
                        },
                    );
                }
            }
        }
    }
}

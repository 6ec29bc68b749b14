//! Sums and products of tensors.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target, map_rows};
use super::simd::{Simd, inlined, load_up_to, store_up_to, sum_lanes};
use crate::{Broadcast, Tensor};

pub(super) struct Sum {
    pub(super) inputs: Vec<Tensor>,
    pub(super) target: Target,
}

impl Sum {
    fn split(&self) -> RowSplit {
        let dense = self.inputs.iter().find(|input| input.pitch != input.channels);
        RowSplit::of(&[self.target.tensor, *dense.unwrap_or(&self.target.tensor)])
    }
}

impl Kernel for Sum {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.split().chunks(), self);
    }
}

impl Task for Sum {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let split = self.split();
        let mut target = self.target;
        let mut rest = &self.inputs[..];
        while let [first, tail @ ..] = rest {
            // SAFETY: the tensors were checked, and chunks hold different rows.
            unsafe {
                if let [second, tail @ ..] = tail {
                    let sources = [*first, *second];
                    let f = inlined(
                        #[inline(always)]
                        |[a, b]: [S::V; 2]| simd.add(a, b),
                    );
                    map_rows(simd, context, split, chunk, sources, target, f);
                    rest = tail;
                } else {
                    let f = inlined(
                        #[inline(always)]
                        |[a]: [S::V; 1]| a,
                    );
                    map_rows(simd, context, split, chunk, [*first], target, f);
                    rest = tail;
                }
            }
            target.accumulate = true;
        }
    }
}

/// `target = first * second`, where `second` may be spread.
pub(super) struct Product {
    pub(super) first: Tensor,
    pub(super) second: Tensor,
    pub(super) broadcast: Broadcast,
    pub(super) target: Target,
}

impl Product {
    fn split(&self) -> RowSplit {
        match self.broadcast {
            Broadcast::None => RowSplit::of(&[self.first, self.second, self.target.tensor]),
            Broadcast::Positions { .. } | Broadcast::Channels => RowSplit::of(&[self.first]),
        }
    }
}

impl Kernel for Product {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.split().chunks(), self);
    }
}

impl Task for Product {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let split = self.split();
        let Target { tensor: target, accumulate } = self.target;
        if self.broadcast == Broadcast::None {
            let f = inlined(
                #[inline(always)]
                |[a, b]: [S::V; 2]| simd.mul(a, b),
            );
            // SAFETY: the tensors were checked, and chunks hold different rows.
            unsafe {
                map_rows(simd, context, split, chunk, [self.first, self.second], self.target, f);
            };
            return;
        }
        let (start, rows) = split.chunk(chunk);
        for row in start..start + rows {
            let (first, to) = (context.row(self.first, row), context.row(target, row));
            let second = match self.broadcast {
                Broadcast::Positions { area } => context.row(self.second, row / area),
                Broadcast::Channels | Broadcast::None => context.row(self.second, row),
            };
            let mut c = 0;
            while c < target.channels {
                let count = target.channels - c;
                // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each row exist. Chunks hold
                // different rows of the target.
                unsafe {
                    let factor = if self.broadcast == Broadcast::Channels {
                        simd.splat(*second)
                    } else {
                        load_up_to(simd, second.add(c), count)
                    };
                    let mut value = simd.mul(load_up_to(simd, first.add(c), count), factor);
                    if accumulate {
                        value = simd.add(load_up_to(simd, to.add(c), count), value);
                    }
                    store_up_to(simd, to.add(c), value, count);
                }
                c += S::LANES;
            }
        }
    }
}

/// Gradient of a spread factor: `target = sum of a * b` over what it was spread on.
pub(super) struct ProductReduce {
    pub(super) a: Tensor,
    pub(super) b: Tensor,
    pub(super) broadcast: Broadcast,
    pub(super) target: Target,
}

/// Rows of the target per chunk.
const ROWS: usize = 16;

impl Kernel for ProductReduce {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.target.tensor.rows.div_ceil(ROWS), self);
    }
}

impl Task for ProductReduce {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let Target { tensor: target, accumulate } = self.target;
        let channels = self.a.channels;
        for row in chunk * ROWS..target.rows.min((chunk + 1) * ROWS) {
            let to = context.row(target, row);
            let area = match self.broadcast {
                Broadcast::Positions { area } => area,
                Broadcast::None | Broadcast::Channels => 1,
            };
            let mut total = simd.splat(0.0);
            let mut c = 0;
            while c < channels {
                let count = channels - c;
                // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each of the `area` rows of `a` and
                // `b` exist, and as many of a row of the target. Chunks hold different rows of the target.
                unsafe {
                    for position in row * area..(row + 1) * area {
                        let a = load_up_to(simd, context.row(self.a, position).add(c), count);
                        let b = load_up_to(simd, context.row(self.b, position).add(c), count);
                        total = simd.mul_add(a, b, total);
                    }
                    if self.broadcast != Broadcast::Channels {
                        if accumulate {
                            total = simd.add(load_up_to(simd, to.add(c), count), total);
                        }
                        store_up_to(simd, to.add(c), total, count);
                        total = simd.splat(0.0);
                    }
                }
                c += S::LANES;
            }
            if self.broadcast == Broadcast::Channels {
                let total = sum_lanes(simd, total);
                // SAFETY: the target has one channel.
                unsafe { *to = if accumulate { *to + total } else { total } };
            }
        }
    }
}

//! Functions of two tensors, of which the second may be spread over the first, and their gradients.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target, map_rows};
use super::simd::{Simd, inlined, load_up_to, store_up_to, sum_lanes};
use crate::{BinaryFunction, Broadcast, Tensor};

/// `f(a, b)`.
#[inline(always)]
fn apply<S: Simd>(simd: S, function: BinaryFunction, a: S::V, b: S::V) -> S::V {
    // What is added is a NaN where `b` is one, else zero: comparisons drop a NaN of `b`.
    let keep_nan = inlined(
        #[inline(always)]
        |chosen| simd.add(chosen, simd.where_unequal(b, b, b)),
    );
    match function {
        BinaryFunction::Add => simd.add(a, b),
        BinaryFunction::Subtract => simd.sub(a, b),
        BinaryFunction::Multiply => simd.mul(a, b),
        BinaryFunction::Maximum => keep_nan(simd.at_least(a, b)),
        BinaryFunction::Minimum => keep_nan(simd.at_most(a, b)),
    }
}

/// `gradient * df/da`.
#[inline(always)]
fn gradient_of_first<S: Simd>(
    simd: S,
    function: BinaryFunction,
    gradient: S::V,
    a: S::V,
    b: S::V,
) -> S::V {
    match function {
        BinaryFunction::Add | BinaryFunction::Subtract => gradient,
        BinaryFunction::Multiply => simd.mul(gradient, b),
        BinaryFunction::Maximum | BinaryFunction::Minimum => {
            simd.sub(gradient, gradient_of_second(simd, function, gradient, a, b))
        }
    }
}

/// `gradient * df/db`.
#[inline(always)]
fn gradient_of_second<S: Simd>(
    simd: S,
    function: BinaryFunction,
    gradient: S::V,
    a: S::V,
    b: S::V,
) -> S::V {
    match function {
        BinaryFunction::Add => gradient,
        BinaryFunction::Subtract => simd.sub(simd.splat(0.0), gradient),
        BinaryFunction::Multiply => simd.mul(gradient, a),
        BinaryFunction::Maximum => simd.where_positive(simd.sub(b, a), gradient),
        BinaryFunction::Minimum => simd.where_positive(simd.sub(a, b), gradient),
    }
}

/// Row of a spread operand that belongs to a row of the first.
#[inline(always)]
fn spread(broadcast: Broadcast, row: usize) -> usize {
    match broadcast {
        Broadcast::Positions { area } => row / area,
        Broadcast::None | Broadcast::Channels => row,
    }
}

/// Up to `count` lanes of an operand at a channel of its row; its only channel in all lanes if it is spread over channels.
///
/// # Safety
///
/// `from` is a row with a value at each of these channels, or with one channel if it is spread.
#[inline(always)]
unsafe fn load_spread<S: Simd>(
    simd: S,
    broadcast: Broadcast,
    from: *const f32,
    channel: usize,
    count: usize,
) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        if broadcast == Broadcast::Channels {
            simd.splat(*from)
        } else {
            load_up_to(simd, from.add(channel), count)
        }
    }
}

/// `target = function(first, second)`.
pub(super) struct Binary {
    pub(super) function: BinaryFunction,
    pub(super) first: Tensor,
    pub(super) second: Tensor,
    pub(super) broadcast: Broadcast,
    pub(super) target: Target,
}

impl Binary {
    fn split(&self) -> RowSplit {
        match self.broadcast {
            Broadcast::None => RowSplit::of(&[self.first, self.second, self.target.tensor]),
            Broadcast::Positions { .. } | Broadcast::Channels => RowSplit::of(&[self.first]),
        }
    }
}

impl Kernel for Binary {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.split().chunks(), self);
    }
}

impl Task for Binary {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let split = self.split();
        let Target { tensor: target, accumulate } = self.target;
        if self.broadcast == Broadcast::None {
            let f = inlined(
                #[inline(always)]
                |[a, b]: [S::V; 2]| apply(simd, self.function, a, b),
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
            let second = context.row(self.second, spread(self.broadcast, row));
            let mut c = 0;
            while c < target.channels {
                let count = target.channels - c;
                // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each row exist. Chunks hold
                // different rows of the target.
                unsafe {
                    let a = load_up_to(simd, first.add(c), count);
                    let b = load_spread(simd, self.broadcast, second, c, count);
                    let mut value = apply(simd, self.function, a, b);
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

/// Gradient of the first operand.
pub(super) struct BinaryGradFirst {
    pub(super) function: BinaryFunction,
    pub(super) first: Tensor,
    pub(super) second: Tensor,
    pub(super) broadcast: Broadcast,
    pub(super) grad_output: Tensor,
    pub(super) target: Target,
}

impl Kernel for BinaryGradFirst {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.first]).chunks(), self);
    }
}

impl Task for BinaryGradFirst {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let Target { tensor: target, accumulate } = self.target;
        let (start, rows) = RowSplit::of(&[self.first]).chunk(chunk);
        for row in start..start + rows {
            let (first, to) = (context.row(self.first, row), context.row(target, row));
            let gradient = context.row(self.grad_output, row);
            let second = context.row(self.second, spread(self.broadcast, row));
            let mut c = 0;
            while c < target.channels {
                let count = target.channels - c;
                // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each row exist. Chunks hold
                // different rows of the target.
                unsafe {
                    let gradient = load_up_to(simd, gradient.add(c), count);
                    let a = load_up_to(simd, first.add(c), count);
                    let b = load_spread(simd, self.broadcast, second, c, count);
                    let mut value = gradient_of_first(simd, self.function, gradient, a, b);
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

/// Gradient of the second operand: the sum over what it was spread on.
pub(super) struct BinaryGradSecond {
    pub(super) function: BinaryFunction,
    pub(super) first: Tensor,
    pub(super) second: Tensor,
    pub(super) broadcast: Broadcast,
    pub(super) grad_output: Tensor,
    pub(super) target: Target,
}

/// Rows of the target per chunk.
const ROWS: usize = 16;

impl Kernel for BinaryGradSecond {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.target.tensor.rows.div_ceil(ROWS), self);
    }
}

impl Task for BinaryGradSecond {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let Target { tensor: target, accumulate } = self.target;
        let channels = self.first.channels;
        let area = match self.broadcast {
            Broadcast::Positions { area } => area,
            Broadcast::None | Broadcast::Channels => 1,
        };
        for row in chunk * ROWS..target.rows.min((chunk + 1) * ROWS) {
            let (second, to) = (context.row(self.second, row), context.row(target, row));
            let mut total = simd.splat(0.0);
            let mut c = 0;
            while c < channels {
                let count = channels - c;
                // SAFETY: the tensors were checked: `c + min(count, LANES)` values of each of the `area` rows of first
                // operand and gradient exist, and as many of a row of second operand and target unless these have one
                // channel. Chunks hold different rows of the target.
                unsafe {
                    let b = load_spread(simd, self.broadcast, second, c, count);
                    for position in row * area..(row + 1) * area {
                        let a = load_up_to(simd, context.row(self.first, position).add(c), count);
                        let gradient = context.row(self.grad_output, position).add(c);
                        let gradient = load_up_to(simd, gradient, count);
                        let value = gradient_of_second(simd, self.function, gradient, a, b);
                        total = simd.add(total, value);
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

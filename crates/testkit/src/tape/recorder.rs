//! The dfdx primitives that the reference consists of, recorded on one tape.

use std::mem;

use dfdx::{
    shapes::{Axis, HasShape, Rank0},
    tensor::{AsArray, Cpu, OwnedTape, PutTape, SplitTape, Tensor, TensorFromVec},
    tensor_ops::{Backward, GatherTo, ReshapeTo, SumTo, TryConcatAlong, TryMatMul},
};

use super::layout::Tap;

/// A row of values; what its dimensions mean is known by the caller.
pub(super) type Flat = Tensor<(usize,), f64, Cpu>;

/// A [`Flat`] while an operator records what is done with it.
pub(super) type Taped = Tensor<(usize,), f64, Cpu, OwnedTape<f64, Cpu>>;

/// A tape that lies between operators, and goes through each of them in turn.
#[derive(Default)]
pub(super) struct Recorder {
    device: Cpu,
    tape: OwnedTape<f64, Cpu>,
}

impl Recorder {
    /// A leaf with these values.
    pub(super) fn tensor(&self, values: Vec<f64>) -> Flat {
        let length = values.len();
        self.device.tensor_from_vec(values, (length,))
    }

    /// A chain of element-wise functions.
    pub(super) fn map(&mut self, x: &Flat, function: impl FnOnce(Taped) -> Taped) -> Flat {
        let taped = x.clone().put_tape(mem::take(&mut self.tape));
        let (out, tape) = function(taped).split_tape();
        self.tape = tape;
        out
    }

    /// The same values as a tensor of its own, which may be paired with `x` itself.
    fn copy(&mut self, x: &Flat) -> Flat {
        self.map(x, |x| x * 1.0)
    }

    /// An element-wise function of two rows of equal length.
    pub(super) fn pair(
        &mut self,
        a: &Flat,
        b: &Flat,
        function: impl FnOnce(Taped, Flat) -> Taped,
    ) -> Flat {
        let b = self.copy(b);
        self.map(a, |a| function(a, b))
    }

    /// `a` followed by `b`.
    pub(super) fn join(&mut self, a: &Flat, b: &Flat) -> Flat {
        let b = self.copy(b);
        self.map(a, |a| (a, b).concat_along(Axis::<0>))
    }

    /// `out[i] = x[positions[i]]`.
    pub(super) fn gather(&mut self, x: &Flat, positions: Vec<usize>) -> Flat {
        let length = positions.len();
        let positions: Tensor<(usize,), usize, Cpu> =
            self.device.tensor_from_vec(positions, (length,));
        self.map(x, |x| x.gather(positions))
    }

    /// `out[i] = x[taps[i]]`, or zero where the tap lies on padding.
    pub(super) fn gather_padded(&mut self, x: &Flat, taps: &[Tap]) -> Flat {
        let end = length(x);
        let padding = self.tensor(vec![0.0]);
        let padded = self.join(x, &padding);
        let position = |tap: &Tap| match tap {
            Tap::At(position) => *position,
            Tap::Beside => end,
        };
        self.gather(&padded, taps.iter().map(position).collect())
    }

    /// Sums of consecutive blocks of `count` values.
    pub(super) fn sums(&mut self, x: &Flat, count: usize) -> Flat {
        let rows = length(x) / count;
        self.map(x, |x| x.reshape_like(&(rows, count)).sum::<(usize,), Axis<1>>())
    }

    /// `a` as `[m, k]` times `b` as `[k, n]`, giving `[m, n]`.
    pub(super) fn matmul(&mut self, a: &Flat, b: &Flat, (m, k, n): (usize, usize, usize)) -> Flat {
        let b = b.clone().reshape_like(&(k, n));
        self.map(a, |a| a.reshape_like(&(m, k)).matmul(b).reshape_like(&(m * n,)))
    }

    /// `-sum(targets * log softmax(logits)) / rows` for `[rows, classes]`, and its gradient by each of `leaves`.
    pub(super) fn cross_entropy(
        mut self,
        logits: &Flat,
        targets: Vec<f64>,
        (rows, classes): (usize, usize),
        leaves: &[&Flat],
    ) -> (f64, Vec<Vec<f64>>) {
        let targets = self.tensor(targets);
        let likelihoods = self.map(logits, |x| {
            x.reshape_like(&(rows, classes))
                .log_softmax::<Axis<1>>()
                .reshape_like(&(rows * classes,))
        });
        let products = self.pair(&likelihoods, &targets, |a, b| a * b);
        let loss = products.put_tape(self.tape).sum::<Rank0, _>() / -(rows as f64);
        let value = loss.array();
        let mut gradients = loss.backward();
        let derivatives = leaves.iter().map(|leaf| {
            gradients.try_alloc_for(*leaf).expect("a gradient is as small as its parameter");
            gradients.get(*leaf).as_vec()
        });
        (value, derivatives.collect())
    }
}

fn length(x: &Flat) -> usize {
    x.shape().0
}

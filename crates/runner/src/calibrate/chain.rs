//! One network of the grid: blocks that convolutional networks are made of, one after the other.

use graph::{
    Activation, Axis, BatchNorm, Builder, Conv2d, ConvTranspose, Depthwise, Gather, Graph,
    Interpolation, Linear, NodeId, Op, Pool, Resize, Shape, Window,
};
use rand::{Rng, RngExt};

/// Multiply-adds of one convolution for one image, so that a grid is measured in minutes.
const MOST_MACS: usize = 120_000_000;

/// Kernel values of one layer.
const MOST_WEIGHTS: usize = 4 << 20;

/// Largest width; the number of values of a wire is bounded as well.
const MOST_CHANNELS: usize = 1024;

/// Values of a wire.
const MOST_VALUES: usize = 1 << 20;

/// A network under construction.
pub(super) struct Chain<R> {
    build: Builder,
    end: NodeId,
    random: R,
    count: usize,
}

impl<R: Rng> Chain<R> {
    /// An image, and a convolution on it.
    pub(super) fn new(size: usize, random: R) -> Self {
        let mut build = Builder::new();
        let image = Op::Input(Shape::new(size, size, 3));
        let end = build.add("image", image, &[]).expect("an image of this size fits");
        let mut chain = Self { build, end, random, count: 0 };
        let out = chain.width(3 * 9);
        chain.convolved(Conv2d::square(out, 3));
        chain
    }

    /// A global mean, a hidden layer and logits.
    pub(super) fn finish(mut self) -> Graph {
        let channels = self.add(Op::GlobalAvgPool, &[self.end]).channels;
        let hidden = self.random.random_range(16..=(MOST_WEIGHTS / channels).min(2048));
        self.add(Op::Linear(Linear::new(hidden)), &[self.end]);
        self.activation();
        let logits = Linear::new(self.random.random_range(2..=1000));
        self.add(Op::Linear(logits), &[self.end]);
        self.build.finish(&[self.end]).expect("every block goes on from the last")
    }

    /// One block of the kind that the number chooses in turn.
    pub(super) fn block(&mut self, kind: usize) {
        match kind % 16 {
            0 | 8 => self.dense(1, 1),
            1 | 9 => self.dense(3, 3),
            2 => self.strided(),
            3 => {
                let [height, width] = [[1, 7], [7, 1], [5, 5], [1, 3]][self.below(4)];
                self.dense(height, width);
            }
            4 | 10 => self.depthwise(),
            5 => self.grouped(),
            6 => self.residual(),
            7 | 11 => self.branches(),
            12 => self.gate(),
            13 => self.pool(),
            14 => self.rearranged(),
            _ => self.upscaled(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    fn shape(&self) -> Shape {
        self.build.shape(self.end)
    }

    fn add(&mut self, op: Op, inputs: &[NodeId]) -> Shape {
        self.count += 1;
        let name = format!("{}{}", op.kind(), self.count);
        self.end = self.build.add(&name, op, inputs).expect("blocks are made to fit");
        self.shape()
    }

    /// A width for a kernel that has this many values for every output channel: log-uniform, a third of them multiples of 8,
    /// a third of 4, a third any.
    fn width(&mut self, values: usize) -> usize {
        let area = self.shape().area();
        let most = (MOST_MACS / (area * values).max(1))
            .min(MOST_WEIGHTS / values.max(1))
            .min(MOST_VALUES / area)
            .clamp(8, MOST_CHANNELS);
        let width = (4.0_f64.ln()
            + self.random.random::<f64>() * ((most as f64).ln() - 4.0_f64.ln()))
        .exp();
        let multiple = [8, 4, 1][self.below(3)];
        (width as usize).next_multiple_of(multiple)
    }

    fn convolved(&mut self, conv: Conv2d) {
        let normed = self.below(4) < 3;
        self.add(Op::Conv2d(Conv2d { bias: !normed, ..conv }), &[self.end]);
        if normed {
            self.add(Op::BatchNorm(BatchNorm::scaled()), &[self.end]);
        }
        self.activation();
    }

    fn activation(&mut self) {
        let functions = [
            Activation::Relu,
            Activation::Relu,
            Activation::Relu6,
            Activation::Silu,
            Activation::HardSwish,
        ];
        let function = functions[self.below(functions.len())];
        self.add(Op::Activation(function), &[self.end]);
    }

    fn dense(&mut self, height: usize, width: usize) {
        let out = self.width(height * width * self.shape().channels);
        self.convolved(Conv2d::new(out, Window::new([height, width])));
    }

    fn strided(&mut self) {
        let side = [1, 3, 5][self.below(3)];
        let out = self.width(side * side * self.shape().channels);
        self.convolved(Conv2d::new(out, Window::square(side).stride(2)));
    }

    fn depthwise(&mut self) {
        let window = Window::square([3, 3, 5, 7][self.below(4)]).stride(1 + self.below(2));
        let few = self.shape().channels <= 16;
        let multiplier = if few { [1, 2, 8][self.below(3)] } else { 1 };
        self.add(Op::Depthwise(Depthwise { multiplier, window, bias: false }), &[self.end]);
        self.add(Op::BatchNorm(BatchNorm::scaled()), &[self.end]);
        if self.below(2) == 0 {
            self.activation();
        }
    }

    fn grouped(&mut self) {
        let groups = [2, 4, 8][self.below(3)];
        let input = self.shape().channels.next_multiple_of(groups);
        self.convolved(Conv2d::square(input, 1));
        let out = self.width(9 * input / groups).next_multiple_of(groups);
        self.convolved(Conv2d { groups, ..Conv2d::square(out, 3) });
    }

    fn residual(&mut self) {
        let (start, channels) = (self.end, self.shape().channels);
        let narrow = (channels / 2).max(1);
        self.convolved(Conv2d::square(narrow, 1));
        self.convolved(Conv2d::square(channels, 1));
        self.add(Op::Add, &[start, self.end]);
        self.activation();
    }

    fn branches(&mut self) {
        let start = self.end;
        let count = 2 + self.below(3);
        let mut ends = Vec::new();
        for branch in 0..count {
            self.end = start;
            if branch == 3 {
                self.add(Op::AvgPool(Pool { window: Window::square(3) }), &[start]);
            }
            let side = [1, 3][self.below(2)];
            let out = self.width(side * side * self.shape().channels * count);
            self.convolved(Conv2d::square(out, side));
            ends.push(self.end);
        }
        // As in dense blocks, the wire itself may be a part.
        if self.below(3) == 0 {
            ends.insert(0, start);
        }
        self.add(Op::Concat(Axis::Channels), &ends);
    }

    fn gate(&mut self) {
        let (start, channels) = (self.end, self.shape().channels);
        self.add(Op::GlobalAvgPool, &[start]);
        self.add(Op::Linear(Linear::new((channels / 4).max(1))), &[self.end]);
        self.add(Op::Activation(Activation::Relu), &[self.end]);
        self.add(Op::Linear(Linear::new(channels)), &[self.end]);
        self.add(Op::Activation(Activation::Sigmoid), &[self.end]);
        self.add(Op::Mul, &[start, self.end]);
    }

    fn pool(&mut self) {
        let window = Window::square([2, 3][self.below(2)]).stride(1 + self.below(2));
        let pool = Pool { window };
        let op = if self.below(2) == 0 { Op::MaxPool(pool) } else { Op::AvgPool(pool) };
        self.add(op, &[self.end]);
    }

    fn rearranged(&mut self) {
        let channels = self.shape().channels.next_multiple_of(2);
        self.convolved(Conv2d::square(channels, 1));
        self.add(Op::Gather(Gather::shuffle(2, channels)), &[self.end]);
        if self.below(2) == 0 {
            let half = Gather::range(0, channels / 2);
            self.add(Op::Gather(half), &[self.end]);
        }
    }

    fn upscaled(&mut self) {
        let Shape { height, width, channels, .. } = self.shape();
        if height * width > 28 * 28 {
            return self.pool();
        }
        if self.below(2) == 0 {
            let (height, width) = (2 * height, 2 * width);
            let method = [Interpolation::Nearest, Interpolation::Bilinear][self.below(2)];
            self.add(Op::Resize(Resize { height, width, method }), &[self.end]);
        } else {
            let window = Window::square(2 + self.below(2)).stride(2);
            let out = self.width(window.taps() * channels).min(128);
            self.add(Op::ConvTranspose(ConvTranspose::new(out, window)), &[self.end]);
            self.activation();
        }
    }
}

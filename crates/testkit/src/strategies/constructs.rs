//! Blocks of a random network beyond plain ones.

use graph::{
    Activation, Axis, Conv2d, Conv3d, ConvTranspose, Gather, Interpolation, LocalResponseNorm,
    NodeId, Op, Pad, Padding, Resize, Shape, Window,
};

use super::sketch::{Numbers, Sketch};

/// Kinds of blocks.
pub(super) const BLOCKS: usize = 16;

/// No block makes more positions than this: the interpreter is slow.
const ENOUGH_POSITIONS: usize = 300;

/// No block makes more channels than this.
const ENOUGH_CHANNELS: usize = 48;

impl Sketch {
    /// One block on a wire; its end, or nothing if it does not fit.
    pub(super) fn construct(
        &mut self,
        kind: usize,
        numbers: &mut Numbers<'_>,
        input: NodeId,
    ) -> Option<NodeId> {
        // The channels of an image cannot die, so most blocks work on those of a convolution.
        let input = if numbers.below(4) < 3 {
            let conv = Conv2d::new(numbers.width(), numbers.resting_window());
            self.unit(numbers, conv, input).unwrap_or(input)
        } else {
            input
        };
        let end = match kind {
            0 => self.split(numbers, input),
            1 => self.selection(numbers, input),
            2 => self.shared(numbers, input),
            3 => self.upscaled(numbers, input),
            4 => self.blocks(numbers, input),
            5 => {
                let method =
                    if numbers.flag() { Interpolation::Nearest } else { Interpolation::Bilinear };
                let [height, width] = numbers.pair(9);
                self.add(Op::Resize(Resize { height, width, method }), &[input])
            }
            6 => {
                let [top, bottom, left, right] = [0; 4].map(|_: usize| numbers.below(3));
                let channels = [numbers.below(3), numbers.below(3)];
                self.add(Op::Pad(Pad { top, bottom, left, right, channels }), &[input])
            }
            7 => {
                let axis = if numbers.flag() { Axis::Height } else { Axis::Width };
                self.pair_of_units(numbers, input, Op::Concat(axis))
            }
            8 => self.pair_of_units(numbers, input, Op::Sub),
            9 => {
                let join = if numbers.flag() { Op::Maximum } else { Op::Minimum };
                let join = if self.options.smooth { Op::Add } else { join };
                self.pair_of_units(numbers, input, join)
            }
            10 => self.spread_operand(numbers, input),
            11 => self.reshaped(numbers, input),
            12 => {
                let factor = [0.5, -1.5, 2.0][numbers.below(3)];
                self.add(Op::Activation(Activation::Scale { factor }), &[input])
            }
            13 => self.biased(numbers, input),
            14 => self.add(Op::Gate, &[input]),
            15 if self.options.untrained => {
                let [depth, height] = numbers.pair(3);
                let conv = Conv3d {
                    stride: [1 + numbers.below(2), 1 + numbers.below(2), 1 + numbers.below(2)],
                    padding: if numbers.flag() { Padding::Same } else { Padding::Valid },
                    bias: numbers.flag(),
                    ..Conv3d::new(numbers.width(), [depth, height, 1 + numbers.below(3)])
                };
                let end = self.add(Op::Conv3d(conv), &[input])?;
                self.normalized(numbers, end)
            }
            _ => None,
        }?;
        let shape = self.shape(end);
        (shape.area() <= ENOUGH_POSITIONS && shape.channels <= ENOUGH_CHANNELS).then_some(end)
    }

    /// Two parts of the wire, one of them convolved, put together again and perhaps shuffled.
    fn split(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let width = self.shape(input).channels;
        let cut = 1 + numbers.below(width.saturating_sub(1).max(1));
        let left = self.add(Op::Gather(Gather::range(0, cut)), &[input])?;
        let right = self.add(Op::Gather(Gather::range(cut, width.checked_sub(cut)?)), &[input])?;
        let conv = Conv2d::new(numbers.width(), numbers.resting_window());
        let right = self.unit(numbers, conv, right)?;
        let parts = if numbers.flag() { [left, right] } else { [right, left] };
        let whole = self.add(Op::Concat(Axis::Channels), &parts)?;
        let shuffle = Gather::shuffle(2, self.shape(whole).channels);
        if numbers.flag() && !shuffle.channels.is_empty() {
            self.add(Op::Gather(shuffle), &[whole])
        } else {
            Some(whole)
        }
    }

    /// Channels in another order, some of them left out or repeated.
    fn selection(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let width = self.shape(input).channels;
        let channels = match numbers.below(3) {
            0 => (0..width).rev().collect(),
            1 => (0..2 * width).map(|channel| channel % width).collect(),
            _ => (0..=numbers.below(2 * width)).map(|_| numbers.below(width)).collect(),
        };
        self.add(Op::Gather(Gather { channels }), &[input])
    }

    /// A convolution and another one with its kernel, joined; one after the other if that fits.
    fn shared(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let chained = numbers.flag();
        let width = if chained { self.shape(input).channels } else { numbers.width() };
        let conv = Conv2d { bias: numbers.flag(), ..Conv2d::new(width, numbers.resting_window()) };
        let owner = self.add(Op::Conv2d(conv), &[input])?;
        let first = self.normalized(numbers, owner)?;
        let second = self.share(owner, if chained { first } else { input })?;
        let second = self.normalized(numbers, second)?;
        let join = if numbers.flag() { Op::Add } else { Op::Concat(Axis::Channels) };
        self.add(join, &[first, second])
    }

    fn upscaled(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let window = Window { dilation: [1, 1], ..numbers.window() };
        let window = Window { stride: numbers.pair(2), ..window };
        let conv = ConvTranspose { out: numbers.width(), window, bias: numbers.flag() };
        let end = self.add(Op::ConvTranspose(conv), &[input])?;
        self.normalized(numbers, end)
    }

    /// Positions moved into channels, or channels into positions.
    fn blocks(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        if numbers.flag() {
            let Shape { height, width, .. } = self.shape(input);
            let even = Pad { bottom: height % 2, right: width % 2, ..Pad::default() };
            let even = self.add(Op::Pad(even), &[input])?;
            return self.add(Op::SpaceToDepth { block: 2 }, &[even]);
        }
        let out = 4 * (1 + numbers.below(3));
        let conv = Conv2d::new(out, numbers.resting_window().stride(2));
        let end = self.unit(numbers, conv, input)?;
        self.add(Op::DepthToSpace { block: 2 }, &[end])
    }

    fn pair_of_units(
        &mut self,
        numbers: &mut Numbers<'_>,
        input: NodeId,
        join: Op,
    ) -> Option<NodeId> {
        let width = numbers.width();
        let mut ends = Vec::new();
        for _ in 0..2 {
            let conv = Conv2d::new(width, numbers.resting_window());
            ends.push(self.unit(numbers, conv, input)?);
        }
        self.add(join, &ends)
    }

    /// The wire joined to an operand with one position, or with one channel, after which no channel is silent.
    fn spread_operand(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let operand = if numbers.flag() || self.options.prunable {
            let conv = Conv2d::new(self.shape(input).channels, numbers.resting_window());
            let operand = self.unit(numbers, conv, input)?;
            self.add(Op::GlobalAvgPool, &[operand])?
        } else {
            let conv = Conv2d::new(1, numbers.resting_window());
            self.unit(numbers, conv, input)?
        };
        let joins = [Op::Add, Op::Sub, Op::Maximum, Op::Minimum];
        let choices = if self.options.smooth { 2 } else { joins.len() };
        self.add(joins[numbers.below(choices)].clone(), &[input, operand])
    }

    fn reshaped(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        use Axis::{Channels, Height, Width};
        let Shape { height, width, .. } = self.shape(input);
        let choice = numbers.below(6);
        let op = match choice {
            0 => Op::Permute([Width, Height, Channels]),
            1 => Op::Reshape { height: width, width: height },
            2 => Op::Reshape { height: 1, width: height },
            3 => Op::Permute([Channels, Width, Height]),
            4 => Op::Permute([Width, Channels, Height]),
            _ => Op::Reshape { height: height * 2, width },
        };
        self.add(op, &[input])
    }

    /// Operators that stop a silent channel from being silent, or make it matter to others.
    fn biased(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let norm =
            LocalResponseNorm { size: 1 + numbers.below(4), alpha: 0.5, beta: 0.75, bias: 1.0 };
        let ops = [Op::Softmax, Op::LocalResponseNorm(norm), Op::Bias];
        let choices = if self.options.prunable { 2 } else { ops.len() };
        self.add(ops[numbers.below(choices)].clone(), &[input])
    }
}

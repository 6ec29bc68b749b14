//! Blocks of a random network, decoded from small numbers.

use graph::{
    Activation, Axis, BatchNorm, Builder, Conv2d, Depthwise, Graph, GraphError, Linear, NodeId, Op,
    Padding, Pool, Shape, Window,
};

use super::{Options, constructs};

/// Kinds of blocks of plain networks.
const PLAIN_BLOCKS: usize = 13;

/// A source of small numbers; 0 when it is used up.
pub(super) struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    pub(super) fn new(numbers: &'a [u8]) -> Self {
        Self(numbers)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % bound
    }

    pub(super) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(super) fn width(&mut self) -> usize {
        1 + self.below(6)
    }

    pub(super) fn pair(&mut self, bound: usize) -> [usize; 2] {
        [1 + self.below(bound), 1 + self.below(bound)]
    }

    /// A window whose output has the size of its input.
    pub(super) fn resting_window(&mut self) -> Window {
        Window { kernel: self.pair(3), dilation: self.pair(2), ..Window::square(1) }
    }

    pub(super) fn window(&mut self) -> Window {
        let window = Window { stride: self.pair(2), ..self.resting_window() };
        let reach = [0, 1].map(|axis| (window.kernel[axis] - 1) * window.dilation[axis] + 1);
        window.padding(match self.below(3) {
            0 => Padding::Same,
            1 => Padding::Valid,
            _ => Padding::Explicit {
                top: self.below(reach[0]),
                bottom: self.below(reach[0]),
                left: self.below(reach[1]),
                right: self.below(reach[1]),
            },
        })
    }
}

/// A network under construction that can forget its last nodes.
pub(super) struct Sketch {
    pub(super) options: Options,
    nodes: Vec<(Op, Vec<NodeId>, Option<NodeId>)>,
    build: Builder,
}

impl Sketch {
    pub(super) fn new(options: Options) -> Self {
        Self { options, nodes: Vec::new(), build: Builder::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn finish(self, outputs: &[NodeId]) -> Result<Graph, GraphError> {
        self.build.finish(outputs)
    }

    /// Adds an operator, or nothing if it does not fit.
    pub(super) fn add(&mut self, op: Op, inputs: &[NodeId]) -> Option<NodeId> {
        let name = format!("{}{}", op.kind(), self.nodes.len());
        let id = self.build.add(&name, op.clone(), inputs).ok()?;
        self.nodes.push((op, inputs.to_vec(), None));
        Some(id)
    }

    /// Adds a node with the kernel of an earlier one, or nothing if it does not fit.
    pub(super) fn share(&mut self, owner: NodeId, input: NodeId) -> Option<NodeId> {
        let name = format!("shared{}", self.nodes.len());
        let op = self.nodes[owner.index()].0.clone();
        let id = self.build.share(&name, owner, &[input]).ok()?;
        self.nodes.push((op, vec![input], Some(owner)));
        Some(id)
    }

    pub(super) fn shape(&self, id: NodeId) -> Shape {
        self.build.shape(id)
    }

    pub(super) fn forget_after(&mut self, count: usize) {
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.truncate(count);
        self.build = Builder::new();
        for (op, inputs, shares) in nodes {
            let added = match shares {
                Some(owner) => self.share(owner, inputs[0]),
                None => self.add(op, &inputs),
            };
            added.expect("it was right before");
        }
    }

    /// One more block on the last wire of the trunk; its end, or nothing if it does not fit.
    pub(super) fn block(&mut self, numbers: &mut Numbers<'_>, trunk: &[NodeId]) -> Option<NodeId> {
        let input = *trunk.last()?;
        let kinds = match self.options {
            Options { conv_bn_act_only: true, .. } => 1,
            Options { constructs: true, .. } => PLAIN_BLOCKS + constructs::BLOCKS,
            Options { .. } => PLAIN_BLOCKS,
        };
        match numbers.below(kinds) {
            0 => {
                let conv = Conv2d::new(numbers.width(), numbers.window());
                self.unit(numbers, conv, input)
            }
            1 | 2 => self.residual(numbers, input),
            3 => self.branches(numbers, input, Op::Concat(Axis::Channels)),
            4 => self.branches(numbers, input, Op::Add),
            5 => self.branches(numbers, input, Op::Mul),
            6 => {
                let multiplier = 1 + numbers.below(3);
                let window = numbers.window();
                let depthwise = Depthwise { multiplier, window, bias: numbers.flag() };
                let end = self.add(Op::Depthwise(depthwise), &[input])?;
                self.normalized(numbers, end)
            }
            7 => {
                let groups = 2 + numbers.below(2);
                let out = groups * (1 + numbers.below(3));
                let conv = Conv2d { groups, ..Conv2d::new(out, numbers.window()) };
                self.unit(numbers, conv, input)
            }
            8 => {
                let pool = Pool { window: numbers.window() };
                let maximum = numbers.flag() && !self.options.smooth;
                self.add(if maximum { Op::MaxPool(pool) } else { Op::AvgPool(pool) }, &[input])
            }
            9 => self.channel_gate(numbers, input),
            10 => self.position_gate(numbers, input),
            11 => self.join(numbers, trunk),
            12 => self.plain(numbers, input),
            kind => self.construct(kind - PLAIN_BLOCKS, numbers, input),
        }
    }

    /// Convolution, perhaps batch normalisation, perhaps an activation.
    pub(super) fn unit(
        &mut self,
        numbers: &mut Numbers<'_>,
        conv: Conv2d,
        input: NodeId,
    ) -> Option<NodeId> {
        let conv = Conv2d { bias: numbers.flag(), ..conv };
        let end = self.add(Op::Conv2d(conv), &[input])?;
        self.normalized(numbers, end)
    }

    pub(super) fn normalized(
        &mut self,
        numbers: &mut Numbers<'_>,
        mut end: NodeId,
    ) -> Option<NodeId> {
        let always = self.options.prunable || self.options.conv_bn_act_only;
        if numbers.below(4) < 3 || always {
            let scale = numbers.below(4) < 3 || always;
            let epsilon = if numbers.flag() { 1e-3 } else { 1e-2 };
            end = self.add(Op::BatchNorm(BatchNorm { scale, epsilon }), &[end])?;
        }
        if numbers.below(4) < 3 || always {
            end = self.activation(numbers, end)?;
        }
        Some(end)
    }

    pub(super) fn activation(
        &mut self,
        numbers: &mut Numbers<'_>,
        input: NodeId,
    ) -> Option<NodeId> {
        const SMOOTH: [Activation; 3] = [Activation::Tanh, Activation::Silu, Activation::Sigmoid];
        const KINKED: [Activation; 6] = [
            Activation::Relu,
            Activation::Relu6,
            Activation::LeakyRelu { slope: 0.1 },
            Activation::Elu,
            Activation::HardSwish,
            Activation::HardSigmoid,
        ];
        let Options { prunable, conv_bn_act_only, smooth, .. } = self.options;
        let kinked = KINKED.iter().filter(|_| !smooth);
        let all = kinked.chain(&SMOOTH).filter(|activation| activation.keeps_zero() || !prunable);
        let candidates: Vec<&Activation> = all.collect();
        let choices = if conv_bn_act_only { 1 } else { candidates.len() };
        self.add(Op::Activation(*candidates[numbers.below(choices)]), &[input])
    }

    /// A branch of one or two convolutions added to the wire that it reads.
    fn residual(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let width = self.shape(input).channels;
        let mut end = input;
        if numbers.flag() {
            let conv = Conv2d::new(numbers.width(), numbers.resting_window());
            end = self.unit(numbers, conv, end)?;
        }
        let conv = Conv2d::new(width, numbers.resting_window());
        end = self.unit(numbers, conv, end)?;
        let sum = if numbers.flag() { [input, end] } else { [end, input] };
        self.add(Op::Add, &sum)
    }

    /// Two or three branches of equal size, joined. For [`Op::Concat(Axis::Channels)`] widths may differ, and a branch may be a pool or two
    /// convolutions.
    pub(super) fn branches(
        &mut self,
        numbers: &mut Numbers<'_>,
        input: NodeId,
        join: Op,
    ) -> Option<NodeId> {
        let concat = matches!(join, Op::Concat(_));
        let count = if join == Op::Mul { 2 } else { 2 + numbers.below(2) };
        let stride = numbers.pair(2);
        let width = numbers.width();
        let mut ends = Vec::new();
        for _ in 0..count {
            let window = Window { stride, ..numbers.resting_window() };
            let end = if concat && numbers.below(4) == 3 {
                self.add(Op::AvgPool(Pool { window }), &[input])?
            } else {
                let width = if concat && numbers.flag() { numbers.width() } else { width };
                let end = self.unit(numbers, Conv2d::new(width, window), input)?;
                if concat && numbers.below(4) == 3 {
                    let conv = Conv2d::new(numbers.width(), numbers.resting_window());
                    self.unit(numbers, conv, end)?
                } else {
                    end
                }
            };
            ends.push(end);
        }
        self.add(join, &ends)
    }

    /// Squeeze and excitation: the channels of the wire times a gate with one position.
    fn channel_gate(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let width = self.shape(input).channels;
        let squeezed = self.add(Op::GlobalAvgPool, &[input])?;
        let down = Linear { out: numbers.width(), bias: numbers.flag() };
        let down = self.add(Op::Linear(down), &[squeezed])?;
        let down = self.activation(numbers, down)?;
        let up = self.add(Op::Linear(Linear { out: width, bias: numbers.flag() }), &[down])?;
        let gate = self.add(Op::Activation(Activation::Sigmoid), &[up])?;
        self.add(Op::Mul, &[input, gate])
    }

    /// The wire times a gate with one channel.
    fn position_gate(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        let conv = Conv2d::new(1, numbers.resting_window());
        let gate = self.unit(numbers, conv, input)?;
        let gate = self.add(Op::Activation(Activation::Sigmoid), &[gate])?;
        self.add(Op::Mul, &[input, gate])
    }

    /// The end of the trunk joined to an earlier wire of it.
    fn join(&mut self, numbers: &mut Numbers<'_>, trunk: &[NodeId]) -> Option<NodeId> {
        let (last, earlier) = trunk.split_last()?;
        let shape = self.shape(*last);
        let fits = |other: Shape| (other.height, other.width) == (shape.height, shape.width);
        let mut partners = earlier.iter().rev();
        let partner = *partners.find(|wire| fits(self.shape(**wire)))?;
        let add = self.shape(partner) == shape && numbers.flag();
        self.add(if add { Op::Add } else { Op::Concat(Axis::Channels) }, &[*last, partner])
    }

    /// Operators that stand alone.
    fn plain(&mut self, numbers: &mut Numbers<'_>, input: NodeId) -> Option<NodeId> {
        match numbers.below(if self.options.prunable { 2 } else { 5 }) {
            0 => self.activation(numbers, input),
            1 => self.add(Op::Dropout { rate: 0.0 }, &[input]),
            2 => self
                .add(Op::BatchNorm(BatchNorm { scale: numbers.flag(), epsilon: 1e-3 }), &[input]),
            pool => {
                let flat = if pool == 3 { Op::GlobalAvgPool } else { Op::Flatten };
                let flat = self.add(flat, &[input])?;
                let hidden = Linear { out: numbers.width(), bias: numbers.flag() };
                let hidden = self.add(Op::Linear(hidden), &[flat])?;
                self.activation(numbers, hidden)
            }
        }
    }
}

//! Finding the channel groups.
//!
//! Every channel of every wire gets a group, in one pass in node order with union-find: a convolution makes fresh
//! channels, an addition unites its operands channel by channel, a concatenation appends, a depthwise convolution
//! carries. The original does this with slices, a work queue and an iteration limit (`op_regularizer_manager.py`); per
//! channel none of them is needed.

use crate::{
    Axis, Channels, Freeze, FreezeReason, Graph, GroupId, Node, NodeId, Op, Shape, Spread,
};

/// Provisional channels of every wire, with their unions.
pub(crate) struct Ties {
    union: Union,
    wires: Vec<Vec<usize>>,
    frozen: Vec<(usize, Freeze)>,
}

impl Ties {
    pub(crate) fn of(graph: &Graph) -> Self {
        let wires = Vec::with_capacity(graph.len());
        let mut ties = Self { union: Union::default(), wires, frozen: Vec::new() };
        for (id, node) in graph.nodes() {
            let wire = ties.output(graph, id, node);
            ties.wires.push(wire);
            if let Some(owner) = node.shares {
                ties.tie_wires(owner, id);
                ties.tie_wires(graph.node(owner).inputs[0], node.inputs[0]);
            }
        }
        for output in graph.outputs() {
            ties.freeze(*output, *output, FreezeReason::Output);
        }
        ties
    }

    /// Channels of the wire that a node makes; ties its inputs where it has to.
    fn output(&mut self, graph: &Graph, id: NodeId, node: &Node) -> Vec<usize> {
        match &node.op {
            Op::Input(shape) => {
                let fresh = self.union.fresh(shape.channels);
                self.freeze_channels(&fresh, id, FreezeReason::Image);
                fresh
            }
            Op::Conv2d(conv) => {
                let fresh = self.union.fresh(conv.out);
                if conv.groups > 1 {
                    let input = self.input(node, 0).len() / conv.groups;
                    self.merge(node, input);
                    self.union.tie_blocks(&fresh, conv.out / conv.groups);
                }
                fresh
            }
            Op::Conv3d(conv) => self.union.fresh(conv.out),
            Op::ConvTranspose(conv) => self.union.fresh(conv.out),
            Op::Linear(linear) => self.union.fresh(linear.out),
            Op::Depthwise(depthwise) => {
                let each = depthwise.multiplier;
                let input = self.input(node, 0).iter();
                input.flat_map(|channel| std::iter::repeat_n(*channel, each)).collect()
            }
            Op::Add | Op::Sub | Op::Mul | Op::Maximum | Op::Minimum => {
                let first = node.inputs[0];
                for other in &node.inputs[1..] {
                    match Spread::of(graph.node(first).shape, graph.node(*other).shape) {
                        Some(Spread::Equal | Spread::Positions) => self.tie_wires(first, *other),
                        Some(Spread::Channels) | None => {
                            self.freeze(*other, id, FreezeReason::Spread);
                        }
                    }
                }
                self.input(node, 0).to_vec()
            }
            Op::Concat(Axis::Channels) => {
                let wires = node.inputs.iter().map(|input| &self.wires[input.index()]);
                wires.flatten().copied().collect()
            }
            Op::Concat(Axis::Height | Axis::Width) => {
                for other in &node.inputs[1..] {
                    self.tie_wires(node.inputs[0], *other);
                }
                self.input(node, 0).to_vec()
            }
            Op::Flatten | Op::SpaceToDepth { .. } => {
                self.input(node, 0).repeat(node.shape.channels / self.input(node, 0).len())
            }
            Op::DepthToSpace { .. } => self.merge(node, node.shape.channels),
            Op::Reshape { .. } => self.reshape(graph, id, node),
            Op::Gather(gather) => {
                let input = self.input(node, 0);
                gather.channels.iter().map(|channel| input[*channel]).collect()
            }
            Op::Pad(pad) => {
                let [before, after] = pad.channels;
                let mut wire = self.union.fresh(before);
                wire.extend(self.input(node, 0));
                wire.extend(self.union.fresh(after));
                wire
            }
            Op::Permute([.., Axis::Channels])
            | Op::BatchNorm(_)
            | Op::Bias
            | Op::Gate
            | Op::Activation(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Resize(_)
            | Op::Dropout { .. } => self.input(node, 0).to_vec(),
            Op::Permute([.., Axis::Height | Axis::Width]) => self.mixed(id, node),
            Op::Softmax | Op::LocalResponseNorm(_) => {
                self.freeze(node.inputs[0], id, FreezeReason::Neighbours);
                self.input(node, 0).to_vec()
            }
        }
    }

    fn input(&self, node: &Node, position: usize) -> &[usize] {
        &self.wires[node.inputs[position].index()]
    }

    /// In row-major order consecutive positions become blocks of channels, or blocks of channels become positions;
    /// anything else mixes.
    fn reshape(&mut self, graph: &Graph, id: NodeId, node: &Node) -> Vec<usize> {
        let Shape { channels: before, .. } = graph.node(node.inputs[0]).shape;
        let after = node.shape.channels;
        if after.is_multiple_of(before) {
            self.input(node, 0).repeat(after / before)
        } else if before.is_multiple_of(after) {
            self.merge(node, after)
        } else {
            self.mixed(id, node)
        }
    }

    /// Ties channel `k` of every block of `size` channels of the input with channel `k` of the first block, which is
    /// returned.
    fn merge(&mut self, node: &Node, size: usize) -> Vec<usize> {
        let Self { union, wires, .. } = self;
        let input = &wires[node.inputs[0].index()];
        union.tie_blocks(input, size);
        input[..size].to_vec()
    }

    fn mixed(&mut self, id: NodeId, node: &Node) -> Vec<usize> {
        self.freeze(node.inputs[0], id, FreezeReason::Mixed);
        let fresh = self.union.fresh(node.shape.channels);
        self.freeze_channels(&fresh, id, FreezeReason::Mixed);
        fresh
    }

    pub(crate) fn tie_wires(&mut self, left: NodeId, right: NodeId) {
        let Self { union, wires, .. } = self;
        union.tie(&wires[left.index()], &wires[right.index()]);
    }

    fn freeze(&mut self, wire: NodeId, node: NodeId, reason: FreezeReason) {
        let channels = self.wires[wire.index()].iter();
        self.frozen.extend(channels.map(|channel| (*channel, Freeze { node, reason })));
    }

    fn freeze_channels(&mut self, channels: &[usize], node: NodeId, reason: FreezeReason) {
        self.frozen.extend(channels.iter().map(|channel| (*channel, Freeze { node, reason })));
    }

    pub(crate) fn number(mut self, graph: &Graph) -> Channels {
        let mut numbers = vec![None; self.union.parent.len()];
        let mut frozen = Vec::new();
        let mut wires = Vec::with_capacity(graph.len());
        for wire in &self.wires {
            let mut groups = Vec::with_capacity(wire.len());
            for channel in wire {
                let number = &mut numbers[self.union.root(*channel)];
                groups.push(*number.get_or_insert_with(|| {
                    frozen.push(None);
                    GroupId(frozen.len() - 1)
                }));
            }
            wires.push(groups);
        }
        for (channel, freeze) in std::mem::take(&mut self.frozen) {
            let group: GroupId =
                numbers[self.union.root(channel)].expect("every channel lies on a wire");
            frozen[group.index()].get_or_insert(freeze);
        }
        Channels { wires, frozen }
    }
}

/// Union-find over provisional channels; the smaller index is the root, so that numbering follows first use.
#[derive(Default)]
struct Union {
    parent: Vec<usize>,
}

impl Union {
    fn fresh(&mut self, count: usize) -> Vec<usize> {
        let start = self.parent.len();
        self.parent.extend(start..start + count);
        (start..start + count).collect()
    }

    fn root(&mut self, mut channel: usize) -> usize {
        while self.parent[channel] != channel {
            self.parent[channel] = self.parent[self.parent[channel]];
            channel = self.parent[channel];
        }
        channel
    }

    fn tie(&mut self, left: &[usize], right: &[usize]) {
        for (a, b) in left.iter().zip(right) {
            let (a, b) = (self.root(*a), self.root(*b));
            self.parent[a.max(b)] = a.min(b);
        }
    }

    /// Channel `k` of every block lives with channel `k` of the first, so that blocks stay of equal size.
    fn tie_blocks(&mut self, wire: &[usize], size: usize) {
        let (first, rest) = wire.split_at(size);
        for block in rest.chunks(size) {
            self.tie(first, block);
        }
    }
}

//! Which channels a rewritten network has.
//!
//! Dead groups disappear, multiplied ones appear several times. A producer whose input has disappeared wholly has nothing
//! to work on and disappears too, even if its own channels are alive; a join then loses that input (the original's VANISHED
//! rule, `configurable_ops.py`). A wire that only disappeared nodes read is of no use and disappears as well.

use crate::{
    Axis, Bundle, Channels, Conv2d, Conv3d, ConvTranspose, Graph, GraphError, GroupId, Keep,
    Linear, MAX_WIDTH, Node, NodeId, Op, Spread, Widths,
};

/// For every wire the channels of the rewritten network, as indices into the wire as it was.
///
/// An index that is missing is a channel that dies, one that is there several times is multiplied. A wire without channels
/// disappears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMap {
    wires: Vec<Vec<usize>>,
}

impl ChannelMap {
    /// What remains of a graph after a decision.
    ///
    /// Errors if an output is cut off ([`GraphError::Cut`]), if a join would lose an input that is not silent or only in
    /// part, or if the blocks of a grouped convolution would lose different channels ([`GraphError::PartialLoss`]).
    pub fn of(graph: &Graph, channels: &Channels, keep: &Keep) -> Result<Self, GraphError> {
        let copies: Vec<usize> =
            channels.groups().map(|group| usize::from(keep.is_alive(group))).collect();
        Self::multiplied(graph, channels, &copies)
    }

    /// The network in which group `g` is there `copies[g]` times; `copies` is by [`GroupId::index`], and 1 for frozen groups.
    ///
    /// Errors as [`ChannelMap::of`], and if a wire would have more than [`MAX_WIDTH`] channels ([`GraphError::TooWide`]).
    pub fn multiplied(
        graph: &Graph,
        channels: &Channels,
        copies: &[usize],
    ) -> Result<Self, GraphError> {
        if copies.len() != channels.len() {
            return Err(GraphError::WrongCopies { expected: channels.len(), found: copies.len() });
        }
        let widths = |id: NodeId| {
            let groups = channels.on(id).iter().map(|group| copies[group.index()]);
            groups.fold(0, usize::saturating_add)
        };
        if let Some((_, node)) = graph.nodes().find(|(id, _)| widths(*id) > MAX_WIDTH) {
            return Err(GraphError::TooWide(node.name.clone()));
        }
        let copies = |group: GroupId| copies[group.index()];
        let mut carrier = Carrier { graph, channels, copies: &copies, wires: Vec::new() };
        for (id, node) in graph.nodes() {
            let wire = carrier.output(id, node).ok_or_else(|| GraphError::PartialLoss {
                node: node.name.clone(),
                op: node.op.kind(),
            })?;
            carrier.wires.push(wire);
        }
        let mut wires: Vec<Vec<usize>> =
            carrier.wires.into_iter().map(|wire| wire.channels).collect();
        if let Some(output) = graph.outputs().iter().find(|id| wires[id.index()].is_empty()) {
            return Err(GraphError::Cut(graph.node(*output).name.clone()));
        }
        let needed = graph.needed(|id| !wires[id.index()].is_empty());
        for (wire, _) in wires.iter_mut().zip(needed).filter(|(_, needed)| !needed) {
            wire.clear();
        }
        Ok(Self { wires })
    }

    /// The network in which every bundle has the given number of groups; `sizes` is parallel to `bundles`, which are those
    /// of `channels`. Errors as [`ChannelMap::multiplied`].
    pub fn of_bundles(
        graph: &Graph,
        channels: &Channels,
        bundles: &[Bundle],
        sizes: &[usize],
    ) -> Result<Self, GraphError> {
        let mut copies = vec![0; channels.len()];
        for (bundle, size) in bundles.iter().zip(sizes) {
            for (group, count) in bundle.copies(*size) {
                copies[group.index()] = count;
            }
        }
        Self::multiplied(graph, channels, &copies)
    }

    /// The channels of a wire, in order; empty if the wire disappears.
    pub fn on(&self, wire: NodeId) -> &[usize] {
        &self.wires[wire.index()]
    }

    /// The widths of the rewritten network.
    pub fn widths(&self) -> Widths {
        Widths::from_wires(self.wires.iter().map(Vec::len).collect())
    }
}

struct Wire {
    channels: Vec<usize>,
    /// Of a wire that disappeared: whether its value is zero once the parameters of vanished nodes are zero.
    silent: bool,
}

struct Carrier<'a> {
    graph: &'a Graph,
    channels: &'a Channels,
    copies: &'a dyn Fn(GroupId) -> usize,
    wires: Vec<Wire>,
}

impl Carrier<'_> {
    /// The wire that a node makes; nothing if the node would lose part of an input.
    fn output(&self, id: NodeId, node: &Node) -> Option<Wire> {
        let input = |position: usize| &self.wires[node.inputs[position].index()];
        let same = |silent: bool| Wire { channels: input(0).channels.clone(), silent };
        let wire = match &node.op {
            Op::Input(_) => Wire { channels: self.alive(id, 0..node.shape.channels), silent: true },
            Op::Conv2d(conv) => {
                if !self.blocks_agree(node, conv) {
                    return None;
                }
                self.produced(id, node, conv.bias)?
            }
            Op::Conv3d(Conv3d { bias, .. })
            | Op::ConvTranspose(ConvTranspose { bias, .. })
            | Op::Linear(Linear { bias, .. }) => self.produced(id, node, *bias)?,
            Op::Depthwise(depthwise) => {
                let each = depthwise.multiplier;
                let carried = input(0).channels.iter();
                let channels = carried.flat_map(|channel| channel * each..(channel + 1) * each);
                let silent = self.is_silent_once_zero(node, depthwise.bias)?;
                Wire { channels: channels.collect(), silent }
            }
            Op::BatchNorm(_) | Op::Gate => same(true),
            Op::Activation(activation) => same(input(0).silent && activation.keeps_zero()),
            Op::Softmax => same(false),
            Op::Bias
            | Op::LocalResponseNorm(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Resize(_)
            | Op::Permute([.., Axis::Channels])
            | Op::Dropout { .. } => same(input(0).silent),
            Op::Add | Op::Sub | Op::Mul | Op::Maximum | Op::Minimum => self.joined(node)?,
            Op::Concat(Axis::Channels) => self.appended(node)?,
            Op::Concat(Axis::Height | Axis::Width) => {
                let others = &node.inputs[1..];
                let equal = |other: &NodeId| Self::fit(input(0), &self.wires[other.index()]);
                if !others.iter().all(equal) {
                    return None;
                }
                same(node.inputs.iter().all(|input| self.wires[input.index()].silent))
            }
            Op::Flatten | Op::SpaceToDepth { .. } => self.spread(node),
            Op::DepthToSpace { .. } => self.merged(node)?,
            Op::Reshape { .. } => {
                let before = self.graph.node(node.inputs[0]).shape.channels;
                if node.shape.channels.is_multiple_of(before) {
                    self.spread(node)
                } else if before.is_multiple_of(node.shape.channels) {
                    self.merged(node)?
                } else {
                    self.opaque(node)?
                }
            }
            Op::Permute([.., Axis::Height | Axis::Width]) => self.opaque(node)?,
            Op::Gather(gather) => {
                let copies = self.positions(node.inputs[0]);
                let chosen = gather.channels.iter().enumerate();
                let channels = chosen.flat_map(|(at, from)| copies[*from].iter().map(move |_| at));
                Wire { channels: channels.collect(), silent: input(0).silent }
            }
            Op::Pad(pad) => {
                let [before, after] = pad.channels;
                let carried = node.shape.channels - after;
                let mut channels = self.alive(id, 0..before);
                channels.extend(input(0).channels.iter().map(|channel| channel + before));
                channels.extend(self.alive(id, carried..node.shape.channels));
                // Of an input that is gone only zeros would be left.
                if input(0).channels.is_empty() {
                    channels.clear();
                }
                Wire { channels, silent: input(0).silent }
            }
        };
        Some(wire)
    }

    /// Those of the given channels of a wire that are alive, each as often as it is copied.
    fn alive(&self, id: NodeId, range: std::ops::Range<usize>) -> Vec<usize> {
        let groups = self.channels.on(id);
        range.flat_map(|at| std::iter::repeat_n(at, (self.copies)(groups[at]))).collect()
    }

    fn produced(&self, id: NodeId, node: &Node, bias: bool) -> Option<Wire> {
        let gone = self.wires[node.inputs[0].index()].channels.is_empty();
        let channels = if gone { Vec::new() } else { self.alive(id, 0..node.shape.channels) };
        Some(Wire { channels, silent: self.is_silent_once_zero(node, bias)? })
    }

    /// Whether a layer that disappears is silent. Its kernel and bias are zero then, unless they are another's, who stays.
    /// Nothing if the owner disappears and this one stays.
    fn is_silent_once_zero(&self, node: &Node, bias: bool) -> Option<bool> {
        let Some(owner) = node.shares else { return Some(true) };
        let input = &self.wires[node.inputs[0].index()];
        let owner_gone = self.wires[owner.index()].channels.is_empty();
        if owner_gone && !input.channels.is_empty() {
            return None;
        }
        Some(owner_gone || (input.silent && !bias))
    }

    fn blocks_agree(&self, node: &Node, conv: &Conv2d) -> bool {
        let input = node.inputs[0];
        let block = self.channels.on(input).len() / conv.groups;
        agree(&self.wires[input.index()].channels, block, conv.groups)
    }

    /// A join keeps operands that fit. A sum does without operands that are silent, a difference without a silent second;
    /// a product is gone with its first operand.
    fn joined(&self, node: &Node) -> Option<Wire> {
        let shape = |position: usize| self.graph.node(node.inputs[position]).shape;
        let wires: Vec<&Wire> =
            node.inputs.iter().map(|input| &self.wires[input.index()]).collect();
        let gone = |wire: &Wire| wire.channels.is_empty();
        let product = matches!(node.op, Op::Mul);
        if wires.iter().all(|wire| gone(wire)) || (product && gone(wires[0])) {
            let silent = |wire: &&Wire| gone(wire) && wire.silent;
            let silent = if product { wires.iter().any(silent) } else { wires.iter().all(silent) };
            return Some(Wire { channels: Vec::new(), silent });
        }
        let mut left: Option<&Wire> = None;
        for (position, wire) in wires.iter().enumerate() {
            let spread = Spread::of(shape(0), shape(position))?;
            if gone(wire) {
                let optional =
                    matches!(node.op, Op::Add) || (matches!(node.op, Op::Sub) && position == 1);
                if !(optional && wire.silent) {
                    return None;
                }
            } else if spread == Spread::Equal {
                if left.is_some_and(|left| !Self::fit(left, wire)) {
                    return None;
                }
                left = left.or(Some(wire));
            } else if gone(wires[0]) || (spread == Spread::Positions && !Self::fit(wires[0], wire))
            {
                return None;
            }
        }
        Some(Wire { channels: left?.channels.clone(), silent: true })
    }

    /// Whether two wires can be operands of one join: the same channels, or as many where some are multiplied.
    fn fit(left: &Wire, right: &Wire) -> bool {
        let rising = |wire: &Wire| wire.channels.is_sorted_by(|a, b| a < b);
        if rising(left) && rising(right) {
            left.channels == right.channels
        } else {
            left.channels.len() == right.channels.len()
        }
    }

    fn appended(&self, node: &Node) -> Option<Wire> {
        let mut channels = Vec::new();
        let mut offset = 0;
        for input in &node.inputs {
            let wire = &self.wires[input.index()];
            if wire.channels.is_empty() && !wire.silent {
                return None;
            }
            channels.extend(wire.channels.iter().map(|channel| channel + offset));
            offset += self.channels.on(*input).len();
        }
        Some(Wire { channels, silent: true })
    }

    /// Blocks of positions become blocks of channels, each with the channels of the input.
    fn spread(&self, node: &Node) -> Wire {
        let input = &self.wires[node.inputs[0].index()];
        let block = self.channels.on(node.inputs[0]).len();
        let starts = (0..node.shape.channels).step_by(block);
        let channels = starts.flat_map(|start| input.channels.iter().map(move |at| start + at));
        Wire { channels: channels.collect(), silent: input.silent }
    }

    /// Blocks of channels become blocks of positions; nothing if they would lose different channels.
    fn merged(&self, node: &Node) -> Option<Wire> {
        let input = &self.wires[node.inputs[0].index()];
        let block = node.shape.channels;
        let blocks = self.channels.on(node.inputs[0]).len() / block;
        let first = input.channels.iter().filter(|channel| **channel < block);
        agree(&input.channels, block, blocks)
            .then(|| Wire { channels: first.copied().collect(), silent: input.silent })
    }

    /// All channels, or none of them.
    fn opaque(&self, node: &Node) -> Option<Wire> {
        let input = &self.wires[node.inputs[0].index()];
        let whole = input.channels.len() == self.channels.on(node.inputs[0]).len();
        let channels = if whole { (0..node.shape.channels).collect() } else { Vec::new() };
        (whole || input.channels.is_empty()).then_some(Wire { channels, silent: input.silent })
    }

    /// Where every channel of a wire is in the rewritten wire.
    fn positions(&self, wire: NodeId) -> Vec<Vec<usize>> {
        positions(&self.wires[wire.index()].channels, self.channels.on(wire).len())
    }
}

/// Whether all blocks of a wire have the same channels left, or as many where some are multiplied.
fn agree(channels: &[usize], block: usize, blocks: usize) -> bool {
    let left = |index: usize| {
        let own = channels.iter().filter(move |channel| *channel / block == index);
        own.map(move |channel| channel % block)
    };
    let rising = channels.is_sorted_by(|a, b| a < b);
    (1..blocks).all(|index| {
        if rising { left(index).eq(left(0)) } else { left(index).count() == left(0).count() }
    })
}

/// Inverts a list: for every value below `count` the places where it stands.
pub(crate) fn positions(list: &[usize], count: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); count];
    for (place, value) in list.iter().enumerate() {
        places[*value].push(place);
    }
    places
}

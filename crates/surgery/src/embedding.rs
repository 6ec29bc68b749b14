//! Where the channels of a network lie in a wider one.

use std::collections::BTreeMap;

use graph::{Axis, Channels, Graph, Node, NodeId, Op};

use crate::SurgeryError;

/// For every wire the channel of the wider network that stands for each channel.
///
/// Groups of one bundle are interchangeable: the first groups of the wider bundle stand for those of the narrow one, in
/// order, and the rest are new. What every node does with the channels that stand for old ones is what it did with the old
/// ones; [`Embedding::of`] proves it node by node.
pub(crate) struct Embedding {
    wires: Vec<Vec<usize>>,
}

impl Embedding {
    /// Errors if `wider` is not `graph` with other widths, none of them smaller, or if a channel would be joined with
    /// another one than in `graph` ([`SurgeryError::NotWider`]).
    pub(crate) fn of(graph: &Graph, wider: &Graph) -> Result<Self, SurgeryError> {
        if let Some((node, problem)) = difference(graph, wider, same_area) {
            return Err(not_wider(node, problem));
        }
        let groups = corresponding_groups(graph, wider)?;
        let [narrow, wide] = [graph, wider].map(Channels::of);
        let mut wires = Vec::with_capacity(graph.len());
        for (id, node) in graph.nodes() {
            let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (place, group) in wide.on(id).iter().enumerate().rev() {
                places.entry(group.index()).or_default().push(place);
            }
            let place =
                |group: &graph::GroupId| places.get_mut(&groups[group.index()]).and_then(Vec::pop);
            let wire: Option<Vec<usize>> = narrow.on(id).iter().map(place).collect();
            wires.push(wire.ok_or_else(|| not_wider(node, "has no place for every channel"))?);
        }
        let embedding = Self { wires };
        for (id, node) in graph.nodes() {
            embedding.proves(graph, wider, id, node)?;
        }
        Ok(embedding)
    }

    /// The channels that stand for those of a wire, in the order of those.
    pub(crate) fn on(&self, wire: NodeId) -> &[usize] {
        &self.wires[wire.index()]
    }

    /// Whether every old channel is made of the same old channels in the wider graph.
    fn proves(
        &self,
        graph: &Graph,
        wider: &Graph,
        id: NodeId,
        node: &Node,
    ) -> Result<(), SurgeryError> {
        for (channel, place) in self.on(id).iter().enumerate() {
            let mut sources = sources(graph, id, channel);
            for source in &mut sources {
                source.channel = self.on(node.inputs[source.operand])[source.channel];
            }
            if sources != self::sources(wider, id, *place) {
                return Err(not_wider(node, "joins other channels with each other"));
            }
        }
        if let Op::Conv2d(conv) = &node.op
            && conv.groups > 1
        {
            let input = node.inputs[0];
            for wire in [input, id] {
                let [before, after] =
                    [graph, wider].map(|graph| graph.node(wire).shape.channels / conv.groups);
                let places = self.on(wire).iter().enumerate();
                if places.into_iter().any(|(channel, place)| channel / before != place / after) {
                    return Err(not_wider(node, "moves channels from block to block"));
                }
            }
        }
        match node.shares {
            Some(owner)
                if self.on(owner) != self.on(id)
                    || self.on(graph.node(owner).inputs[0]) != self.on(node.inputs[0]) =>
            {
                Err(not_wider(node, "shares a kernel whose channels lie elsewhere"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn not_wider(node: &Node, problem: &'static str) -> SurgeryError {
    SurgeryError::NotWider { node: node.name.clone(), problem }
}

/// The first node in which two graphs differ in more than widths, and how. `same_size` compares the shapes of a pair.
pub(crate) fn difference<'a>(
    graph: &'a Graph,
    other: &'a Graph,
    same_size: impl Fn(&Node, &Node) -> bool,
) -> Option<(&'a Node, &'static str)> {
    let mut others = other.nodes();
    for (_, node) in graph.nodes() {
        let Some((_, other)) = others.next() else { return Some((node, "is missing")) };
        let same = node.name == other.name
            && node.op.kind() == other.op.kind()
            && node.inputs == other.inputs
            && node.shares == other.shares
            && same_size(node, other);
        if !same {
            return Some((other, "differs in more than its width"));
        }
    }
    others.next().map(|(_, other)| (other, "is new"))
}

fn same_area(node: &Node, other: &Node) -> bool {
    let sides = |node: &Node| [node.shape.depth, node.shape.height, node.shape.width];
    sides(node) == sides(other)
}

/// For every group the group of the wider graph that stands for it.
fn corresponding_groups(graph: &Graph, wider: &Graph) -> Result<Vec<usize>, SurgeryError> {
    let [narrow, wide] = [graph, wider].map(Channels::of);
    let mut groups = vec![0; narrow.len()];
    let wider_bundles = wide.bundles();
    for bundle in narrow.bundles() {
        let same = wider_bundles
            .iter()
            .find(|other| other.frozen == bundle.frozen && other.wires == bundle.wires);
        let node = || graph.node(bundle.wires[0].0);
        let same = same.ok_or_else(|| not_wider(node(), "lies on other wires"))?;
        if same.groups.len() < bundle.groups.len() {
            return Err(not_wider(node(), "is narrower"));
        }
        for (group, place) in bundle.groups.iter().zip(&same.groups) {
            groups[group.index()] = place.index();
        }
    }
    Ok(groups)
}

/// A channel of an operand that an output channel is made of.
#[derive(PartialEq, Eq)]
struct Source {
    operand: usize,
    channel: usize,
    /// Which of several outputs of that channel this is, or which of several inputs of this channel that.
    part: usize,
}

/// The channels that an output channel is made of; none where a kernel mixes all of them.
fn sources(graph: &Graph, id: NodeId, channel: usize) -> Vec<Source> {
    let node = graph.node(id);
    let before = |operand: usize| graph.node(node.inputs[operand]).shape.channels;
    let one = |operand, channel, part| vec![Source { operand, channel, part }];
    let merged = || {
        let size = node.shape.channels;
        let part = |part| Source { operand: 0, channel: part * size + channel, part };
        (0..before(0) / size).map(part).collect()
    };
    match &node.op {
        Op::Input(_) | Op::Conv2d(_) | Op::Conv3d(_) | Op::ConvTranspose(_) | Op::Linear(_) => {
            Vec::new()
        }
        Op::Depthwise(depthwise) => {
            one(0, channel / depthwise.multiplier, channel % depthwise.multiplier)
        }
        Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Maximum
        | Op::Minimum
        | Op::Concat(Axis::Height | Axis::Width) => {
            let source = |operand| {
                let channel = if before(operand) == node.shape.channels { channel } else { 0 };
                Source { operand, channel, part: 0 }
            };
            (0..node.inputs.len()).map(source).collect()
        }
        Op::Concat(Axis::Channels) => {
            let mut channel = channel;
            for operand in 0..node.inputs.len() {
                if channel < before(operand) {
                    return one(operand, channel, 0);
                }
                channel -= before(operand);
            }
            Vec::new()
        }
        Op::Flatten | Op::SpaceToDepth { .. } => one(0, channel % before(0), channel / before(0)),
        Op::DepthToSpace { .. } => merged(),
        Op::Reshape { .. } if node.shape.channels.is_multiple_of(before(0)) => {
            one(0, channel % before(0), channel / before(0))
        }
        Op::Reshape { .. } if before(0).is_multiple_of(node.shape.channels) => merged(),
        // Where channels and positions mix, none of either side can change.
        Op::Reshape { .. } | Op::Permute([.., Axis::Height | Axis::Width]) => Vec::new(),
        Op::Gather(gather) => one(0, gather.channels[channel], 0),
        Op::Pad(pad) => {
            let [first, _] = pad.channels;
            match channel.checked_sub(first) {
                Some(channel) if channel < before(0) => one(0, channel, 0),
                Some(_) | None => Vec::new(),
            }
        }
        Op::BatchNorm(_)
        | Op::Bias
        | Op::Gate
        | Op::Activation(_)
        | Op::Softmax
        | Op::LocalResponseNorm(_)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Resize(_)
        | Op::Permute([.., Axis::Channels])
        | Op::Dropout { .. } => one(0, channel, 0),
    }
}

//! Which channel groups batch-norm scales can silence.

use graph::{Axis, Channels, Graph, GroupId, NodeId, Op};

use crate::Sources;

/// A channel that would still speak if all scales and shifts of its group were zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The group, which therefore cannot be pruned.
    pub group: GroupId,
    /// The node that would read a value other than zero.
    pub reader: NodeId,
}

/// Which groups can die without a trace.
///
/// A group can if it is not frozen, has a source of strength, and wherever one of its channels is mixed with others (by a
/// convolution, a linear layer or an output) that channel is zero once the group's scales and shifts are zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Prunable {
    prunable: Vec<bool>,
    leaks: Vec<Leak>,
}

impl Prunable {
    /// Finds the groups that batch-norm scales can silence.
    pub fn of(graph: &Graph, channels: &Channels, sources: &Sources) -> Self {
        let leaks = leaks(graph, channels);
        let mut prunable: Vec<bool> = channels
            .groups()
            .map(|group| !channels.is_frozen(group) && !sources.members(group).is_empty())
            .collect();
        for leak in &leaks {
            prunable[leak.group.index()] = false;
        }
        Self { prunable, leaks }
    }

    /// Whether the group can die.
    pub fn contains(&self, group: GroupId) -> bool {
        self.prunable[group.index()]
    }

    /// Why groups that are not frozen cannot die: the first reader of each.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }
}

/// The first reader of every group that would still speak when silenced.
fn leaks(graph: &Graph, channels: &Channels) -> Vec<Leak> {
    let silent = silent_channels(graph);
    let mut first: Vec<Option<NodeId>> = vec![None; channels.len()];
    let mut read = |wire: NodeId, reader: NodeId| {
        for (group, silent) in channels.on(wire).iter().zip(&silent[wire.index()]) {
            if !silent && !channels.is_frozen(*group) {
                first[group.index()].get_or_insert(reader);
            }
        }
    };
    for (id, node) in graph.nodes() {
        if node.op.is_producer() {
            read(node.inputs[0], id);
        }
    }
    for output in graph.outputs() {
        read(*output, *output);
    }
    channels
        .groups()
        .zip(first)
        .filter_map(|(group, reader)| Some(Leak { group, reader: reader? }))
        .collect()
}

/// For every channel of every wire whether it is zero once the scales and shifts of its group are zero.
fn silent_channels(graph: &Graph) -> Vec<Vec<bool>> {
    let mut wires: Vec<Vec<bool>> = Vec::with_capacity(graph.len());
    for (_, node) in graph.nodes() {
        let input = |position: usize| &wires[node.inputs[position].index()];
        let width = node.shape.channels;
        let wire = match &node.op {
            Op::Input(_)
            | Op::Conv2d(_)
            | Op::Conv3d(_)
            | Op::ConvTranspose(_)
            | Op::Linear(_)
            | Op::Bias
            | Op::Softmax => vec![false; width],
            Op::Depthwise(depthwise) => {
                let each = depthwise.multiplier;
                input(0)
                    .iter()
                    .flat_map(|silent| std::iter::repeat_n(*silent && !depthwise.bias, each))
                    .collect()
            }
            Op::BatchNorm(norm) => vec![norm.scale; width],
            Op::Activation(activation) => {
                input(0).iter().map(|silent| *silent && activation.keeps_zero()).collect()
            }
            Op::Add
            | Op::Sub
            | Op::Maximum
            | Op::Minimum
            | Op::Concat(Axis::Height | Axis::Width) => {
                let silent = |position: usize, channel: usize| {
                    let operand = input(position);
                    operand[if operand.len() == width { channel } else { 0 }]
                };
                let all = |channel: usize| {
                    (0..node.inputs.len()).all(|position| silent(position, channel))
                };
                (0..width).map(all).collect()
            }
            Op::Mul => {
                let second = input(1);
                let either = |channel: usize| {
                    input(0)[channel] || (second.len() == width && second[channel])
                };
                (0..width).map(either).collect()
            }
            Op::Concat(Axis::Channels) => {
                node.inputs.iter().flat_map(|id| wires[id.index()].iter().copied()).collect()
            }
            Op::Flatten | Op::SpaceToDepth { .. } => input(0).repeat(width / input(0).len()),
            Op::DepthToSpace { .. } => merged(input(0), width),
            Op::Reshape { .. } if width.is_multiple_of(input(0).len()) => {
                input(0).repeat(width / input(0).len())
            }
            Op::Reshape { .. } if input(0).len().is_multiple_of(width) => merged(input(0), width),
            Op::Reshape { .. } | Op::Permute([.., Axis::Height | Axis::Width]) => {
                vec![false; width]
            }
            Op::Gather(gather) => {
                gather.channels.iter().map(|channel| input(0)[*channel]).collect()
            }
            Op::Pad(pad) => {
                let [before, after] = pad.channels.map(|zeros| vec![true; zeros]);
                [before, input(0).clone(), after].concat()
            }
            // What a gate does is not in the hands of this strength.
            Op::Gate
            | Op::LocalResponseNorm(_)
            | Op::Resize(_)
            | Op::Permute([.., Axis::Channels])
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Dropout { .. } => input(0).clone(),
        };
        wires.push(wire);
    }
    wires
}

/// Channel `k` of every block of `width` channels becomes channel `k`.
fn merged(wire: &[bool], width: usize) -> Vec<bool> {
    (0..width)
        .map(|channel| wire.iter().skip(channel).step_by(width).all(|silent| *silent))
        .collect()
}

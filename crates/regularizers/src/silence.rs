//! Which channels are zero once the strengths of their groups are, and what must be zeroed with them.

use graph::{
    Axis, Channels, Conv2d, Conv3d, ConvTranspose, Graph, GroupId, Linear, NodeId, Op, Role,
};

use crate::Sources;

/// A value that is added to a channel: of a bias, or of a batch norm's shift and running mean.
pub(crate) type Shift = (NodeId, Role, usize);

/// What is zero once the members of all groups are.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    wires: Vec<Vec<bool>>,
    shifts: Vec<Vec<Shift>>,
}

impl Silence {
    /// By the members of the groups alone, with the shifts of norms that are members.
    pub(crate) fn of_members(graph: &Graph, channels: &Channels, sources: &Sources) -> Self {
        Self::of(graph, channels, sources, false)
    }

    /// By the members of the groups and by zeroing whatever is added to a channel that would be zero without it.
    pub(crate) fn with_shifts(graph: &Graph, channels: &Channels, sources: &Sources) -> Self {
        Self::of(graph, channels, sources, true)
    }

    /// For every channel of a wire whether it is zero.
    pub(crate) fn on(&self, wire: NodeId) -> &[bool] {
        &self.wires[wire.index()]
    }

    /// What must be zeroed when a group dies, besides its members.
    pub(crate) fn shifts(&self, group: GroupId) -> &[Shift] {
        &self.shifts[group.index()]
    }

    fn of(graph: &Graph, channels: &Channels, sources: &Sources, all_shifts: bool) -> Self {
        let members = Members::of(graph, channels, sources);
        let mut zeroing =
            Zeroing { graph, channels, all: all_shifts, shifts: vec![Vec::new(); channels.len()] };
        let wires = silent_channels(graph, &members, &mut zeroing);
        for shifts in &mut zeroing.shifts {
            shifts.sort_unstable();
            shifts.dedup();
        }
        Self { wires, shifts: zeroing.shifts }
    }
}

/// For every channel of every node whether it is a member of its group; a node with the parameters of another is what that
/// one is.
struct Members<'a> {
    graph: &'a Graph,
    channels: Vec<Vec<bool>>,
}

impl<'a> Members<'a> {
    fn of(graph: &'a Graph, channels: &Channels, sources: &Sources) -> Self {
        let mut found: Vec<Vec<bool>> =
            graph.nodes().map(|(_, node)| vec![false; node.shape.channels]).collect();
        for (node, channel) in channels.groups().flat_map(|group| sources.members(group)) {
            found[node.index()][*channel] = true;
        }
        Self { graph, channels: found }
    }

    fn on(&self, node: NodeId) -> &[bool] {
        &self.channels[self.graph.owner(node).index()]
    }
}

/// Collects the shifts that are zeroed.
struct Zeroing<'a> {
    graph: &'a Graph,
    channels: &'a Channels,
    all: bool,
    shifts: Vec<Vec<Shift>>,
}

impl Zeroing<'_> {
    /// A node adds something to a wire: its silent channels stay silent if the shifts are zeroed with them.
    fn zero(&mut self, node: NodeId, roles: &[Role], wire: &mut [bool]) {
        if !self.all {
            wire.fill(false);
        }
        for role in roles {
            self.shift(node, *role, wire);
        }
    }

    fn shift(&mut self, node: NodeId, role: Role, wire: &[bool]) {
        let owner = self.graph.owner(node);
        let groups = self.channels.on(node).iter().zip(wire).enumerate();
        for (channel, (group, _)) in groups.filter(|(_, (_, silent))| **silent) {
            self.shifts[group.index()].push((owner, role, channel));
        }
    }
}

/// For every channel of every wire whether it is zero once the members and shifts of its group are zero.
fn silent_channels(
    graph: &Graph,
    members: &Members<'_>,
    zeroing: &mut Zeroing<'_>,
) -> Vec<Vec<bool>> {
    let mut wires: Vec<Vec<bool>> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let input = |position: usize| &wires[node.inputs[position].index()];
        let width = node.shape.channels;
        let own = members.on(id);
        let wire = match &node.op {
            Op::Input(_) | Op::Softmax => vec![false; width],
            Op::Conv2d(Conv2d { bias, .. })
            | Op::Conv3d(Conv3d { bias, .. })
            | Op::ConvTranspose(ConvTranspose { bias, .. })
            | Op::Linear(Linear { bias, .. }) => {
                let mut wire = own.to_vec();
                if *bias {
                    zeroing.zero(id, &[Role::Bias], &mut wire);
                }
                wire
            }
            Op::Depthwise(depthwise) => {
                let each = depthwise.multiplier;
                let mut wire: Vec<bool> =
                    input(0).iter().flat_map(|silent| std::iter::repeat_n(*silent, each)).collect();
                if depthwise.bias {
                    zeroing.zero(id, &[Role::Bias], &mut wire);
                }
                wire
            }
            Op::Bias => {
                let mut wire = input(0).clone();
                zeroing.zero(id, &[Role::Bias], &mut wire);
                wire
            }
            Op::BatchNorm(_) => {
                let mut behind = input(0).clone();
                zeroing.zero(id, &[Role::Beta, Role::RunningMean], &mut behind);
                zeroing.shift(id, Role::Beta, own);
                either(&behind, own)
            }
            Op::Gate => either(input(0), own),
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
            Op::LocalResponseNorm(_)
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

fn either(one: &[bool], other: &[bool]) -> Vec<bool> {
    one.iter().zip(other).map(|(one, other)| *one || *other).collect()
}

/// Channel `k` of every block of `width` channels becomes channel `k`.
fn merged(wire: &[bool], width: usize) -> Vec<bool> {
    (0..width)
        .map(|channel| wire.iter().skip(channel).step_by(width).all(|silent| *silent))
        .collect()
}

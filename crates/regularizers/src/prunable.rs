//! Which channel groups a strength can silence.

use graph::{Channels, Graph, GroupId, NodeId};

use crate::{Sources, silence::Silence};

/// A channel that would still speak if all strengths and shifts of its group were zero.
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
/// convolution, a linear layer or an output) that channel is zero once the group's strengths are: the scales of norms, whose
/// shifts are zeroed with them, the kernels of layers, the gates.
#[derive(Clone, Debug, PartialEq)]
pub struct Prunable {
    prunable: Vec<bool>,
    leaks: Vec<Leak>,
}

impl Prunable {
    /// Finds the groups that can be silenced by their members alone; no bias but a norm's own is zeroed with them.
    pub fn of(graph: &Graph, channels: &Channels, sources: &Sources) -> Self {
        Self::given(graph, channels, sources, &Silence::of_members(graph, channels, sources))
    }

    pub(crate) fn given(
        graph: &Graph,
        channels: &Channels,
        sources: &Sources,
        silence: &Silence,
    ) -> Self {
        let leaks = leaks(graph, channels, silence);
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
fn leaks(graph: &Graph, channels: &Channels, silence: &Silence) -> Vec<Leak> {
    let mut first: Vec<Option<NodeId>> = vec![None; channels.len()];
    let mut read = |wire: NodeId, reader: NodeId| {
        for (group, silent) in channels.on(wire).iter().zip(silence.on(wire)) {
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

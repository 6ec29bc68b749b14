//! Which channels make up the strength of every group.

use std::collections::BTreeSet;

use graph::{Channels, Graph, GroupId, NodeId};

use crate::Strength;

/// The members of every channel group: the channels of sources that lie in it. A group without members has no strength, so
/// that a penalty leaves it alone. What may be pruned is another question ([`crate::Prunable`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    nodes: Vec<NodeId>,
    members: Vec<Vec<(NodeId, usize)>>,
}

impl Sources {
    /// Finds the sources of a strength in a graph.
    pub fn of(graph: &Graph, channels: &Channels, strength: &dyn Strength) -> Self {
        let nodes: Vec<NodeId> =
            graph.nodes().map(|(id, _)| id).filter(|id| strength.is_source(graph, *id)).collect();
        let mut members = vec![Vec::new(); channels.len()];
        for node in &nodes {
            for (channel, group) in channels.on(*node).iter().enumerate() {
                members[group.index()].push((*node, channel));
            }
        }
        Self { nodes, members }
    }

    /// Without strength for any group that has a channel on one of these nodes' wires.
    pub fn ignoring(self, channels: &Channels, ignored: &[NodeId]) -> Self {
        let ignored: BTreeSet<GroupId> =
            ignored.iter().flat_map(|node| channels.on(*node)).copied().collect();
        self.only(channels, |group| !ignored.contains(&group))
    }

    /// With strength for these groups alone.
    pub fn only(mut self, channels: &Channels, chosen: impl Fn(GroupId) -> bool) -> Self {
        for group in channels.groups().filter(|group| !chosen(*group)) {
            self.members[group.index()].clear();
        }
        self
    }

    /// With the members that `others` has for these groups.
    pub(crate) fn preferring(
        mut self,
        channels: &Channels,
        others: &Self,
        chosen: impl Fn(GroupId) -> bool,
    ) -> Self {
        for group in channels.groups().filter(|group| chosen(*group)) {
            self.members[group.index()] = others.members(group).to_vec();
        }
        self.nodes.retain(|node| self.members.iter().flatten().any(|(member, _)| member == node));
        self
    }

    /// The nodes that have strengths, in order.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Node and channel of every member of a group, in node order.
    pub fn members(&self, group: GroupId) -> &[(NodeId, usize)] {
        &self.members[group.index()]
    }
}

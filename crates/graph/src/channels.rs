//! Channel groups: which channels of which wires live and die together.

use crate::{Freeze, Graph, GraphError, NodeId, Widths, ties::Ties};

/// Index of a channel group; groups are numbered in order of their first channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(crate) usize);

impl GroupId {
    /// Position among all groups.
    pub fn index(self) -> usize {
        self.0
    }
}

/// The channel groups of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    pub(crate) wires: Vec<Vec<GroupId>>,
    pub(crate) frozen: Vec<Option<Freeze>>,
}

/// Which groups stay alive. Made by [`Channels`], so that it fits its graph and frozen groups stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    alive: Vec<bool>,
}

impl Keep {
    /// Whether the group stays.
    pub fn is_alive(&self, group: GroupId) -> bool {
        self.alive[group.0]
    }

    /// Number of groups that stay.
    pub fn count(&self) -> usize {
        self.alive.iter().filter(|alive| **alive).count()
    }
}

impl Channels {
    /// Finds the groups of a graph.
    pub fn of(graph: &Graph) -> Self {
        Ties::of(graph).number(graph)
    }

    /// The groups of a graph in which further wires are tied: those of every list, channel by channel.
    ///
    /// Errors if wires of a list differ in width ([`GraphError::Tie`]).
    pub fn tied(graph: &Graph, lists: &[Vec<NodeId>]) -> Result<Self, GraphError> {
        let mut ties = Ties::of(graph);
        for pair in lists.iter().flat_map(|list| list.windows(2)) {
            let [first, second] = [pair[0], pair[1]].map(|id| graph.node(id));
            if first.shape.channels != second.shape.channels {
                return Err(GraphError::Tie {
                    first: first.name.clone(),
                    first_width: first.shape.channels,
                    second: second.name.clone(),
                    second_width: second.shape.channels,
                });
            }
            ties.tie_wires(pair[0], pair[1]);
        }
        Ok(ties.number(graph))
    }

    /// The group of every channel of a wire, in channel order.
    pub fn on(&self, wire: NodeId) -> &[GroupId] {
        &self.wires[wire.0]
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.frozen.len()
    }

    /// Whether there is no group; never true, since an image has channels.
    pub fn is_empty(&self) -> bool {
        self.frozen.is_empty()
    }

    /// All groups in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = GroupId> + use<> {
        (0..self.len()).map(GroupId)
    }

    /// Whether the group may never die; [`Channels::frozen`] says why.
    pub fn is_frozen(&self, group: GroupId) -> bool {
        self.frozen[group.0].is_some()
    }

    /// The first node that forbids that the group dies, and why.
    pub fn frozen(&self, group: GroupId) -> Option<Freeze> {
        self.frozen[group.0]
    }

    /// Keeps the groups for which `alive` holds, and all frozen ones.
    pub fn keep_where(&self, alive: impl Fn(GroupId) -> bool) -> Keep {
        Keep { alive: self.groups().map(|group| self.is_frozen(group) || alive(group)).collect() }
    }

    /// Keeps everything.
    pub fn keep_all(&self) -> Keep {
        self.keep_where(|_| true)
    }

    /// Alive channels on every wire; what lies beyond an emptied wire is not followed (see [`crate::ChannelMap`]).
    pub fn alive_widths(&self, keep: &Keep) -> Widths {
        self.widths_where(|group| keep.is_alive(group))
    }

    /// Channels on every wire whose group passes; frozen groups are asked as well, and nothing is followed.
    pub fn widths_where(&self, counts: impl Fn(GroupId) -> bool) -> Widths {
        let count = |wire: &Vec<GroupId>| wire.iter().filter(|group| counts(**group)).count();
        Widths::from_wires(self.wires.iter().map(count).collect())
    }
}

//! Why channels cannot be pruned, for people.

use std::fmt;

use graph::{Channels, Freeze, Graph, GroupId, NodeId};

use crate::{Gamma, Prunable, Sources};

/// Channels of a convolution or linear layer that cannot be pruned, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The layer.
    pub layer: NodeId,
    /// How many of its channels.
    pub channels: usize,
    /// Why.
    pub obstacle: Obstacle,
}

/// Why a channel group cannot die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The graph forbids it.
    Frozen(Freeze),
    /// Nothing gives the group a strength.
    NoSource,
    /// A node would read a value other than zero although all strengths of the group are zero.
    Speaks {
        /// That node.
        reader: NodeId,
    },
}

impl Obstacle {
    /// What keeps a group from dying; nothing if it can.
    fn of(
        channels: &Channels,
        sources: &Sources,
        prunable: &Prunable,
        group: GroupId,
    ) -> Option<Self> {
        if prunable.contains(group) {
            return None;
        }
        if let Some(freeze) = channels.frozen(group) {
            return Some(Self::Frozen(freeze));
        }
        if sources.members(group).is_empty() {
            return Some(Self::NoSource);
        }
        let leak = prunable.leaks().iter().find(|leak| leak.group == group);
        leak.map(|leak| Self::Speaks { reader: leak.reader })
    }
}

impl Kept {
    /// All channels of convolutions and linear layers that cannot be pruned, in node order, those of one layer with one
    /// obstacle together.
    pub fn of(
        graph: &Graph,
        channels: &Channels,
        sources: &Sources,
        prunable: &Prunable,
    ) -> Vec<Self> {
        let mut kept: Vec<Self> = Vec::new();
        for (layer, _) in graph.nodes().filter(|(_, node)| node.op.is_producer()) {
            let first = kept.len();
            for group in channels.on(layer) {
                let Some(obstacle) = Obstacle::of(channels, sources, prunable, *group) else {
                    continue;
                };
                match kept[first..].iter_mut().find(|kept| kept.obstacle == obstacle) {
                    Some(kept) => kept.channels += 1,
                    None => kept.push(Self { layer, channels: 1, obstacle }),
                }
            }
        }
        kept
    }

    /// What the scales of batch norms, the strength that trains, cannot prune in a graph.
    pub fn by_scales(graph: &Graph) -> Vec<Self> {
        let channels = Channels::of(graph);
        let sources = Sources::of(graph, &channels, &Gamma);
        let prunable = Prunable::of(graph, &channels, &sources);
        Self::of(graph, &channels, &sources, &prunable)
    }

    /// The same in words, with the names of the nodes.
    pub fn words(&self, graph: &Graph) -> String {
        let Self { layer, channels, obstacle } = self;
        let node = graph.node(*layer);
        let all = node.shape.channels;
        format!("`{}` keeps {channels} of {all} channels: {}", node.name, InWords(graph, *obstacle))
    }
}

struct InWords<'a>(&'a Graph, Obstacle);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(graph, obstacle) = self;
        let named = |id: NodeId| {
            let node = graph.node(id);
            format!("`{}` ({})", node.name, node.op.kind())
        };
        match obstacle {
            Obstacle::Frozen(Freeze { node, reason }) => write!(f, "{reason}, at {}", named(*node)),
            Obstacle::NoSource => write!(f, "no batch norm with a scale lies on them"),
            Obstacle::Speaks { reader } => write!(
                f,
                "{} would still read values other than zero when their scales are zero",
                named(*reader)
            ),
        }
    }
}

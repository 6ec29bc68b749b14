//! The structure file: what a search found, as JSON.

use std::collections::BTreeMap;

use cost_models::Summary;
use graph::{ChannelMap, Channels, Graph, Keep};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A learned structure with the channels it keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Structure {
    /// Version of this format.
    pub schema: u32,
    /// Hash of the network that remains, see [`structure_hash`].
    pub hash: String,
    /// Strength of the penalty that it was learned with, in units of `1 / cost(seed)`.
    pub regularization_strength: f64,
    /// What the penalty charged for.
    pub cost: String,
    /// Strength above which a channel group counted as alive.
    pub alive_threshold: f64,
    /// Seed of the random streams of the search.
    pub seed: u64,
    /// Costs before and after.
    pub costs: Costs,
    /// Producers (convolutions and linear layers) by name.
    pub layers: BTreeMap<String, Layer>,
}

/// Costs of the seed and of what remains of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// The seed.
    pub before: Summary,
    /// What remains.
    pub after: Summary,
}

/// A producer before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Width in the seed.
    pub before: usize,
    /// Width that remains; 0 if the layer is gone.
    pub after: usize,
    /// The channels kept, by their number in the seed.
    pub kept: Vec<usize>,
    /// Channel group of every channel of the seed: channels of one group live and die together.
    pub groups: Vec<usize>,
}

impl Structure {
    /// The version that this crate writes.
    pub const SCHEMA: u32 = 1;

    /// The layers of a decision on a graph.
    pub fn layers(
        graph: &Graph,
        channels: &Channels,
        survivors: &ChannelMap,
    ) -> BTreeMap<String, Layer> {
        let producers = graph.nodes().filter(|(_, node)| node.op.is_producer());
        let layer = |(id, node): (graph::NodeId, &graph::Node)| {
            let kept = survivors.on(id).to_vec();
            let groups = channels.on(id).iter().map(|group| group.index()).collect();
            (
                node.name.clone(),
                Layer { before: node.shape.channels, after: kept.len(), kept, groups },
            )
        };
        producers.map(layer).collect()
    }

    /// The decision that the layers record, on the graph that they were made of: a group dies if no layer keeps a channel
    /// of it.
    pub fn keep(&self, graph: &Graph, channels: &Channels) -> Keep {
        let mut kept = vec![None; channels.len()];
        for (id, node) in graph.nodes().filter(|(_, node)| node.op.is_producer()) {
            let layer = self.layers.get(&node.name);
            for (channel, group) in channels.on(id).iter().enumerate() {
                let alive = layer.is_some_and(|layer| layer.kept.contains(&channel));
                *kept[group.index()].get_or_insert(false) |= alive;
            }
        }
        channels.keep_where(|group| kept[group.index()].unwrap_or(true))
    }

    /// Channels of producers that are gone.
    pub fn dead_channels(&self) -> u64 {
        self.layers.values().map(|layer| (layer.before - layer.after) as u64).sum()
    }
}

/// SHA-256 of a graph's text dump: equal for equal networks, whatever way they were found. The first 16 hex digits.
pub fn structure_hash(graph: &Graph) -> String {
    let digest = Sha256::digest(graph.to_string().as_bytes());
    let hash = u64::from_be_bytes(digest.first_chunk().copied().expect("a digest has 32 bytes"));
    format!("{hash:016x}")
}

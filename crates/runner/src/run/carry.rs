//! Learned weights, carried to the network of a point.

use anyhow::{Context, ensure};
use datasets::{Batches, Streams};
use graph::{ChannelMap, Channels, Graph};
use report::Arm;
use tensor_ops::Cpu;
use training::{Network, Parameters};

use super::Run;
use crate::plan::{PointPlan, reads_weights};

impl Run<'_> {
    /// The network of a point with the weights that a search learned, or that the trained seed has: what removed channels said is
    /// folded, new channels are fresh and not heard, and running statistics are those of `batches`.
    pub(crate) fn carry(
        &self,
        device: &Cpu,
        point: PointPlan,
        graph: &Graph,
        batches: &Batches,
        streams: Streams,
    ) -> anyhow::Result<Network> {
        let search = point.search().context("a uniform network has no learned weights")?;
        let found = self.search_done(search)?.context("the search is not done")?;
        let (learned, structure) = if reads_weights(point.arm) {
            let seed = self.trained_seed(device, point.seed)?.context("the seed is not trained")?;
            (seed, self.arm(point, search)?.context("no structure is chosen")?)
        } else {
            (without_gates(&self.searched(device, search)?, &found.start), found.structure)
        };
        let channels = Channels::of(&learned.graph);
        let keep = structure.keep(&learned.graph, &channels);
        let survivors = ChannelMap::of(&learned.graph, &channels, &keep)?;
        let mut network = surgery::shrink_folding(&learned, &survivors)?.network;
        if point.arm == Arm::Expand {
            network = surgery::grow(&network, graph, streams)?;
        }
        ensure!(network.graph == *graph, "the learned weights are those of another network");
        surgery::recalibrate(&mut network, batches, device)?;
        Ok(network)
    }
}

/// The weights of a network that was searched with gates, in the graph without them; with open gates it is the same network.
fn without_gates(searched: &Network, graph: &Graph) -> Network {
    let mut parameters = Parameters::new();
    for spec in graph.parameters() {
        let node = searched.graph.find(&graph.node(spec.node).name);
        let tensor = node.and_then(|node| searched.parameters.get(node, spec.role));
        parameters.insert(
            spec.node,
            spec.role,
            tensor.expect("gates are all that is added").clone(),
        );
    }
    Network { graph: graph.clone(), parameters }
}

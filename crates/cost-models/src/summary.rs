//! All counts of a network at its own widths, in total and node by node.

use graph::{Graph, NodeId, Shape};
use serde::{Deserialize, Serialize};

use crate::{Activations, CostForm, CostModel, Flops, Macs, Params};

/// The counts of a network, exact below 2^53 per node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// [`Macs`] for one image.
    pub macs: u64,
    /// [`Flops`] for one image.
    pub flops: u64,
    /// [`Params`].
    pub params: u64,
    /// [`Activations`].
    pub activations: u64,
}

impl Summary {
    /// Counts a network.
    pub fn of(graph: &Graph) -> Self {
        table(graph).iter().fold(Self::default(), |sum, node| Self {
            macs: sum.macs.saturating_add(node.macs),
            flops: sum.flops.saturating_add(node.flops),
            params: sum.params.saturating_add(node.params),
            activations: sum.activations.saturating_add(node.activations),
        })
    }
}

/// The counts of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeTable {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Kind of operator.
    pub op: &'static str,
    /// Shape of its output for one image.
    pub shape: Shape,
    /// [`Macs`] for one image.
    pub macs: u64,
    /// [`Flops`] for one image.
    pub flops: u64,
    /// [`Params`].
    pub params: u64,
    /// [`Activations`].
    pub activations: u64,
}

/// The counts of every node, in evaluation order.
pub fn table(graph: &Graph) -> Vec<NodeTable> {
    let widths = graph.widths();
    let counts = |model: &dyn CostModel| -> Vec<u64> {
        let costs = CostForm::of(model, graph).per_node(&widths);
        costs.into_iter().map(|cost| cost.round() as u64).collect()
    };
    let (macs, flops) = (counts(&Macs), counts(&Flops));
    let (params, activations) = (counts(&Params), counts(&Activations));
    let row = |(id, node): (NodeId, &graph::Node)| {
        let index = id.index();
        NodeTable {
            node: id,
            name: node.name.clone(),
            op: node.op.kind(),
            shape: node.shape,
            macs: macs[index],
            flops: flops[index],
            params: params[index],
            activations: activations[index],
        }
    };
    graph.nodes().map(row).collect()
}

//! A network priced: in total, by block and by layer.

use cost_models::{
    Activations, Bound, Bytes, CostForm, CostModel, Counting, FlopsWith, Latency, Macs, Macts,
    ParamsWith, Roofline,
};
use graph::{Graph, NodeId, Shape};
use serde::Serialize;

use crate::cli::Charge;

/// What is counted, and on which device.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What counts besides kernels.
    pub(super) counting: Counting,
    /// Images in a batch.
    pub(super) batch: usize,
    /// Time on a device.
    pub(super) latency: Option<Latency>,
}

/// All costs of a network, a block or a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Costs {
    /// Multiply-adds for one image.
    pub(super) macs: u64,
    /// Floating point operations for one image.
    pub(super) flops: u64,
    /// Trained values.
    pub(super) params: u64,
    /// Output channels of kernels.
    pub(super) activations: u64,
    /// Output values of kernels for one image.
    pub(super) macts: u64,
    /// Memory traffic of a batch, 4 bytes a value.
    pub(super) bytes: u64,
    /// Time of a batch on the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency_ms: Option<f64>,
}

impl Costs {
    fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.macs, other.macs),
            (&mut self.flops, other.flops),
            (&mut self.params, other.params),
            (&mut self.activations, other.activations),
            (&mut self.macts, other.macts),
            (&mut self.bytes, other.bytes),
        ] {
            *sum = sum.saturating_add(more);
        }
        if let Some(more) = other.latency_ms {
            *self.latency_ms.get_or_insert(0.0) += more;
        }
    }

    /// All of them together.
    pub(super) fn sum<'a>(costs: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in costs {
            sum.add(one);
        }
        sum
    }

    /// What a list is sorted by.
    pub(super) fn of(&self, charge: Charge) -> f64 {
        match charge {
            Charge::Params => self.params as f64,
            Charge::Flops => self.flops as f64,
            Charge::Latency => self.latency_ms.unwrap_or(0.0),
        }
    }

    /// Whether there is nothing to show.
    pub(super) fn is_free(&self) -> bool {
        let Self { macs, flops, params, activations, macts, bytes, latency_ms } = *self;
        macs + flops + params + activations + macts + bytes == 0 && latency_ms.unwrap_or(0.0) == 0.0
    }
}

/// A node with its costs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Layer {
    /// Name of the node.
    pub(super) name: String,
    /// What the name begins with: up to its last `/`, and without the name of the layer that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) block: Option<String>,
    /// Kind of operator.
    pub(super) op: &'static str,
    /// Channels, depth if there is one, height and width of its output.
    pub(super) output: Vec<usize>,
    /// Its costs.
    #[serde(flatten)]
    pub(super) costs: Costs,
    /// What its time is bound by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bound: Option<Bound>,
}

/// Channels, depth if there is one, height and width.
pub(super) fn channels_first(shape: Shape) -> Vec<usize> {
    let Shape { depth, height, width, channels } = shape;
    if depth == 1 { vec![channels, height, width] } else { vec![channels, depth, height, width] }
}

/// Every node that costs something, in evaluation order.
pub(super) fn layers(graph: &Graph, question: &Question) -> Vec<Layer> {
    let widths = graph.widths();
    let costs = |model: &dyn CostModel| CostForm::of(model, graph).per_node(&widths);
    let counts = |model: &dyn CostModel| -> Vec<u64> {
        costs(model).into_iter().map(|cost| cost.round() as u64).collect()
    };
    let Question { counting, batch, latency } = question;
    let (macs, flops) = (counts(&Macs), counts(&FlopsWith(*counting)));
    let (params, activations) = (counts(&ParamsWith(*counting)), counts(&Activations));
    let (macts, bytes) = (counts(&Macts), counts(&Bytes { batch: *batch, counting: *counting }));
    let times = latency.as_ref().map(|latency| costs(latency));
    let bounds = match latency {
        Some(Latency::Roofline(roofline)) => Some(Roofline::bounds(roofline, graph)),
        Some(Latency::Measured(_)) | None => None,
    };
    let layer = |(id, node): (NodeId, &graph::Node)| {
        let index = id.index();
        Layer {
            name: node.name.clone(),
            block: block(graph, &node.name).map(str::to_owned),
            op: node.op.kind(),
            output: channels_first(node.shape),
            costs: Costs {
                macs: macs[index],
                flops: flops[index],
                params: params[index],
                activations: activations[index],
                macts: macts[index],
                bytes: bytes[index],
                latency_ms: times.as_ref().map(|times| times[index] / 1e6),
            },
            bound: bounds.as_ref().and_then(|bounds| bounds[index]),
        }
    };
    graph.nodes().map(layer).filter(|layer| !layer.costs.is_free()).collect()
}

/// The block of a node: its name up to the last `/`. A part of a layer, such as its norm, is in the block of the layer.
fn block<'n>(graph: &Graph, name: &'n str) -> Option<&'n str> {
    let (mut above, _) = name.rsplit_once('/')?;
    while graph.find(above).is_some() {
        (above, _) = above.rsplit_once('/')?;
    }
    Some(above)
}

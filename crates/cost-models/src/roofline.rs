//! Latency of a device that is bound by its arithmetic or by its memory.

use graph::{Graph, NodeId};
use serde::{Deserialize, Serialize};

use crate::bytes::Traffic;
use crate::flops::flops;
use crate::{CostModel, Counting, Device, NodeCost, Smooth, Term};

/// Time of a batch on a device, in nanoseconds: for every node the larger of `FLOPs / peak` and `bytes / bandwidth`.
///
/// The latency of `resource_function.py` of MorphNet: computing and moving overlap within an operator and never between
/// operators; nothing is fused, cached or started at a cost; where both sides are equal, computing is priced. It is stated as
/// two alternatives of a maximum, so that the price of a channel is that of the side which binds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roofline {
    /// The device.
    pub device: Device,
    /// Images in a batch.
    pub batch: usize,
    /// A maximum without a corner, in place of the exact one: near the ridge both sides are then priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smooth: Option<Smooth>,
    /// What else is to be counted.
    #[serde(default, skip_serializing_if = "Counting::is_default")]
    pub counting: Counting,
}

/// The side of a roofline that binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Arithmetic takes longer, or as long.
    Compute,
    /// Moving values takes longer.
    Memory,
}

impl Roofline {
    /// The time of a batch, with the exact maximum and in the convention of the original.
    pub fn new(device: Device, batch: usize) -> Self {
        Self { device, batch, smooth: None, counting: Counting::default() }
    }

    /// What binds each node at the graph's own widths, by [`NodeId::index`]; none for a node that is free.
    pub fn bounds(&self, graph: &Graph) -> Vec<Option<Bound>> {
        let widths = graph.widths();
        let bound = |id| match self.node(graph, id).maxima().first()?.largest(&widths)? {
            0 => Some(Bound::Compute),
            _ => Some(Bound::Memory),
        };
        graph.nodes().map(|(id, _)| bound(id)).collect()
    }

    /// Nanoseconds of computing: FLOP / (GFLOP/s).
    fn compute(&self, graph: &Graph, id: NodeId) -> Vec<Term> {
        let batch = self.batch as f64;
        let time = |term: Term| term.map(|flops| batch * flops / self.device.peak_gflops);
        flops(graph, id, self.counting).into_iter().map(time).collect()
    }

    /// Nanoseconds of moving: byte / (GB/s).
    fn memory(&self, graph: &Graph, id: NodeId) -> Vec<Term> {
        let traffic = Traffic {
            batch: self.batch,
            value: self.device.bytes_per_value,
            counting: self.counting,
        };
        let time = |term: Term| term.map(|bytes| bytes / self.device.bandwidth_gbs);
        traffic.of(graph, id).into_iter().map(time).collect()
    }
}

impl CostModel for Roofline {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn unit(&self) -> &'static str {
        "ns/batch"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        let (compute, memory) = (self.compute(graph, id), self.memory(graph, id));
        if compute.is_empty() && memory.is_empty() {
            return NodeCost::FREE;
        }
        NodeCost::smooth_max(vec![compute, memory], self.smooth)
    }
}

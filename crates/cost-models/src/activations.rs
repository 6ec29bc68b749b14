//! Channels made by kernels.

use graph::{Graph, NodeId};

use crate::{CostModel, NodeCost, Work};

/// Number of output channels of convolutions, depthwise convolutions and linear layers, whatever the size of the image.
///
/// The activation count of `resource_function.py` of MorphNet: every channel has the same price, so that the penalty is a
/// plain sum of strengths. What other counters call activations is [`crate::Macts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activations;

impl CostModel for Activations {
    fn name(&self) -> &'static str {
        "activations"
    }

    fn unit(&self) -> &'static str {
        "channels"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        made_by_kernel(graph, id, 1.0)
    }
}

/// `coefficient` for every output channel of a node with a kernel.
pub(crate) fn made_by_kernel(graph: &Graph, id: NodeId, coefficient: f64) -> NodeCost {
    match Work::of(graph, id) {
        Work::Kernel(_) => NodeCost::linear(coefficient, id),
        Work::BatchNorm { .. }
        | Work::Bias
        | Work::Gate
        | Work::Join { .. }
        | Work::Function { .. }
        | Work::Concat
        | Work::Pool { .. }
        | Work::Copy
        | Work::View => NodeCost::FREE,
    }
}

//! Floating point operations by kernels.

use graph::{Graph, NodeId};

use crate::{CostModel, Macs, NodeCost};

/// Floating point operations for one image: twice [`Macs`], since a multiplication and an addition are counted apart.
///
/// For a dense layer this is `F = C * in * out` with `C = 2 * height * width * taps` of the output: equation 6 of the
/// MorphNet paper, and `resource_function.py` of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flops;

impl CostModel for Flops {
    fn name(&self) -> &'static str {
        "flops"
    }

    fn unit(&self) -> &'static str {
        "FLOP/image"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        Macs.node(graph, id).scaled(2.0)
    }
}

//! Values made by kernels.

use graph::{Graph, NodeId};

use crate::activations::made_by_kernel;
use crate::{CostModel, NodeCost};

/// Number of output values of convolutions, depthwise convolutions and linear layers for one image.
///
/// This is `macts` of the result tables of timm, which come from `ActivationCountAnalysis` of fvcore, and `acts` in
/// "Designing Network Design Spaces" (Radosavovic et al., 2020), there for convolutions. The complexity functions of pycls
/// also count windowed pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macts;

impl CostModel for Macts {
    fn name(&self) -> &'static str {
        "macts"
    }

    fn unit(&self) -> &'static str {
        "values/image"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        made_by_kernel(graph, id, graph.node(id).shape.area() as f64)
    }
}

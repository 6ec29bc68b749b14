//! Multiply-adds by kernels.

use graph::{Graph, NodeId};

use crate::{CostModel, NodeCost, Work};

/// Multiply-adds by kernel values for one image, taps over padding included.
///
/// | operator | multiply-adds |
/// |---|---|
/// | convolution | `output area * taps * in / groups * out` |
/// | 3-d convolution | `output area * taps * in * out` |
/// | transposed convolution | `input area * taps * in * out` |
/// | depthwise convolution | `output area * taps * out` |
/// | linear | `in * out` |
///
/// Half the FLOP coefficients of `resource_function.py` of MorphNet, `2 * height * width * taps` of the output; its
/// depthwise convolution counts the output's channels only, as here. Grouped convolutions are not known there. Bias, batch
/// normalisation, activations, joins and pools are free by its convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macs;

impl CostModel for Macs {
    fn name(&self) -> &'static str {
        "macs"
    }

    fn unit(&self) -> &'static str {
        "MAC/image"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        match Work::of(graph, id) {
            Work::Kernel(kernel) => NodeCost::sum(vec![kernel.macs(graph.node(id), id)]),
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
}

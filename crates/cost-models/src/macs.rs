//! Multiply-adds by kernels.

use graph::{Graph, NodeId, Op};

use crate::{CostModel, NodeCost};

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
        let node = graph.node(id);
        let area = node.shape.area() as f64;
        match &node.op {
            Op::Conv2d(conv) => {
                let coefficient = area * conv.window.taps() as f64 / conv.groups as f64;
                NodeCost::bilinear(coefficient, node.inputs[0], id)
            }
            Op::Conv3d(conv) => NodeCost::bilinear(area * conv.taps() as f64, node.inputs[0], id),
            Op::ConvTranspose(conv) => {
                let positions = graph.node(node.inputs[0]).shape.area();
                let coefficient = (positions * conv.window.taps()) as f64;
                NodeCost::bilinear(coefficient, node.inputs[0], id)
            }
            Op::Depthwise(depthwise) => NodeCost::linear(area * depthwise.window.taps() as f64, id),
            Op::Linear(_) => NodeCost::bilinear(1.0, node.inputs[0], id),
            Op::Input(_)
            | Op::BatchNorm(_)
            | Op::Activation(_)
            | Op::Add
            | Op::Mul
            | Op::Concat(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Flatten
            | Op::Bias
            | Op::Gate
            | Op::Softmax
            | Op::LocalResponseNorm(_)
            | Op::Sub
            | Op::Maximum
            | Op::Minimum
            | Op::Gather(_)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Reshape { .. }
            | Op::Permute(_)
            | Op::Dropout { .. } => NodeCost::FREE,
        }
    }
}

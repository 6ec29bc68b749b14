//! Kernel values.

use graph::{Graph, NodeId, Op};

use crate::{CostModel, NodeCost};

/// Number of kernel values (model size).
///
/// | operator | weights |
/// |---|---|
/// | convolution | `taps * in / groups * out` |
/// | 3-d, transposed convolution | `taps * in * out` |
/// | depthwise convolution | `taps * out` |
/// | linear | `in * out` |
///
/// A shared kernel is counted once, at its owner.
///
/// The model size of `resource_function.py` of MorphNet. Bias and batch normalisation are not counted, by its
/// convention; other counters often include them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params;

impl CostModel for Params {
    fn name(&self) -> &'static str {
        "params"
    }

    fn unit(&self) -> &'static str {
        "weights"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        let node = graph.node(id);
        if node.shares.is_some() {
            return NodeCost::FREE;
        }
        match &node.op {
            Op::Conv2d(conv) => {
                let coefficient = conv.window.taps() as f64 / conv.groups as f64;
                NodeCost::bilinear(coefficient, node.inputs[0], id)
            }
            Op::Conv3d(conv) => NodeCost::bilinear(conv.taps() as f64, node.inputs[0], id),
            Op::ConvTranspose(conv) => {
                NodeCost::bilinear(conv.window.taps() as f64, node.inputs[0], id)
            }
            Op::Depthwise(depthwise) => NodeCost::linear(depthwise.window.taps() as f64, id),
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

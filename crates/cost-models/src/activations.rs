//! Channels made by kernels.

use graph::{Graph, NodeId, Op};

use crate::{CostModel, NodeCost};

/// Number of output channels of convolutions, depthwise convolutions and linear layers, whatever the size of the image.
///
/// The activation count of `resource_function.py` of MorphNet: every channel has the same price, so that the penalty is a
/// plain sum of strengths.
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
        match &graph.node(id).op {
            Op::Conv2d(_)
            | Op::Conv3d(_)
            | Op::ConvTranspose(_)
            | Op::Depthwise(_)
            | Op::Linear(_) => NodeCost::linear(1.0, id),
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

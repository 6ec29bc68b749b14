//! What is computed together with a convolution when nothing has to be kept for a backward pass.

use graph::{Activation, Graph, NodeId, Op};
use tensor_ops::Clamp;

/// The nodes behind a convolution that it does itself; it writes the last one's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tail {
    /// A batch norm and its epsilon.
    pub(crate) norm: Option<(NodeId, f32)>,
    pub(crate) clamp: Clamp,
    pub(crate) end: NodeId,
}

/// The tail of every node that has one: a batch norm, an activation that only cuts off, or both.
pub(crate) fn tails(
    graph: &Graph,
    sole_consumer: impl Fn(NodeId) -> Option<NodeId>,
) -> Vec<Option<Tail>> {
    let tail = |(id, op): (NodeId, &Op)| {
        if !matches!(op, Op::Conv2d(_) | Op::Depthwise(_) | Op::Linear(_)) {
            return None;
        }
        let norm = sole_consumer(id).and_then(|next| {
            let Op::BatchNorm(norm) = &graph.node(next).op else { return None };
            Some((next, norm.epsilon))
        });
        let before = norm.map_or(id, |(norm, _)| norm);
        let clamp = sole_consumer(before).and_then(|next| Some((next, clamp(graph, next)?)));
        match (norm, clamp) {
            (None, None) => None,
            (Some(_), None) => Some(Tail { norm, clamp: Clamp::NONE, end: before }),
            (_, Some((end, clamp))) => Some(Tail { norm, clamp, end }),
        }
    };
    graph.nodes().map(|(id, node)| tail((id, &node.op))).collect()
}

fn clamp(graph: &Graph, id: NodeId) -> Option<Clamp> {
    let Op::Activation(function) = graph.node(id).op else { return None };
    match function {
        Activation::Relu => Some(Clamp::RELU),
        Activation::Relu6 => Some(Clamp::RELU6),
        Activation::LeakyRelu { .. }
        | Activation::Elu
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::Silu
        | Activation::HardSigmoid
        | Activation::HardSwish
        | Activation::Scale { .. } => None,
    }
}

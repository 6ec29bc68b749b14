//! A network with gates to be learned.

use std::collections::BTreeMap;

use graph::{Channels, Graph, Insertion, NodeId, Op};

/// The graph with one gate for every convolution and linear layer: after the norm or bias and the activation that alone follow
/// it, in this order, and before its output branches.
///
/// The gate of a layer `NAME` is called `NAME/gate`. Layers whose channels are all frozen, such as the one that makes the
/// logits, get none, nor do those that have one there. Everything else keeps its name, its width, and its channel groups their
/// numbers, so that what is learned with gates holds for the graph without: by layer names, or as a [`graph::Keep`].
pub fn gated(graph: &Graph) -> Graph {
    let layers = layers_by_end(graph).into_iter();
    let insertions = layers.map(|(end, layer)| {
        let name = format!("{}/gate", graph.node(layer).name);
        (end, Insertion { name, op: Op::Gate })
    });
    graph.with_insertions(&insertions.collect()).expect("a gate changes no shape")
}

/// The layers that get a gate, by the node after which it is put.
fn layers_by_end(graph: &Graph) -> BTreeMap<NodeId, NodeId> {
    let (channels, consumers) = (Channels::of(graph), graph.consumers());
    let only_reader = |wire: NodeId| match consumers[wire.index()][..] {
        [reader] if !graph.outputs().contains(&wire) => Some(reader),
        _ => None,
    };
    let mut layers = BTreeMap::new();
    for (id, _) in graph.nodes().filter(|(_, node)| node.op.is_producer()) {
        let mut end = id;
        for follows in [is_shift, is_activation] {
            end = only_reader(end).filter(|next| follows(&graph.node(*next).op)).unwrap_or(end);
        }
        let is_gated = only_reader(end).is_some_and(|next| graph.node(next).op == Op::Gate);
        let is_open = channels.on(id).iter().any(|group| !channels.is_frozen(*group));
        if is_open && !is_gated {
            layers.insert(end, id);
        }
    }
    layers
}

fn is_shift(op: &Op) -> bool {
    matches!(op, Op::BatchNorm(_) | Op::Bias)
}

fn is_activation(op: &Op) -> bool {
    matches!(op, Op::Activation(_))
}

//! A network with gates to be learned.

use std::collections::{BTreeMap, BTreeSet};

use graph::{Builder, Channels, Graph, NodeId, Op};

/// The graph with one gate for every convolution and linear layer: after the norm or bias and the activation that alone follow
/// it, in this order, and before its output branches.
///
/// The gate of a layer `NAME` is called `NAME/gate`. Layers whose channels are all frozen, such as the one that makes the
/// logits, get none, nor do those that have one there. Everything else keeps its name, its width, and its channel groups their
/// numbers, so that what is learned with gates holds for the graph without: by layer names, or as a [`graph::Keep`].
pub fn gated(graph: &Graph) -> Graph {
    let mut names: BTreeSet<String> = graph.nodes().map(|(_, node)| node.name.clone()).collect();
    let layers = layers_by_end(graph);
    let mut build = Builder::new();
    // The copy of every node, and what its readers read.
    let (mut copies, mut wires): (Vec<NodeId>, Vec<NodeId>) = (Vec::new(), Vec::new());
    for (id, node) in graph.nodes() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| wires[input.index()]).collect();
        let copy = match node.shares {
            Some(owner) => build.share(&node.name, copies[owner.index()], &inputs),
            None => build.add(&node.name, node.op.clone(), &inputs),
        };
        let copy = copy.expect("shapes are those of the graph");
        copies.push(copy);
        wires.push(match layers.get(&id) {
            None => copy,
            Some(layer) => {
                let mut name = format!("{}/gate", graph.node(*layer).name);
                while !names.insert(name.clone()) {
                    name.push('_');
                }
                build.add(&name, Op::Gate, &[copy]).expect("the name is new")
            }
        });
    }
    let outputs: Vec<NodeId> = graph.outputs().iter().map(|id| copies[id.index()]).collect();
    build.finish(&outputs).expect("a gate is read by what read its input")
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

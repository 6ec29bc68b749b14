//! Growth that changes no logit.

use datasets::Streams;
use graph::{Graph, ParameterSpec};
use ndarray::{ArrayD, Axis};
use training::{Network, Parameters};

use crate::{SurgeryError, embedding::Embedding, kernel::Mixing};

/// The network at the widths of `wider`, with the same logits: what it has learned is carried over, and new channels are
/// fresh but not yet heard.
///
/// `wider` is the network's graph with other widths, none of them smaller: what [`crate::expand`] makes of it. Old channels
/// keep their kernels, norms and running statistics. New channels have the fresh parameters of [`Parameters::init`], also
/// where they read each other; where an old channel reads a new one the kernel is zero. So old channels compute what they
/// did, while the zeros receive gradients from the first step on. Errors with [`SurgeryError::NotWider`] if `wider` is
/// another network, is narrower somewhere, or multiplies tied channels in another order than they are joined.
pub fn grow(network: &Network, wider: &Graph, streams: Streams) -> Result<Network, SurgeryError> {
    let embedding = Embedding::of(&network.graph, wider)?;
    let mut parameters = Parameters::init(wider, streams);
    for spec in network.graph.parameters() {
        let node = network.graph.node(spec.node);
        let missing =
            || SurgeryError::Missing { node: node.name.clone(), role: format!("{:?}", spec.role) };
        let old = network.parameters.get(spec.node, spec.role).ok_or_else(missing)?;
        let new = parameters.get_mut(spec.node, spec.role).ok_or_else(missing)?;
        carry(&network.graph, &embedding, &spec, old, new);
    }
    Ok(Network { graph: wider.clone(), parameters })
}

/// Puts what old channels have learned in its place.
fn carry(
    graph: &Graph,
    embedding: &Embedding,
    spec: &ParameterSpec,
    old: &ArrayD<f32>,
    new: &mut ArrayD<f32>,
) {
    let node = graph.node(spec.node);
    let outputs = spec.output_axis(&node.op);
    let mixing = Mixing::of(&node.op, spec);
    for (channel, place) in embedding.on(spec.node).iter().enumerate() {
        let old = old.index_axis(Axis(outputs), channel);
        let mut new = new.index_axis_mut(Axis(outputs), *place);
        let Some(Mixing { inputs, blocks }) = mixing else {
            new.assign(&old);
            continue;
        };
        // A channel has a kernel for the inputs of its own block.
        let [width, wide] = [old.len_of(Axis(inputs)), new.len_of(Axis(inputs))];
        let block = channel / (node.shape.channels / blocks);
        new.fill(0.0);
        let places = &embedding.on(node.inputs[0])[block * width..(block + 1) * width];
        for (input, place) in places.iter().enumerate() {
            let kernel = old.index_axis(Axis(inputs), input);
            new.index_axis_mut(Axis(inputs), place - block * wide).assign(&kernel);
        }
    }
}

//! Shrinking that carries over what dead channels said.

use graph::{ChannelMap, Graph, NodeId, Op, Role};
use training::Network;

use crate::{
    SurgeryError,
    constants::{Constants, Reads},
    kernel::Mixing,
    shrink,
};

/// A shrunk network and what its removed channels said.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The network.
    pub network: Network,
    /// Output channels of layers that took over what removed channels added to them.
    pub folded: usize,
    /// What was lost, as [`crate::mask`] loses it; if nothing was, every logit stays as it was.
    pub lost: Vec<Lost>,
}

/// Removed channels that a node read, were not silent and could not be folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Name of the node that read them.
    pub reader: String,
    /// How many of its channels changed.
    pub channels: usize,
}

/// [`shrink`] that folds what removed channels add to the layers that read them.
///
/// A channel whose scale (or kernel) is zero has one value at all positions, for instance its norm's shift after the
/// activation. Read without padding it adds a constant, which goes into the bias of the layer, or into the norm or bias that
/// alone follows it. Where there is padding, no place for a constant, or a channel that is not constant, it is lost.
/// Without channels that speak this is [`shrink`].
pub fn shrink_folding(network: &Network, survivors: &ChannelMap) -> Result<Folded, SurgeryError> {
    let graph = &network.graph;
    let constants = Constants::of(network);
    let mut carried = network.clone();
    let (mut folded, mut lost) = (0, Vec::new());
    for (id, node) in graph.nodes() {
        let losses = if matches!(node.op, Op::Add | Op::Sub) {
            operands_lost(graph, &constants, survivors, id)
        } else if Mixing::of_kernel(&node.op).is_some() {
            let place = place(graph, id);
            let mut losses = 0;
            for channel in survivors.on(id) {
                match (said(network, &constants, survivors, id, *channel), place) {
                    (Some(0.0), _) => {}
                    (Some(value), Some(place)) => {
                        add(&mut carried, place, *channel, value)?;
                        folded += 1;
                    }
                    (Some(_) | None, _) => losses += 1,
                }
            }
            losses
        } else {
            0
        };
        if losses > 0 {
            lost.push(Lost { reader: node.name.clone(), channels: losses });
        }
    }
    Ok(Folded { network: shrink(&carried, survivors)?, folded, lost })
}

/// Channels of a sum that lose an operand that is not silent.
fn operands_lost(
    graph: &Graph,
    constants: &Constants,
    survivors: &ChannelMap,
    id: NodeId,
) -> usize {
    let node = graph.node(id);
    let gone = node.inputs.iter().filter(|input| survivors.on(**input).is_empty());
    let silent = |input: &NodeId, channel: usize| {
        let whole = graph.node(*input).shape.channels == node.shape.channels;
        constants.on(*input, if whole { channel } else { 0 }) == Some(0.0)
    };
    let gone: Vec<&NodeId> = gone.collect();
    let speaks = |channel: &&usize| gone.iter().any(|input| !silent(input, **channel));
    survivors.on(id).iter().filter(speaks).count()
}

/// What the channels that die add to one channel of a layer; nothing if that is not the same everywhere.
fn said(
    network: &Network,
    constants: &Constants,
    survivors: &ChannelMap,
    id: NodeId,
    channel: usize,
) -> Option<f64> {
    let input = network.graph.node(id).inputs[0];
    let alive = survivors.on(input);
    let reads = Reads::of(&network.graph, &network.parameters, id, channel)?;
    let dead = reads.inputs().filter(|(source, _)| !alive.contains(source));
    let parts = dead.map(|(source, kernel)| match constants.on(input, source) {
        Some(value) => reads.constant(value, &kernel),
        None => kernel.iter().all(|weight| *weight == 0.0).then_some(0.0),
    });
    parts.sum()
}

/// The parameter that a constant can be added to after a layer, and the sign with which.
fn place(graph: &Graph, id: NodeId) -> Option<(NodeId, Role, f64)> {
    let is_shared = graph.nodes().any(|(other, node)| other != id && node.shares == Some(id));
    let owns = graph.node(id).shares.is_none() && !is_shared;
    let bias = |spec: &graph::ParameterSpec| spec.node == id && spec.role == Role::Bias;
    if owns && graph.parameters().iter().any(bias) {
        return Some((id, Role::Bias, 1.0));
    }
    let consumers = &graph.consumers()[id.index()];
    let [reader] = consumers.as_slice() else { return None };
    if graph.outputs().contains(&id) {
        return None;
    }
    let op = &graph.node(*reader).op;
    // A norm takes its running mean off.
    let norm = matches!(op, Op::BatchNorm(_)).then_some((*reader, Role::RunningMean, -1.0));
    norm.or(matches!(op, Op::Bias).then_some((*reader, Role::Bias, 1.0)))
}

fn add(
    network: &mut Network,
    (node, role, sign): (NodeId, Role, f64),
    channel: usize,
    value: f64,
) -> Result<(), SurgeryError> {
    let name = network.graph.node(node).name.clone();
    let slots = network.parameters.values_mut(node, role);
    let slots =
        slots.ok_or_else(|| SurgeryError::Missing { node: name, role: format!("{role:?}") })?;
    slots[channel] = (f64::from(slots[channel]) + sign * value) as f32;
    Ok(())
}

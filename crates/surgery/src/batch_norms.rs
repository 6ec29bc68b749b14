//! Batch norms for a network that has been trained without.

use std::collections::BTreeMap;

use datasets::{Batches, Streams};
use graph::{BatchNorm, Channels, Graph, Insertion, NodeId, Op, Role};
use tensor_ops::Device;
use training::{Network, Parameters, TrainError};

use crate::recalibrate;

/// The graph with a batch norm, with scale and shift, behind every convolution that has none there.
///
/// The norm of a layer `NAME` is called `NAME/batch-norm`. Convolutions whose channels are all frozen, such as one that makes the
/// logits, get none, nor do linear layers. Everything else keeps its name and width.
pub fn with_batch_norms(graph: &Graph) -> Graph {
    let (channels, consumers) = (Channels::of(graph), graph.consumers());
    let has_one = |id: NodeId| {
        matches!(&consumers[id.index()][..],
            [reader] if matches!(graph.node(*reader).op, Op::BatchNorm(_)))
    };
    let is_open = |id: NodeId| channels.on(id).iter().any(|group| !channels.is_frozen(*group));
    let bare = graph
        .nodes()
        .filter(|(id, node)| is_convolution(&node.op) && is_open(*id) && !has_one(*id));
    let insertions = bare.map(|(id, node)| {
        let name = format!("{}/batch-norm", node.name);
        (id, Insertion { name, op: Op::BatchNorm(BatchNorm::scaled()) })
    });
    graph.with_insertions(&insertions.collect()).expect("a norm changes no shape")
}

fn is_convolution(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::Depthwise(_) | Op::ConvTranspose(_))
}

/// The network with the batch norms of [`with_batch_norms`], which change no logit: their statistics are measured on an epoch
/// of `batches`, and scales and shifts undo them. In training, where a norm uses the statistics of its batch, the network
/// begins close to where it was.
///
/// A norm's statistics are right once those before it are, so as many epochs are passed through as norms lie on a path.
pub fn add_batch_norms<D: Device>(
    network: &Network,
    batches: &Batches,
    device: &D,
) -> Result<Network, TrainError> {
    let graph = with_batch_norms(&network.graph);
    let fresh = Network::init(graph, Streams::new(0));
    let Network { graph, mut parameters } = fresh;
    let mut added: BTreeMap<NodeId, f32> = BTreeMap::new();
    for spec in graph.parameters() {
        let node = graph.node(spec.node);
        let before = network.graph.find(&node.name);
        let learned = before.and_then(|before| network.parameters.get(before, spec.role));
        match (learned, &node.op) {
            (Some(learned), _) => parameters.insert(spec.node, spec.role, learned.clone()),
            (None, Op::BatchNorm(norm)) if before.is_none() => {
                added.insert(spec.node, norm.epsilon);
            }
            (None, _) => {
                let name = format!("{}/{:?}", node.name, spec.role);
                return Err(TrainError::Parameter { name, problem: "is missing".to_owned() });
            }
        }
    }
    let rounds = depth(&graph, &added);
    let statistics = old_statistics(&graph, &parameters, &added);
    let mut network = Network { graph, parameters };
    for _ in 0..rounds {
        recalibrate(&mut network, batches, device)?;
        for (norm, epsilon) in &added {
            undo(&mut network.parameters, *norm, *epsilon);
        }
    }
    for (node, role, tensor) in statistics.iter() {
        network.parameters.insert(node, role, tensor.clone());
    }
    Ok(network)
}

/// Most of these norms on any path.
fn depth(graph: &Graph, norms: &BTreeMap<NodeId, f32>) -> usize {
    let mut depths: Vec<usize> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let before = node.inputs.iter().map(|input| depths[input.index()]).max().unwrap_or(0);
        depths.push(before + usize::from(norms.contains_key(&id)));
    }
    depths.into_iter().max().unwrap_or(0)
}

/// Running statistics of the norms that were there: they stay.
fn old_statistics(
    graph: &Graph,
    parameters: &Parameters,
    added: &BTreeMap<NodeId, f32>,
) -> Parameters {
    let mut kept = Parameters::new();
    for spec in graph.parameters() {
        let is_running = matches!(spec.role, Role::RunningMean | Role::RunningVariance);
        if is_running
            && !added.contains_key(&spec.node)
            && let Some(tensor) = parameters.get(spec.node, spec.role)
        {
            kept.insert(spec.node, spec.role, tensor.clone());
        }
    }
    kept
}

/// Scale and shift that undo a norm's running statistics.
fn undo(parameters: &mut Parameters, norm: NodeId, epsilon: f32) {
    let read = |role| parameters.values(norm, role).unwrap_or_default().to_vec();
    let (means, variances) = (read(Role::RunningMean), read(Role::RunningVariance));
    let mut write = |role, values: &mut dyn Iterator<Item = f32>| {
        let slots = parameters.values_mut(norm, role).unwrap_or_default();
        slots.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
    };
    write(Role::Gamma, &mut variances.iter().map(|variance| (variance + epsilon).sqrt()));
    write(Role::Beta, &mut means.iter().copied());
}

//! Removing channels, or silencing them in place.

use graph::{Graph, NodeId, Op, Role, Survivors};
use ndarray::{ArrayD, Axis};
use training::{Network, Parameters};

use crate::SurgeryError;

/// The network without the channels that do not survive, with the weights of those that do.
///
/// If the removed channels are silent (see [`mask`]), every logit stays as it was.
pub fn shrink(network: &Network, survivors: &Survivors) -> Result<Network, SurgeryError> {
    let graph = network.graph.with_widths(&survivors.widths())?;
    let mut parameters = Parameters::new();
    for spec in graph.parameters() {
        let name = &graph.node(spec.node).name;
        let before = network.graph.find(name).expect("a rewritten graph has no new nodes");
        let missing =
            || SurgeryError::Missing { node: name.clone(), role: format!("{:?}", spec.role) };
        let tensor = network.parameters.get(before, spec.role).ok_or_else(missing)?;
        parameters.insert(
            spec.node,
            spec.role,
            gather(&network.graph, before, spec.role, tensor, survivors),
        );
    }
    Ok(Network { graph, parameters })
}

fn gather(
    graph: &Graph,
    id: NodeId,
    role: Role,
    tensor: &ArrayD<f32>,
    survivors: &Survivors,
) -> ArrayD<f32> {
    let node = graph.node(id);
    let outputs = tensor.select(Axis(tensor.ndim() - 1), survivors.on(id));
    if role != Role::Weight {
        return outputs;
    }
    let inputs = |position: usize| survivors.on(node.inputs[position]);
    match &node.op {
        // Blocks of a grouped convolution keep the same channels, so the first block stands for all.
        Op::Conv2d(_) => {
            let block = tensor.shape()[2];
            let first: Vec<usize> =
                inputs(0).iter().copied().filter(|channel| *channel < block).collect();
            outputs.select(Axis(2), &first)
        }
        Op::Linear(_) => outputs.select(Axis(0), inputs(0)),
        Op::Depthwise(_)
        | Op::Input(_)
        | Op::BatchNorm(_)
        | Op::Activation(_)
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Flatten
        | Op::Dropout { .. } => outputs,
    }
}

/// The same network with everything silenced that does not survive: kernels, biases, scales and shifts of those channels
/// are zero.
pub fn mask(network: &Network, survivors: &Survivors) -> Network {
    let mut masked = network.clone();
    for spec in network.graph.parameters() {
        match spec.role {
            Role::Weight | Role::Bias | Role::Gamma | Role::Beta => {}
            Role::RunningMean | Role::RunningVariance => continue,
        }
        let Some(tensor) = masked.parameters.get_mut(spec.node, spec.role) else { continue };
        let kept = survivors.on(spec.node);
        for (channel, mut lane) in tensor.axis_iter_mut(Axis(spec.dimensions.len() - 1)).enumerate()
        {
            if kept.binary_search(&channel).is_err() {
                lane.fill(0.0);
            }
        }
    }
    masked
}

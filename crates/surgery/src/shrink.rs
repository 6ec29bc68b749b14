//! Removing channels, or silencing them in place.

use graph::{ChannelMap, Graph, NodeId, Op, Role};
use ndarray::{ArrayD, Axis};
use training::{Network, Parameters};

use crate::SurgeryError;

/// The network without the channels that do not survive, with the weights of those that do.
///
/// If the removed channels are silent (see [`mask`]), every logit stays as it was.
pub fn shrink(network: &Network, survivors: &ChannelMap) -> Result<Network, SurgeryError> {
    let graph = network.graph.with_channels(survivors)?;
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
    survivors: &ChannelMap,
) -> ArrayD<f32> {
    let node = graph.node(id);
    let inputs = |position: usize| survivors.on(node.inputs[position]);
    let last = Axis(tensor.ndim() - 1);
    if role == Role::Weight && matches!(node.op, Op::ConvTranspose(_)) {
        return tensor.select(Axis(2), survivors.on(id)).select(last, inputs(0));
    }
    let outputs = tensor.select(last, survivors.on(id));
    if role != Role::Weight {
        return outputs;
    }
    match &node.op {
        // Blocks of a grouped convolution keep the same channels, so the first block stands for all.
        Op::Conv2d(_) => {
            let block = tensor.shape()[2];
            let first: Vec<usize> =
                inputs(0).iter().copied().filter(|channel| *channel < block).collect();
            outputs.select(Axis(2), &first)
        }
        Op::Conv3d(_) => outputs.select(Axis(3), inputs(0)),
        Op::Linear(_) => outputs.select(Axis(0), inputs(0)),
        Op::Depthwise(_)
        | Op::Input(_)
        | Op::BatchNorm(_)
        | Op::Activation(_)
        | Op::Add
        | Op::Mul
        | Op::Concat(_)
        | Op::ConvTranspose(_)
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
pub fn mask(network: &Network, survivors: &ChannelMap) -> Network {
    let mut masked = network.clone();
    for spec in network.graph.parameters() {
        match spec.role {
            Role::Weight | Role::Bias | Role::Gamma | Role::Logit | Role::Beta => {}
            Role::RunningMean | Role::RunningVariance => continue,
        }
        let Some(tensor) = masked.parameters.get_mut(spec.node, spec.role) else { continue };
        let kept = survivors.on(spec.node);
        let outputs = Axis(spec.output_axis(&network.graph.node(spec.node).op));
        for (channel, mut lane) in tensor.axis_iter_mut(outputs).enumerate() {
            if kept.binary_search(&channel).is_err() {
                lane.fill(0.0);
            }
        }
    }
    masked
}

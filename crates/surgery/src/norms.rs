//! Norms of channel groups.

use graph::{Channels, ParameterSpec, Role};
use ndarray::{ArrayD, Axis};
use training::Network;

use crate::{SurgeryError, kernel::Mixing};

/// For every group, by index, the sum of absolute values of the filters that make its channels (convolutions and linear
/// layers, without biases).
pub(crate) fn of_filters(network: &Network, channels: &Channels) -> Result<Vec<f64>, SurgeryError> {
    let mut norms = vec![0.0; channels.len()];
    for (spec, tensor) in parameters(network)? {
        if Mixing::of(&network.graph.node(spec.node).op, &spec).is_some() {
            add_outputs(network, channels, &spec, tensor, f64::abs, &mut norms);
        }
    }
    Ok(norms)
}

/// For every group, by index, the sum of squares of everything that belongs to it: kernels and scales that make its channels,
/// and the parts of kernels that read them.
pub(crate) fn of_groups(network: &Network, channels: &Channels) -> Result<Vec<f64>, SurgeryError> {
    let mut norms = vec![0.0; channels.len()];
    let square = |value: f64| value * value;
    for (spec, tensor) in parameters(network)? {
        match spec.role {
            Role::Weight | Role::Gamma => {
                add_outputs(network, channels, &spec, tensor, square, &mut norms);
            }
            Role::Bias | Role::Logit | Role::Beta | Role::RunningMean | Role::RunningVariance => {}
        }
        add_inputs(network, channels, &spec, tensor, square, &mut norms);
    }
    Ok(norms)
}

/// All parameter tensors; errors if one is missing.
fn parameters(network: &Network) -> Result<Vec<(ParameterSpec, &ArrayD<f32>)>, SurgeryError> {
    let found = |spec: ParameterSpec| {
        let tensor = network.parameters.get(spec.node, spec.role);
        let tensor = tensor.ok_or_else(|| SurgeryError::Missing {
            node: network.graph.node(spec.node).name.clone(),
            role: format!("{:?}", spec.role),
        })?;
        Ok((spec, tensor))
    };
    network.graph.parameters().into_iter().map(found).collect()
}

fn add_outputs(
    network: &Network,
    channels: &Channels,
    spec: &ParameterSpec,
    tensor: &ArrayD<f32>,
    measure: impl Fn(f64) -> f64,
    norms: &mut [f64],
) {
    let outputs = spec.output_axis(&network.graph.node(spec.node).op);
    for (group, lane) in channels.on(spec.node).iter().zip(tensor.axis_iter(Axis(outputs))) {
        norms[group.index()] += lane.iter().map(|value| measure(f64::from(*value))).sum::<f64>();
    }
}

fn add_inputs(
    network: &Network,
    channels: &Channels,
    spec: &ParameterSpec,
    tensor: &ArrayD<f32>,
    measure: impl Fn(f64) -> f64,
    norms: &mut [f64],
) {
    let node = network.graph.node(spec.node);
    let Some(Mixing { inputs, blocks }) = Mixing::of(&node.op, spec) else { return };
    let outputs = spec.output_axis(&node.op);
    let groups = channels.on(node.inputs[0]);
    for (channel, lane) in tensor.axis_iter(Axis(outputs)).enumerate() {
        let block = channel / (node.shape.channels / blocks);
        let read = &groups[block * lane.len_of(Axis(inputs))..];
        for (group, part) in read.iter().zip(lane.axis_iter(Axis(inputs))) {
            norms[group.index()] +=
                part.iter().map(|value| measure(f64::from(*value))).sum::<f64>();
        }
    }
}

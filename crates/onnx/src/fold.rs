//! Shifts and factors per channel that become part of the layer before them.

use std::collections::BTreeSet;

use graph::{BatchNorm, Graph, NodeId, Op, Role};
use ndarray::{Array1, ArrayD, Axis, Ix1};

use crate::{
    OnnxError, Weights,
    sketch::{Draft, Sketch},
};

/// The same function at inference without the batch norms that directly follow a layer and are its only reader: kernels are
/// scaled, and biases take the shift. Layers whose kernel is shared keep their batch norm.
pub fn fold_batch_norm(graph: &Graph, weights: &Weights) -> Result<(Graph, Weights), OnnxError> {
    let consumers = graph.consumers();
    let shared: BTreeSet<NodeId> = graph.nodes().filter_map(|(_, node)| node.shares).collect();
    let mut sketch = Sketch::default();
    let mut wires: Vec<NodeId> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| wires[input.index()]).collect();
        let own = weights.range((id, Role::Weight)..=(id, Role::RunningVariance));
        let own: Vec<_> = own.map(|((_, role), tensor)| (*role, tensor.clone())).collect();
        if let Op::BatchNorm(norm) = &node.op {
            let before = node.inputs[0];
            let alone = consumers[before.index()].len() == 1 && !graph.outputs().contains(&before);
            let free = graph.node(before).shares.is_none() && !shared.contains(&before);
            if let Some((scale, shift)) = affine(*norm, &own).filter(|_| alone && free) {
                let draft = sketch.draft_mut(inputs[0]);
                if bias_flag(&mut draft.op).is_some() && draft.absorb_scale(&scale) {
                    draft.absorb_shift(&shift);
                    wires.push(inputs[0]);
                    continue;
                }
            }
        }
        let wire = match node.shares {
            Some(owner) => sketch.share(&node.name, wires[owner.index()], &inputs),
            None => sketch.add(&node.name, node.op.clone(), &inputs, own),
        };
        wires.push(wire.map_err(|trouble| trouble.at(&node.name, node.op.kind()))?);
    }
    let outputs: Vec<NodeId> = graph.outputs().iter().map(|id| wires[id.index()]).collect();
    Ok(sketch.finish(&outputs)?)
}

/// Factor and shift per channel of a batch norm at inference; nothing if a parameter is missing.
fn affine(norm: BatchNorm, own: &[(Role, ArrayD<f32>)]) -> Option<(Array1<f32>, Array1<f32>)> {
    let find = |role| {
        let tensor = own.iter().find(|(own, _)| *own == role).map(|(_, tensor)| tensor.view());
        tensor.and_then(|tensor| tensor.into_dimensionality::<Ix1>().ok())
    };
    let (beta, mean) = (find(Role::Beta)?, find(Role::RunningMean)?);
    let deviation = find(Role::RunningVariance)?
        .mapv(|variance| (f64::from(variance) + f64::from(norm.epsilon)).sqrt());
    let scale = match find(Role::Gamma) {
        Some(gamma) => (gamma.mapv(f64::from) / deviation).mapv(|scale| scale as f32),
        None if norm.scale => return None,
        None => deviation.mapv(|deviation| (1.0 / deviation) as f32),
    };
    let shift = &beta - &(&mean * &scale);
    Some((scale, shift))
}

impl Draft {
    /// Adds a shift per output channel to the node's own parameters; false if it has none that can hold it.
    pub(crate) fn absorb_shift(&mut self, shift: &Array1<f32>) -> bool {
        let role = if let Some(present) = bias_flag(&mut self.op) {
            *present = true;
            Role::Bias
        } else if matches!(self.op, Op::BatchNorm(_)) {
            Role::Beta
        } else {
            return false;
        };
        match self.weights.iter_mut().find(|(own, _)| *own == role) {
            Some((_, tensor)) => *tensor += shift,
            None => self.weights.push((role, shift.clone().into_dyn())),
        }
        true
    }

    /// Multiplies the node's own parameters by a factor per output channel; false if they cannot hold it.
    pub(crate) fn absorb_scale(&mut self, scale: &Array1<f32>) -> bool {
        let transposed = matches!(self.op, Op::ConvTranspose(_));
        let layer = bias_flag(&mut self.op).is_some();
        if !layer && !matches!(self.op, Op::BatchNorm(_)) {
            return false;
        }
        for (role, tensor) in &mut self.weights {
            match role {
                Role::Weight if transposed => *tensor *= &scale.view().insert_axis(Axis(1)),
                Role::Weight | Role::Bias | Role::Gamma | Role::Beta => *tensor *= scale,
                Role::Logit | Role::RunningMean | Role::RunningVariance => {}
            }
        }
        true
    }
}

/// Whether a layer has a bias; nothing for operators that cannot have one.
fn bias_flag(op: &mut Op) -> Option<&mut bool> {
    match op {
        Op::Conv2d(conv) => Some(&mut conv.bias),
        Op::Conv3d(conv) => Some(&mut conv.bias),
        Op::ConvTranspose(conv) => Some(&mut conv.bias),
        Op::Depthwise(depthwise) => Some(&mut depthwise.bias),
        Op::Linear(linear) => Some(&mut linear.bias),
        Op::Input(_)
        | Op::BatchNorm(_)
        | Op::Bias
        | Op::Gate
        | Op::Activation(_)
        | Op::Softmax
        | Op::LocalResponseNorm(_)
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Maximum
        | Op::Minimum
        | Op::Concat(_)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Flatten
        | Op::Gather(_)
        | Op::DepthToSpace { .. }
        | Op::SpaceToDepth { .. }
        | Op::Resize(_)
        | Op::Pad(_)
        | Op::Reshape { .. }
        | Op::Permute(_)
        | Op::Dropout { .. } => None,
    }
}

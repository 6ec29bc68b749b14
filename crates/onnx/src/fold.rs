//! Shifts and factors per channel that become part of the layer before them.

use graph::{Op, Role};
use ndarray::{Array1, Axis};

use crate::sketch::Draft;

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

//! Which parameters every operator has, and their layout.

use serde::{Deserialize, Serialize};

use crate::{Graph, NodeId, Op};

/// What a parameter does in its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Kernel. Convolution `[height, width, in / groups, out]`, 3-d `[depth, height, width, in, out]`, transposed
    /// `[height, width, out, in]`, depthwise `[height, width, out]`, linear `[in, out]`.
    Weight,
    /// Bias per output channel.
    Bias,
    /// Scale of batch normalisation.
    Gamma,
    /// Logit of the probability that a gate is open.
    Logit,
    /// Shift of batch normalisation.
    Beta,
    /// Running mean of batch normalisation; not trained.
    RunningMean,
    /// Running variance of batch normalisation; not trained.
    RunningVariance,
}

impl Role {
    /// Whether the optimizer changes it.
    pub fn is_trained(self) -> bool {
        match self {
            Self::Weight | Self::Bias | Self::Gamma | Self::Logit | Self::Beta => true,
            Self::RunningMean | Self::RunningVariance => false,
        }
    }
}

/// One parameter tensor of a graph. The last dimension is the output channel, except in kernels of transposed convolutions
/// (see [`ParameterSpec::output_axis`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// The node that it belongs to.
    pub node: NodeId,
    /// What it does there.
    pub role: Role,
    /// Dimensions, slowest first.
    pub dimensions: Vec<usize>,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.dimensions.iter().product()
    }

    /// Position of the output channel among the dimensions, given the operator of the node.
    pub fn output_axis(&self, op: &Op) -> usize {
        let last = self.dimensions.len() - 1;
        if matches!(op, Op::ConvTranspose(_)) && self.role == Role::Weight {
            last - 1
        } else {
            last
        }
    }

    /// Whether there is no value; never true in a checked graph.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Graph {
    /// All parameter tensors, in node order and within a node in the order of [`Role`]. A node that shares has none.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut specs = Vec::new();
        for (node, body) in self.nodes().filter(|(_, body)| body.shares.is_none()) {
            let mut push = |role, dimensions: &[usize]| {
                specs.push(ParameterSpec { node, role, dimensions: dimensions.to_vec() });
            };
            let input = |position: usize| self.node(body.inputs[position]).shape.channels;
            let out = body.shape.channels;
            match &body.op {
                Op::Conv2d(conv) => {
                    let [height, width] = conv.window.kernel;
                    push(Role::Weight, &[height, width, input(0) / conv.groups, out]);
                    if conv.bias {
                        push(Role::Bias, &[out]);
                    }
                }
                Op::Conv3d(conv) => {
                    let [depth, height, width] = conv.kernel;
                    push(Role::Weight, &[depth, height, width, input(0), out]);
                    if conv.bias {
                        push(Role::Bias, &[out]);
                    }
                }
                Op::ConvTranspose(conv) => {
                    let [height, width] = conv.window.kernel;
                    push(Role::Weight, &[height, width, out, input(0)]);
                    if conv.bias {
                        push(Role::Bias, &[out]);
                    }
                }
                Op::Bias => push(Role::Bias, &[out]),
                Op::Gate => push(Role::Logit, &[out]),
                Op::Depthwise(depthwise) => {
                    let [height, width] = depthwise.window.kernel;
                    push(Role::Weight, &[height, width, out]);
                    if depthwise.bias {
                        push(Role::Bias, &[out]);
                    }
                }
                Op::Linear(linear) => {
                    push(Role::Weight, &[input(0), out]);
                    if linear.bias {
                        push(Role::Bias, &[out]);
                    }
                }
                Op::BatchNorm(norm) => {
                    if norm.scale {
                        push(Role::Gamma, &[out]);
                    }
                    push(Role::Beta, &[out]);
                    push(Role::RunningMean, &[out]);
                    push(Role::RunningVariance, &[out]);
                }
                Op::Input(_)
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
                | Op::Dropout { .. } => {}
            }
        }
        specs
    }
}

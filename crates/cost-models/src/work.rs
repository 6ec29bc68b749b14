//! What a node does, as far as counting is concerned: the one match over [`Op`] of this crate.

use graph::{Activation, Graph, Node, NodeId, Op};

use crate::Term;

/// What a node does. Every model and every option reads this, so that an operator is classified once, for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Values times a trained kernel.
    Kernel(Kernel),
    /// A scale and a shift per channel, or the shift alone.
    BatchNorm {
        /// Whether there is a trained scale.
        scale: bool,
    },
    /// A trained value per channel is added.
    Bias,
    /// Every channel times the value of its gate.
    Gate,
    /// Operands of one shape, or spread over it, value by value.
    Join {
        /// Whether the original charges the memory traffic: sums and products.
        charged: bool,
    },
    /// A function of every value, with or without its neighbours.
    Function {
        /// Whether the original charges the memory traffic: ReLU, `ReLU6` and products with a constant.
        charged: bool,
    },
    /// Inputs laid end to end.
    Concat,
    /// A maximum or a mean over a window.
    Pool {
        /// Values that one output value is made of.
        taps: usize,
    },
    /// Values go to other places: a selection of channels, blocks of positions, padding, interpolation, permutation.
    Copy,
    /// Nothing is computed and nothing moved: the image, another view of the same values, dropout at inference.
    View,
}

/// A trained kernel and where it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Which operator has it.
    pub kind: KernelKind,
    /// Positions at which the whole kernel is applied to one image.
    pub positions: usize,
    /// Taps of its window.
    pub taps: usize,
    /// Which channels it connects.
    pub connection: Connection,
    /// Whether a trained value per channel is added.
    pub bias: bool,
    /// Whether the kernel is this node's own, and not that of another node, where it is counted already.
    pub is_owner: bool,
}

/// The operators that have kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelKind {
    /// A convolution over height and width, dense, grouped or depthwise.
    Conv2d,
    /// A convolution over depth, height and width.
    Conv3d,
    /// A transposed convolution.
    ConvTranspose,
    /// A fully connected layer.
    Linear,
}

/// Which channels a kernel connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Every output channel reads all input channels of its group.
    Dense {
        /// Number of blocks that input and output channels are cut into.
        groups: usize,
    },
    /// Every output channel reads one input channel.
    Depthwise,
}

impl Work {
    /// What a node of a graph does.
    pub fn of(graph: &Graph, id: NodeId) -> Self {
        let node = graph.node(id);
        let area_of_input = || graph.node(node.inputs[0]).shape.area();
        let kernel = |kind, positions, taps, connection, bias| {
            let is_owner = node.shares.is_none();
            Self::Kernel(Kernel { kind, positions, taps, connection, bias, is_owner })
        };
        let dense = Connection::Dense { groups: 1 };
        let area = node.shape.area();
        match &node.op {
            Op::Conv2d(conv) => {
                let connection = Connection::Dense { groups: conv.groups };
                kernel(KernelKind::Conv2d, area, conv.window.taps(), connection, conv.bias)
            }
            Op::Conv3d(conv) => kernel(KernelKind::Conv3d, area, conv.taps(), dense, conv.bias),
            Op::ConvTranspose(conv) => {
                let (positions, taps) = (area_of_input(), conv.window.taps());
                kernel(KernelKind::ConvTranspose, positions, taps, dense, conv.bias)
            }
            Op::Depthwise(depthwise) => {
                let taps = depthwise.window.taps();
                kernel(KernelKind::Conv2d, area, taps, Connection::Depthwise, depthwise.bias)
            }
            Op::Linear(linear) => kernel(KernelKind::Linear, 1, 1, dense, linear.bias),
            Op::BatchNorm(norm) => Self::BatchNorm { scale: norm.scale },
            Op::Bias => Self::Bias,
            Op::Gate => Self::Gate,
            Op::Activation(activation) => Self::Function { charged: is_charged(*activation) },
            Op::Softmax | Op::LocalResponseNorm(_) => Self::Function { charged: false },
            Op::Add | Op::Mul => Self::Join { charged: true },
            Op::Sub | Op::Maximum | Op::Minimum => Self::Join { charged: false },
            Op::Concat(_) => Self::Concat,
            Op::MaxPool(pool) | Op::AvgPool(pool) => Self::Pool { taps: pool.window.taps() },
            Op::GlobalAvgPool | Op::GlobalMaxPool => Self::Pool { taps: area_of_input() },
            Op::Gather(_)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Permute(_) => Self::Copy,
            Op::Input(_) | Op::Flatten | Op::Reshape { .. } | Op::Dropout { .. } => Self::View,
        }
    }
}

/// Whether the original charges the memory traffic of a function.
fn is_charged(activation: Activation) -> bool {
    match activation {
        Activation::Relu | Activation::Relu6 | Activation::Scale { .. } => true,
        Activation::LeakyRelu { .. }
        | Activation::Elu
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::Silu
        | Activation::HardSigmoid
        | Activation::HardSwish => false,
    }
}

impl Kernel {
    /// `coefficient` times the number of kernel values, at any widths of the node `id` and of its input.
    pub fn values(self, coefficient: f64, node: &Node, id: NodeId) -> Term {
        let all = coefficient * self.taps as f64;
        match self.connection {
            Connection::Dense { groups } => Term::Bilinear(all / groups as f64, node.inputs[0], id),
            Connection::Depthwise => Term::Linear(all, id),
        }
    }

    /// Multiply-adds for one image.
    pub fn macs(self, node: &Node, id: NodeId) -> Term {
        self.values(self.positions as f64, node, id)
    }
}

//! How kernels mix channels.

use graph::{Op, ParameterSpec, Role};

/// Where the channels of a kernel that mixes them stand among its dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mixing {
    /// Dimension of the input channels, in the kernel of a single output channel (without the dimension of those).
    pub(crate) inputs: usize,
    /// Blocks of a grouped convolution: output channels read the input channels of their own block.
    pub(crate) blocks: usize,
}

impl Mixing {
    /// Nothing for parameters that belong to one channel each.
    pub(crate) fn of(op: &Op, spec: &ParameterSpec) -> Option<Self> {
        if spec.role == Role::Weight { Self::of_kernel(op) } else { None }
    }

    /// How the kernel of an operator mixes channels; nothing if it has none that does.
    pub(crate) fn of_kernel(op: &Op) -> Option<Self> {
        match op {
            Op::Conv2d(conv) => Some(Self { inputs: 2, blocks: conv.groups }),
            Op::ConvTranspose(_) => Some(Self { inputs: 2, blocks: 1 }),
            Op::Conv3d(_) => Some(Self { inputs: 3, blocks: 1 }),
            Op::Linear(_) => Some(Self { inputs: 0, blocks: 1 }),
            Op::Depthwise(_)
            | Op::Input(_)
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
}

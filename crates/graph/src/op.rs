//! The closed set of operators. Every analysis is one exhaustive match over [`Op`].

use serde::{Deserialize, Serialize};

use crate::{
    Activation, Axis, BatchNorm, Conv2d, Conv3d, ConvTranspose, Depthwise, Gather, Linear,
    LocalResponseNorm, Pad, Pool, Resize, Shape,
};

/// An operator with its attributes. Wires have the layout `depth x height x width x channels`; batch is absent.
///
/// Operators with a window, `Linear`, `Resize`, `Pad`, `Reshape`, `Permute` and the two that move positions into channels
/// and back take inputs of depth 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// The image. No inputs.
    Input(Shape),
    /// Convolution over height and width, dense or in groups. One input.
    Conv2d(Conv2d),
    /// Dense convolution over depth, height and width. One input.
    Conv3d(Conv3d),
    /// Dense transposed convolution: the adjoint of the convolution with the same window. One input.
    ConvTranspose(ConvTranspose),
    /// Depthwise convolution: output channel `i * multiplier + q` reads input channel `i` only. One input.
    Depthwise(Depthwise),
    /// Fully connected layer. One input of shape `1 x 1 x channels`.
    Linear(Linear),
    /// Batch normalisation per channel. One input.
    BatchNorm(BatchNorm),
    /// Adds a trained value per channel. One input.
    Bias,
    /// Stochastic gate per channel with a trained logit: at inference `x * [logit > 0] * sigmoid(logit)` (`FiGS`,
    /// arXiv 2006.09581). One input.
    Gate,
    /// An element-wise function. One input.
    Activation(Activation),
    /// `exp(x) / sum of exp(x)` over the channels of every position. One input.
    Softmax,
    /// Divides by a power of the mean square over neighbouring channels. One input.
    LocalResponseNorm(LocalResponseNorm),
    /// Sum of two or more inputs. The first gives the shape; the others are equal, or have one position or one channel.
    Add,
    /// First minus second. The second is equal in shape, or has one position or one channel.
    Sub,
    /// Product. The second is equal in shape, or has one position or one channel.
    Mul,
    /// The larger of two. The second is equal in shape, or has one position or one channel.
    Maximum,
    /// The smaller of two. The second is equal in shape, or has one position or one channel.
    Minimum,
    /// Inputs laid end to end along an axis; their other sizes are equal.
    Concat(Axis),
    /// Maximum over a window; padding never wins. One input.
    MaxPool(Pool),
    /// Mean over a window; padding is not counted. One input.
    AvgPool(Pool),
    /// Mean over all positions, to `1 x 1 x channels`. One input.
    GlobalAvgPool,
    /// Maximum over all positions, to `1 x 1 x channels`. One input.
    GlobalMaxPool,
    /// Positions and channels in one row: `1 x 1 x (positions * channels)`, channels fastest. One input.
    Flatten,
    /// Selects channels: split, slice, shuffle, permutation, repetition. One input.
    Gather(Gather),
    /// Channel `(dy * block + dx) * C + c` moves to channel `c` of position `(y * block + dy, x * block + dx)`
    /// (TensorFlow's order). One input.
    DepthToSpace {
        /// Factor by which height and width grow.
        block: usize,
    },
    /// The inverse of [`Op::DepthToSpace`]. One input.
    SpaceToDepth {
        /// Factor by which height and width shrink.
        block: usize,
    },
    /// Another height and width by interpolation. One input.
    Resize(Resize),
    /// Zeros around the image and beside its channels. One input.
    Pad(Pad),
    /// The same values in row-major order with other sizes; `channels = values / (height * width)`. One input.
    Reshape {
        /// Rows of the output.
        height: usize,
        /// Columns of the output.
        width: usize,
    },
    /// Output axis `k` (height, width, channels) is input axis `permutation[k]`. One input.
    Permute([Axis; 3]),
    /// Zeroes a fraction `rate` of the values in training and scales the others by `1 / (1 - rate)`. One input.
    Dropout {
        /// Fraction of values that are zeroed, in `[0, 1)`.
        rate: f32,
    },
}

impl Op {
    /// The operator's name in kebab case, as it stands in dumps and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Conv2d(_) => "conv2d",
            Self::Conv3d(_) => "conv3d",
            Self::ConvTranspose(_) => "conv-transpose",
            Self::Depthwise(_) => "depthwise",
            Self::Linear(_) => "linear",
            Self::BatchNorm(_) => "batch-norm",
            Self::Bias => "bias",
            Self::Gate => "gate",
            Self::Activation(_) => "activation",
            Self::Softmax => "softmax",
            Self::LocalResponseNorm(_) => "local-response-norm",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
            Self::Concat(_) => "concat",
            Self::MaxPool(_) => "max-pool",
            Self::AvgPool(_) => "avg-pool",
            Self::GlobalAvgPool => "global-avg-pool",
            Self::GlobalMaxPool => "global-max-pool",
            Self::Flatten => "flatten",
            Self::Gather(_) => "gather",
            Self::DepthToSpace { .. } => "depth-to-space",
            Self::SpaceToDepth { .. } => "space-to-depth",
            Self::Resize(_) => "resize",
            Self::Pad(_) => "pad",
            Self::Reshape { .. } => "reshape",
            Self::Permute(_) => "permute",
            Self::Dropout { .. } => "dropout",
        }
    }

    /// Whether the operator makes fresh channels with a width of its own: convolutions (but not depthwise ones) and linear
    /// layers.
    pub fn is_producer(&self) -> bool {
        match self {
            Self::Conv2d(_) | Self::Conv3d(_) | Self::ConvTranspose(_) | Self::Linear(_) => true,
            Self::Input(_)
            | Self::Depthwise(_)
            | Self::BatchNorm(_)
            | Self::Bias
            | Self::Gate
            | Self::Activation(_)
            | Self::Softmax
            | Self::LocalResponseNorm(_)
            | Self::Add
            | Self::Sub
            | Self::Mul
            | Self::Maximum
            | Self::Minimum
            | Self::Concat(_)
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::GlobalAvgPool
            | Self::GlobalMaxPool
            | Self::Flatten
            | Self::Gather(_)
            | Self::DepthToSpace { .. }
            | Self::SpaceToDepth { .. }
            | Self::Resize(_)
            | Self::Pad(_)
            | Self::Reshape { .. }
            | Self::Permute(_)
            | Self::Dropout { .. } => false,
        }
    }
}

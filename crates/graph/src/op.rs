//! The closed set of operators. Every analysis is one exhaustive match over [`Op`].

use serde::{Deserialize, Serialize};

use crate::Shape;

/// An operator with its attributes. Activations have the layout `height x width x channels`; batch is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// The image. No inputs.
    Input(Shape),
    /// Convolution over space, dense or in groups. One input.
    Conv2d(Conv2d),
    /// Depthwise convolution: output channel `i * multiplier + q` reads input channel `i` only. One input.
    Depthwise(Depthwise),
    /// Fully connected layer. One input of shape `1 x 1 x channels`.
    Linear(Linear),
    /// Batch normalisation per channel. One input.
    BatchNorm(BatchNorm),
    /// An element-wise function. One input.
    Activation(Activation),
    /// Sum of two or more inputs of equal shape.
    Add,
    /// Product of two inputs of equal shape, or of one input with a second that has one position or one channel.
    Mul,
    /// Inputs of equal height and width laid end to end along channels.
    Concat,
    /// Maximum over a window; padding never wins. One input.
    MaxPool(Pool),
    /// Mean over a window; padding is not counted. One input.
    AvgPool(Pool),
    /// Mean over all positions, to `1 x 1 x channels`. One input.
    GlobalAvgPool,
    /// Maximum over all positions, to `1 x 1 x channels`. One input.
    GlobalMaxPool,
    /// Positions and channels in one row: `1 x 1 x (height * width * channels)`, channels fastest. One input.
    Flatten,
    /// Zeroes a fraction `rate` of the values in training and scales the others by `1 / (1 - rate)`. One input.
    Dropout {
        /// Fraction of values that are zeroed, in `[0, 1)`.
        rate: f32,
    },
}

/// How a window moves over the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Vertical and horizontal distance between taps.
    pub dilation: [usize; 2],
    /// What happens at the border.
    pub padding: Padding,
}

impl Window {
    /// A `side x side` window with stride 1, dilation 1 and SAME padding.
    pub fn square(side: usize) -> Self {
        Self::new([side, side])
    }

    /// A window of the given height and width with stride 1, dilation 1 and SAME padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1, 1], dilation: [1, 1], padding: Padding::Same }
    }

    /// The same window with this step in both directions.
    pub fn stride(self, step: usize) -> Self {
        Self { stride: [step, step], ..self }
    }

    /// The same window with this padding.
    pub fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// The same window with this distance between taps in both directions.
    pub fn dilation(self, distance: usize) -> Self {
        Self { dilation: [distance, distance], ..self }
    }

    /// Number of taps, `height * width` of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// What lies around the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Output is `ceil(input / stride)`; the surplus is split, the larger half at the bottom and right (TensorFlow).
    Same,
    /// No padding: output is `ceil((input - extent + 1) / stride)`.
    Valid,
    /// The given number of positions on each side.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the left.
        left: usize,
        /// Columns to the right.
        right: usize,
    },
}

impl Padding {
    /// The same padding on all four sides.
    pub fn all(positions: usize) -> Self {
        Self::Explicit { top: positions, bottom: positions, left: positions, right: positions }
    }
}

/// Attributes of [`Op::Conv2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Number of output channels.
    pub out: usize,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Number of blocks that input and output channels are cut into; 1 is a dense convolution.
    pub groups: usize,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

impl Conv2d {
    /// A dense convolution without bias.
    pub fn new(out: usize, window: Window) -> Self {
        Self { out, window, groups: 1, bias: false }
    }

    /// A dense `side x side` convolution, stride 1, SAME, without bias.
    pub fn square(out: usize, side: usize) -> Self {
        Self::new(out, Window::square(side))
    }
}

/// Attributes of [`Op::Depthwise`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depthwise {
    /// Output channels per input channel.
    pub multiplier: usize,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

/// Attributes of [`Op::Linear`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linear {
    /// Number of output channels.
    pub out: usize,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

impl Linear {
    /// A fully connected layer with bias.
    pub fn new(out: usize) -> Self {
        Self { out, bias: true }
    }
}

/// Attributes of [`Op::BatchNorm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Whether there is a trainable scale (gamma); the shift (beta) is always there.
    pub scale: bool,
    /// Added to the variance.
    pub epsilon: f32,
}

impl BatchNorm {
    /// Batch normalisation with scale and epsilon 0.001 (slim's default).
    pub fn scaled() -> Self {
        Self { scale: true, epsilon: 1e-3 }
    }
}

/// Attributes of [`Op::MaxPool`] and [`Op::AvgPool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Kernel, stride, dilation, padding.
    pub window: Window,
}

/// Element-wise functions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` if positive, else `slope * x`.
    LeakyRelu {
        /// Slope for negative values.
        slope: f32,
    },
    /// `x` if positive, else `exp(x) - 1`.
    Elu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x * hard_sigmoid(x)`.
    HardSwish,
}

impl Activation {
    /// Whether zero is mapped to zero, so that a dead channel stays silent.
    pub fn keeps_zero(self) -> bool {
        match self {
            Self::Relu
            | Self::Relu6
            | Self::LeakyRelu { .. }
            | Self::Elu
            | Self::Tanh
            | Self::Silu
            | Self::HardSwish => true,
            Self::Sigmoid | Self::HardSigmoid => false,
        }
    }
}

impl Op {
    /// The operator's name in kebab case, as it stands in dumps and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Conv2d(_) => "conv2d",
            Self::Depthwise(_) => "depthwise",
            Self::Linear(_) => "linear",
            Self::BatchNorm(_) => "batch-norm",
            Self::Activation(_) => "activation",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Concat => "concat",
            Self::MaxPool(_) => "max-pool",
            Self::AvgPool(_) => "avg-pool",
            Self::GlobalAvgPool => "global-avg-pool",
            Self::GlobalMaxPool => "global-max-pool",
            Self::Flatten => "flatten",
            Self::Dropout { .. } => "dropout",
        }
    }
}

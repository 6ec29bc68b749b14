//! Functions of one value, of two, and of neighbouring channels.

/// Element-wise functions; see each for `f(x)`. Derivatives at kinks are those of the left side (0 for rectifiers).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` if positive, else `slope * x`.
    LeakyRelu {
        /// Slope for values that are not positive.
        slope: f32,
    },
    /// `x` if positive, else `exp(x) - 1`.
    Elu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x * sigmoid(x)`.
    Silu,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x * hard_sigmoid(x)`.
    HardSwish,
    /// `factor * x`.
    Scale {
        /// Any finite number.
        factor: f32,
    },
}

impl Activation {
    /// Whether the derivative is a function of the output alone, so that the input need not be kept.
    pub fn derivative_from_output(self) -> bool {
        match self {
            Self::Identity
            | Self::Relu
            | Self::Relu6
            | Self::LeakyRelu { .. }
            | Self::Elu
            | Self::Sigmoid
            | Self::Tanh
            | Self::HardSigmoid
            | Self::Scale { .. } => true,
            Self::Silu | Self::HardSwish => false,
        }
    }

    /// Whether `f(m * x) = m * f(x)` for every `m` from 0 on; then also `f(x) = f'(x) * x`.
    pub fn is_homogeneous(self) -> bool {
        match self {
            Self::Identity | Self::Relu | Self::LeakyRelu { .. } | Self::Scale { .. } => true,
            Self::Relu6
            | Self::Elu
            | Self::Sigmoid
            | Self::Tanh
            | Self::Silu
            | Self::HardSigmoid
            | Self::HardSwish => false,
        }
    }
}

/// Functions of two values `a` and `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryFunction {
    /// `a + b`.
    Add,
    /// `a - b`.
    Subtract,
    /// `a * b`.
    Multiply,
    /// The larger; of equal values the gradient goes to `a`. A NaN of either is kept.
    Maximum,
    /// The smaller; of equal values the gradient goes to `a`. A NaN of either is kept.
    Minimum,
}

/// How the second operand of a [`BinaryFunction`] is spread over the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// Equal shapes.
    None,
    /// The second has one row per image, used for all `area` positions of it.
    Positions {
        /// Positions per image of the first operand.
        area: usize,
    },
    /// The second has one channel, used for all channels.
    Channels,
}

/// `y[c] = x[c] * (bias + alpha * sum of x[k]^2 for k from c - before to c + after)^-beta`, over the channels that exist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseNorm {
    /// Channels before the own one in the window.
    pub before: usize,
    /// Channels after the own one in the window.
    pub after: usize,
    /// Weight of the sum of squares, from 0 on.
    pub alpha: f32,
    /// Exponent, finite.
    pub beta: f32,
    /// Added to the sum, positive.
    pub bias: f32,
}

//! Element-wise functions.

use serde::{Deserialize, Serialize};

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
    /// `x * factor`.
    Scale {
        /// The constant.
        factor: f32,
    },
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
            | Self::HardSwish
            | Self::Scale { .. } => true,
            Self::Sigmoid | Self::HardSigmoid => false,
        }
    }
}

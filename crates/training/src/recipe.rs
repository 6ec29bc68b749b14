//! What a training run does: optimizer, schedule, epochs, decay. Plain data, all values legal.

use datasets::Augmentation;
use serde::{Deserialize, Serialize};

use crate::GateRecipe;

/// A complete training recipe; every default has been filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images per step.
    pub batch_size: usize,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// Learning rate over time.
    pub learning_rate: Schedule,
    /// L2 decay of kernels, added to the gradient as `decay * parameter`. Logits of gates never decay.
    pub weight_decay: f64,
    /// Whether batch-norm scale and shift, and biases, decay too.
    pub decay_batch_norm: bool,
    /// Share of the label's probability spread evenly over all classes, in `[0, 1)`.
    pub label_smoothing: f64,
    /// Weight of a batch in the running statistics of batch norm, in `(0, 1]`.
    pub batch_norm_momentum: f64,
    /// Random changes of the training images.
    pub augmentation: Augmentation,
    /// How gates are drawn; written only if it differs from the default.
    #[serde(default, skip_serializing_if = "GateRecipe::is_default")]
    pub gates: GateRecipe,
}

/// How gradients become steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Fraction of the velocity kept per step, in `[0, 1)`.
        momentum: f64,
        /// Look ahead by one step.
        nesterov: bool,
    },
    /// Gradients divided by a running root mean square, with momentum (TensorFlow's form).
    RmsProp {
        /// Fraction of the mean square kept per step, in `[0, 1)`.
        decay: f64,
        /// Fraction of the velocity kept per step, in `[0, 1)`.
        momentum: f64,
        /// Added under the root.
        epsilon: f64,
    },
    /// Adaptive moments with bias correction.
    Adam {
        /// Fraction of the first moment kept per step, in `[0, 1)`.
        beta1: f64,
        /// Fraction of the second moment kept per step, in `[0, 1)`.
        beta2: f64,
        /// Added to the root.
        epsilon: f64,
    },
}

/// Learning rate over time: a linear warm-up from 0, then a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Epochs (fractions allowed) of linear warm-up.
    pub warmup_epochs: f64,
    /// What follows, over the remaining epochs.
    pub curve: Curve,
}

/// The learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// The same rate always.
    Constant {
        /// The rate.
        rate: f64,
    },
    /// `rate * factor ^ floor(epochs / every)`.
    Step {
        /// First rate.
        rate: f64,
        /// What the rate is multiplied with.
        factor: f64,
        /// Epochs between multiplications.
        every: f64,
    },
    /// `rate * factor ^ (epochs / every)`.
    Exponential {
        /// First rate.
        rate: f64,
        /// What the rate is multiplied with.
        factor: f64,
        /// Epochs in which one factor is applied.
        every: f64,
    },
    /// Half a cosine from `peak` to `last`.
    Cosine {
        /// Highest rate.
        peak: f64,
        /// Rate at the very end.
        last: f64,
    },
}

impl Schedule {
    /// The rate at a time in epochs (fractions allowed) of a run of `epochs`.
    pub fn rate(&self, time: f64, epochs: f64) -> f64 {
        let first = match self.curve {
            Curve::Constant { rate }
            | Curve::Step { rate, .. }
            | Curve::Exponential { rate, .. } => rate,
            Curve::Cosine { peak, .. } => peak,
        };
        if time < self.warmup_epochs {
            return first * time / self.warmup_epochs;
        }
        let elapsed = time - self.warmup_epochs;
        match self.curve {
            Curve::Constant { rate } => rate,
            Curve::Step { rate, factor, every } => rate * factor.powf((elapsed / every).floor()),
            Curve::Exponential { rate, factor, every } => rate * factor.powf(elapsed / every),
            Curve::Cosine { peak, last } => {
                let remaining = (epochs - self.warmup_epochs).max(f64::MIN_POSITIVE);
                let progress = (elapsed / remaining).min(1.0);
                last + (peak - last) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

//! Optimizer steps and what changes from step to step.

use crate::Span;

/// The rule that turns a gradient into a step. State spans have the length of the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UpdateRule {
    /// `v = momentum * v + g; p -= rate * v`, or with Nesterov `p -= rate * (g + momentum * v)` (PyTorch's form).
    Sgd {
        /// Fraction of the velocity that is kept.
        momentum: f32,
        /// Look ahead by one step.
        nesterov: bool,
        /// Velocity `v`.
        velocity: Span,
    },
    /// `s = decay * s + (1 - decay) * g^2; v = momentum * v + g / sqrt(s + epsilon); p -= rate * v` (TensorFlow's form,
    /// epsilon inside the root).
    RmsProp {
        /// Fraction of the mean square that is kept.
        decay: f32,
        /// Fraction of the velocity that is kept.
        momentum: f32,
        /// Added under the root.
        epsilon: f32,
        /// Mean square `s`.
        mean_square: Span,
        /// Velocity `v`.
        velocity: Span,
    },
    /// `m = b1 * m + (1 - b1) * g; s = b2 * s + (1 - b2) * g^2; p -= rate * m' / (sqrt(s') + epsilon)` with
    /// `m' = m / (1 - b1^t)`, `s' = s / (1 - b2^t)` and `t` from [`Scalars::step`].
    Adam {
        /// Fraction of the first moment that is kept.
        beta1: f32,
        /// Fraction of the second moment that is kept.
        beta2: f32,
        /// Added to the root.
        epsilon: f32,
        /// First moment `m`.
        first_moment: Span,
        /// Second moment `s`.
        second_moment: Span,
    },
}

/// Values that change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalars {
    /// Learning rate.
    pub rate: f32,
    /// Number of the step, from 1.
    pub step: u64,
    /// Seed of the run's dropout masks; each mask also depends on `step` and on the instruction's own `stream`.
    pub seed: u64,
}

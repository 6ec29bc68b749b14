//! How a gate's mask comes from its logits.

use crate::Span;

/// Where the mask of a gate, one factor per channel for all rows, comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GateMask {
    /// Training: drawn, with the strongest channel on.
    Sampled(GateSample),
    /// Inference: `[logit > 0]`, times `sigmoid(logit)` if `soft`. All are off if no logit is positive.
    Expected {
        /// Scale what passes by the probability of passing.
        soft: bool,
    },
}

/// `mask = sigmoid((logit + noise) / temperature)`, or `[logit + noise > 0]` when straight-through; the derivative is
/// always that of the sigmoid. The mask of the strongest channel, the first with the largest logit, is 1, and its logit has
/// a derivative only if the sample was 1 by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSample {
    /// One value per channel, logistic if the mask is to be on with probability `sigmoid(logit)`.
    pub noise: Span,
    /// One value, above 0.
    pub temperature: Span,
    /// Hard masks with soft derivatives.
    pub straight_through: bool,
}

/// A gate that is computed with the batch norm before it, which costs nothing for each value: the mask goes into the scale, and
/// its gradient follows from those of scale and shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormGate {
    /// Logit per channel.
    pub logits: Span,
    /// How the mask is drawn.
    pub sample: GateSample,
}

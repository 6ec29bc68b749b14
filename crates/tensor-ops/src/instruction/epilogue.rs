//! What a convolution does with its sums before it writes them.

use crate::Span;

/// Batch normalisation with running statistics: `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta` per channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Scale; 1 if absent.
    pub gamma: Option<Span>,
    /// Shift.
    pub beta: Span,
    /// Running mean.
    pub mean: Span,
    /// Running variance.
    pub variance: Span,
    /// Added to the variance.
    pub epsilon: f32,
}

/// `y = min(max(x, low), high)`. What is not a number stays so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clamp {
    /// Least value, below `high`.
    pub low: f32,
    /// Largest value.
    pub high: f32,
}

impl Clamp {
    /// Changes nothing.
    pub const NONE: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY };
    /// `max(x, 0)`.
    pub const RELU: Self = Self { low: 0.0, high: f32::INFINITY };
    /// `min(max(x, 0), 6)`.
    pub const RELU6: Self = Self { low: 0.0, high: 6.0 };
}

/// After a convolution and its bias: a batch normalisation, then a clamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    /// The batch normalisation.
    pub norm: Option<Norm>,
    /// The clamp.
    pub clamp: Clamp,
}

impl Epilogue {
    /// Nothing.
    pub const NONE: Self = Self { norm: None, clamp: Clamp::NONE };
}

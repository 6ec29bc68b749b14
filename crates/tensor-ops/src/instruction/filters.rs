//! Filters of a kernel, worked on where they lie.

use crate::{Span, Tensor};

/// What is done with the filters of a kernel whose output channels run fastest: they are the columns of a matrix, one value of
/// each per row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FilterStep {
    /// `strengths[c] = sqrt(mean over the rows of kernel[c]^2)`, with sums in double precision; at least one row.
    RootMeanSquares {
        /// Kernel.
        kernel: Tensor,
        /// One value per filter, overwritten.
        strengths: Span,
    },
    /// `kernel[c] = kernel[c] - shares[c] * kernel[c]`; exactly 0 where the share is 1, whatever was there.
    Shrink {
        /// Kernel, updated.
        kernel: Tensor,
        /// What a filter loses of every value.
        shares: Span,
    },
}

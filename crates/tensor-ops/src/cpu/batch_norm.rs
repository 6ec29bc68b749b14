//! Batch normalisation followed by an activation, and its gradient.
//!
//! Sums over rows have two levels: `f32` vectors inside a chunk, `f64` over the chunks in order. Sums of squares are taken
//! of differences from the chunk's first row, so that a mean far from 0 costs no precision.

mod apply;
mod gradient;
mod panels;
mod statistics;

pub(super) use apply::BatchNormInfer;
pub(super) use gradient::BatchNormGrad;
pub(super) use statistics::BatchNormTrain;

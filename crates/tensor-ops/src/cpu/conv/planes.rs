//! Convolutions of few channels, whose vectors hold positions instead of channels.
//!
//! Each channel of some images is copied into a line of its own, a plane: rows and images follow each other with zeros
//! between them, which pad the row before as well as the row behind. What a tap sees from neighbouring positions then lies
//! side by side, and vectors are full no matter how few channels there are.

mod channels;
mod conv;
mod grad_weight;
mod grid;

pub(super) use conv::PlanesConv;
pub(super) use grad_weight::PlanesGradWeight;
pub(super) use grid::Grid;

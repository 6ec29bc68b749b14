//! Convolutions of 3 x 3 taps with fewer multiplications (Winograd, after Lavin and Gray, 2016).
//!
//! The output is cut into square tiles. What a tile sees, and the kernel, are transformed such that their convolution becomes
//! a product of each of a few points; these are products of matrices, `[tiles x inputs] x [inputs x outputs]` for each point.
//! Tiles of 4 x 4 need 36 multiplications for what takes 144 otherwise, tiles of 2 x 2 need 16 instead of 36.

mod by_panels;
mod by_tiles;
mod choice;
mod conv;
mod grad_weight;
mod grid;
mod multiply;
mod outer;
mod prefetch;
mod rows;
mod see;
mod sums;
#[cfg(test)]
mod tests;
mod transform;
mod weights;

pub(super) use choice::Size;
pub(super) use conv::WinogradConv;
pub(super) use grad_weight::WinogradGradWeight;

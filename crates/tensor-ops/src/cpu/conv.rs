//! Convolutions as products of matrices that are never formed.
//!
//! Row `p` of the left matrix holds what the kernel sees at position `p`. It is not copied together: an image (or a band of
//! one) is copied once into a block with its padding, where all that a kernel row sees lies side by side. A tile of output
//! rows and channels then stays in registers while the products are summed. Without padding the image itself is the block.

mod block;
mod cursor;
mod depthwise;
mod depthwise_grad_weight;
mod grad_weight;
mod pack;
mod parts;
mod plan;
mod product;
mod sweep;
mod windows;

pub(super) use block::Source;
pub(super) use depthwise::Depthwise;
pub(super) use depthwise_grad_weight::DepthwiseGradWeight;
pub(super) use grad_weight::ConvGradWeight;
pub(super) use plan::Plan;
pub(super) use product::{Conv, ConvGradInput};
pub(super) use windows::{Channels, Operation, Windows};

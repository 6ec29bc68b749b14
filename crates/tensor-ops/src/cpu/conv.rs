//! Convolutions as products of matrices that are never formed.
//!
//! 3x3 kernels on many channels go through Winograd's transforms (`winograd`), convolutions of few channels through planes
//! (`planes`), depthwise ones along rows (`depthwise`), and all others as follows.
//!
//! Row `p` of the left matrix holds what the kernel sees at position `p`. It is not copied together: an image (or a band of
//! one) is copied once into a block with its padding, where all that a kernel row sees lies side by side. A tile of output
//! rows and channels then stays in registers while the products are summed. Without padding the image itself is the block.

mod bands;
mod block;
mod cursor;
pub(super) mod depthwise;
mod finish;
mod grad_weight;
mod pack;
mod parts;
mod plan;
mod planes;
mod product;
mod sweep;
mod windows;
mod winograd;

pub(super) use bands::Bands;
pub(super) use block::Source;
pub(super) use finish::Finish;
pub(super) use plan::Plan;
pub(super) use windows::{Channels, Operation, Windows};

use self::grad_weight::ConvGradWeight;
use self::planes::{Grid, PlanesConv, PlanesGradWeight};
use self::product::{Conv, ConvGradInput};
use self::winograd::{Size, WinogradConv, WinogradGradWeight};
use super::context::Kernel;
use super::level::Level;
use super::rows::Target;
use crate::{Geometry, Span, Tensor};

/// The fastest kernel for a convolution.
pub(super) fn forward(
    level: Level,
    geometry: Geometry,
    groups: usize,
    input: Tensor,
    weight: Span,
    finish: Finish,
    target: Target,
) -> Box<dyn Kernel> {
    let (source, outputs) = (input.channels, target.tensor.channels);
    if let Some(size) = Size::of(level, &geometry, groups, source, outputs) {
        Box::new(WinogradConv::forward(level, size, geometry, input, weight, finish, target))
    } else if let Some(grid) = Grid::forward(&geometry, groups, source, outputs) {
        Box::new(PlanesConv::forward(level, grid, geometry, input, weight, finish, target))
    } else {
        Box::new(Conv::new(level, geometry, groups, input, weight, finish, target))
    }
}

/// The fastest kernel for the gradient of a convolution's input.
pub(super) fn grad_input(
    level: Level,
    geometry: Geometry,
    groups: usize,
    grad_output: Tensor,
    weight: Span,
    target: Target,
) -> Box<dyn Kernel> {
    let (source, inputs) = (grad_output.channels, target.tensor.channels);
    if let Some(size) = Size::of(level, &geometry, groups, source, inputs) {
        Box::new(WinogradConv::grad_input(level, size, geometry, grad_output, weight, target))
    } else if let Some(grid) = Grid::gradient(&geometry, groups, source, inputs) {
        Box::new(PlanesConv::grad_input(level, grid, geometry, grad_output, weight, target))
    } else {
        Box::new(ConvGradInput::new(level, geometry, groups, grad_output, weight, target))
    }
}

/// The fastest kernel for the gradient of a convolution's kernel and bias.
pub(super) fn grad_weight(
    level: Level,
    geometry: Geometry,
    groups: usize,
    input: Tensor,
    grad_output: Tensor,
    grad_weight: Span,
    grad_bias: Option<Span>,
) -> Box<dyn Kernel> {
    let (inputs, outputs) = (input.channels, grad_output.channels);
    if let Some(size) = Size::of(level, &geometry, groups, inputs, outputs) {
        Box::new(WinogradGradWeight::new(
            level,
            size,
            geometry,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        ))
    } else if let Some(grid) = Grid::forward(&geometry, groups, inputs, outputs) {
        Box::new(PlanesGradWeight::new(level, grid, input, grad_output, grad_weight, grad_bias))
    } else {
        Box::new(ConvGradWeight::new(
            level,
            geometry,
            groups,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        ))
    }
}

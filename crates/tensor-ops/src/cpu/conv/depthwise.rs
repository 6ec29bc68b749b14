//! Depthwise convolutions: each channel with its own kernel.
//!
//! Kernels of 3x3 and 5x5 taps read the images themselves, and a vector of channels keeps kernel and sums in registers while
//! it moves along a row. All others go through a padded copy.

mod ahead;
mod general;
mod general_grad_weight;
mod grad_weight;
mod line;
mod rows;
mod steps;
mod sums;

use self::general::General;
use self::general_grad_weight::GeneralGradWeight;
use self::grad_weight::GradWeight;
use self::rows::{Ends, Rows};
use crate::cpu::context::Kernel;
use crate::cpu::conv::Finish;
use crate::cpu::rows::Target;
use crate::{Geometry, Span, Tensor};

/// Kernel and stride of a convolution that is done row by row if they are small.
fn square(geometry: &Geometry, multiplier: usize) -> Option<(usize, usize)> {
    if multiplier == 1 { geometry.square() } else { None }
}

/// The fastest kernel for a depthwise convolution.
pub(in crate::cpu) fn forward(
    geometry: Geometry,
    multiplier: usize,
    input: Tensor,
    weight: Span,
    finish: Finish,
    output: Tensor,
) -> Box<dyn Kernel> {
    let ends = Ends {
        source: input,
        weight,
        finish,
        target: Target { tensor: output, accumulate: false },
    };
    match square(&geometry, multiplier) {
        Some((3, 1)) => Box::new(Rows::<3, 1, false>::forward(&geometry, ends)),
        Some((3, 2)) => Box::new(Rows::<3, 2, false>::forward(&geometry, ends)),
        Some((5, 1)) => Box::new(Rows::<5, 1, false>::forward(&geometry, ends)),
        Some((5, 2)) => Box::new(Rows::<5, 2, false>::forward(&geometry, ends)),
        Some(_) | None => Box::new(General::forward(geometry, input, weight, finish, output)),
    }
}

/// The fastest kernel for the gradient of a depthwise convolution's input.
pub(in crate::cpu) fn grad_input(
    geometry: Geometry,
    multiplier: usize,
    grad_output: Tensor,
    weight: Span,
    target: Target,
) -> Box<dyn Kernel> {
    let finish = Finish::nothing(target.tensor.channels);
    let ends = Ends { source: grad_output, weight, finish, target };
    match square(&geometry, multiplier) {
        Some((3, 1)) => Box::new(Rows::<3, 1, false>::grad_input(&geometry, ends)),
        Some((3, 2)) => Box::new(Rows::<3, 2, true>::grad_input(&geometry, ends)),
        Some((5, 1)) => Box::new(Rows::<5, 1, false>::grad_input(&geometry, ends)),
        Some((5, 2)) => Box::new(Rows::<5, 2, true>::grad_input(&geometry, ends)),
        Some(_) | None => {
            Box::new(General::grad_input(geometry, multiplier, grad_output, weight, target))
        }
    }
}

/// The fastest kernel for the gradient of a depthwise convolution's kernel and bias.
pub(in crate::cpu) fn grad_weight(
    geometry: Geometry,
    multiplier: usize,
    input: Tensor,
    grad_output: Tensor,
    grad_weight: Span,
    grad_bias: Option<Span>,
) -> Box<dyn Kernel> {
    match square(&geometry, multiplier) {
        Some((3, 1)) => {
            Box::new(GradWeight::<3, 1>::new(&geometry, input, grad_output, grad_weight, grad_bias))
        }
        Some((3, 2)) => {
            Box::new(GradWeight::<3, 2>::new(&geometry, input, grad_output, grad_weight, grad_bias))
        }
        Some((5, 1)) => {
            Box::new(GradWeight::<5, 1>::new(&geometry, input, grad_output, grad_weight, grad_bias))
        }
        Some((5, 2)) => {
            Box::new(GradWeight::<5, 2>::new(&geometry, input, grad_output, grad_weight, grad_bias))
        }
        Some(_) | None => {
            Box::new(GeneralGradWeight::new(geometry, input, grad_output, grad_weight, grad_bias))
        }
    }
}

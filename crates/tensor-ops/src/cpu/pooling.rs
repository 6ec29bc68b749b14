//! Maximum and mean over windows.
//!
//! Small square windows read the images themselves, row by row. All others go through a padded copy.

mod maximum;
mod mean;
mod rows;

use std::ops::Range;

use self::maximum::{MaxPool, MaxPoolGrad};
use self::mean::{AvgPool, AvgPoolGrad};
use self::rows::{Maximum, Mean, Rows};
use super::context::Kernel;
use super::rows::Target;
use crate::{Geometry, Tensor};

/// The fastest kernel for a maximum over windows.
pub(super) fn max_pool(geometry: Geometry, input: Tensor, output: Tensor) -> Box<dyn Kernel> {
    match geometry.square() {
        Some((2, 2)) => Box::new(Rows::<Maximum, 2, 2>::forward(&geometry, input, output)),
        Some((3, 1)) => Box::new(Rows::<Maximum, 3, 1>::forward(&geometry, input, output)),
        Some((3, 2)) => Box::new(Rows::<Maximum, 3, 2>::forward(&geometry, input, output)),
        Some(_) | None => Box::new(MaxPool::new(geometry, input, output)),
    }
}

/// The fastest kernel for the gradient of a maximum over windows.
pub(super) fn max_pool_grad(
    geometry: Geometry,
    input: Tensor,
    output: Tensor,
    grad_output: Tensor,
    target: Target,
) -> Box<dyn Kernel> {
    Box::new(MaxPoolGrad::new(geometry, input, output, grad_output, target))
}

/// The fastest kernel for a mean over windows.
pub(super) fn avg_pool(geometry: Geometry, input: Tensor, output: Tensor) -> Box<dyn Kernel> {
    match geometry.square() {
        Some((2, 2)) => Box::new(Rows::<Mean, 2, 2>::forward(&geometry, input, output)),
        Some((3, 1)) => Box::new(Rows::<Mean, 3, 1>::forward(&geometry, input, output)),
        Some((3, 2)) => Box::new(Rows::<Mean, 3, 2>::forward(&geometry, input, output)),
        Some(_) | None => Box::new(AvgPool::new(geometry, input, output)),
    }
}

/// The fastest kernel for the gradient of a mean over windows.
pub(super) fn avg_pool_grad(
    geometry: Geometry,
    grad_output: Tensor,
    target: Target,
) -> Box<dyn Kernel> {
    match geometry.square() {
        Some((3, 1)) => Box::new(Rows::<_, 3, 1>::grad_input(&geometry, grad_output, target)),
        Some(_) | None => Box::new(AvgPoolGrad::new(geometry, grad_output, target)),
    }
}

/// `1 / taps inside the image` for each output position of an image.
fn factors(geometry: &Geometry) -> Vec<f32> {
    let inside = |axis, position| taps_inside(geometry, axis, position).len();
    let rows = 0..geometry.output[0];
    rows.flat_map(|y| (0..geometry.output[1]).map(move |x| (y, x)))
        .map(|(y, x)| 1.0 / (inside(0, y) * inside(1, x)) as f32)
        .collect()
}

/// Taps along an axis that lie inside the image when the window is at an output position.
fn taps_inside(geometry: &Geometry, axis: usize, position: usize) -> Range<usize> {
    let start = position * geometry.stride[axis];
    let (dilation, padding) = (geometry.dilation[axis], geometry.padding[axis]);
    let first = padding.saturating_sub(start).div_ceil(dilation);
    let end = (geometry.input[axis] + padding).saturating_sub(start).div_ceil(dilation);
    let end = end.min(geometry.kernel[axis]);
    first.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_inside_are_those_whose_position_is_in_the_image() {
        for (input, stride, dilation, padding, kernel) in
            [(7, 1, 1, 1, 3), (5, 2, 2, 3, 4), (1, 3, 1, 2, 3), (4, 1, 5, 6, 3), (2, 1, 3, 1, 2)]
        {
            let geometry = Geometry {
                input: [input, input],
                stride: [stride, stride],
                dilation: [dilation, dilation],
                padding: [padding, padding],
                kernel: [kernel, kernel],
                ..Geometry::pointwise(1)
            };
            for position in 0..6 {
                let inside = taps_inside(&geometry, 0, position);
                for tap in 0..kernel {
                    let at = (position * stride + tap * dilation) as i64 - padding as i64;
                    let expected = at >= 0 && at < input as i64;
                    assert_eq!(inside.contains(&tap), expected, "{geometry:?} {position} {tap}");
                }
            }
        }
    }
}

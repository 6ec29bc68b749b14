//! Maximum and mean over windows.

mod maximum;
mod mean;

pub(super) use maximum::{MaxPool, MaxPoolGrad};
pub(super) use mean::{AvgPool, AvgPoolGrad};

use std::ops::Range;

use crate::Geometry;

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

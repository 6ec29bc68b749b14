//! Square windows over images, as kernels of depthwise convolutions and pools have them.

use proptest::prelude::*;
use tensor_ops::Geometry;

/// Input, output and padding of one axis, with less padding than the window's size and `more`: images smaller than the window,
/// windows that see hardly anything of the image or nothing, outputs that are missing, positions that no window sees.
fn axis(kernel: usize, stride: usize, more: usize) -> impl Strategy<Value = [usize; 3]> {
    (1..15_usize, 0..kernel + more, 0..3_usize).prop_map(move |(input, padding, less)| {
        let input = input.max(kernel.saturating_sub(2 * padding));
        let most = (input + 2 * padding - kernel) / stride + 1;
        [input, most.saturating_sub(less).max(1), padding]
    })
}

/// Square windows of these sizes with strides of 1 and 2, and less padding than their size and `more`.
pub(crate) fn square(
    kernels: impl Strategy<Value = usize>,
    more: usize,
) -> impl Strategy<Value = Geometry> {
    (kernels, 1..3_usize).prop_flat_map(move |(kernel, stride)| {
        let one = || axis(kernel, stride, more);
        (1..4_usize, one(), one()).prop_map(move |(batch, y, x)| Geometry {
            batch,
            input: [y[0], x[0]],
            output: [y[1], x[1]],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1, 1],
            padding: [y[2], x[2]],
        })
    })
}

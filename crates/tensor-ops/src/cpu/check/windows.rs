//! Windows: whether geometry, channels and kernels fit each other.

use super::shapes::{Named, filled, length};
use crate::{Geometry, Span, Tensor};

/// Dimensions stay below this, so that positions and taps can be computed with signs without overflow.
pub(super) const LIMIT: usize = 1 << 31;

/// Most taps of a window without a kernel, whose length would bound them.
const TAPS: usize = 1 << 20;

pub(super) fn convolution(
    geometry: Geometry,
    groups: usize,
    input: Named<Tensor>,
    (name, weight): Named<Span>,
    output: Named<Tensor>,
) -> Result<(), String> {
    window(geometry, input, output)?;
    let (inputs, outputs) = (input.1.channels, output.1.channels);
    if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        return Err(format!("{groups} groups do not divide {inputs} inputs and {outputs} outputs"));
    }
    length(
        name,
        weight,
        product_of(&[geometry.kernel[0], geometry.kernel[1], inputs / groups, outputs])?,
    )
}

pub(super) fn depthwise(
    geometry: Geometry,
    multiplier: usize,
    input: Named<Tensor>,
    (name, weight): Named<Span>,
    output: Named<Tensor>,
) -> Result<(), String> {
    window(geometry, input, output)?;
    let (inputs, outputs) = (input.1.channels, output.1.channels);
    if inputs.checked_mul(multiplier) != Some(outputs) {
        return Err(format!("{inputs} inputs times {multiplier} are not {outputs} outputs"));
    }
    length(name, weight, product_of(&[geometry.kernel[0], geometry.kernel[1], outputs])?)
}

pub(super) fn pool(
    geometry: Geometry,
    input: Named<Tensor>,
    output: Named<Tensor>,
) -> Result<(), String> {
    window(geometry, input, output)?;
    if product_of(&geometry.kernel)? > TAPS {
        return Err(format!("too large a window in {geometry:?}"));
    }
    let (inputs, outputs) = (input.1.channels, output.1.channels);
    if inputs != outputs {
        return Err(format!("`{}` has {outputs} channels instead of {inputs}", output.0));
    }
    for axis in 0..2 {
        let tap_inside = |position: usize| {
            let start = (position * geometry.stride[axis]) as i64 - geometry.padding[axis] as i64;
            let (dilation, input) = (geometry.dilation[axis] as i64, geometry.input[axis] as i64);
            let first = if start < 0 { (-start + dilation - 1) / dilation } else { 0 };
            first < geometry.kernel[axis] as i64 && start + first * dilation < input
        };
        if let Some(position) = (0..geometry.output[axis]).find(|&position| !tap_inside(position)) {
            return Err(format!("the window at {position} lies outside the image in {geometry:?}"));
        }
    }
    Ok(())
}

fn window(geometry: Geometry, input: Named<Tensor>, output: Named<Tensor>) -> Result<(), String> {
    let Geometry { batch, input: image, output: positions, kernel, stride, dilation, padding } =
        geometry;
    let sizes = [[batch, 1], image, positions, kernel, stride, dilation];
    if sizes.as_flattened().contains(&0) {
        return Err(format!("zero in {geometry:?}"));
    }
    if sizes.as_flattened().iter().chain(&padding).any(|&size| size >= LIMIT) {
        return Err(format!("too large a number in {geometry:?}"));
    }
    for axis in 0..2 {
        let reach = product_of(&[kernel[axis] - 1, dilation[axis]])?;
        let last = product_of(&[positions[axis] - 1, stride[axis]])?;
        if reach >= LIMIT || last >= LIMIT {
            return Err(format!("too large a window in {geometry:?}"));
        }
    }
    for ((name, tensor), [height, width]) in [(input, image), (output, positions)] {
        filled(name, tensor)?;
        let rows = product_of(&[batch, height, width])?;
        if tensor.rows != rows {
            return Err(format!("`{name}` has {} rows instead of {rows}", tensor.rows));
        }
    }
    Ok(())
}

fn product_of(factors: &[usize]) -> Result<usize, String> {
    factors
        .iter()
        .try_fold(1_usize, |product, &factor| product.checked_mul(factor))
        .ok_or_else(|| format!("the product of {factors:?} overflows"))
}

//! Shapes of wires, and how every operator makes its output's shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Op, Padding, Window, error::ShapeProblem};

/// Largest number of channels on a wire. A typing error in a width must not allocate gigabytes.
pub const MAX_WIDTH: usize = 1 << 20;

/// Largest number of values on a wire for one image, and of weights in one tensor.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// Height, width and channels of a wire for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// A shape from height, width and channels.
    pub fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// Number of positions, `height * width`.
    pub fn area(&self) -> usize {
        self.height * self.width
    }

    /// Number of values, `height * width * channels`.
    pub fn elements(&self) -> usize {
        self.area() * self.channels
    }

    /// The same positions with another number of channels.
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    fn checked(self) -> Result<Self, ShapeProblem> {
        if self.height == 0 || self.width == 0 || self.channels == 0 {
            return Err(ShapeProblem::Empty(self));
        }
        let elements =
            self.height.checked_mul(self.width).and_then(|area| area.checked_mul(self.channels));
        match elements {
            Some(elements) if self.channels <= MAX_WIDTH && elements <= MAX_ELEMENTS => Ok(self),
            Some(_) | None => Err(ShapeProblem::TooLarge(self)),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

impl Window {
    /// Output positions along `axis` (0 vertical, 1 horizontal) and the padding before the first one; nothing if the
    /// window does not fit or has a size of zero.
    ///
    /// SAME and VALID follow TensorFlow: `ceil(input / stride)` and `ceil((input - extent + 1) / stride)`.
    pub fn along(&self, axis: usize, input: usize) -> Option<(usize, usize)> {
        let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
        let extent = kernel.checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
        let fits = |padded: usize| Some(padded.checked_sub(extent)?.checked_div(stride)? + 1);
        match self.padding {
            Padding::Same => {
                let out = if stride == 0 { 0 } else { input.div_ceil(stride) };
                let needed =
                    (out.checked_sub(1)? * stride).checked_add(extent)?.saturating_sub(input);
                Some((out, needed / 2))
            }
            Padding::Valid => Some((fits(input)?, 0)),
            Padding::Explicit { top, bottom, left, right } => {
                let (before, after) = if axis == 0 { (top, bottom) } else { (left, right) };
                Some((fits(input.checked_add(before)?.checked_add(after)?)?, before))
            }
        }
    }

    /// A pool must see at least one position of the image everywhere: taps further apart than the image is large may all
    /// lie on padding.
    fn sees_image(&self, input: Shape) -> Result<(), ShapeProblem> {
        let blind = |axis: usize, size: usize| self.kernel[axis] > 1 && self.dilation[axis] > size;
        if blind(0, input.height) || blind(1, input.width) {
            return Err(ShapeProblem::WindowTooLarge { window: *self, input });
        }
        Ok(())
    }

    fn over(&self, input: Shape, channels: usize) -> Result<Shape, ShapeProblem> {
        let positive = |pair: [usize; 2]| pair[0] > 0 && pair[1] > 0;
        if !(positive(self.kernel) && positive(self.stride) && positive(self.dilation)) {
            return Err(ShapeProblem::ZeroWindow);
        }
        if let Padding::Explicit { top, bottom, left, right } = self.padding {
            let reach = |axis: usize| (self.kernel[axis] - 1).saturating_mul(self.dilation[axis]);
            if top.max(bottom) > reach(0) || left.max(right) > reach(1) {
                return Err(ShapeProblem::PaddingBeyondKernel);
            }
        }
        match (self.along(0, input.height), self.along(1, input.width)) {
            (Some((height, _)), Some((width, _))) => Ok(Shape::new(height, width, channels)),
            (None, _) | (_, None) => Err(ShapeProblem::WindowTooLarge { window: *self, input }),
        }
    }
}

/// Shape of the output of `op` on inputs of the given shapes.
pub(crate) fn output_shape(op: &Op, inputs: &[Shape]) -> Result<Shape, ShapeProblem> {
    let arity = |expected: &'static str, holds: bool| {
        if holds { Ok(()) } else { Err(ShapeProblem::Arity { found: inputs.len(), expected }) }
    };
    let shape = match op {
        Op::Input(shape) => {
            arity("none", inputs.is_empty())?;
            *shape
        }
        Op::Conv2d(conv) => {
            arity("one", inputs.len() == 1)?;
            let input = inputs[0];
            if conv.groups == 0
                || !input.channels.is_multiple_of(conv.groups)
                || !conv.out.is_multiple_of(conv.groups)
            {
                return Err(ShapeProblem::Groups {
                    groups: conv.groups,
                    input: input.channels,
                    output: conv.out,
                });
            }
            let [height, width] = conv.window.kernel;
            weights(&[height, width, input.channels / conv.groups, conv.out])?;
            conv.window.over(input, conv.out)?
        }
        Op::Depthwise(depthwise) => {
            arity("one", inputs.len() == 1)?;
            let channels = inputs[0].channels.saturating_mul(depthwise.multiplier);
            let [height, width] = depthwise.window.kernel;
            weights(&[height, width, channels])?;
            depthwise.window.over(inputs[0], channels)?
        }
        Op::Linear(linear) => {
            arity("one", inputs.len() == 1)?;
            if inputs[0].area() != 1 {
                return Err(ShapeProblem::NotFlat(inputs[0]));
            }
            weights(&[inputs[0].channels, linear.out])?;
            Shape::new(1, 1, linear.out)
        }
        Op::BatchNorm(norm) => {
            arity("one", inputs.len() == 1)?;
            if !(norm.epsilon > 0.0 && norm.epsilon.is_finite()) {
                return Err(ShapeProblem::Epsilon(norm.epsilon));
            }
            inputs[0]
        }
        Op::Activation(_) => {
            arity("one", inputs.len() == 1)?;
            inputs[0]
        }
        Op::Dropout { rate } => {
            arity("one", inputs.len() == 1)?;
            if !(0.0..1.0).contains(rate) {
                return Err(ShapeProblem::Rate(*rate));
            }
            inputs[0]
        }
        Op::Add => {
            arity("two or more", inputs.len() >= 2)?;
            if let Some(other) = inputs.iter().find(|shape| **shape != inputs[0]) {
                return Err(ShapeProblem::Mismatch(inputs[0], *other));
            }
            inputs[0]
        }
        Op::Mul => {
            arity("two", inputs.len() == 2)?;
            let (a, b) = (inputs[0], inputs[1]);
            let same_positions = (a.height, a.width) == (b.height, b.width);
            let broadcast =
                (b.area() == 1 && a.channels == b.channels) || (same_positions && b.channels == 1);
            if a != b && !broadcast {
                return Err(ShapeProblem::Mismatch(a, b));
            }
            a
        }
        Op::Concat => {
            arity("one or more", !inputs.is_empty())?;
            let first = inputs[0];
            let misfit =
                |shape: &&Shape| (shape.height, shape.width) != (first.height, first.width);
            if let Some(other) = inputs.iter().find(misfit) {
                return Err(ShapeProblem::Mismatch(first, *other));
            }
            first.with_channels(inputs.iter().map(|shape| shape.channels).sum())
        }
        Op::MaxPool(pool) | Op::AvgPool(pool) => {
            arity("one", inputs.len() == 1)?;
            pool.window.sees_image(inputs[0])?;
            pool.window.over(inputs[0], inputs[0].channels)?
        }
        Op::GlobalAvgPool | Op::GlobalMaxPool => {
            arity("one", inputs.len() == 1)?;
            Shape::new(1, 1, inputs[0].channels)
        }
        Op::Flatten => {
            arity("one", inputs.len() == 1)?;
            Shape::new(1, 1, inputs[0].elements())
        }
    };
    shape.checked()
}

fn weights(dimensions: &[usize]) -> Result<(), ShapeProblem> {
    let product = dimensions.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    match product {
        Some(count) if count <= MAX_ELEMENTS => Ok(()),
        Some(_) | None => Err(ShapeProblem::TooManyWeights),
    }
}

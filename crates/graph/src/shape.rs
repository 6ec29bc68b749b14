//! Shapes of wires, and how every operator makes its output's shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Axis, Conv3d, Op, Padding, error::ShapeProblem};

/// Largest number of channels on a wire. A typing error in a width must not allocate gigabytes.
pub const MAX_WIDTH: usize = 1 << 20;

/// Largest number of values on a wire for one image, and of weights in one tensor.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// Depth, height, width and channels of a wire for one image. Depth is 1 except in volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// Slices of a volume; 1 for an image.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub depth: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_one(depth: &usize) -> bool {
    *depth == 1
}

impl Shape {
    /// A shape of depth 1 from height, width and channels.
    pub fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { depth: 1, height, width, channels }
    }

    /// A shape from depth, height, width and channels.
    pub fn volume(depth: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { depth, height, width, channels }
    }

    /// Number of positions, `depth * height * width`.
    pub fn area(&self) -> usize {
        self.depth * self.height * self.width
    }

    /// Number of values, `area * channels`.
    pub fn elements(&self) -> usize {
        self.area() * self.channels
    }

    /// The same positions with another number of channels.
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    /// Whether both have the same positions.
    pub(crate) fn aligns_with(&self, other: Self) -> bool {
        self.with_channels(other.channels) == other
    }

    pub(crate) fn flat(self) -> Result<Self, ShapeProblem> {
        if self.depth == 1 { Ok(self) } else { Err(ShapeProblem::Volume(self)) }
    }

    fn checked(self) -> Result<Self, ShapeProblem> {
        let sizes = [self.depth, self.height, self.width, self.channels];
        if sizes.contains(&0) {
            return Err(ShapeProblem::Empty(self));
        }
        let elements = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        match elements {
            Some(elements) if self.channels <= MAX_WIDTH && elements <= MAX_ELEMENTS => Ok(self),
            Some(_) | None => Err(ShapeProblem::TooLarge(self)),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth != 1 {
            write!(f, "{}x", self.depth)?;
        }
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// How the second operand of a join lies over the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Equal shapes.
    Equal,
    /// One position, used at all positions; equal channels.
    Positions,
    /// One channel, used for all channels; equal positions.
    Channels,
}

impl Spread {
    /// How `second` lies over `first`; nothing if it does not fit.
    pub fn of(first: Shape, second: Shape) -> Option<Self> {
        if first == second {
            Some(Self::Equal)
        } else if second.area() == 1 && second.channels == first.channels {
            Some(Self::Positions)
        } else if second.channels == 1 && second.aligns_with(first.with_channels(1)) {
            Some(Self::Channels)
        } else {
            None
        }
    }
}

/// Shape of the output of `op` on inputs of the given shapes.
pub(crate) fn output_shape(op: &Op, inputs: &[Shape]) -> Result<Shape, ShapeProblem> {
    check_arity(op, inputs.len())?;
    let input = |position: usize| inputs[position];
    let shape = match op {
        Op::Input(shape) => *shape,
        Op::Conv2d(conv) => {
            let channels = input(0).channels;
            if conv.groups == 0
                || !channels.is_multiple_of(conv.groups)
                || !conv.out.is_multiple_of(conv.groups)
            {
                return Err(ShapeProblem::Groups {
                    groups: conv.groups,
                    input: channels,
                    output: conv.out,
                });
            }
            let [height, width] = conv.window.kernel;
            weights(&[height, width, channels / conv.groups, conv.out])?;
            conv.window.over(input(0), conv.out)?
        }
        Op::Conv3d(conv) => {
            let [depth, height, width] = conv.kernel;
            weights(&[depth, height, width, input(0).channels, conv.out])?;
            over_volume(conv, input(0))?
        }
        Op::ConvTranspose(conv) => {
            let [height, width] = conv.window.kernel;
            weights(&[height, width, conv.out, input(0).channels])?;
            conv.window.under(input(0), conv.out)?
        }
        Op::Depthwise(depthwise) => {
            let channels = input(0).channels.saturating_mul(depthwise.multiplier);
            let [height, width] = depthwise.window.kernel;
            weights(&[height, width, channels])?;
            depthwise.window.over(input(0), channels)?
        }
        Op::Linear(linear) => {
            if input(0).area() != 1 {
                return Err(ShapeProblem::NotFlat(input(0)));
            }
            weights(&[input(0).channels, linear.out])?;
            Shape::new(1, 1, linear.out)
        }
        Op::BatchNorm(norm) => {
            if !(norm.epsilon > 0.0 && norm.epsilon.is_finite()) {
                return Err(ShapeProblem::Epsilon(norm.epsilon));
            }
            input(0)
        }
        Op::LocalResponseNorm(norm) => {
            let [alpha, beta, bias] = [norm.alpha, norm.beta, norm.bias];
            let finite = [alpha, beta, bias].iter().all(|number| number.is_finite());
            if norm.size == 0 || !finite || alpha < 0.0 || bias <= 0.0 {
                return Err(ShapeProblem::LocalResponse);
            }
            input(0)
        }
        Op::Dropout { rate } => {
            if !(0.0..1.0).contains(rate) {
                return Err(ShapeProblem::Rate(*rate));
            }
            input(0)
        }
        Op::Bias | Op::Gate | Op::Activation(_) | Op::Softmax => input(0),
        Op::Add | Op::Sub | Op::Mul | Op::Maximum | Op::Minimum => {
            if let Some(other) = inputs.iter().find(|other| Spread::of(input(0), **other).is_none())
            {
                return Err(ShapeProblem::Mismatch(input(0), *other));
            }
            input(0)
        }
        Op::Concat(axis) => concatenated(*axis, inputs)?,
        Op::MaxPool(pool) | Op::AvgPool(pool) => {
            pool.window.sees_image(input(0))?;
            pool.window.over(input(0), input(0).channels)?
        }
        Op::GlobalAvgPool | Op::GlobalMaxPool => Shape::new(1, 1, input(0).channels),
        Op::Flatten => Shape::new(1, 1, input(0).elements()),
        Op::Gather(gather) => {
            if let Some(channel) = gather.channels.iter().find(|at| **at >= input(0).channels) {
                return Err(ShapeProblem::NoChannel { channel: *channel, input: input(0) });
            }
            input(0).with_channels(gather.channels.len())
        }
        Op::DepthToSpace { block } => {
            let Shape { height, width, channels, .. } = input(0).flat()?;
            let square = block.saturating_mul(*block);
            if square == 0 || !channels.is_multiple_of(square) {
                return Err(ShapeProblem::Block { block: *block, input: input(0) });
            }
            let [height, width] = [height, width].map(|size| size.saturating_mul(*block));
            Shape::new(height, width, channels / square)
        }
        Op::SpaceToDepth { block } => {
            let Shape { height, width, channels, .. } = input(0).flat()?;
            if *block == 0 || !height.is_multiple_of(*block) || !width.is_multiple_of(*block) {
                return Err(ShapeProblem::Block { block: *block, input: input(0) });
            }
            let square = block.saturating_mul(*block);
            Shape::new(height / block, width / block, channels.saturating_mul(square))
        }
        Op::Resize(resize) => Shape::new(resize.height, resize.width, input(0).flat()?.channels),
        Op::Pad(pad) => {
            let Shape { height, width, channels, .. } = input(0).flat()?;
            let sum = |parts: [usize; 3]| parts.into_iter().fold(0, usize::saturating_add);
            Shape::new(
                sum([pad.top, height, pad.bottom]),
                sum([pad.left, width, pad.right]),
                sum([pad.channels[0], channels, pad.channels[1]]),
            )
        }
        Op::Reshape { height, width } => {
            let elements = input(0).flat()?.elements();
            let area = height.saturating_mul(*width);
            if area == 0 || !elements.is_multiple_of(area) {
                return Err(ShapeProblem::Reshape {
                    positions: [*height, *width],
                    input: input(0),
                });
            }
            Shape::new(*height, *width, elements / area)
        }
        Op::Permute(permutation) => {
            let shape = input(0).flat()?;
            let mut sorted = *permutation;
            sorted.sort_unstable();
            if sorted != [Axis::Height, Axis::Width, Axis::Channels] {
                return Err(ShapeProblem::Permutation);
            }
            let [height, width, channels] = permutation.map(|axis| match axis {
                Axis::Height => shape.height,
                Axis::Width => shape.width,
                Axis::Channels => shape.channels,
            });
            Shape::new(height, width, channels)
        }
    };
    shape.checked()
}

fn check_arity(op: &Op, found: usize) -> Result<(), ShapeProblem> {
    let (expected, holds) = match op {
        Op::Input(_) => ("none", found == 0),
        Op::Add => ("two or more", found >= 2),
        Op::Sub | Op::Mul | Op::Maximum | Op::Minimum => ("two", found == 2),
        Op::Concat(_) => ("one or more", found >= 1),
        Op::Conv2d(_)
        | Op::Conv3d(_)
        | Op::ConvTranspose(_)
        | Op::Depthwise(_)
        | Op::Linear(_)
        | Op::BatchNorm(_)
        | Op::Bias
        | Op::Gate
        | Op::Activation(_)
        | Op::Softmax
        | Op::LocalResponseNorm(_)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Flatten
        | Op::Gather(_)
        | Op::DepthToSpace { .. }
        | Op::SpaceToDepth { .. }
        | Op::Resize(_)
        | Op::Pad(_)
        | Op::Reshape { .. }
        | Op::Permute(_)
        | Op::Dropout { .. } => ("one", found == 1),
    };
    if holds { Ok(()) } else { Err(ShapeProblem::Arity { found, expected }) }
}

fn concatenated(axis: Axis, inputs: &[Shape]) -> Result<Shape, ShapeProblem> {
    let mut whole = inputs[0];
    for part in &inputs[1..] {
        let (mut left, mut right) = (inputs[0], *part);
        let along = |shape: &mut Shape| match axis {
            Axis::Height => std::mem::replace(&mut shape.height, 1),
            Axis::Width => std::mem::replace(&mut shape.width, 1),
            Axis::Channels => std::mem::replace(&mut shape.channels, 1),
        };
        along(&mut left);
        let more = along(&mut right);
        if left != right {
            return Err(ShapeProblem::Mismatch(inputs[0], *part));
        }
        let sum = match axis {
            Axis::Height => &mut whole.height,
            Axis::Width => &mut whole.width,
            Axis::Channels => &mut whole.channels,
        };
        *sum = sum.saturating_add(more);
    }
    Ok(whole)
}

fn over_volume(conv: &Conv3d, input: Shape) -> Result<Shape, ShapeProblem> {
    if conv.kernel.contains(&0) || conv.stride.contains(&0) {
        return Err(ShapeProblem::ZeroWindow);
    }
    let sizes = [input.depth, input.height, input.width];
    let mut out = [0; 3];
    for axis in 0..3 {
        let (size, kernel, stride) = (sizes[axis], conv.kernel[axis], conv.stride[axis]);
        out[axis] = match conv.padding {
            Padding::Same => size.div_ceil(stride),
            Padding::Valid if size >= kernel => (size - kernel) / stride + 1,
            Padding::Valid => {
                return Err(ShapeProblem::KernelTooLarge { kernel: conv.kernel, input });
            }
            Padding::Explicit { .. } => return Err(ShapeProblem::ExplicitVolume),
        };
    }
    Ok(Shape::volume(out[0], out[1], out[2], conv.out))
}

fn weights(dimensions: &[usize]) -> Result<(), ShapeProblem> {
    let product = dimensions.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    match product {
        Some(count) if count <= MAX_ELEMENTS => Ok(()),
        Some(_) | None => Err(ShapeProblem::TooManyWeights),
    }
}

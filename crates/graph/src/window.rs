//! Windows that move over an image.

use serde::{Deserialize, Serialize};

use crate::{Shape, error::ShapeProblem};

/// How a window moves over the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Vertical and horizontal distance between taps.
    pub dilation: [usize; 2],
    /// What happens at the border.
    pub padding: Padding,
}

impl Window {
    /// A `side x side` window with stride 1, dilation 1 and SAME padding.
    pub fn square(side: usize) -> Self {
        Self::new([side, side])
    }

    /// A window of the given height and width with stride 1, dilation 1 and SAME padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1, 1], dilation: [1, 1], padding: Padding::Same }
    }

    /// The same window with this step in both directions.
    pub fn stride(self, step: usize) -> Self {
        Self { stride: [step, step], ..self }
    }

    /// The same window with this padding.
    pub fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// The same window with this distance between taps in both directions.
    pub fn dilation(self, distance: usize) -> Self {
        Self { dilation: [distance, distance], ..self }
    }

    /// Number of taps, `height * width` of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// What lies around the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Output is `ceil(input / stride)`; the surplus is split, the larger half at the bottom and right (TensorFlow).
    Same,
    /// No padding: output is `ceil((input - extent + 1) / stride)`.
    Valid,
    /// The given number of positions on each side.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the left.
        left: usize,
        /// Columns to the right.
        right: usize,
    },
}

impl Padding {
    /// The same padding on all four sides.
    pub fn all(positions: usize) -> Self {
        Self::Explicit { top: positions, bottom: positions, left: positions, right: positions }
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

    /// Output positions along `axis` of the transposed convolution: the size of the image whose convolution with this window
    /// has `input` positions.
    ///
    /// SAME gives `input * stride`, VALID `(input - 1) * stride + max(extent, stride)` (TensorFlow).
    pub(crate) fn across(&self, axis: usize, input: usize) -> Option<usize> {
        let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
        let extent = kernel.checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
        let inner = input.checked_sub(1)?.checked_mul(stride)?;
        match self.padding {
            Padding::Same => input.checked_mul(stride),
            Padding::Valid => inner.checked_add(extent.max(stride)),
            Padding::Explicit { top, bottom, left, right } => {
                let (before, after) = if axis == 0 { (top, bottom) } else { (left, right) };
                inner.checked_add(extent)?.checked_sub(before.checked_add(after)?)
            }
        }
        .filter(|size| *size > 0)
    }

    /// A pool must see at least one position of the image everywhere: taps further apart than the image is large may all
    /// lie on padding.
    pub(crate) fn sees_image(&self, input: Shape) -> Result<(), ShapeProblem> {
        let blind = |axis: usize, size: usize| self.kernel[axis] > 1 && self.dilation[axis] > size;
        if blind(0, input.height) || blind(1, input.width) {
            return Err(ShapeProblem::WindowTooLarge { window: *self, input });
        }
        Ok(())
    }

    /// Shape after a convolution or pool with this window.
    pub(crate) fn over(&self, input: Shape, channels: usize) -> Result<Shape, ShapeProblem> {
        self.check(input)?;
        match (self.along(0, input.height), self.along(1, input.width)) {
            (Some((height, _)), Some((width, _))) => Ok(Shape::new(height, width, channels)),
            (None, _) | (_, None) => Err(ShapeProblem::WindowTooLarge { window: *self, input }),
        }
    }

    /// Shape after a transposed convolution with this window.
    pub(crate) fn under(&self, input: Shape, channels: usize) -> Result<Shape, ShapeProblem> {
        self.check(input)?;
        match (self.across(0, input.height), self.across(1, input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(height, width, channels)),
            (None, _) | (_, None) => Err(ShapeProblem::WindowTooLarge { window: *self, input }),
        }
    }

    fn check(&self, input: Shape) -> Result<(), ShapeProblem> {
        input.flat()?;
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
        Ok(())
    }
}

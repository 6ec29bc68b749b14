//! Windows over the images of a batch.

/// A window sliding over the images of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Number of images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Vertical and horizontal distance between taps.
    pub dilation: [usize; 2],
    /// Rows above and columns to the left of the image; what lies below and to the right follows from `output`.
    pub padding: [usize; 2],
}

impl Geometry {
    /// A kernel of one tap that moves over single positions: a linear layer on `batch` rows.
    pub fn pointwise(batch: usize) -> Self {
        Self {
            batch,
            input: [1, 1],
            output: [1, 1],
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            padding: [0, 0],
        }
    }

    /// Kernel and stride, if both are the same along both axes and the taps lie side by side.
    pub(crate) fn square(&self) -> Option<(usize, usize)> {
        let ([height, width], [down, right]) = (self.kernel, self.stride);
        let same = height == width && down == right && self.dilation == [1, 1];
        same.then_some((width, right))
    }

    /// Rows of the input tensor.
    pub fn input_rows(&self) -> usize {
        self.batch * self.input[0] * self.input[1]
    }

    /// Rows of the output tensor.
    pub fn output_rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// Number of taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

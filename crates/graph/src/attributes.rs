//! Attributes of operators.

use serde::{Deserialize, Serialize};

use crate::{Padding, Window};

/// Attributes of [`crate::Op::Conv2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Number of output channels.
    pub out: usize,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Number of blocks that input and output channels are cut into; 1 is a dense convolution.
    pub groups: usize,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

impl Conv2d {
    /// A dense convolution without bias.
    pub fn new(out: usize, window: Window) -> Self {
        Self { out, window, groups: 1, bias: false }
    }

    /// A dense `side x side` convolution, stride 1, SAME, without bias.
    pub fn square(out: usize, side: usize) -> Self {
        Self::new(out, Window::square(side))
    }
}

/// Attributes of [`Op::Conv3d`](crate::Op::Conv3d).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv3d {
    /// Number of output channels.
    pub out: usize,
    /// Depth, height and width of the kernel.
    pub kernel: [usize; 3],
    /// Steps along depth, height and width.
    pub stride: [usize; 3],
    /// SAME or VALID.
    pub padding: Padding,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

impl Conv3d {
    /// A convolution with stride 1 and SAME padding, without bias.
    pub fn new(out: usize, kernel: [usize; 3]) -> Self {
        Self { out, kernel, stride: [1, 1, 1], padding: Padding::Same, bias: false }
    }

    /// Number of taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }
}

/// Attributes of [`Op::ConvTranspose`](crate::Op::ConvTranspose).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvTranspose {
    /// Number of output channels.
    pub out: usize,
    /// Window of the convolution that this one is the adjoint of; the stride is the factor of upscaling.
    pub window: Window,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

impl ConvTranspose {
    /// A transposed convolution without bias.
    pub fn new(out: usize, window: Window) -> Self {
        Self { out, window, bias: false }
    }
}

/// Attributes of [`crate::Op::Depthwise`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depthwise {
    /// Output channels per input channel.
    pub multiplier: usize,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

/// Attributes of [`crate::Op::Linear`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linear {
    /// Number of output channels.
    pub out: usize,
    /// Whether a bias is added per output channel.
    pub bias: bool,
}

impl Linear {
    /// A fully connected layer with bias.
    pub fn new(out: usize) -> Self {
        Self { out, bias: true }
    }
}

/// Attributes of [`crate::Op::BatchNorm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Whether there is a trainable scale (gamma); the shift (beta) is always there.
    pub scale: bool,
    /// Added to the variance.
    pub epsilon: f32,
}

impl BatchNorm {
    /// Batch normalisation with scale and epsilon 0.001 (slim's default).
    pub fn scaled() -> Self {
        Self { scale: true, epsilon: 1e-3 }
    }
}

/// Attributes of [`crate::Op::MaxPool`] and [`crate::Op::AvgPool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Kernel, stride, dilation, padding.
    pub window: Window,
}

/// Attributes of [`Op::LocalResponseNorm`](crate::Op::LocalResponseNorm):
/// `x / (bias + alpha / size * sum of x^2 over the window)^beta`, where the window holds `(size - 1) / 2` channels before and
/// `size / 2` after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalResponseNorm {
    /// Channels in the window.
    pub size: usize,
    /// Weight of the mean square.
    pub alpha: f32,
    /// Exponent.
    pub beta: f32,
    /// Added to the weighted mean square.
    pub bias: f32,
}

/// Attributes of [`Op::Gather`](crate::Op::Gather): output channel `k` is input channel `channels[k]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gather {
    /// Input channel of every output channel.
    pub channels: Vec<usize>,
}

impl Gather {
    /// `count` channels from `start` on: one part of a split.
    pub fn range(start: usize, count: usize) -> Self {
        Self { channels: (start..start.saturating_add(count)).collect() }
    }

    /// Channel shuffle (`ShuffleNet`, arXiv 1707.01083): `width` channels in `groups` blocks are dealt out in turn. Empty if
    /// `groups` is zero or does not divide `width`.
    pub fn shuffle(groups: usize, width: usize) -> Self {
        if groups == 0 || !width.is_multiple_of(groups) {
            return Self { channels: Vec::new() };
        }
        let block = width / groups;
        let dealt = (0..width).map(|channel| channel % groups * block + channel / groups);
        Self { channels: dealt.collect() }
    }
}

/// Attributes of [`Op::Resize`](crate::Op::Resize).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resize {
    /// Rows of the output.
    pub height: usize,
    /// Columns of the output.
    pub width: usize,
    /// How values between positions are found.
    pub method: Interpolation,
}

/// How [`Resize`] finds values between positions. Output position `i` of `n` lies at `(i + 1/2) * size / n - 1/2` of the
/// input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// The input position that contains the point, `floor((i + 1/2) * size / n)`.
    Nearest,
    /// Weighted mean of the two neighbours along each axis, clamped at the border.
    Bilinear,
}

impl Interpolation {
    /// The two input positions, of `size`, that output position `at` of `count` is a mean of, with their weights.
    pub fn taps(self, at: usize, count: usize, size: usize) -> [(usize, f64); 2] {
        let center = (at as f64 + 0.5) * size as f64 / count as f64;
        match self {
            Self::Nearest => {
                let nearest = ((2 * at + 1) * size / (2 * count)).min(size - 1);
                [(nearest, 1.0), (nearest, 0.0)]
            }
            Self::Bilinear => {
                let place = (center - 0.5).clamp(0.0, (size - 1) as f64);
                let (low, share) = (place.floor() as usize, place.fract());
                [(low, 1.0 - share), ((low + 1).min(size - 1), share)]
            }
        }
    }
}

/// Attributes of [`Op::Pad`](crate::Op::Pad).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pad {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
    /// Channels before and after.
    pub channels: [usize; 2],
}

/// An axis of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Rows.
    Height,
    /// Columns.
    Width,
    /// Channels.
    Channels,
}

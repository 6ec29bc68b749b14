//! Classes of operators that cost alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Work;
use crate::work::{Connection, Kernel, KernelKind};

/// Operators that cost alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A dense 1x1 convolution.
    Pointwise,
    /// A dense convolution with a larger window.
    Convolution,
    /// A convolution in more than one group.
    Grouped,
    /// A depthwise convolution.
    Depthwise,
    /// A convolution over depth, height and width.
    Volume,
    /// A transposed convolution.
    Transposed,
    /// A fully connected layer.
    Linear,
    /// Batch normalisation.
    BatchNorm,
    /// A bias that is a node of its own.
    Bias,
    /// A gate.
    Gate,
    /// An element-wise join.
    Join,
    /// A function of values.
    Function,
    /// A concatenation.
    Concat,
    /// A pool, windowed or global.
    Pool,
    /// Values that go to other places.
    Copy,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Pointwise,
        Self::Convolution,
        Self::Grouped,
        Self::Depthwise,
        Self::Volume,
        Self::Transposed,
        Self::Linear,
        Self::BatchNorm,
        Self::Bias,
        Self::Gate,
        Self::Join,
        Self::Function,
        Self::Concat,
        Self::Pool,
        Self::Copy,
    ];

    /// The class of a node; none if nothing is computed and nothing moved.
    pub fn of(work: Work) -> Option<Self> {
        Some(match work {
            Work::Kernel(kernel) => Self::of_kernel(kernel),
            Work::BatchNorm { .. } => Self::BatchNorm,
            Work::Bias => Self::Bias,
            Work::Gate => Self::Gate,
            Work::Join { .. } => Self::Join,
            Work::Function { .. } => Self::Function,
            Work::Concat => Self::Concat,
            Work::Pool { .. } => Self::Pool,
            Work::Copy => Self::Copy,
            Work::View => return None,
        })
    }

    fn of_kernel(kernel: Kernel) -> Self {
        match (kernel.kind, kernel.connection) {
            (KernelKind::Linear, _) => Self::Linear,
            (KernelKind::Conv3d, _) => Self::Volume,
            (KernelKind::ConvTranspose, _) => Self::Transposed,
            (KernelKind::Conv2d, Connection::Depthwise) => Self::Depthwise,
            (KernelKind::Conv2d, Connection::Dense { groups: 1 }) if kernel.taps == 1 => {
                Self::Pointwise
            }
            (KernelKind::Conv2d, Connection::Dense { groups: 1 }) => Self::Convolution,
            (KernelKind::Conv2d, Connection::Dense { .. }) => Self::Grouped,
        }
    }

    /// Whether its operators have kernels.
    pub fn has_kernel(self) -> bool {
        match self {
            Self::Pointwise
            | Self::Convolution
            | Self::Grouped
            | Self::Depthwise
            | Self::Volume
            | Self::Transposed
            | Self::Linear => true,
            Self::BatchNorm
            | Self::Bias
            | Self::Gate
            | Self::Join
            | Self::Function
            | Self::Concat
            | Self::Pool
            | Self::Copy => false,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

//! Residual networks for CIFAR: ResNet-20 to ResNet-110 (He et al. 2015, arXiv 1512.03385, section 4.2), and with
//! `version: v2` their pre-activation form (He et al. 2016, arXiv 1603.05027).
//!
//! | stage | output | blocks `3x3, 3x3` |
//! |---|---|---|
//! | `stem` 3x3 | 32x32x16 | |
//! | `stage1` | 32x32x16 | n |
//! | `stage2` by 2 | 16x16x32 | n |
//! | `stage3` by 2 | 8x8x64 | n |
//!
//! The depth is `6n + 2`. The first block of the second and third stage steps by 2; its shortcut is a 1x1 convolution (option
//! B of the paper), or with `shortcut: pad` every other position, and zeros for the channels that are new (option A). Batch
//! norm has epsilon 1e-5.

use graph::{Activation::Relu, Graph, Shape};
use serde::{Deserialize, Serialize};

pub use crate::residual::Shortcut;
use crate::{
    ArchitectureError, Version,
    assembly::{Names, conv, norm_of_torch},
    family::{Family, Request, SMALL_CLASSES, row},
    residual::{Block, Residual},
    scaling::Rounding,
};

/// For each depth of the papers the blocks of a stage.
const TABLE: &[(usize, usize)] = &[(20, 3), (32, 5), (44, 7), (56, 9), (110, 18)];

/// Width of each stage at multiplier 1.
const WIDTHS: [usize; 3] = [16, 32, 64];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `depth` | 56 | number of layers with weights on the longest path | 20, 32, 44, 56, 110 |
/// | `version` | `v1` | norm and activation after or before convolutions | `v1`, `v2` |
/// | `shortcut` | `projection` | how the input of a block is made larger | `projection`, `pad` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ depth: 56 }`")]
pub struct CifarResNet {
    /// Number of layers with weights on the longest path.
    pub depth: usize,
    /// Norm and activation after or before convolutions.
    pub version: Version,
    /// How the input of a block is made larger.
    pub shortcut: Shortcut,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
}

impl Default for CifarResNet {
    fn default() -> Self {
        Self {
            depth: 56,
            version: Version::V1,
            shortcut: Shortcut::Projection,
            width_multiplier: 1.0,
        }
    }
}

impl CifarResNet {
    pub(crate) const FAMILY: &str = "cifar-resnet";
}

impl Family for CifarResNet {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        Shape::new(32, 32, 3)
    }

    fn natural_classes(&self) -> usize {
        SMALL_CLASSES
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let blocks = *row(Self::FAMILY, self.depth, TABLE)?;
        let residual =
            Residual { version: self.version, block: Block::Basic, shortcut: self.shortcut };
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: None,
            smallest: 4,
            remedy: "use larger images",
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let stem = conv(assembly.width(WIDTHS[0]), 3, 1);
            let stem = match self.version {
                Version::V1 => assembly.normalized("stem", stem, Some(Relu), image)?,
                Version::V2 => assembly.node("stem", stem, image)?,
            };
            let body = residual.stages(assembly, &WIDTHS.map(|width| (blocks, width)), stem)?;
            assembly.head(body)
        })
    }
}

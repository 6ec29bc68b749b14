//! Residual networks for `ImageNet`: ResNet-18 to ResNet-152 (He et al. 2015, arXiv 1512.03385), and with `version: v2` their
//! pre-activation form (He et al. 2016, arXiv 1603.05027).
//!
//! | stage | output | 18 | 34 | 50 | 101 | 152 |
//! |---|---|---|---|---|---|---|
//! | `stem` 7x7 by 2 | 112x112x64 | | | | | |
//! | `stem/pool` 3x3 by 2 | 56x56x64 | | | | | |
//! | `stage1` | 56x56x64, x256 | 2 basic | 3 basic | 3 bottleneck | 3 bottleneck | 3 bottleneck |
//! | `stage2` by 2 | 28x28x128, x512 | 2 | 4 | 4 | 4 | 8 |
//! | `stage3` by 2 | 14x14x256, x1024 | 2 | 6 | 6 | 23 | 36 |
//! | `stage4` by 2 | 7x7x512, x2048 | 2 | 3 | 3 | 3 | 3 |
//!
//! A basic block is `3x3, 3x3`; a bottleneck is `1x1, 3x3, 1x1`, out of which come four times the channels. The first block
//! of a stage steps by 2 (from the second stage on; in a bottleneck its 3x3 convolution, as in torchvision, where the paper
//! has the 1x1 before it) and projects its input with a 1x1 convolution. Batch norm has epsilon 1e-5. In version 2 the
//! projection reads the activated input and has no norm, and one more norm stands after the last stage.
//!
//! With stem `small` a 3x3 convolution replaces the 7x7 by 2 and the pool, so that the overall stride is 8.

use graph::{Activation::Relu, Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem, Version,
    assembly::{Names, centred, conv, max_pool, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES, row},
    residual::{Block, Residual, Shortcut},
    scaling::Rounding,
};

/// For each depth the kind of block, and how many of them are in each stage.
pub(crate) const TABLE: &[(usize, (Block, [usize; 4]))] = &[
    (18, (Block::Basic, [2, 2, 2, 2])),
    (34, (Block::Basic, [3, 4, 6, 3])),
    (50, (Block::Bottleneck, [3, 4, 6, 3])),
    (101, (Block::Bottleneck, [3, 4, 23, 3])),
    (152, (Block::Bottleneck, [3, 8, 36, 3])),
];

/// Width of each stage at multiplier 1.
pub(crate) const WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `depth` | 50 | number of layers with weights on the longest path | 18, 34, 50, 101, 152 |
/// | `version` | `v1` | norm and activation after or before convolutions | `v1`, `v2` |
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ depth: 50 }`")]
pub struct ResNet {
    /// Number of layers with weights on the longest path.
    pub depth: usize,
    /// Norm and activation after or before convolutions.
    pub version: Version,
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
}

impl Default for ResNet {
    fn default() -> Self {
        Self { depth: 50, version: Version::V1, stem: Stem::Imagenet, width_multiplier: 1.0 }
    }
}

impl ResNet {
    pub(crate) const FAMILY: &str = "resnet";
}

impl Family for ResNet {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        self.stem.choose(Shape::new(224, 224, 3), Shape::new(32, 32, 3))
    }

    fn natural_classes(&self) -> usize {
        self.stem.choose(IMAGENET_CLASSES, SMALL_CLASSES)
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let (block, blocks) = *row(Self::FAMILY, self.depth, TABLE)?;
        let residual = Residual { version: self.version, block, shortcut: Shortcut::Projection };
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: None,
            smallest: self.stem.choose(32, 8),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let width = assembly.width(64);
            let first = self.stem.choose(conv(width, 7, 2), conv(width, 3, 1));
            let mut wire = assembly.normalized("stem", first, Some(Relu), image)?;
            if self.stem == Stem::Imagenet {
                wire = assembly.node("stem/pool", max_pool(centred(3, 2)), wire)?;
            }
            let stages: Vec<_> = blocks.into_iter().zip(WIDTHS).collect();
            wire = residual.stages(assembly, &stages, wire)?;
            assembly.head(wire)
        })
    }
}

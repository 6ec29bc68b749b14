//! Inception V2, also called BN-Inception (Ioffe and Szegedy 2015, arXiv 1502.03167), as slim's `inception_v2.py` builds it.
//!
//! Convolutions have no bias and are followed by batch norm with scale (epsilon 0.001) and ReLU; padding is SAME
//! everywhere. A width in the tables is that at width multiplier 1; otherwise it is `max(int(width * multiplier), narrowest)`.
//! The head is a mean over all positions, dropout, and a linear layer with bias, `Logits`. Node names follow slim's scopes:
//! `Mixed_3b/Branch_1/Conv2d_0b_3x3`, the same with `/BatchNorm` and `/Relu`, and `Mixed_3b/concat`.
//!
//! An inception block concatenates four branches: `1x1`; `1x1, 3x3`; `1x1, 3x3, 3x3`; `3x3 pool, 1x1`. A reduction block
//! halves the image and concatenates three: `1x1, 3x3 by 2`; `1x1, 3x3, 3x3 by 2`; `3x3 max pool by 2`.
//!
//! # Stem `imagenet`
//!
//! Overall stride 32, narrowest width 16, made for 224x224x3. `Conv2d_1a_7x7` is separable: a 7x7 depthwise convolution
//! with up to 8 outputs per image channel, a 1x1 convolution, and only then batch norm and ReLU. Two details differ from
//! slim: its separable layer has a bias instead of batch norm unless the caller's argument scope says otherwise (MorphNet's
//! does), and it divides by 3 to find how many outputs an image channel gets, here by the number of image channels.
//!
//! | stage | output | 1x1 | 1x1, 3x3 | 1x1, 3x3, 3x3 | pool, 1x1 |
//! |---|---|---|---|---|---|
//! | `Conv2d_1a_7x7` by 2 | 112x112x64 | | | | |
//! | `MaxPool_2a_3x3` by 2 | 56x56x64 | | | | |
//! | `Conv2d_2b_1x1` | 56x56x64 | | | | |
//! | `Conv2d_2c_3x3` | 56x56x192 | | | | |
//! | `MaxPool_3a_3x3` by 2 | 28x28x192 | | | | |
//! | `Mixed_3b` | 28x28x256 | 64 | 64, 64 | 64, 96, 96 | avg, 32 |
//! | `Mixed_3c` | 28x28x320 | 64 | 64, 96 | 64, 96, 96 | avg, 64 |
//! | `Mixed_4a` by 2 | 14x14x576 | | 128, 160 | 64, 96, 96 | max |
//! | `Mixed_4b` | 14x14x576 | 224 | 64, 96 | 96, 128, 128 | avg, 128 |
//! | `Mixed_4c` | 14x14x576 | 192 | 96, 128 | 96, 128, 128 | avg, 128 |
//! | `Mixed_4d` | 14x14x576 | 160 | 128, 160 | 128, 160, 160 | avg, 96 |
//! | `Mixed_4e` | 14x14x576 | 96 | 128, 192 | 160, 192, 192 | avg, 96 |
//! | `Mixed_5a` by 2 | 7x7x1024 | | 128, 192 | 192, 256, 256 | max |
//! | `Mixed_5b` | 7x7x1024 | 352 | 192, 320 | 160, 224, 224 | avg, 128 |
//! | `Mixed_5c` | 7x7x1024 | 352 | 192, 320 | 192, 224, 224 | max, 128 |
//!
//! # Stem `small`
//!
//! The same family for images of 28 to 64 pixels a side, with overall stride 4 and narrowest width 4. What differs: two plain
//! 3x3 convolutions replace the separable convolution and the pools; of the blocks, 3b, 3c, 4a, 5b and 5c remain, so that
//! there is one reduction; 3b, 3c and 4a have about a tenth of their widths, 5b and 5c a sixteenth. Shapes below are for
//! 28x28x1.
//!
//! | stage | output | 1x1 | 1x1, 3x3 | 1x1, 3x3, 3x3 | pool, 1x1 |
//! |---|---|---|---|---|---|
//! | `Conv2d_1a_3x3` | 28x28x8 | | | | |
//! | `Conv2d_2a_3x3` by 2 | 14x14x16 | | | | |
//! | `Mixed_3b` | 14x14x24 | 6 | 6, 6 | 6, 8, 8 | avg, 4 |
//! | `Mixed_3c` | 14x14x28 | 6 | 6, 8 | 6, 8, 8 | avg, 6 |
//! | `Mixed_4a` by 2 | 7x7x52 | | 12, 16 | 6, 8, 8 | max |
//! | `Mixed_5b` | 7x7x64 | 22 | 12, 20 | 10, 14, 14 | avg, 8 |
//! | `Mixed_5c` | 7x7x64 | 22 | 12, 20 | 12, 14, 14 | max, 8 |

mod stages;

use graph::{BatchNorm, Graph, Shape};
use serde::{Deserialize, Serialize};

use self::stages::{IMAGENET, SMALL, Stage};
use crate::{
    ArchitectureError, Stem,
    assembly::Names,
    family::{Family, Request, SMALL_CLASSES},
    inception::network,
    scaling::Rounding,
};

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `stem` | `imagenet` | which table of stages | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width but those of image and logits | positive, finite |
/// | `dropout` | 0.2 | fraction of the pooled features that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InceptionV2 {
    /// Which table of stages.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the pooled features that training zeroes; slim keeps 0.8 of them.
    pub dropout: f32,
}

impl Default for InceptionV2 {
    fn default() -> Self {
        Self { stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.2 }
    }
}

impl InceptionV2 {
    pub(crate) const FAMILY: &str = "inception-v2";
}

impl Family for InceptionV2 {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        self.stem.choose(Shape::new(224, 224, 3), Shape::new(28, 28, 1))
    }

    /// 1001 for `ImageNet`, as in slim: the thousand, and one for background.
    fn natural_classes(&self) -> usize {
        self.stem.choose(1001, SMALL_CLASSES)
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let table = self.stem.choose(&IMAGENET, &SMALL);
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: Some(self.dropout),
            smallest: table.overall_stride(),
            remedy: self.stem.remedy(),
            rounding: Rounding::Down { narrowest: table.narrowest },
            norm: BatchNorm::scaled(),
            names: Names::SLIM,
        };
        request.assemble(|assembly, image| {
            network(assembly, image, table.stages.iter().map(Stage::part))
        })
    }
}

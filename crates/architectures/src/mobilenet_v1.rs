//! `MobileNetV1` (Howard et al. 2017, arXiv 1704.04861).
//!
//! | stage | output | blocks |
//! |---|---|---|
//! | `stem` 3x3 by 2 | 112x112x32 | |
//! | `stage1` | 112x112x64 | 1 |
//! | `stage2` by 2 | 56x56x128 | 2 |
//! | `stage3` by 2 | 28x28x256 | 2 |
//! | `stage4` by 2 | 14x14x512 | 6 |
//! | `stage5` by 2 | 7x7x1024 | 2 |
//!
//! A block is a 3x3 filter per channel and a 1x1 convolution, each with batch norm (epsilon 0.001) and ReLU; the first of a
//! stage steps by 2. With stem `small` the stem steps by 1, so that the overall stride is 16.

use graph::{Activation::Relu, BatchNorm, Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Names, conv, depthwise},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    scaling::Rounding,
};

/// Width of the stem at multiplier 1.
const STEM: usize = 32;

/// Width at multiplier 1, blocks, and first step of each stage.
const STAGES: [(usize, usize, usize); 5] =
    [(64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2)];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
/// | `dropout` | 0.001 | fraction of the pooled features that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ stem: small }`")]
pub struct MobileNetV1 {
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the pooled features that training zeroes.
    pub dropout: f32,
}

impl Default for MobileNetV1 {
    fn default() -> Self {
        Self { stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.001 }
    }
}

impl MobileNetV1 {
    pub(crate) const FAMILY: &str = "mobilenet-v1";
}

impl Family for MobileNetV1 {
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
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: Some(self.dropout),
            smallest: self.stem.choose(32, 16),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: BatchNorm::scaled(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let stem = conv(assembly.width(STEM), 3, self.stem.choose(2, 1));
            let mut wire = assembly.normalized("stem", stem, Some(Relu), image)?;
            for (stage, (width, blocks, step)) in (1..).zip(STAGES) {
                for block in 1..=blocks {
                    let name = format!("stage{stage}/block{block}");
                    let filters = depthwise(3, if block == 1 { step } else { 1 });
                    let filtered = assembly.normalized(
                        &format!("{name}/depthwise"),
                        filters,
                        Some(Relu),
                        wire,
                    )?;
                    let pointwise = conv(assembly.width(width), 1, 1);
                    wire = assembly.normalized(
                        &format!("{name}/pointwise"),
                        pointwise,
                        Some(Relu),
                        filtered,
                    )?;
                }
            }
            assembly.head(wire)
        })
    }
}

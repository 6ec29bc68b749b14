//! `MobileNetV2` (Sandler et al. 2018, arXiv 1801.04381).
//!
//! | stage | output | blocks | expansion |
//! |---|---|---|---|
//! | `stem` 3x3 by 2 | 112x112x32 | | |
//! | `stage1` | 112x112x16 | 1 | 1 |
//! | `stage2` by 2 | 56x56x24 | 2 | 6 |
//! | `stage3` by 2 | 28x28x32 | 3 | 6 |
//! | `stage4` by 2 | 14x14x64 | 4 | 6 |
//! | `stage5` | 14x14x96 | 3 | 6 |
//! | `stage6` by 2 | 7x7x160 | 3 | 6 |
//! | `stage7` | 7x7x320 | 1 | 6 |
//! | `last` 1x1 | 7x7x1280 | | |
//!
//! A block multiplies the channels of its input by the expansion, filters each with a 3x3 window, and reduces them; batch norm
//! (epsilon 1e-5) follows every layer, `ReLU6` every one but the last of a block. Every block but the first of a stage adds
//! its input, at any width multiplier. With stem `small` the first two steps of 2 are steps of 1, so that the overall stride
//! is 8.
//!
//! Widths are rounded to multiples of 8 as in the paper's code. Multipliers below 1 leave `last` as it is.

use graph::{Activation::Relu6, Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Names, conv, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    inverted::{Inverted, Steps},
    scaling::Rounding,
};

/// Width of the stem and of the last convolution at multiplier 1.
const STEM_AND_LAST: (usize, usize) = (32, 1280);

/// Expansion, width at multiplier 1, blocks, and first step of each stage.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to multiples of 8 | positive, finite |
/// | `dropout` | 0.2 | fraction of the pooled features that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ stem: small }`")]
pub struct MobileNetV2 {
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the pooled features that training zeroes.
    pub dropout: f32,
}

impl Default for MobileNetV2 {
    fn default() -> Self {
        Self { stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.2 }
    }
}

impl MobileNetV2 {
    pub(crate) const FAMILY: &str = "mobilenet-v2";
}

impl Family for MobileNetV2 {
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
            smallest: self.stem.choose(32, 8),
            remedy: self.stem.remedy(),
            rounding: Rounding::Eights,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let (stem, last) = STEM_AND_LAST;
            let mut steps = Steps::of(self.stem);
            let stem = conv(assembly.width(stem), 3, steps.next(2));
            let mut wire = assembly.normalized("stem", stem, Some(Relu6), image)?;
            for (stage, (expansion, width, blocks, step)) in (1..).zip(STAGES) {
                for block in 1..=blocks {
                    let expanded = assembly.channels(wire).saturating_mul(expansion);
                    let inverted = Inverted {
                        expanded: (expansion > 1).then_some(expanded),
                        side: 3,
                        stride: if block == 1 { steps.next(step) } else { 1 },
                        squeezed: None,
                        out: assembly.width(width),
                        activation: Relu6,
                        adds: block > 1,
                    };
                    wire = inverted.build(assembly, &format!("stage{stage}/block{block}"), wire)?;
                }
            }
            let last = conv(assembly.width(last).max(last), 1, 1);
            wire = assembly.normalized("last", last, Some(Relu6), wire)?;
            assembly.head(wire)
        })
    }
}

//! EfficientNet-B0 (Tan and Le 2019, arXiv 1905.11946), without stochastic depth.
//!
//! | stage | output | blocks | expansion | window |
//! |---|---|---|---|---|
//! | `stem` 3x3 by 2 | 112x112x32 | | | |
//! | `stage1` | 112x112x16 | 1 | 1 | 3x3 |
//! | `stage2` by 2 | 56x56x24 | 2 | 6 | 3x3 |
//! | `stage3` by 2 | 28x28x40 | 2 | 6 | 5x5 |
//! | `stage4` by 2 | 14x14x80 | 3 | 6 | 3x3 |
//! | `stage5` | 14x14x112 | 3 | 6 | 5x5 |
//! | `stage6` by 2 | 7x7x192 | 4 | 6 | 5x5 |
//! | `stage7` | 7x7x320 | 1 | 6 | 3x3 |
//! | `last` 1x1 | 7x7x1280 | | | |
//!
//! A block multiplies the channels of its input by the expansion, filters each, weighs them by squeeze and excitation (a
//! quarter of the block's input wide), and reduces them. Batch norm (epsilon 1e-5, as in torchvision) follows every layer,
//! `SiLU` every one but the last of a block. Every block but the first of a stage adds its input, at any width multiplier. With
//! stem `small` the first two steps of 2 are steps of 1, so that the overall stride is 8. Widths are rounded to multiples of
//! 8 as in the paper's code; `last` is four times as wide as the stage before it.

use graph::{
    Activation::{Sigmoid, Silu},
    Graph, Shape,
};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Names, conv, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    inverted::{Inverted, Steps},
    scaling::Rounding,
};

/// Width of the stem at multiplier 1.
const STEM: usize = 32;

/// A stage of the table.
struct Stage {
    expansion: usize,
    side: usize,
    step: usize,
    width: usize,
    blocks: usize,
}

const fn stage(expansion: usize, side: usize, step: usize, width: usize, blocks: usize) -> Stage {
    Stage { expansion, side, step, width, blocks }
}

const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 16, 1),
    stage(6, 3, 2, 24, 2),
    stage(6, 5, 2, 40, 2),
    stage(6, 3, 2, 80, 3),
    stage(6, 5, 1, 112, 3),
    stage(6, 5, 2, 192, 4),
    stage(6, 3, 1, 320, 1),
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
pub struct EfficientNetB0 {
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the pooled features that training zeroes.
    pub dropout: f32,
}

impl Default for EfficientNetB0 {
    fn default() -> Self {
        Self { stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.2 }
    }
}

impl EfficientNetB0 {
    pub(crate) const FAMILY: &str = "efficientnet-b0";
}

impl Family for EfficientNetB0 {
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
            let mut steps = Steps::of(self.stem);
            let stem = conv(assembly.width(STEM), 3, steps.next(2));
            let mut wire = assembly.normalized("stem", stem, Some(Silu), image)?;
            for (number, stage) in (1..).zip(&STAGES) {
                for block in 1..=stage.blocks {
                    let channels = assembly.channels(wire);
                    let expanded = channels.saturating_mul(stage.expansion);
                    let inverted = Inverted {
                        expanded: (stage.expansion > 1).then_some(expanded),
                        side: stage.side,
                        stride: if block == 1 { steps.next(stage.step) } else { 1 },
                        squeezed: Some(((channels / 4).max(1), [Silu, Sigmoid])),
                        out: assembly.width(stage.width),
                        activation: Silu,
                        adds: block > 1,
                    };
                    wire =
                        inverted.build(assembly, &format!("stage{number}/block{block}"), wire)?;
                }
            }
            let last = conv(4 * assembly.channels(wire), 1, 1);
            wire = assembly.normalized("last", last, Some(Silu), wire)?;
            assembly.head(wire)
        })
    }
}

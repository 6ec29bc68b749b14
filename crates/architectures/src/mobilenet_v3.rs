//! `MobileNetV3`, large and small (Howard et al. 2019, arXiv 1905.02244).
//!
//! | block of `large` | output | expanded | window | squeezed | activation |
//! |---|---|---|---|---|---|
//! | `stem` 3x3 by 2 | 112x112x16 | | | | hard swish |
//! | `block1` | 112x112x16 | | 3x3 | | ReLU |
//! | `block2` by 2 | 56x56x24 | 64 | 3x3 | | ReLU |
//! | `block3` | 56x56x24 | 72 | 3x3 | | ReLU |
//! | `block4` by 2 | 28x28x40 | 72 | 5x5 | yes | ReLU |
//! | `block5`, `block6` | 28x28x40 | 120 | 5x5 | yes | ReLU |
//! | `block7` by 2 | 14x14x80 | 240 | 3x3 | | hard swish |
//! | `block8` | 14x14x80 | 200 | 3x3 | | hard swish |
//! | `block9`, `block10` | 14x14x80 | 184 | 3x3 | | hard swish |
//! | `block11` | 14x14x112 | 480 | 3x3 | yes | hard swish |
//! | `block12` | 14x14x112 | 672 | 3x3 | yes | hard swish |
//! | `block13` by 2 | 7x7x160 | 672 | 5x5 | yes | hard swish |
//! | `block14`, `block15` | 7x7x160 | 960 | 5x5 | yes | hard swish |
//! | `last` 1x1 | 7x7x960 | | | | hard swish |
//! | `head/linear` | 1x1x1280 | | | | hard swish |
//!
//! | block of `small` | output | expanded | window | squeezed | activation |
//! |---|---|---|---|---|---|
//! | `stem` 3x3 by 2 | 112x112x16 | | | | hard swish |
//! | `block1` by 2 | 56x56x16 | | 3x3 | yes | ReLU |
//! | `block2` by 2 | 28x28x24 | 72 | 3x3 | | ReLU |
//! | `block3` | 28x28x24 | 88 | 3x3 | | ReLU |
//! | `block4` by 2 | 14x14x40 | 96 | 5x5 | yes | hard swish |
//! | `block5`, `block6` | 14x14x40 | 240 | 5x5 | yes | hard swish |
//! | `block7` | 14x14x48 | 120 | 5x5 | yes | hard swish |
//! | `block8` | 14x14x48 | 144 | 5x5 | yes | hard swish |
//! | `block9` by 2 | 7x7x96 | 288 | 5x5 | yes | hard swish |
//! | `block10`, `block11` | 7x7x96 | 576 | 5x5 | yes | hard swish |
//! | `last` 1x1 | 7x7x576 | | | | hard swish |
//! | `head/linear` | 1x1x1024 | | | | hard swish |
//!
//! Batch norm (epsilon 0.001) follows every layer but those of squeeze and excitation (a quarter of the expanded width, ReLU
//! and hard sigmoid) and of the head. A block that changes neither size nor width in these tables adds its input, at any
//! width multiplier. With stem `small` the first two steps of 2 are steps of 1. Widths are rounded to multiples of 8 as in
//! the paper's code; `last` is six times as wide as the block before it.

use graph::{
    Activation::{HardSigmoid, HardSwish, Relu},
    BatchNorm, Graph, Linear, Op, Shape,
};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Assembly, Names, Wire, conv},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    inverted::{Inverted, Steps},
    scaling::{Rounding, eights},
};

/// A block of the table; widths are those at multiplier 1.
struct Block {
    side: usize,
    expanded: usize,
    out: usize,
    squeezed: bool,
    activation: graph::Activation,
    step: usize,
}

const fn block(
    side: usize,
    expanded: usize,
    out: usize,
    squeezed: bool,
    activation: graph::Activation,
    step: usize,
) -> Block {
    Block { side, expanded, out, squeezed, activation, step }
}

/// A network of the paper.
struct Table {
    blocks: &'static [Block],
    /// Width of the hidden linear layer at multiplier 1.
    hidden: usize,
}

/// Width of the stem at multiplier 1.
const STEM: usize = 16;

const LARGE: Table = Table {
    blocks: &[
        block(3, 16, 16, false, Relu, 1),
        block(3, 64, 24, false, Relu, 2),
        block(3, 72, 24, false, Relu, 1),
        block(5, 72, 40, true, Relu, 2),
        block(5, 120, 40, true, Relu, 1),
        block(5, 120, 40, true, Relu, 1),
        block(3, 240, 80, false, HardSwish, 2),
        block(3, 200, 80, false, HardSwish, 1),
        block(3, 184, 80, false, HardSwish, 1),
        block(3, 184, 80, false, HardSwish, 1),
        block(3, 480, 112, true, HardSwish, 1),
        block(3, 672, 112, true, HardSwish, 1),
        block(5, 672, 160, true, HardSwish, 2),
        block(5, 960, 160, true, HardSwish, 1),
        block(5, 960, 160, true, HardSwish, 1),
    ],
    hidden: 1280,
};

const SMALL: Table = Table {
    blocks: &[
        block(3, 16, 16, true, Relu, 2),
        block(3, 72, 24, false, Relu, 2),
        block(3, 88, 24, false, Relu, 1),
        block(5, 96, 40, true, HardSwish, 2),
        block(5, 240, 40, true, HardSwish, 1),
        block(5, 240, 40, true, HardSwish, 1),
        block(5, 120, 48, true, HardSwish, 1),
        block(5, 144, 48, true, HardSwish, 1),
        block(5, 288, 96, true, HardSwish, 2),
        block(5, 576, 96, true, HardSwish, 1),
        block(5, 576, 96, true, HardSwish, 1),
    ],
    hidden: 1024,
};

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `variant` | `large` | which network of the paper | `large`, `small` |
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to multiples of 8 | positive, finite |
/// | `dropout` | 0.2 | fraction of the features before the logits that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ variant: small }`"
)]
pub struct MobileNetV3 {
    /// Which network of the paper.
    pub variant: Variant,
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the features before the logits that training zeroes.
    pub dropout: f32,
}

/// Which network of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// For high resources.
    Large,
    /// For low resources.
    Small,
}

impl Default for MobileNetV3 {
    fn default() -> Self {
        Self { variant: Variant::Large, stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.2 }
    }
}

impl MobileNetV3 {
    pub(crate) const FAMILY: &str = "mobilenet-v3";
}

impl Family for MobileNetV3 {
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
        let table = match self.variant {
            Variant::Large => &LARGE,
            Variant::Small => &SMALL,
        };
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: Some(self.dropout),
            smallest: self.stem.choose(32, 8),
            remedy: self.stem.remedy(),
            rounding: Rounding::Eights,
            norm: BatchNorm::scaled(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let mut steps = Steps::of(self.stem);
            let stem = conv(assembly.width(STEM), 3, steps.next(2));
            let mut wire = assembly.normalized("stem", stem, Some(HardSwish), image)?;
            let mut before = STEM;
            for (number, block) in (1..).zip(table.blocks) {
                let stride = steps.next(block.step);
                let inverted = block.inverted(assembly, before, stride);
                wire = inverted.build(assembly, &format!("block{number}"), wire)?;
                before = block.out;
            }
            let last = conv(6 * assembly.channels(wire), 1, 1);
            wire = assembly.normalized("last", last, Some(HardSwish), wire)?;
            table.head(assembly, wire)
        })
    }
}

impl Block {
    /// The block as it is built on one of `before` channels at multiplier 1.
    fn inverted(&self, assembly: &Assembly, before: usize, stride: usize) -> Inverted {
        let expanded = assembly.width(self.expanded);
        let squeezed = eights((expanded / 4) as f64);
        Inverted {
            expanded: (self.expanded != before).then_some(expanded),
            side: self.side,
            stride,
            squeezed: self.squeezed.then_some((squeezed, [Relu, HardSigmoid])),
            out: assembly.width(self.out),
            activation: self.activation,
            adds: self.step == 1 && self.out == before,
        }
    }
}

impl Table {
    fn head(&self, assembly: &mut Assembly, body: graph::NodeId) -> Wire {
        let pool = assembly.node("head/pool", Op::GlobalAvgPool, body)?;
        let linear = Op::Linear(Linear::new(assembly.width(self.hidden)));
        let hidden = assembly.activated("head/linear", linear, HardSwish, pool)?;
        let kept = assembly.dropout("head/dropout", hidden)?;
        assembly.logits(kept)
    }
}

//! `ShuffleNetV2` (Ma et al. 2018, arXiv 1807.11164).
//!
//! | stage | output of `x1` | blocks | `x0.5` | `x1.5` | `x2` |
//! |---|---|---|---|---|---|
//! | `stem` 3x3 by 2 | 112x112x24 | | 24 | 24 | 24 |
//! | `stem/pool` 3x3 by 2 | 56x56x24 | | 24 | 24 | 24 |
//! | `stage1` by 2 | 28x28x116 | 4 | 48 | 176 | 244 |
//! | `stage2` by 2 | 14x14x232 | 8 | 96 | 352 | 488 |
//! | `stage3` by 2 | 7x7x464 | 4 | 192 | 704 | 976 |
//! | `last` 1x1 | 7x7x1024 | | 1024 | 1024 | 2048 |
//!
//! The first block of a stage has two branches on its input: `3x3 filter by 2, 1x1`, and `1x1, 3x3 filter by 2, 1x1`; the
//! others split the channels, and only the second half goes through `1x1, 3x3 filter, 1x1`. The halves are concatenated and
//! their channels dealt out in turn. Batch norm (epsilon 1e-5) follows every layer, ReLU every 1x1 convolution. With stem
//! `small` the stem steps by 1 and has no pool, so that the overall stride is 8.
//!
//! A width multiplier scales each half to the nearest whole number.

use graph::{Activation::Relu, Gather, Graph, NodeId, Op, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Assembly, Names, Wire, below, centred, conv, depthwise, max_pool, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    scaling::Rounding,
};

/// Width of the stem at multiplier 1.
const STEM: usize = 24;

/// Blocks of each stage.
const BLOCKS: [usize; 3] = [4, 8, 4];

/// Halves into which a stage's channels are split.
const HALVES: usize = 2;

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `size` | `x1` | which network of the paper | `x0.5`, `x1`, `x1.5`, `x2` |
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ size: x1 }`")]
pub struct ShuffleNetV2 {
    /// Which network of the paper.
    pub size: Size,
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
}

/// Which network of the paper: its complexity against the one of 146 million multiply-adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Size {
    /// Half of the width.
    #[serde(rename = "x0.5")]
    Half,
    /// The base.
    #[serde(rename = "x1")]
    One,
    /// One and a half times the width.
    #[serde(rename = "x1.5")]
    OneAndAHalf,
    /// Twice the width.
    #[serde(rename = "x2")]
    Two,
}

impl Size {
    /// Widths of the stages and of the last convolution at multiplier 1.
    fn widths(self) -> ([usize; 3], usize) {
        match self {
            Self::Half => ([48, 96, 192], 1024),
            Self::One => ([116, 232, 464], 1024),
            Self::OneAndAHalf => ([176, 352, 704], 1024),
            Self::Two => ([244, 488, 976], 2048),
        }
    }
}

impl Default for ShuffleNetV2 {
    fn default() -> Self {
        Self { size: Size::One, stem: Stem::Imagenet, width_multiplier: 1.0 }
    }
}

impl ShuffleNetV2 {
    pub(crate) const FAMILY: &str = "shufflenet-v2";
}

impl Family for ShuffleNetV2 {
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
            dropout: None,
            smallest: self.stem.choose(32, 8),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        let (widths, last) = self.size.widths();
        request.assemble(|assembly, image| {
            let stem = conv(assembly.width(STEM), 3, self.stem.choose(2, 1));
            let mut wire = assembly.normalized("stem", stem, Some(Relu), image)?;
            if self.stem == Stem::Imagenet {
                wire = assembly.node("stem/pool", max_pool(centred(3, 2)), wire)?;
            }
            for (stage, (blocks, width)) in (1..).zip(BLOCKS.into_iter().zip(widths)) {
                let half = assembly.width(width / HALVES);
                for block in 1..=blocks {
                    let name = format!("stage{stage}/block{block}");
                    let halves = if block == 1 {
                        [
                            reduced(assembly, &name, half, wire)?,
                            right(assembly, &name, half, 2, wire)?,
                        ]
                    } else {
                        let [left, other] = split(assembly, &name, half, wire)?;
                        [left, right(assembly, &name, half, 1, other)?]
                    };
                    let joined = assembly.concat(&name, &halves)?;
                    let dealt = Op::Gather(Gather::shuffle(HALVES, assembly.channels(joined)));
                    wire = assembly.node(&below(&name, "shuffle"), dealt, joined)?;
                }
            }
            let last = conv(assembly.width(last), 1, 1);
            wire = assembly.normalized("last", last, Some(Relu), wire)?;
            assembly.head(wire)
        })
    }
}

/// The left branch of the first block of a stage.
fn reduced(assembly: &mut Assembly, block: &str, half: usize, input: NodeId) -> Wire {
    let name = below(block, "left");
    let filtered = assembly.normalized(&below(&name, "depthwise"), depthwise(3, 2), None, input)?;
    assembly.normalized(&below(&name, "pointwise"), conv(half, 1, 1), Some(Relu), filtered)
}

/// The branch that every block has.
fn right(assembly: &mut Assembly, block: &str, half: usize, stride: usize, input: NodeId) -> Wire {
    let name = below(block, "right");
    let first = assembly.normalized(&below(&name, "conv1"), conv(half, 1, 1), Some(Relu), input)?;
    let filtered =
        assembly.normalized(&below(&name, "depthwise"), depthwise(3, stride), None, first)?;
    assembly.normalized(&below(&name, "conv2"), conv(half, 1, 1), Some(Relu), filtered)
}

fn split(
    assembly: &mut Assembly,
    block: &str,
    half: usize,
    input: NodeId,
) -> Result<[NodeId; HALVES], graph::GraphError> {
    let [left, right] = ["left", "right"].map(|side| format!("{block}/split/{side}"));
    Ok([
        assembly.node(&left, Op::Gather(Gather::range(0, half)), input)?,
        assembly.node(&right, Op::Gather(Gather::range(half, half)), input)?,
    ])
}

//! Densely connected networks: DenseNet-40 for CIFAR, DenseNet-121, 169 and 201 for `ImageNet` (Huang et al. 2016, arXiv
//! 1608.06993).
//!
//! | stage | output | 121 | 169 | 201 |
//! |---|---|---|---|---|
//! | `stem` 7x7 by 2 | 112x112x64 | | | |
//! | `stem/pool` 3x3 by 2 | 56x56x64 | | | |
//! | `stage1` | 56x56x256 | 6 | 6 | 6 |
//! | `stage2` by 2 | 28x28x512 | 12 | 12 | 12 |
//! | `stage3` by 2 | 14x14x1024, 1280, 1792 | 24 | 32 | 48 |
//! | `stage4` by 2 | 7x7x1024, 1664, 1920 | 16 | 32 | 32 |
//!
//! A block appends 32 channels to its input: `1x1` to 128 channels, `3x3` to 32, each after batch norm and ReLU. Before
//! every stage but the first stands a transition: norm, ReLU, a 1x1 convolution to half the channels, and a mean of 2x2.
//!
//! DenseNet-40 (growth 12, no 1x1 convolutions, transitions that keep the width) has a 3x3 stem of 16 channels and three
//! stages of 12 blocks at 32x32, 16x16 and 8x8; the others with stem `small` a 3x3 stem by 1 and no pool, so that the overall
//! stride is 8. Epsilon is 1e-5. Half of an odd number of channels is rounded down.

use graph::{Activation::Relu, Graph, NodeId, Padding, Shape, Window};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Assembly, Names, Wire, avg_pool, centred, conv, max_pool, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES, row},
    scaling::Rounding,
};

/// A network of the papers.
struct Table {
    /// Channels of the stem.
    stem: usize,
    /// Channels that a block appends.
    growth: usize,
    /// Whether blocks begin with a 1x1 convolution, and transitions halve the width.
    bottleneck: bool,
    /// Blocks in each stage.
    blocks: &'static [usize],
}

const fn bottlenecks(blocks: &'static [usize]) -> Table {
    Table { stem: 64, growth: 32, bottleneck: true, blocks }
}

const TABLE: &[(usize, Table)] = &[
    (40, Table { stem: 16, growth: 12, bottleneck: false, blocks: &[12, 12, 12] }),
    (121, bottlenecks(&[6, 12, 24, 16])),
    (169, bottlenecks(&[6, 12, 32, 32])),
    (201, bottlenecks(&[6, 12, 48, 32])),
];

/// The network that is for CIFAR whatever its stem.
const CIFAR: usize = 40;

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `depth` | 121 | number of layers with weights | 40, 121, 169, 201 |
/// | `stem` | `imagenet` | for which images; 40 is for small ones in either case | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales stem, growth and 1x1 convolutions, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ depth: 121 }`")]
pub struct DenseNet {
    /// Number of layers with weights.
    pub depth: usize,
    /// For which images.
    pub stem: Stem,
    /// Scales stem, growth and 1x1 convolutions.
    pub width_multiplier: f64,
}

impl Default for DenseNet {
    fn default() -> Self {
        Self { depth: 121, stem: Stem::Imagenet, width_multiplier: 1.0 }
    }
}

impl DenseNet {
    pub(crate) const FAMILY: &str = "densenet";

    fn scale(&self) -> Stem {
        if self.depth == CIFAR { Stem::Small } else { self.stem }
    }
}

impl Family for DenseNet {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        self.scale().choose(Shape::new(224, 224, 3), Shape::new(32, 32, 3))
    }

    fn natural_classes(&self) -> usize {
        self.scale().choose(IMAGENET_CLASSES, SMALL_CLASSES)
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let table = row(Self::FAMILY, self.depth, TABLE)?;
        let stem = self.scale();
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: None,
            smallest: stem.choose(4, 1) << (table.blocks.len() - 1),
            remedy: stem.remedy(),
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let width = assembly.width(table.stem);
            let mut wire = match stem {
                Stem::Imagenet => {
                    let stem = assembly.normalized("stem", conv(width, 7, 2), Some(Relu), image)?;
                    assembly.node("stem/pool", max_pool(centred(3, 2)), stem)?
                }
                Stem::Small => assembly.node("stem", conv(width, 3, 1), image)?,
            };
            for (blocks, stage) in table.blocks.iter().zip(1..) {
                if stage > 1 {
                    wire = table.transition(assembly, &format!("stage{stage}/transition"), wire)?;
                }
                for block in 1..=*blocks {
                    wire = table.block(assembly, &format!("stage{stage}/block{block}"), wire)?;
                }
            }
            let last = assembly.norm("last", Some(Relu), wire)?;
            assembly.head(last)
        })
    }
}

impl Table {
    fn transition(&self, assembly: &mut Assembly, name: &str, input: NodeId) -> Wire {
        let channels = assembly.channels(input);
        let out = if self.bottleneck { (channels / 2).max(1) } else { channels };
        let conv = assembly.preactivated(name, conv(out, 1, 1), Relu, input)?;
        let window = Window::square(2).stride(2).padding(Padding::Valid);
        assembly.node(&format!("{name}/pool"), avg_pool(window), conv)
    }

    fn block(&self, assembly: &mut Assembly, name: &str, input: NodeId) -> Wire {
        let mut layers = Vec::new();
        if self.bottleneck {
            layers.push(conv(assembly.width(4 * self.growth), 1, 1));
        }
        layers.push(conv(assembly.width(self.growth), 3, 1));
        let mut wire = input;
        for (layer, position) in layers.into_iter().zip(1..) {
            wire = assembly.preactivated(&format!("{name}/conv{position}"), layer, Relu, wire)?;
        }
        assembly.concat(name, &[input, wire])
    }
}

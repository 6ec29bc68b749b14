//! Plain networks of 3x3 convolutions: VGG-11, 13, 16 and 19 (Simonyan and Zisserman 2014, arXiv 1409.1556), here with batch
//! norm unless `batch_norm: false`.
//!
//! | stage | output | 11 | 13 | 16 | 19 |
//! |---|---|---|---|---|---|
//! | `stage1` | 112x112x64 | 1 | 2 | 2 | 2 |
//! | `stage2` | 56x56x128 | 1 | 2 | 2 | 2 |
//! | `stage3` | 28x28x256 | 2 | 2 | 3 | 4 |
//! | `stage4` | 14x14x512 | 2 | 2 | 3 | 4 |
//! | `stage5` | 7x7x512 | 2 | 2 | 3 | 4 |
//! | `head/linear1`, `head/linear2` | 1x1x4096 | | | | |
//!
//! A stage is that many 3x3 convolutions, each with batch norm (epsilon 1e-5) and ReLU, and a 2x2 max pool. Convolutions have
//! a bias, as in torchvision, though batch norm takes it away again. The head lays all positions and channels in one row; both
//! its layers are followed by ReLU and dropout.
//!
//! With stem `small`, the usual network for CIFAR, the head is a mean over all positions, dropout, and one linear layer, and a
//! pool's last window may reach over the border.

use graph::{Activation::Relu, Graph, Linear, NodeId, Op, Padding, Shape, Window};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Assembly, Names, Wire, biased, max_pool, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES, row},
    scaling::Rounding,
};

/// For each depth the convolutions of the five stages.
const TABLE: &[(usize, [usize; 5])] =
    &[(11, [1, 1, 2, 2, 2]), (13, [2, 2, 2, 2, 2]), (16, [2, 2, 3, 3, 3]), (19, [2, 2, 4, 4, 4])];

/// Width of each stage at multiplier 1.
const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];

/// Width of the two hidden linear layers.
const HIDDEN: usize = 4096;

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `depth` | 16 | number of layers with weights in the paper | 11, 13, 16, 19 |
/// | `batch_norm` | true | whether batch norm follows every convolution | |
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
/// | `dropout` | 0.5 | fraction of the features before each linear layer but the first that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ depth: 16 }`")]
pub struct Vgg {
    /// Number of layers with weights in the paper.
    pub depth: usize,
    /// Whether batch norm follows every convolution.
    pub batch_norm: bool,
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the features before each linear layer but the first that training zeroes.
    pub dropout: f32,
}

impl Default for Vgg {
    fn default() -> Self {
        Self {
            depth: 16,
            batch_norm: true,
            stem: Stem::Imagenet,
            width_multiplier: 1.0,
            dropout: 0.5,
        }
    }
}

impl Vgg {
    pub(crate) const FAMILY: &str = "vgg";

    fn stage(
        &self,
        assembly: &mut Assembly,
        name: &str,
        layers: usize,
        width: usize,
        input: NodeId,
    ) -> Wire {
        let conv = biased(assembly.width(width), 3);
        let mut wire = input;
        for layer in 1..=layers {
            let name = format!("{name}/conv{layer}");
            wire = if self.batch_norm {
                assembly.normalized(&name, conv.clone(), Some(Relu), wire)?
            } else {
                assembly.activated(&name, conv.clone(), Relu, wire)?
            };
        }
        let padding = self.stem.choose(Padding::Valid, Padding::Same);
        let window = Window::square(2).stride(2).padding(padding);
        assembly.node(&format!("{name}/pool"), max_pool(window), wire)
    }
}

impl Family for Vgg {
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
        let layers = *row(Self::FAMILY, self.depth, TABLE)?;
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: Some(self.dropout),
            smallest: self.stem.choose(32, 16),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let mut wire = image;
            for (stage, (layers, width)) in (1..).zip(layers.into_iter().zip(WIDTHS)) {
                wire = self.stage(assembly, &format!("stage{stage}"), layers, width, wire)?;
            }
            if self.stem == Stem::Small {
                return assembly.head(wire);
            }
            wire = assembly.node("head/flatten", Op::Flatten, wire)?;
            for layer in 1..=2 {
                let name = format!("head/linear{layer}");
                let linear = Op::Linear(Linear::new(assembly.width(HIDDEN)));
                wire = assembly.activated(&name, linear, Relu, wire)?;
                wire = assembly.dropout(&format!("{name}/dropout"), wire)?;
            }
            assembly.logits(wire)
        })
    }
}

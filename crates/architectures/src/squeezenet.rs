//! `SqueezeNet` 1.1 (Iandola et al. 2016, arXiv 1602.07360; version 1.1 is of the authors' repository).
//!
//! | stage | output | squeeze | expand |
//! |---|---|---|---|
//! | `stem` 3x3 by 2 | 111x111x64 | | |
//! | `stem/pool` 3x3 by 2 | 55x55x64 | | |
//! | `fire2`, `fire3` | 55x55x128 | 16 | 64, 64 |
//! | `fire3/pool` 3x3 by 2 | 27x27x128 | | |
//! | `fire4`, `fire5` | 27x27x256 | 32 | 128, 128 |
//! | `fire5/pool` 3x3 by 2 | 13x13x256 | | |
//! | `fire6`, `fire7` | 13x13x384 | 48 | 192, 192 |
//! | `fire8`, `fire9` | 13x13x512 | 64 | 256, 256 |
//! | `head/conv` 1x1 | 13x13 x classes | | |
//!
//! A fire module is a 1x1 convolution, and on it a 1x1 and a 3x3 convolution whose outputs are concatenated; each has a bias
//! and ReLU. The stem has no padding, and a pool's last window may reach over the border. The head is dropout, a 1x1
//! convolution, ReLU, and a mean over all positions, `Logits`. With stem `small` the stem steps by 1, is padded, and has no
//! pool, so that the overall stride is 4. With `batch_norm: true` batch norm (epsilon 1e-5) takes the place of the bias
//! everywhere but in the head.

use graph::{Activation::Relu, Conv2d, Graph, NodeId, Op, Padding, Shape, Window};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Assembly, Names, Wire, below, biased, max_pool, norm_of_torch},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    scaling::Rounding,
};

/// Width of the stem at multiplier 1.
const STEM: usize = 64;

/// Number of the module, widths of squeeze and of either half of expand at multiplier 1, and whether a pool follows.
const MODULES: [(usize, usize, usize, bool); 8] = [
    (2, 16, 64, false),
    (3, 16, 64, true),
    (4, 32, 128, false),
    (5, 32, 128, true),
    (6, 48, 192, false),
    (7, 48, 192, false),
    (8, 64, 256, false),
    (9, 64, 256, false),
];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `batch_norm` | false | whether batch norm takes the place of biases | |
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
/// | `dropout` | 0.5 | fraction of the features before the last convolution that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ stem: small }`")]
pub struct SqueezeNet {
    /// Whether batch norm takes the place of biases.
    pub batch_norm: bool,
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the features before the last convolution that training zeroes.
    pub dropout: f32,
}

impl Default for SqueezeNet {
    fn default() -> Self {
        Self { batch_norm: false, stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.5 }
    }
}

impl SqueezeNet {
    pub(crate) const FAMILY: &str = "squeezenet";

    fn conv(
        &self,
        assembly: &mut Assembly,
        name: &str,
        width: usize,
        window: Window,
        input: NodeId,
    ) -> Wire {
        let conv = Conv2d::new(assembly.width(width), window);
        if self.batch_norm {
            assembly.normalized(name, Op::Conv2d(conv), Some(Relu), input)
        } else {
            assembly.activated(name, Op::Conv2d(Conv2d { bias: true, ..conv }), Relu, input)
        }
    }
}

impl Family for SqueezeNet {
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
            smallest: self.stem.choose(17, 5),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let stem = self
                .stem
                .choose(Window::square(3).stride(2).padding(Padding::Valid), Window::square(3));
            let mut wire = self.conv(assembly, "stem", STEM, stem, image)?;
            if self.stem == Stem::Imagenet {
                wire = assembly.node("stem/pool", max_pool(overhanging()), wire)?;
            }
            for (number, squeeze, expand, pool) in MODULES {
                let name = format!("fire{number}");
                let (point, square) = (Window::square(1), Window::square(3));
                let narrow = self.conv(assembly, &below(&name, "squeeze"), squeeze, point, wire)?;
                let halves = [
                    self.conv(assembly, &below(&name, "expand1"), expand, point, narrow)?,
                    self.conv(assembly, &below(&name, "expand3"), expand, square, narrow)?,
                ];
                wire = assembly.concat(&name, &halves)?;
                if pool {
                    wire = assembly.node(&below(&name, "pool"), max_pool(overhanging()), wire)?;
                }
            }
            let kept = assembly.dropout("head/dropout", wire)?;
            let conv = biased(assembly.classes(), 1);
            let maps = assembly.activated("head/conv", conv, Relu, kept)?;
            assembly.node("Logits", Op::GlobalAvgPool, maps)
        })
    }
}

/// A 3x3 window by 2 without padding before the image, whose last position may reach one beyond it (`ceil_mode`).
fn overhanging() -> Window {
    let padding = Padding::Explicit { top: 0, bottom: 1, left: 0, right: 1 };
    Window::square(3).stride(2).padding(padding)
}

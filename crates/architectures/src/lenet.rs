//! LeNet-5 (LeCun et al. 1998) with the widths 20, 50 and 500 of Caffe's example.
//!
//! | stage | output |
//! |---|---|
//! | `conv1` 5x5 | 24x24x20 |
//! | `conv1/pool` 2x2 by 2 | 12x12x20 |
//! | `conv2` 5x5 | 8x8x50 |
//! | `conv2/pool` 2x2 by 2 | 4x4x50 |
//! | `linear` | 1x1x500 |
//!
//! Made for 28x28x1. Convolutions have no padding; every layer has a bias and, but for the logits, ReLU (Caffe's example has
//! it after `linear` alone). With `batch_norm: true` batch norm (epsilon 1e-5) takes the place of the bias.

use graph::{Activation::Relu, Conv2d, Graph, Linear, NodeId, Op, Padding, Shape, Window};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError,
    assembly::{Assembly, Names, Wire, max_pool, norm_of_torch},
    family::{Family, Request, SMALL_CLASSES},
    scaling::Rounding,
};

/// Width of either convolution at multiplier 1.
const CONVOLUTIONS: [usize; 2] = [20, 50];

/// Width of the hidden linear layer at multiplier 1.
const HIDDEN: usize = 500;

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `batch_norm` | false | whether batch norm takes the place of biases | |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ batch_norm: true }`"
)]
pub struct LeNet5 {
    /// Whether batch norm takes the place of biases.
    pub batch_norm: bool,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
}

impl Default for LeNet5 {
    fn default() -> Self {
        Self { batch_norm: false, width_multiplier: 1.0 }
    }
}

impl LeNet5 {
    pub(crate) const FAMILY: &str = "lenet-5";

    fn layer(&self, assembly: &mut Assembly, name: &str, layer: Op, input: NodeId) -> Wire {
        if self.batch_norm {
            assembly.normalized(name, layer, Some(Relu), input)
        } else {
            assembly.activated(name, layer, Relu, input)
        }
    }
}

impl Family for LeNet5 {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        Shape::new(28, 28, 1)
    }

    fn natural_classes(&self) -> usize {
        SMALL_CLASSES
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let bias = !self.batch_norm;
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: None,
            smallest: 16,
            remedy: "use larger images",
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let mut wire = image;
            for (number, width) in (1..).zip(CONVOLUTIONS) {
                let window = Window::square(5).padding(Padding::Valid);
                let conv = Conv2d { bias, ..Conv2d::new(assembly.width(width), window) };
                let name = format!("conv{number}");
                wire = self.layer(assembly, &name, Op::Conv2d(conv), wire)?;
                let halving = Window::square(2).stride(2).padding(Padding::Valid);
                wire = assembly.node(&format!("{name}/pool"), max_pool(halving), wire)?;
            }
            wire = assembly.node("flatten", Op::Flatten, wire)?;
            let linear = Linear { bias, out: assembly.width(HIDDEN) };
            wire = self.layer(assembly, "linear", Op::Linear(linear), wire)?;
            assembly.logits(wire)
        })
    }
}

//! Xception (Chollet 2016, arXiv 1610.02357), as Keras builds it.
//!
//! | stage | output | separable convolutions |
//! |---|---|---|
//! | `stem/conv1` 3x3 by 2 | 149x149x32 | |
//! | `stem/conv2` 3x3 | 147x147x64 | |
//! | `block1` by 2 | 74x74x128 | 128, 128 |
//! | `block2` by 2 | 37x37x256 | 256, 256 |
//! | `block3` by 2 | 19x19x728 | 728, 728 |
//! | `block4` to `block11` | 19x19x728 | 728, 728, 728 |
//! | `block12` by 2 | 10x10x1024 | 728, 1024 |
//! | `last/conv1` | 10x10x1536 | |
//! | `last/conv2` | 10x10x2048 | |
//!
//! Made for 299x299x3. A separable convolution is a 3x3 filter per channel, a 1x1 convolution, and batch norm (epsilon
//! 0.001). In a block ReLU stands before it, but for the very first; in `last` after it. A block by 2 ends with a 3x3 max
//! pool and adds its input through a 1x1 convolution by 2; the others add it as it is. The stem has no padding, everything
//! else is SAME. With stem `small` `stem/conv1` steps by 1 and the stem is padded, so that the overall stride is 16.

use graph::{Activation::Relu, BatchNorm, Conv2d, Graph, NodeId, Op, Padding, Shape, Window};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::{Assembly, Names, Wire, below, conv, depthwise, max_pool},
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    scaling::Rounding,
};

/// Widths of the stem at multiplier 1.
const STEM: [usize; 2] = [32, 64];

/// Widths of the separable convolutions of a block at multiplier 1, its step, and how many such blocks there are.
const BLOCKS: [(&[usize], usize, usize); 5] = [
    (&[128, 128], 2, 1),
    (&[256, 256], 2, 1),
    (&[728, 728], 2, 1),
    (&[728, 728, 728], 1, 8),
    (&[728, 1024], 2, 1),
];

/// Widths of the last separable convolutions at multiplier 1.
const LAST: [usize; 2] = [1536, 2048];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ stem: small }`")]
pub struct Xception {
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
}

impl Default for Xception {
    fn default() -> Self {
        Self { stem: Stem::Imagenet, width_multiplier: 1.0 }
    }
}

impl Xception {
    pub(crate) const FAMILY: &str = "xception";
}

impl Family for Xception {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        self.stem.choose(Shape::new(299, 299, 3), Shape::new(32, 32, 3))
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
            smallest: self.stem.choose(71, 16),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: BatchNorm::scaled(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, image| {
            let mut wire = image;
            let padding = self.stem.choose(Padding::Valid, Padding::Same);
            for (number, (width, step)) in
                (1..).zip(STEM.into_iter().zip([self.stem.choose(2, 1), 1]))
            {
                let window = Window::square(3).stride(step).padding(padding);
                let conv = Op::Conv2d(Conv2d::new(assembly.width(width), window));
                wire =
                    assembly.normalized(&format!("stem/conv{number}"), conv, Some(Relu), wire)?;
            }
            let blocks = BLOCKS
                .iter()
                .flat_map(|(widths, step, count)| std::iter::repeat_n((*widths, *step), *count));
            for (number, (widths, step)) in (1..).zip(blocks) {
                wire = block(assembly, number, widths, step, wire)?;
            }
            for (number, width) in (1..).zip(LAST) {
                let name = format!("last/conv{number}");
                wire = separable(assembly, &name, assembly.width(width), wire)?;
                wire = assembly.activation(&name, Relu, wire)?;
            }
            assembly.head(wire)
        })
    }
}

fn block(
    assembly: &mut Assembly,
    number: usize,
    widths: &[usize],
    step: usize,
    input: NodeId,
) -> Wire {
    let name = format!("block{number}");
    let mut wire = input;
    for (position, width) in (1..).zip(widths) {
        let layer = format!("{name}/conv{position}");
        if (number, position) != (1, 1) {
            wire = assembly.activation(&layer, Relu, wire)?;
        }
        wire = separable(assembly, &layer, assembly.width(*width), wire)?;
    }
    if step == 1 {
        return assembly.add(&name, wire, input);
    }
    wire = assembly.node(&below(&name, "pool"), max_pool(Window::square(3).stride(step)), wire)?;
    let projection = conv(assembly.channels(wire), 1, step);
    let shortcut = assembly.normalized(&below(&name, "shortcut"), projection, None, input)?;
    assembly.add(&name, wire, shortcut)
}

/// A filter per channel, a 1x1 convolution, and batch norm.
fn separable(assembly: &mut Assembly, name: &str, width: usize, input: NodeId) -> Wire {
    let filtered = assembly.node(&below(name, "depthwise"), depthwise(3, 1), input)?;
    assembly.normalized(&below(name, "pointwise"), conv(width, 1, 1), None, filtered)
}

//! Inception V1, `GoogLeNet` (Szegedy et al. 2014, arXiv 1409.4842), with batch norm and without auxiliary heads, as slim's
//! `inception_v1.py` and torchvision build it.
//!
//! Node names and batch norm follow the rules of [`crate::inception_v2`]; widths are scaled to the nearest whole number. A
//! block concatenates four branches: `1x1`; `1x1, 3x3`; `1x1, 3x3`; `3x3 max pool, 1x1`. Where the paper has a 5x5 window in
//! the third branch, slim and torchvision have 3x3, and so has this. Padding is SAME everywhere, as in slim.
//!
//! | stage | output | 1x1 | 1x1, 3x3 | 1x1, 3x3 | pool, 1x1 |
//! |---|---|---|---|---|---|
//! | `Conv2d_1a_7x7` by 2 | 112x112x64 | | | | |
//! | `MaxPool_2a_3x3` by 2 | 56x56x64 | | | | |
//! | `Conv2d_2b_1x1` | 56x56x64 | | | | |
//! | `Conv2d_2c_3x3` | 56x56x192 | | | | |
//! | `MaxPool_3a_3x3` by 2 | 28x28x192 | | | | |
//! | `Mixed_3b` | 28x28x256 | 64 | 96, 128 | 16, 32 | 32 |
//! | `Mixed_3c` | 28x28x480 | 128 | 128, 192 | 32, 96 | 64 |
//! | `MaxPool_4a_3x3` by 2 | 14x14x480 | | | | |
//! | `Mixed_4b` | 14x14x512 | 192 | 96, 208 | 16, 48 | 64 |
//! | `Mixed_4c` | 14x14x512 | 160 | 112, 224 | 24, 64 | 64 |
//! | `Mixed_4d` | 14x14x512 | 128 | 128, 256 | 24, 64 | 64 |
//! | `Mixed_4e` | 14x14x528 | 112 | 144, 288 | 32, 64 | 64 |
//! | `Mixed_4f` | 14x14x832 | 256 | 160, 320 | 32, 128 | 128 |
//! | `MaxPool_5a_2x2` by 2 | 7x7x832 | | | | |
//! | `Mixed_5b` | 7x7x832 | 256 | 160, 320 | 32, 128 | 128 |
//! | `Mixed_5c` | 7x7x1024 | 384 | 192, 384 | 48, 128 | 128 |
//!
//! With stem `small` the network begins with `Conv2d_2c_3x3`, so that the overall stride is 4.

use graph::{BatchNorm, Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Stem,
    assembly::Names,
    family::{Family, IMAGENET_CLASSES, Request, SMALL_CLASSES},
    inception::{Layer, Part, Pooling::Maximum, Step::One, convolution, network, pool},
    scaling::Rounding,
};

/// A row of the table.
enum Stage {
    Layer(&'static str, Layer),
    /// Widths of `1x1`; `1x1, 3x3`; `1x1, 3x3`; `pool, 1x1`.
    Inception(&'static str, usize, [usize; 2], [usize; 2], usize),
}

use Stage::Inception;

const STEM: [Stage; 3] = [
    Stage::Layer("Conv2d_1a_7x7", square(64, 7).halving()),
    Stage::Layer("MaxPool_2a_3x3", pool(Maximum).halving()),
    Stage::Layer("Conv2d_2b_1x1", square(64, 1)),
];

const FIRST: Stage = Stage::Layer("Conv2d_2c_3x3", square(192, 3));

const POOL: Stage = Stage::Layer("MaxPool_3a_3x3", pool(Maximum).halving());

const BODY: [Stage; 11] = [
    Inception("Mixed_3b", 64, [96, 128], [16, 32], 32),
    Inception("Mixed_3c", 128, [128, 192], [32, 96], 64),
    Stage::Layer("MaxPool_4a_3x3", pool(Maximum).halving()),
    Inception("Mixed_4b", 192, [96, 208], [16, 48], 64),
    Inception("Mixed_4c", 160, [112, 224], [24, 64], 64),
    Inception("Mixed_4d", 128, [128, 256], [24, 64], 64),
    Inception("Mixed_4e", 112, [144, 288], [32, 64], 64),
    Inception("Mixed_4f", 256, [160, 320], [32, 128], 128),
    Stage::Layer("MaxPool_5a_2x2", Layer { kernel: [2, 2], ..pool(Maximum) }.halving()),
    Inception("Mixed_5b", 256, [160, 320], [32, 128], 128),
    Inception("Mixed_5c", 384, [192, 384], [48, 128], 128),
];

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `stem` | `imagenet` | for which images | `imagenet`, `small` |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
/// | `dropout` | 0.2 | fraction of the pooled features that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ stem: small }`")]
pub struct InceptionV1 {
    /// For which images.
    pub stem: Stem,
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the pooled features that training zeroes; slim keeps 0.8 of them.
    pub dropout: f32,
}

impl Default for InceptionV1 {
    fn default() -> Self {
        Self { stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.2 }
    }
}

impl InceptionV1 {
    pub(crate) const FAMILY: &str = "inception-v1";
}

impl Family for InceptionV1 {
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
            smallest: self.stem.choose(32, 4),
            remedy: self.stem.remedy(),
            rounding: Rounding::Nearest,
            norm: BatchNorm::scaled(),
            names: Names::SLIM,
        };
        let whole = self.stem == Stem::Imagenet;
        let stem = STEM.iter().filter(|_| whole);
        let pool = Some(&POOL).filter(|_| whole);
        let stages = stem.chain([&FIRST]).chain(pool).chain(&BODY);
        request.assemble(|assembly, image| network(assembly, image, stages.map(Stage::part)))
    }
}

impl Stage {
    fn part(&self) -> Part {
        match self {
            Self::Layer(name, layer) => Part::Layer(name, *layer),
            Inception(name, direct, left, right, projection) => Part::Block(
                name,
                vec![
                    vec![One(square(*direct, 1))],
                    vec![One(square(left[0], 1)), One(square(left[1], 3))],
                    vec![One(square(right[0], 1)), One(square(right[1], 3))],
                    vec![One(pool(Maximum)), One(square(*projection, 1))],
                ],
            ),
        }
    }
}

const fn square(out: usize, side: usize) -> Layer {
    convolution(out, [side, side])
}

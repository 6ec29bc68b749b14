//! Inception V3 (Szegedy et al. 2015, arXiv 1512.00567), as slim's `inception_v3.py` builds it, without the auxiliary head.
//!
//! Made for 299x299x3. Node names, batch norm and widths follow the rules of [`crate::inception_v2`]; the narrowest width is
//! 16. The stem and the reductions have no padding, so that the smallest image has 75 pixels a side. A `/` separates the
//! layers at the end of a branch that read the same input and are concatenated.
//!
//! | stage | output |
//! |---|---|
//! | `Conv2d_1a_3x3` by 2 | 149x149x32 |
//! | `Conv2d_2a_3x3` | 147x147x32 |
//! | `Conv2d_2b_3x3` | 147x147x64 |
//! | `MaxPool_3a_3x3` by 2 | 73x73x64 |
//! | `Conv2d_3b_1x1` | 73x73x80 |
//! | `Conv2d_4a_3x3` | 71x71x192 |
//! | `MaxPool_5a_3x3` by 2 | 35x35x192 |
//!
//! | stage | output | branches |
//! |---|---|---|
//! | `Mixed_5b` | 35x35x256 | 1x1 64; 1x1 48, 5x5 64; 1x1 64, 3x3 96, 3x3 96; avg, 1x1 32 |
//! | `Mixed_5c` | 35x35x288 | the same with avg, 1x1 64 |
//! | `Mixed_5d` | 35x35x288 | as 5c |
//! | `Mixed_6a` by 2 | 17x17x768 | 3x3 384; 1x1 64, 3x3 96, 3x3 96; max |
//! | `Mixed_6b` | 17x17x768 | 1x1 192; 1x1 128, 1x7 128, 7x1 192; 1x1 128, 7x1 128, 1x7 128, 7x1 128, 1x7 192; avg, 1x1 192 |
//! | `Mixed_6c` | 17x17x768 | the same with 160 for 128 |
//! | `Mixed_6d` | 17x17x768 | as 6c |
//! | `Mixed_6e` | 17x17x768 | the same with 192 for 128 |
//! | `Mixed_7a` by 2 | 8x8x1280 | 1x1 192, 3x3 320; 1x1 192, 1x7 192, 7x1 192, 3x3 192; max |
//! | `Mixed_7b` | 8x8x2048 | 1x1 320; 1x1 384, 1x3 384 / 3x1 384; 1x1 448, 3x3 384, 1x3 384 / 3x1 384; avg, 1x1 192 |
//! | `Mixed_7c` | 8x8x2048 | as 7b |

use graph::{BatchNorm, Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError,
    assembly::Names,
    family::{Family, IMAGENET_CLASSES, Request},
    inception::{
        Layer, Part,
        Pooling::{Average, Maximum},
        Step::{self, Fork, One},
        convolution, network, pool,
    },
    scaling::Rounding,
};

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `width_multiplier` | 1 | scales every width but those of image and logits, to at least 16 | positive, finite |
/// | `dropout` | 0.2 | fraction of the pooled features that training zeroes | `[0, 1)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ width_multiplier: 0.5 }`"
)]
pub struct InceptionV3 {
    /// Scales every width but those of image and logits.
    pub width_multiplier: f64,
    /// Fraction of the pooled features that training zeroes; slim keeps 0.8 of them.
    pub dropout: f32,
}

impl Default for InceptionV3 {
    fn default() -> Self {
        Self { width_multiplier: 1.0, dropout: 0.2 }
    }
}

impl InceptionV3 {
    pub(crate) const FAMILY: &str = "inception-v3";
}

impl Family for InceptionV3 {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        Shape::new(299, 299, 3)
    }

    fn natural_classes(&self) -> usize {
        IMAGENET_CLASSES
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: Some(self.dropout),
            smallest: 75,
            remedy: "use larger images, or `inception-v2: { stem: small }`",
            rounding: Rounding::Down { narrowest: 16 },
            norm: BatchNorm::scaled(),
            names: Names::SLIM,
        };
        request.assemble(|assembly, image| network(assembly, image, stages()))
    }
}

fn stages() -> Vec<Part> {
    vec![
        Part::Layer("Conv2d_1a_3x3", square(32, 3).halving().valid()),
        Part::Layer("Conv2d_2a_3x3", square(32, 3).valid()),
        Part::Layer("Conv2d_2b_3x3", square(64, 3)),
        Part::Layer("MaxPool_3a_3x3", pool(Maximum).halving().valid()),
        Part::Layer("Conv2d_3b_1x1", square(80, 1)),
        Part::Layer("Conv2d_4a_3x3", square(192, 3).valid()),
        Part::Layer("MaxPool_5a_3x3", pool(Maximum).halving().valid()),
        Part::Block("Mixed_5b", grid35(32)),
        Part::Block("Mixed_5c", grid35(64)),
        Part::Block("Mixed_5d", grid35(64)),
        Part::Block("Mixed_6a", reduction17()),
        Part::Block("Mixed_6b", grid17(128)),
        Part::Block("Mixed_6c", grid17(160)),
        Part::Block("Mixed_6d", grid17(160)),
        Part::Block("Mixed_6e", grid17(192)),
        Part::Block("Mixed_7a", reduction8()),
        Part::Block("Mixed_7b", grid8()),
        Part::Block("Mixed_7c", grid8()),
    ]
}

/// Blocks at 35x35 (figure 5 of the paper); `projection` is the width after the pool.
fn grid35(projection: usize) -> Vec<Vec<Step>> {
    vec![
        vec![One(square(64, 1))],
        vec![One(square(48, 1)), One(square(64, 5))],
        vec![One(square(64, 1)), One(square(96, 3)), One(square(96, 3))],
        vec![One(pool(Average)), One(square(projection, 1))],
    ]
}

/// From 35x35 to 17x17 (figure 10).
fn reduction17() -> Vec<Vec<Step>> {
    vec![
        vec![One(square(384, 3).halving().valid())],
        vec![One(square(64, 1)), One(square(96, 3)), One(square(96, 3).halving().valid())],
        vec![One(pool(Maximum).halving().valid())],
    ]
}

/// Blocks at 17x17 with 7x7 windows in two parts (figure 6); `inner` is the width between them.
fn grid17(inner: usize) -> Vec<Vec<Step>> {
    let (row, column) = ([1, 7], [7, 1]);
    vec![
        vec![One(square(192, 1))],
        vec![One(square(inner, 1)), One(convolution(inner, row)), One(convolution(192, column))],
        vec![
            One(square(inner, 1)),
            One(convolution(inner, column)),
            One(convolution(inner, row)),
            One(convolution(inner, column)),
            One(convolution(192, row)),
        ],
        vec![One(pool(Average)), One(square(192, 1))],
    ]
}

/// From 17x17 to 8x8.
fn reduction8() -> Vec<Vec<Step>> {
    vec![
        vec![One(square(192, 1)), One(square(320, 3).halving().valid())],
        vec![
            One(square(192, 1)),
            One(convolution(192, [1, 7])),
            One(convolution(192, [7, 1])),
            One(square(192, 3).halving().valid()),
        ],
        vec![One(pool(Maximum).halving().valid())],
    ]
}

/// Blocks at 8x8 with forked ends (figure 7).
fn grid8() -> Vec<Vec<Step>> {
    let fork = Fork(convolution(384, [1, 3]), convolution(384, [3, 1]));
    vec![
        vec![One(square(320, 1))],
        vec![One(square(384, 1)), fork],
        vec![One(square(448, 1)), One(square(384, 3)), fork],
        vec![One(pool(Average)), One(square(192, 1))],
    ]
}

const fn square(out: usize, side: usize) -> Layer {
    convolution(out, [side, side])
}

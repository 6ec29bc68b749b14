//! The tables of stages, as data, and how a row becomes branches.

use crate::inception::{
    Kind, Layer, Part,
    Pooling::{self, Average, Maximum},
    Step::{self, One},
    convolution, pool,
};

/// A network up to its head.
pub(super) struct Table {
    /// Rows, from image to head.
    pub(super) stages: &'static [Stage],
    /// No width multiplier makes a layer narrower than this.
    pub(super) narrowest: usize,
}

impl Table {
    /// Pixels of the image, along a side, per position of the last stage.
    pub(super) fn overall_stride(&self) -> usize {
        self.stages.iter().map(Stage::stride).product()
    }
}

/// One row of a table.
pub(super) enum Stage {
    /// A layer outside of a block.
    Layer(&'static str, Layer),
    /// Four branches, stride 1.
    Inception(Inception),
    /// Two branches and a pool, stride 2.
    Reduction(Reduction),
}

/// Widths of a block: `1x1`; `1x1, 3x3`; `1x1, 3x3, 3x3`; `pool, 1x1`.
pub(super) struct Inception {
    pub(super) name: &'static str,
    /// The lone 1x1.
    pub(super) direct: usize,
    /// 1x1, then 3x3.
    pub(super) single: [usize; 2],
    /// 1x1, then both 3x3.
    pub(super) double: [usize; 2],
    /// The pool, then 1x1.
    pub(super) projection: (Pooling, usize),
}

/// Widths of a block that halves the image: `1x1, 3x3 by 2`; `1x1, 3x3, 3x3 by 2`; `max pool by 2`.
pub(super) struct Reduction {
    pub(super) name: &'static str,
    /// 1x1, then the strided 3x3.
    pub(super) single: [usize; 2],
    /// 1x1, then both 3x3, the second strided.
    pub(super) double: [usize; 2],
}

impl Stage {
    /// The row as layers.
    pub(super) fn part(&self) -> Part {
        match self {
            Self::Layer(name, layer) => Part::Layer(name, *layer),
            Self::Inception(block) => Part::Block(block.name, block.branches()),
            Self::Reduction(block) => Part::Block(block.name, block.branches()),
        }
    }

    fn stride(&self) -> usize {
        match self {
            Self::Layer(_, layer) => layer.stride,
            Self::Inception(_) => 1,
            Self::Reduction(_) => 2,
        }
    }
}

impl Inception {
    /// The branches, in the order in which they are concatenated.
    fn branches(&self) -> Vec<Vec<Step>> {
        let (pooling, projection) = self.projection;
        vec![
            vec![One(square(self.direct, 1))],
            vec![One(square(self.single[0], 1)), One(square(self.single[1], 3))],
            vec![
                One(square(self.double[0], 1)),
                One(square(self.double[1], 3)),
                One(square(self.double[1], 3)),
            ],
            vec![One(pool(pooling)), One(square(projection, 1))],
        ]
    }
}

impl Reduction {
    /// The branches, in the order in which they are concatenated.
    fn branches(&self) -> Vec<Vec<Step>> {
        vec![
            vec![One(square(self.single[0], 1)), One(square(self.single[1], 3).halving())],
            vec![
                One(square(self.double[0], 1)),
                One(square(self.double[1], 3)),
                One(square(self.double[1], 3).halving()),
            ],
            vec![One(pool(Maximum).halving())],
        ]
    }
}

const fn square(out: usize, side: usize) -> Layer {
    convolution(out, [side, side])
}

const fn stem(name: &'static str, layer: Layer) -> Stage {
    Stage::Layer(name, layer)
}

const fn inception(
    name: &'static str,
    direct: usize,
    single: [usize; 2],
    double: [usize; 2],
    projection: (Pooling, usize),
) -> Stage {
    Stage::Inception(Inception { name, direct, single, double, projection })
}

const fn reduction(name: &'static str, single: [usize; 2], double: [usize; 2]) -> Stage {
    Stage::Reduction(Reduction { name, single, double })
}

/// slim `inception_v2_base` (`tf_slim/nets/inception_v2.py`), whose `min_depth` is 16.
pub(super) const IMAGENET: Table = Table {
    stages: &[
        stem("Conv2d_1a_7x7", Layer { kind: Kind::Separable(64), ..square(0, 7) }.halving()),
        stem("MaxPool_2a_3x3", pool(Maximum).halving()),
        stem("Conv2d_2b_1x1", square(64, 1)),
        stem("Conv2d_2c_3x3", square(192, 3)),
        stem("MaxPool_3a_3x3", pool(Maximum).halving()),
        inception("Mixed_3b", 64, [64, 64], [64, 96], (Average, 32)),
        inception("Mixed_3c", 64, [64, 96], [64, 96], (Average, 64)),
        reduction("Mixed_4a", [128, 160], [64, 96]),
        inception("Mixed_4b", 224, [64, 96], [96, 128], (Average, 128)),
        inception("Mixed_4c", 192, [96, 128], [96, 128], (Average, 128)),
        inception("Mixed_4d", 160, [128, 160], [128, 160], (Average, 96)),
        inception("Mixed_4e", 96, [128, 192], [160, 192], (Average, 96)),
        reduction("Mixed_5a", [128, 192], [192, 256]),
        inception("Mixed_5b", 352, [192, 320], [160, 224], (Average, 128)),
        inception("Mixed_5c", 352, [192, 320], [192, 224], (Maximum, 128)),
    ],
    narrowest: 16,
};

/// For images of 28 to 64 pixels a side: overall stride 4, blocks 3b, 3c, 4a at about a tenth of the width, 5b and 5c
/// at a sixteenth.
pub(super) const SMALL: Table = Table {
    stages: &[
        stem("Conv2d_1a_3x3", square(8, 3)),
        stem("Conv2d_2a_3x3", square(16, 3).halving()),
        inception("Mixed_3b", 6, [6, 6], [6, 8], (Average, 4)),
        inception("Mixed_3c", 6, [6, 8], [6, 8], (Average, 6)),
        reduction("Mixed_4a", [12, 16], [6, 8]),
        inception("Mixed_5b", 22, [12, 20], [10, 14], (Average, 8)),
        inception("Mixed_5c", 22, [12, 20], [12, 14], (Maximum, 8)),
    ],
    narrowest: 4,
};

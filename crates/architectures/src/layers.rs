//! A network written layer by layer.
//!
//! | layer | settings, with defaults | |
//! |---|---|---|
//! | `conv` | `channels`, `kernel: 3`, `stride: 1`, `dilation: 1`, `padding: same`, `groups: 1`, `bias: false` | |
//! | `depthwise` | `kernel: 3`, `stride: 1`, `dilation: 1`, `padding: same`, `multiplier: 1`, `bias: false` | one filter per channel |
//! | `linear` | `channels`, `bias: true` | on one position |
//! | `batch-norm` | | with scale, epsilon 1e-5 |
//! | `relu`, `relu6`, `elu`, `silu`, `tanh`, `sigmoid`, `hard-swish`, `hard-sigmoid` | | |
//! | `leaky-relu` | `slope: 0.01` | |
//! | `max-pool`, `avg-pool` | `kernel: 2`, `stride` as `kernel`, `padding: valid` | |
//! | `global-avg-pool`, `global-max-pool` | | to one position |
//! | `flatten` | | positions and channels in one row |
//! | `dropout` | a rate | |
//! | `squeeze-excite` | `channels` | times a factor per channel, which `channels` features of the mean decide |
//! | `add`, `concat` | a list of branches | each a list of layers; an empty one is the input itself |
//!
//! `kernel`, `stride` and `dilation` are one number, or height and width. `padding` is `same` (the output is the input over
//! `stride`, rounded up), `valid` (none), a number of positions on all sides, or two, above and below, and left and right.
//!
//! The classifier `Logits`, a linear layer with a logit for every class, follows by itself. A layer's name is its kind and how many
//! of its kind there are up to it, `conv1`, `add2`.

mod build;
mod read;

use graph::{Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError,
    family::{Family, SMALL_CLASSES},
};

/// A network as a list of layers, from the image to what the classifier reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Layers(pub Vec<Entry>);

/// An element of a list of layers: a name alone, such as `relu`, or a map with one key, such as `{ conv: { channels: 16 } }`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Entry(pub Layer);

/// A layer with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table of the module says what each is")]
pub enum Layer {
    Conv(Conv),
    Depthwise(Depthwise),
    Linear(Linear),
    BatchNorm,
    Relu,
    Relu6,
    Elu,
    Silu,
    Tanh,
    Sigmoid,
    HardSwish,
    HardSigmoid,
    LeakyRelu(LeakyRelu),
    MaxPool(Pool),
    AvgPool(Pool),
    GlobalAvgPool,
    GlobalMaxPool,
    Flatten,
    Dropout(f32),
    SqueezeExcite(SqueezeExcite),
    Add(Vec<Vec<Entry>>),
    Concat(Vec<Vec<Entry>>),
}

/// Settings of `conv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ channels: 16, kernel: 3 }`"
)]
pub struct Conv {
    /// Output channels.
    pub channels: usize,
    /// Height and width of the window.
    #[serde(default = "three")]
    pub kernel: Pair,
    /// Steps along height and width.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Distance between taps.
    #[serde(default = "one")]
    pub dilation: Pair,
    /// What lies around the image.
    #[serde(default)]
    pub padding: Border,
    /// Blocks that input and output channels are cut into.
    #[serde(default = "single")]
    pub groups: usize,
    /// Whether a value per channel is added.
    #[serde(default)]
    pub bias: bool,
}

/// Settings of `depthwise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ kernel: 3, stride: 2 }`")]
pub struct Depthwise {
    /// Height and width of the window.
    #[serde(default = "three")]
    pub kernel: Pair,
    /// Steps along height and width.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Distance between taps.
    #[serde(default = "one")]
    pub dilation: Pair,
    /// What lies around the image.
    #[serde(default)]
    pub padding: Border,
    /// Output channels per input channel.
    #[serde(default = "single")]
    pub multiplier: usize,
    /// Whether a value per channel is added.
    #[serde(default)]
    pub bias: bool,
}

/// Settings of `linear`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ channels: 128 }`")]
pub struct Linear {
    /// Output channels.
    pub channels: usize,
    /// Whether a value per channel is added.
    #[serde(default = "yes")]
    pub bias: bool,
}

/// Settings of `leaky-relu`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ slope: 0.1 }`")]
pub struct LeakyRelu {
    /// Slope for negative values.
    #[serde(deserialize_with = "read::finite")]
    pub slope: f32,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { slope: 0.01 }
    }
}

/// Settings of `max-pool` and `avg-pool`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ kernel: 3, stride: 2 }`")]
pub struct Pool {
    /// Height and width of the window.
    #[serde(default = "two")]
    pub kernel: Pair,
    /// Steps along height and width, if not those of the window.
    #[serde(default)]
    pub stride: Option<Pair>,
    /// What lies around the image.
    #[serde(default = "nothing")]
    pub padding: Border,
}

/// Settings of `squeeze-excite`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ channels: 8 }`")]
pub struct SqueezeExcite {
    /// Features between the two layers that make the factors.
    pub channels: usize,
}

/// Height and width; written as one number if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pair(pub [usize; 2]);

/// What lies around the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Border {
    /// As much as makes the output the input over the stride, rounded up; the larger half at the bottom and right.
    #[default]
    Same,
    /// Nothing.
    Valid,
    /// Positions above and below, and left and right.
    #[serde(untagged)]
    Positions(Pair),
}

fn one() -> Pair {
    Pair([1, 1])
}

fn two() -> Pair {
    Pair([2, 2])
}

fn three() -> Pair {
    Pair([3, 3])
}

fn nothing() -> Border {
    Border::Valid
}

fn single() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Layers {
    pub(crate) const FAMILY: &str = "layers";
}

impl Family for Layers {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    /// That of CIFAR.
    fn natural_input(&self) -> Shape {
        Shape::new(32, 32, 3)
    }

    fn natural_classes(&self) -> usize {
        SMALL_CLASSES
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        build::graph(self, input, classes)
    }
}

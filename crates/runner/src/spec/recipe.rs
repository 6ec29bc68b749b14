//! Sections `search` and `retrain`: how a network is trained.

use serde::Deserialize;
use training::{Curve, GateRecipe, Optimizer as ResolvedOptimizer, Recipe as Resolved, Schedule};

use super::mode::Modes;
use super::number::{Count, Fraction, NonNegative, Positive, Share, Whole};
use super::proxy::Proxy;

/// How a network is trained. What decides most is always written down; the rest is off unless it is asked for.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `epochs` | required | passes over the training images |
/// | `batch_size` | required | images per step |
/// | `optimizer` | required | [`Optimizer`] |
/// | `learning_rate` | required | [`LearningRate`] |
/// | `warmup_epochs` | 0 | linear warm-up before the curve, fractions allowed |
/// | `weight_decay` | 0 | L2 decay of kernels |
/// | `decay_batch_norm` | false | whether scales, shifts and biases decay too |
/// | `label_smoothing` | 0 | share of the label spread over all classes, below 1; of several labels, the share of every mark that is drawn to one half |
/// | `batch_norm_momentum` | 0.1 | weight of a batch in the running statistics |
/// | `augmentation` | none | [`Augmentation`] |
/// | `early_stop` | none | of `search` only: [`EarlyStop`] |
/// | `proxy` | none | of `search` only: [`Proxy`] |
/// | `mode` | `scratch` | of `retrain` only: one [`Mode`](super::Mode) or a list |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ epochs: 5, batch_size: 128, ... }`"
)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: Count,
    /// Images per step.
    pub batch_size: Count,
    /// How gradients become steps.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub optimizer: Optimizer,
    /// Learning rate over time.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub learning_rate: LearningRate,
    /// Epochs of linear warm-up.
    #[serde(default = "off")]
    pub warmup_epochs: NonNegative,
    /// L2 decay of kernels.
    #[serde(default = "off")]
    pub weight_decay: NonNegative,
    /// Whether scales, shifts and biases decay too.
    #[serde(default)]
    pub decay_batch_norm: bool,
    /// Share of the label spread over all classes.
    #[serde(default = "sharp_labels")]
    pub label_smoothing: Fraction,
    /// Weight of a batch in the running statistics.
    #[serde(default = "a_tenth")]
    pub batch_norm_momentum: Share,
    /// Random changes of the training images.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// When a search ends before its epochs are over.
    #[serde(default)]
    pub early_stop: Option<EarlyStop>,
    /// What widths are learned on in place of the seed and all its images.
    #[serde(default)]
    pub proxy: Option<Proxy>,
    /// What a network that is retrained begins with, and for how long.
    #[serde(default)]
    pub mode: Option<Modes>,
}

/// When a search ends before its epochs are over: `{ stable_epochs: 2 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ stable_epochs: 2 }`")]
pub struct EarlyStop {
    /// After so many epochs with the same channels alive, if no target is still to be reached.
    pub stable_epochs: Count,
}

fn off() -> NonNegative {
    NonNegative::known(0.0)
}

fn sharp_labels() -> Fraction {
    Fraction::known(0.0)
}

fn a_tenth() -> Share {
    Share::known(0.1)
}

/// How gradients become steps: `{ sgd: { momentum: 0.9 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    expecting = "an optimizer, such as `{ sgd: { momentum: 0.9 } }`"
)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Gradients divided by a running root mean square.
    RmsProp(RmsProp),
    /// Adaptive moments.
    Adam(Adam),
}

/// Options of [`Optimizer::Sgd`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ momentum: 0.9 }`")]
pub struct Sgd {
    /// Fraction of the velocity kept per step.
    pub momentum: Fraction,
    /// Look ahead by one step.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { momentum: Fraction::known(0.9), nesterov: false }
    }
}

/// Options of [`Optimizer::RmsProp`]; the defaults are those of slim's `ImageNet` recipe, with its epsilon of 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ decay: 0.9 }`")]
pub struct RmsProp {
    /// Fraction of the mean square kept per step.
    pub decay: Fraction,
    /// Fraction of the velocity kept per step.
    pub momentum: Fraction,
    /// Added under the root.
    pub epsilon: Positive,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            decay: Fraction::known(0.9),
            momentum: Fraction::known(0.9),
            epsilon: Positive::known(1.0),
        }
    }
}

/// Options of [`Optimizer::Adam`]; the defaults are those of the paper (Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ beta1: 0.9 }`")]
pub struct Adam {
    /// Fraction of the first moment kept per step.
    pub beta1: Fraction,
    /// Fraction of the second moment kept per step.
    pub beta2: Fraction,
    /// Added to the root.
    pub epsilon: Positive,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta1: Fraction::known(0.9),
            beta2: Fraction::known(0.999),
            epsilon: Positive::known(1e-8),
        }
    }
}

/// Learning rate over time, after warm-up: `{ constant: 0.05 }`, `{ cosine: { peak: 0.1 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a schedule, such as `{ constant: 0.05 }`")]
pub enum LearningRate {
    /// The same rate always.
    Constant(Positive),
    /// Multiplied with `factor` at once, every so many epochs.
    Step(Decaying),
    /// Multiplied with `factor` smoothly over so many epochs.
    Exponential(Decaying),
    /// Half a cosine from `peak` to `last`.
    Cosine(Cosine),
}

/// Options of [`LearningRate::Step`] and [`LearningRate::Exponential`]; none has a default.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ rate: 0.1, factor: 0.94, every: 2 }`"
)]
pub struct Decaying {
    /// First rate.
    pub rate: Positive,
    /// What the rate is multiplied with.
    pub factor: Share,
    /// Epochs from one multiplication to the next.
    pub every: Positive,
}

/// Options of [`LearningRate::Cosine`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ peak: 0.1 }`")]
pub struct Cosine {
    /// Highest rate.
    pub peak: Positive,
    /// Rate at the very end.
    #[serde(default = "off")]
    pub last: NonNegative,
}

/// Random changes of the training images; by default none.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `flip` | false | mirror left to right with probability 1/2 |
/// | `crop` | 0 | pad each side with that many black pixels, then crop a random window |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ flip: true, crop: 2 }`"
)]
pub struct Augmentation {
    /// Mirror left to right with probability 1/2.
    pub flip: bool,
    /// Black pixels added on each side before a random crop.
    pub crop: Whole<0, 1_000_000>,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self { flip: false, crop: Whole::known(0) }
    }
}

impl From<Recipe> for Resolved {
    fn from(written: Recipe) -> Self {
        let Recipe {
            epochs,
            batch_size,
            optimizer,
            learning_rate,
            warmup_epochs,
            weight_decay,
            decay_batch_norm,
            label_smoothing,
            batch_norm_momentum,
            augmentation: Augmentation { flip, crop },
            early_stop: _,
            proxy: _,
            mode: _,
        } = written;
        Self {
            epochs: u32::try_from(epochs.get()).expect("a count is at most a million"),
            batch_size: batch_size.size(),
            optimizer: optimizer.into(),
            learning_rate: Schedule {
                warmup_epochs: warmup_epochs.get(),
                curve: learning_rate.into(),
            },
            weight_decay: weight_decay.get(),
            decay_batch_norm,
            label_smoothing: label_smoothing.get(),
            batch_norm_momentum: batch_norm_momentum.get(),
            augmentation: datasets::Augmentation { flip, crop: crop.size() },
            gates: GateRecipe::default(),
        }
    }
}

impl From<Optimizer> for ResolvedOptimizer {
    fn from(written: Optimizer) -> Self {
        match written {
            Optimizer::Sgd(Sgd { momentum, nesterov }) => {
                Self::Sgd { momentum: momentum.get(), nesterov }
            }
            Optimizer::RmsProp(RmsProp { decay, momentum, epsilon }) => Self::RmsProp {
                decay: decay.get(),
                momentum: momentum.get(),
                epsilon: epsilon.get(),
            },
            Optimizer::Adam(Adam { beta1, beta2, epsilon }) => {
                Self::Adam { beta1: beta1.get(), beta2: beta2.get(), epsilon: epsilon.get() }
            }
        }
    }
}

impl From<LearningRate> for Curve {
    fn from(written: LearningRate) -> Self {
        match written {
            LearningRate::Constant(rate) => Self::Constant { rate: rate.get() },
            LearningRate::Step(Decaying { rate, factor, every }) => {
                Self::Step { rate: rate.get(), factor: factor.get(), every: every.get() }
            }
            LearningRate::Exponential(Decaying { rate, factor, every }) => {
                Self::Exponential { rate: rate.get(), factor: factor.get(), every: every.get() }
            }
            LearningRate::Cosine(Cosine { peak, last }) => {
                Self::Cosine { peak: peak.get(), last: last.get() }
            }
        }
    }
}

//! Section `regularizer`: what channels are charged.

use std::collections::BTreeMap;

use serde::Deserialize;
use training::GateRecipe;

use super::cost::Cost;
use super::number::{Closed, Positive, Threshold, Whole};

/// What channels are charged, by which measure of their strength, and when one is dead.
///
/// Names of layers may have `*` for any characters and `?` for one; a name that no layer has is refused.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `strength` | `gamma` | how alive a channel is: [`Strength`] |
/// | `cost` | `flops` | what a channel is charged for: [`Cost`] |
/// | `alive_threshold` | 0.01; 0.001 of `group-lasso`, 0.5 of `gate` | a channel whose strength is below it is dead |
/// | `grouping` | `max`; `probabilistic` of `gate` | how the strengths of tied channels combine: [`Grouping`] |
/// | `ignored_layers` | none | layers whose channels are not charged and stay |
/// | `only_layers` | all | the only layers whose channels are charged |
/// | `layer_weights` | 1 | what the charges of layers are multiplied with, `{ "conv1*": 2.0 }` |
/// | `tied` | none | lists of layers that live and die together, channel by channel |
/// | `min_width` | 0 | fewest channels of a layer that is there at all; the last ones of a layer that cannot be left out do not die |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ cost: flops }`")]
pub struct Regularizer {
    /// How alive a channel is.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub strength: Strength,
    /// What a channel is charged for.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub cost: Cost,
    /// A channel whose strength is below it is dead.
    pub alive_threshold: Option<Threshold>,
    /// How the strengths of tied channels combine.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub grouping: Option<Grouping>,
    /// Layers that are left alone.
    pub ignored_layers: Vec<String>,
    /// The only layers that are charged.
    pub only_layers: Option<Vec<String>>,
    /// What the charges of layers are multiplied with.
    pub layer_weights: BTreeMap<String, Positive>,
    /// Layers that live and die together.
    pub tied: Vec<Vec<String>>,
    /// Fewest channels of a layer.
    pub min_width: Whole<0, 1_000_000>,
}

/// How alive a channel is.
///
/// | strength | a channel's strength |
/// |---|---|
/// | `gamma` | the absolute value of its scale in batch norm |
/// | `group-lasso` | the root mean square of its filter, mixed with the mean absolute value: [`GroupLasso`] |
/// | `mixed` | `gamma` where a scale can silence it, else the Euclidean norm of its filter |
/// | `gate` | the probability that its gate is open: [`Gate`] |
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    expecting = "a measure of strength, such as `gamma` or `{ group-lasso: {} }`"
)]
pub enum Strength {
    /// The absolute value of its scale in batch norm.
    Gamma,
    /// The norm of its filter.
    GroupLasso(GroupLasso),
    /// Scales where there are some, else norms.
    Mixed,
    /// The probability that its gate is open.
    Gate(Gate),
}

/// Options of [`Strength::GroupLasso`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ l1_fraction: 0.5 }`"
)]
pub struct GroupLasso {
    /// Share of the mean absolute value, from 0 to 1.
    pub l1_fraction: Closed,
}

impl Default for GroupLasso {
    fn default() -> Self {
        Self { l1_fraction: Closed::known(0.0) }
    }
}

/// Options of [`Strength::Gate`]. The search trains the network with a gate behind every layer, which opens and shuts channels at
/// random with a probability that is learned; what is learned holds for the network without gates, which is retrained.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `on` | `probability` | what is charged: the probability, or as in `FiGS` a `mask` that is drawn in every step |
/// | `temperature` | 0.5 | of the masks; towards 0 they are 0 or 1, and their gradient rare and large |
/// | `annealing_epochs` | none | epochs in which the temperature falls to a tenth |
/// | `straight_through` | true | masks of 0 or 1 with the gradient of soft ones |
/// | `soft_inference` | true | at inference an open gate scales by its probability |
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ temperature: 0.5 }`"
)]
pub struct Gate {
    /// What is charged.
    pub on: Charged,
    /// Temperature of the masks.
    pub temperature: Positive,
    /// Epochs in which it falls to a tenth.
    pub annealing_epochs: Option<Positive>,
    /// Masks of 0 or 1.
    pub straight_through: bool,
    /// At inference, scale what passes.
    pub soft_inference: bool,
}

impl Default for Gate {
    fn default() -> Self {
        let GateRecipe { temperature, straight_through, annealing_epochs: _, soft_inference } =
            GateRecipe::default();
        Self {
            on: Charged::Probability,
            temperature: Positive::known(temperature),
            annealing_epochs: None,
            straight_through,
            soft_inference,
        }
    }
}

/// What the penalty on a gate charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "`probability` or `mask`")]
pub enum Charged {
    /// The probability of being open.
    Probability,
    /// A mask drawn in every step.
    Mask,
}

/// How the strengths of tied channels combine.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    expecting = "a grouping, such as `max` or `{ l2: { threshold: 0.01 } }`"
)]
pub enum Grouping {
    /// The largest.
    Max,
    /// The root of the sum of squares.
    L2(L2),
    /// The probability that one gate at least is open; of `gate` only.
    Probabilistic,
}

/// Options of [`Grouping::L2`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ threshold: 0.01 }`")]
pub struct L2 {
    /// A group of several channels is alive above it.
    pub threshold: Threshold,
}

impl Default for Regularizer {
    fn default() -> Self {
        Self {
            strength: Strength::Gamma,
            cost: Cost::Flops,
            alive_threshold: None,
            grouping: None,
            ignored_layers: Vec::new(),
            only_layers: None,
            layer_weights: BTreeMap::new(),
            tied: Vec::new(),
            min_width: Whole::known(0),
        }
    }
}

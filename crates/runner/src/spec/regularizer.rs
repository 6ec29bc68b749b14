//! Section `regularizer`: what channels are charged.

use std::collections::BTreeMap;

use serde::Deserialize;

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
/// | `alive_threshold` | 0.01; 0.001 of `group-lasso` | a channel whose strength is below it is dead |
/// | `grouping` | `max` | how the strengths of tied channels combine: [`Grouping`] |
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
    pub grouping: Grouping,
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
            grouping: Grouping::Max,
            ignored_layers: Vec::new(),
            only_layers: None,
            layer_weights: BTreeMap::new(),
            tied: Vec::new(),
            min_width: Whole::known(0),
        }
    }
}

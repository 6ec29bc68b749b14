//! Section `regularizer`: what channels are charged.

use serde::Deserialize;

use super::cost::Cost;
use super::number::Threshold;

/// What channels are charged, by which measure of their strength, and when one is dead.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `strength` | `gamma` | how alive a channel is |
/// | `cost` | `flops` | what a channel is charged for: [`Cost`] |
/// | `alive_threshold` | 0.01 | a channel whose strength is below it is dead |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ cost: flops }`")]
pub struct Regularizer {
    /// How alive a channel is.
    pub strength: Strength,
    /// What a channel is charged for.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub cost: Cost,
    /// A channel whose strength is below it is dead.
    pub alive_threshold: Threshold,
}

/// How alive a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a measure of strength, `gamma`")]
pub enum Strength {
    /// The absolute value of its scale in batch norm.
    Gamma,
}

impl Default for Regularizer {
    fn default() -> Self {
        Self {
            strength: Strength::Gamma,
            cost: Cost::Flops,
            alive_threshold: Threshold::known(0.01),
        }
    }
}

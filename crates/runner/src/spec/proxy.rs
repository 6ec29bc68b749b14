//! Key `search.proxy`: what widths are learned on in place of the seed and all its images.

use serde::Deserialize;

use super::number::{Count, Part};

/// What widths are learned on in place of the seed and all its images; at least one key.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `width_multiplier` | that of the seed | the seed is narrowed by it, as `sweep.width_multiplier` does |
/// | `side` | that of the images | pixels of their shorter side: images in memory are averaged down by a whole factor |
/// | `train` | all | that many first training images |
///
/// Strengths and targets are in proportion to what the proxy costs; targets in percent alone. Every layer of the seed then
/// keeps the fraction of its channels that the proxy keeps. Which ones is nothing that a proxy can tell: the first ones stand
/// for them. Where a search ends at a cost, one multiplier of all fractions brings the seed to that percentage of its own
/// cost, at most and within the price of one channel group; layers that the proxy loses stay away.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ width_multiplier: 0.5, train: 5000 }`"
)]
pub struct Proxy {
    /// What the widths of the seed are multiplied with.
    #[serde(default)]
    pub width_multiplier: Option<Part>,
    /// Pixels of the shorter side of an image.
    #[serde(default)]
    pub side: Option<Count>,
    /// First training images that are used.
    #[serde(default)]
    pub train: Option<Count>,
}

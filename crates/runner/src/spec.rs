//! An experiment file as it was written.
//!
//! Every section is a struct that refuses unknown keys, every number knows its range, and every default stands in the
//! `impl Default` of its section. What a file *means* is another type, [`crate::plan::Plan`].
//!
//! | key | required | meaning |
//! |---|---|---|
//! | `schema` | yes | version of this format, 1 |
//! | `seeds` | no, `[0]` | the whole experiment is repeated with each |
//! | `dataset` | yes | [`Dataset`] |
//! | `normalization` | no | [`Normalization`]: by default that of the training images |
//! | `architecture` | yes | [`Architecture`]: a family, or `layers`, a list ([`architectures::layers`]) |
//! | `regularizer` | no | [`Regularizer`] |
//! | `search`, `retrain` | yes | [`Recipe`]: how widths are learned, and how every network is then trained, by default from scratch |
//! | `sweep` | yes | [`Sweep`], and [`Axes`]: any other key with several values |
//! | `baselines` | no, `[uniform]` | [`Baseline`] |
//! | `cycles` | no, 1 | [`Cycles`]: how often widths are learned, each time from what the last cycle expanded to the seed's cost |
//! | `stop_after` | no | [`StopAfter`]: `shrink` leaves every expansion out; the next cycle goes on from what was shrunk |

mod architecture;
mod axes;
mod cost;
mod cycles;
mod dataset;
mod fault;
mod files;
mod labels;
mod locate;
mod mode;
mod morph;
mod nearest;
mod normalization;
mod number;
mod overrides;
mod proxy;
mod read;
mod recipe;
mod regularizer;
mod source;
mod sweep;
mod syntax;
mod target;

use serde::Deserialize;

pub use architecture::{Architecture, named};
pub use axes::{Axes, Axis, Combine, Exclusion, same};
pub use cost::{Cost, Latency, Weighted, WeightedLatency};
pub use cycles::{CycleCount, Cycles, End, StopAfter, Until};
pub use dataset::{Arrays, Dataset, PublishedImages, Synthetic};
pub use files::{Pictures, Sounds};
pub use labels::Labels;
pub use locate::{Path, Step, Target, locate};
pub use mode::{Mode, Modes};
pub use morph::{DatasetSection, MorphSpec, defaults, target};
pub use nearest::nearest;
pub use normalization::Normalization;
pub use number::{
    AboveZero, BelowOne, Between, Closed, Count, Fraction, FromZero, Multiplier, Multipliers,
    NonNegative, Part, Positive, Power, Powers, Range, Real, Share, Signed, Threshold,
    UnitInterval, UpToOne, Whole, Within,
};
pub use overrides::Override;
pub use proxy::Proxy;
pub use read::{parse, parse_part};
pub use recipe::{
    Adam, Augmentation, Cosine, Decaying, EarlyStop, LearningRate, Optimizer, Recipe, RmsProp, Sgd,
};
pub use regularizer::{Charged, Gate, GroupLasso, Grouping, L2, Regularizer, Strength};
pub use source::{MOST_BYTES, Source};
pub use sweep::{Baseline, MOST_POINTS, Strengths, Sweep};
pub use target::{Amount, CostTarget, LatencyTarget, Targets};

/// The version of the format that this program reads.
pub const SCHEMA: u64 = 1;

/// A whole experiment file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of keys")]
pub struct Spec {
    /// Version of the format.
    pub schema: Whole<SCHEMA, SCHEMA>,
    /// Seeds of the random streams; everything is repeated with each.
    #[serde(default = "first_seed")]
    pub seeds: Vec<Whole<0, { u64::MAX }>>,
    /// The images.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub dataset: Dataset,
    /// What pixel values are before a network sees them.
    #[serde(default)]
    pub normalization: Option<Normalization>,
    /// The seed network.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub architecture: Architecture,
    /// What channels are charged, and when one is dead.
    #[serde(default)]
    pub regularizer: Regularizer,
    /// How widths are learned.
    pub search: Recipe,
    /// How every network is trained, whatever its widths come from.
    pub retrain: Recipe,
    /// What is varied.
    pub sweep: Sweep,
    /// What the learned widths are compared with.
    #[serde(default = "every_baseline")]
    pub baselines: Vec<Baseline>,
    /// How often the loop is repeated.
    #[serde(default)]
    pub cycles: Cycles,
    /// The last phase of every cycle.
    #[serde(default)]
    pub stop_after: Option<StopAfter>,
}

fn first_seed() -> Vec<Whole<0, { u64::MAX }>> {
    vec![Whole::known(0)]
}

fn every_baseline() -> Vec<Baseline> {
    vec![Baseline::Uniform]
}

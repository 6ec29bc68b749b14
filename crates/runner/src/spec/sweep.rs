//! Section `sweep`: what is varied; and the baselines beside it.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::axes::{Axes, Combine, Exclusion, geometric};
use super::number::{Multiplier, NonNegative, Positive, Whole};
use super::target::Targets;

/// What is varied. Every strength and every target gives one search per seed; every width multiplier is a uniform network and, where the
/// learned network costs less, a budget that it is expanded to.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `regularization_strength` | none | a number, a list, or `{ log: [low, high], num: 5 }`; in units of 1 / cost of the seed |
/// | `target` | none | costs that searches end at, `{ flops: 50% }` or a list: [`Targets`]; the strength is found in the one training run |
/// | `width_multiplier` | `[1.0]` | a list |
/// | `channel_divisor` | 1 | widths are rounded to multiples of it |
/// | `axes` | none | other keys with several values, `{ search.epochs: [3, 6] }`: [`Axes`]; every combination is a variant of the experiment |
/// | `combine` | `grid` | [`Combine`] |
/// | `exclude` | none | combinations that are left out, `[{ search.epochs: 3 }]` |
/// | `max_points` | 100000 | more points than that are refused |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map, such as `{ width_multiplier: [0.5, 1.0] }`"
)]
pub struct Sweep {
    /// Regularization strengths, in units of 1 / cost of the seed.
    pub regularization_strength: Strengths,
    /// Costs that searches end at.
    pub target: Targets,
    /// Width multipliers of the seed.
    pub width_multiplier: Vec<Multiplier>,
    /// What widths are rounded to multiples of.
    pub channel_divisor: Whole<1, 1024>,
    /// Keys with several values.
    pub axes: Axes,
    /// How they are put together.
    pub combine: Combine,
    /// Combinations that are left out.
    pub exclude: Vec<Exclusion>,
    /// Most points of the experiment.
    pub max_points: Whole<1, MOST_POINTS>,
}

/// Most points of one experiment.
pub const MOST_POINTS: u64 = 100_000;

impl Default for Sweep {
    fn default() -> Self {
        Self {
            regularization_strength: Strengths(Vec::new()),
            target: Targets::default(),
            width_multiplier: vec![Multiplier::known(1.0)],
            channel_divisor: Whole::known(1),
            axes: Axes::default(),
            combine: Combine::Grid,
            exclude: Vec::new(),
            max_points: Whole::known(MOST_POINTS),
        }
    }
}

/// What learned widths are compared with. All but `uniform` stand beside every shrunk network, in every cycle, at no more than its
/// cost: of what the search charged for, or of every resource of its target. One channel group more would cost more than the
/// shrunk network. At the cost of an expanded network `uniform` is the comparison.
///
/// | baseline | a network of it |
/// |---|---|
/// | `uniform` | the seed with all widths multiplied by one number, for every width multiplier |
/// | `shuffled` | the fractions that the search kept, dealt to other layers at random |
/// | `random` | a random fraction of every layer |
/// | `l1-norm` | of a trained seed, in every layer the same fraction of the filters with the largest L1 norms (Li et al. 2017) |
/// | `group-norm` | of a trained seed, the channel groups with the largest norms relative to their layer (Fang et al. 2023) |
///
/// The seed is trained from scratch by `retrain`, once for every seed of the random streams; the norms read its weights, and what
/// they choose is retrained like every other network. Baselines narrow any layer, also those that `regularizer` leaves alone. Where
/// the shrunk network has lost whole branches and costs less than one channel in every layer, there is no network to compare it
/// with: that is said, and the point left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a baseline, such as `uniform` or `l1-norm`")]
pub enum Baseline {
    /// The seed with all widths multiplied by one number.
    Uniform,
    /// The fractions that a search kept, dealt to other layers.
    Shuffled,
    /// Random fractions.
    Random,
    /// The filters of a trained seed with the largest L1 norms.
    L1Norm,
    /// The channel groups of a trained seed with the largest norms.
    GroupNorm,
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Shuffled => "shuffled",
            Self::Random => "random",
            Self::L1Norm => "l1-norm",
            Self::GroupNorm => "group-norm",
        })
    }
}

/// Regularization strengths: one, a list, or points at equal ratios from a low to a high one, both included.
#[derive(Clone, Debug, PartialEq)]
pub struct Strengths(pub Vec<NonNegative>);

/// `{ log: [low, high], num: 5 }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logarithmic {
    log: [Positive; 2],
    num: Whole<2, 1000>,
}

impl<'de> Deserialize<'de> for Strengths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrengthsVisitor)
    }
}

struct StrengthsVisitor;

impl StrengthsVisitor {
    fn one<'de, E: de::Error>(value: impl IntoDeserializer<'de, E>) -> Result<Strengths, E> {
        NonNegative::deserialize(value.into_deserializer()).map(|one| Strengths(vec![one]))
    }
}

impl<'de> Visitor<'de> for StrengthsVisitor {
    type Value = Strengths;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a list of numbers, or `{ log: [low, high], num: 5 }`")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Strengths, E> {
        Self::one(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Strengths, E> {
        Self::one(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Strengths, E> {
        Self::one(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strengths, A::Error> {
        let mut strengths = Vec::new();
        while let Some(strength) = list.next_element()? {
            strengths.push(strength);
        }
        Ok(Strengths(strengths))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Strengths, A::Error> {
        let Logarithmic { log: [low, high], num } =
            Logarithmic::deserialize(MapAccessDeserializer::new(map))?;
        let (low, high) = (low.get(), high.get());
        if low >= high {
            return Err(de::Error::custom(format_args!(
                "must rise from the first number of `log` to the second, is [{low:?}, {high:?}]"
            )));
        }
        let strengths = geometric(low, high, num.get());
        Ok(Strengths(strengths.into_iter().map(NonNegative::known).collect()))
    }
}

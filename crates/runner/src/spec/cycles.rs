//! Keys `cycles` and `stop_after`: how often the loop of shrinking and expanding is repeated.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, Visitor};

use super::number::Whole;

/// How many cycles an experiment may have.
pub type CycleCount = Whole<1, 100>;

/// How often widths are learned: `3`, or `{ until: no-gain, at_most: 5 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycles {
    /// So many times.
    Count(CycleCount),
    /// For as long as the validation score rises.
    Until(Until),
}

/// Cycles that end by themselves.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `until` | required | `no-gain`: the network of the last cycle is no better than the one before |
/// | `at_most` | 5 | cycles after which the loop ends in any case |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a number of cycles, or `{ until: no-gain, at_most: 5 }`")]
pub struct Until {
    /// What ends them.
    pub until: End,
    /// Most cycles.
    #[serde(default = "five")]
    pub at_most: CycleCount,
}

/// What ends cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "what ends the cycles, `no-gain`")]
pub enum End {
    /// A network that is no better than the one before by its validation score.
    NoGain,
}

/// The last phase of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a phase, `shrink`")]
pub enum StopAfter {
    /// Nothing is expanded.
    Shrink,
}

impl Default for Cycles {
    fn default() -> Self {
        Self::Count(CycleCount::known(1))
    }
}

fn five() -> CycleCount {
    CycleCount::known(5)
}

impl<'de> Deserialize<'de> for Cycles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CyclesVisitor)
    }
}

struct CyclesVisitor;

impl CyclesVisitor {
    fn count<'de, E: de::Error>(value: impl IntoDeserializer<'de, E>) -> Result<Cycles, E> {
        CycleCount::deserialize(value.into_deserializer()).map(Cycles::Count)
    }
}

impl<'de> Visitor<'de> for CyclesVisitor {
    type Value = Cycles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of cycles, or `{ until: no-gain, at_most: 5 }`")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Cycles, E> {
        Self::count(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Cycles, E> {
        Self::count(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Cycles, E> {
        Self::count(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cycles, A::Error> {
        Until::deserialize(MapAccessDeserializer::new(map)).map(Cycles::Until)
    }
}

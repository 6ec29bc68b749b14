//! Key `sweep.target`: costs that searches end at.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::number::Count;

/// Costs that searches end at: `{ flops: 50% }`, or a list of such.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// One per search.
    pub all: Vec<CostTarget>,
    /// Whether they stand in a list.
    pub listed: bool,
    /// The key that they stand at.
    pub key: &'static str,
}

impl Default for Targets {
    fn default() -> Self {
        Self { all: Vec::new(), listed: false, key: Self::KEY }
    }
}

impl Targets {
    const KEY: &str = "sweep.target";

    /// Where one of them stands in the experiment file.
    pub(crate) fn at(&self, index: usize) -> String {
        if self.listed { format!("{}[{index}]", self.key) } else { self.key.to_owned() }
    }
}

/// What a learned network may cost at most; several resources hold at once.
///
/// | key | meaning |
/// |---|---|
/// | `flops`, `macs`, `params`, `activations`, `macts`, `bytes` | [`Amount`], counted as in [`Cost`](super::Cost) |
/// | `latency` | [`LatencyTarget`] |
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of costs, such as `{ flops: 50% }`")]
pub struct CostTarget {
    /// Of FLOPs.
    pub flops: Option<Amount>,
    /// Of MACs.
    pub macs: Option<Amount>,
    /// Of parameters.
    pub params: Option<Amount>,
    /// Of output channels.
    pub activations: Option<Amount>,
    /// Of output values.
    pub macts: Option<Amount>,
    /// Of memory traffic.
    pub bytes: Option<Amount>,
    /// Of time on a device.
    pub latency: Option<LatencyTarget>,
}

/// Time of a batch on a device at most: `{ device: v100, at_most: 50% }`.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `device` | required | as in [`Latency`](super::Latency) |
/// | `at_most` | required | [`Amount`]; a number is in nanoseconds |
/// | `batch` | 1 | images in a batch |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ device: v100, at_most: 50% }`"
)]
pub struct LatencyTarget {
    /// Name of a device, or a file.
    pub device: String,
    /// The time.
    pub at_most: Amount,
    /// Images in a batch.
    #[serde(default = "one_image")]
    pub batch: Count,
}

fn one_image() -> Count {
    Count::known(1)
}

/// So much of a resource: `50%` of what the seed costs, or a number in the resource's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// Percent of the seed's cost, above 0 and below 100.
    Percent(f64),
    /// A cost.
    Absolute(f64),
}

impl Amount {
    const WORDS: &'static str =
        "a share of the seed above 0% and below 100%, such as 50%, or a number above 0";
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl AmountVisitor {
    fn absolute<E: de::Error>(value: f64) -> Result<Amount, E> {
        if (1e-12..=1e18).contains(&value) {
            Ok(Amount::Absolute(value))
        } else {
            Err(E::custom(format_args!("must be {}, is {value}", Amount::WORDS)))
        }
    }
}

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Amount::WORDS)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Amount, E> {
        Self::absolute(value as f64)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
        Self::absolute(value as f64)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Amount, E> {
        Self::absolute(value)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse().ok());
        match percent {
            Some(percent) if (1e-6..100.0).contains(&percent) => Ok(Amount::Percent(percent)),
            Some(_) => Err(E::custom(format_args!("must be {}, is {text}", Amount::WORDS))),
            None => Err(E::invalid_type(de::Unexpected::Str(text), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TargetsVisitor)
    }
}

struct TargetsVisitor;

impl<'de> Visitor<'de> for TargetsVisitor {
    type Value = Targets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of costs, such as `{ flops: 50% }`, or a list of such maps")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Targets, A::Error> {
        CostTarget::deserialize(MapAccessDeserializer::new(map))
            .map(|one| Targets { all: vec![one], ..Targets::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Targets, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(|all| Targets {
            all,
            listed: true,
            ..Targets::default()
        })
    }
}

//! Key `retrain.mode`: what a network that is retrained begins with, and for how long.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, SeqAccess, Visitor};

/// What a network that is retrained begins with, and for how long.
///
/// | mode | networks | weights | epochs |
/// |---|---|---|---|
/// | `scratch` | all | fresh | those of `retrain` |
/// | `scratch-b` | all | fresh | scaled, with the schedule, to the compute of training the seed (Liu et al. 2019), rounded down |
/// | `fine-tune` | shrunk, `l1-norm`, `group-norm` | what the search, or the trained seed, had learned in the kept channels | those of `retrain` |
/// | `grow` | expanded | what the search had learned; new channels are fresh and at first change nothing | those of `retrain` |
///
/// Learned weights go through surgery (what removed channels said is folded where that is exact), and running statistics are
/// measured anew before the first step. After a search by gates they are those of the network with all its gates open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a mode, such as `scratch` or `fine-tune`")]
pub enum Mode {
    /// From fresh weights.
    Scratch,
    /// From fresh weights, for equal compute.
    ScratchB,
    /// From learned weights.
    FineTune,
    /// From learned weights in a wider network.
    Grow,
}

impl From<Mode> for report::Mode {
    fn from(written: Mode) -> Self {
        match written {
            Mode::Scratch => Self::Scratch,
            Mode::ScratchB => Self::ScratchB,
            Mode::FineTune => Self::FineTune,
            Mode::Grow => Self::Grow,
        }
    }
}

/// One mode or a list: `scratch`, `[scratch, fine-tune]`. Every network is retrained in each that is about it; in `scratch` if none
/// is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modes(pub Vec<Mode>);

impl Default for Modes {
    fn default() -> Self {
        Self(vec![Mode::Scratch])
    }
}

impl<'de> Deserialize<'de> for Modes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModesVisitor)
    }
}

struct ModesVisitor;

impl<'de> Visitor<'de> for ModesVisitor {
    type Value = Modes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mode, such as `scratch`, or a list of modes")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Modes, E> {
        Mode::deserialize(StrDeserializer::new(word)).map(|mode| Modes(vec![mode]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Modes, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Modes)
    }
}

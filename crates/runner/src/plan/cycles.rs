//! How often the loop of shrinking and expanding is repeated.

use serde::{Deserialize, Serialize};

use super::problem::Problems;
use crate::spec::{self, Spec};

/// How often widths are learned. Every cycle but the first begins with the network that the cycle before expanded to the
/// seed's cost; or, if nothing is expanded, with the one that it shrunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cycles {
    /// So many times.
    Count(u32),
    /// For as long as the network of a cycle, at the seed's cost, has a higher validation score than that of the cycle
    /// before; the first is held against the seed itself.
    UntilNoGain {
        /// Most cycles.
        at_most: u32,
    },
}

/// The last phase of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopAfter {
    /// Nothing is expanded.
    Shrink,
}

impl Default for Cycles {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl Cycles {
    /// Most cycles that there can be.
    pub fn most(self) -> u32 {
        match self {
            Self::Count(count) | Self::UntilNoGain { at_most: count } => count,
        }
    }

    /// Whether widths are learned once.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn is_one(&self) -> bool {
        *self == Self::default()
    }
}

impl From<spec::Cycles> for Cycles {
    fn from(written: spec::Cycles) -> Self {
        let number = |count: spec::CycleCount| {
            u32::try_from(count.get()).expect("there are at most a hundred cycles")
        };
        match written {
            spec::Cycles::Count(count) => Self::Count(number(count)),
            spec::Cycles::Until(spec::Until { until: spec::End::NoGain, at_most }) => {
                Self::UntilNoGain { at_most: number(at_most) }
            }
        }
    }
}

impl From<spec::StopAfter> for StopAfter {
    fn from(written: spec::StopAfter) -> Self {
        match written {
            spec::StopAfter::Shrink => Self::Shrink,
        }
    }
}

/// What cycles need of the rest of the experiment.
pub(super) fn contradictions(spec: &Spec, learns: bool, problems: &mut Problems) {
    if !learns && (spec.cycles != spec::Cycles::default() || spec.stop_after.is_some()) {
        let key = if spec.stop_after.is_some() { "stop_after" } else { "cycles" };
        problems.add(
            key,
            &format!("`{key}` is about learned networks, and nothing is learned"),
            "add `regularization_strength: [4, 8, 16]` to `sweep`",
        );
    }
    if let spec::Cycles::Until(_) = spec.cycles {
        if spec.stop_after.is_some() {
            problems.add(
                "stop_after",
                "`cycles` end when networks at the seed's cost gain nothing, and with `stop_after: shrink` there are none",
                "write a number of cycles, or leave `stop_after` out",
            );
        }
        if !spec.sweep.width_multiplier.iter().any(|multiplier| multiplier.get() == 1.0) {
            problems.add(
                "sweep.width_multiplier",
                "`cycles` end when networks at the seed's cost gain nothing, and `sweep.width_multiplier` has no 1.0",
                "add 1.0 to `width_multiplier`",
            );
        }
        if !spec.baselines.contains(&spec::Baseline::Uniform) {
            problems.add(
                "baselines",
                "the first of the `cycles` is held against the seed, and `baselines` has no `uniform`",
                "add `uniform` to `baselines`",
            );
        }
    }
}

//! What learned widths are compared with.

use report::Arm;
use serde::{Deserialize, Serialize};

use super::problem::Problems;
use crate::spec::{self, Spec};

/// What learned widths are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

impl Baseline {
    /// The arm that its points belong to.
    pub fn arm(self) -> Arm {
        match self {
            Self::Uniform => Arm::Uniform,
            Self::Shuffled => Arm::Shuffled,
            Self::Random => Arm::Random,
            Self::L1Norm => Arm::L1Norm,
            Self::GroupNorm => Arm::GroupNorm,
        }
    }
}

/// Whether an arm's channels are chosen by the weights of a trained seed.
pub fn reads_weights(arm: Arm) -> bool {
    match arm {
        Arm::L1Norm | Arm::GroupNorm => true,
        Arm::Uniform | Arm::Shrink | Arm::Expand | Arm::Shuffled | Arm::Random => false,
    }
}

impl From<spec::Baseline> for Baseline {
    fn from(written: spec::Baseline) -> Self {
        match written {
            spec::Baseline::Uniform => Self::Uniform,
            spec::Baseline::Shuffled => Self::Shuffled,
            spec::Baseline::Random => Self::Random,
            spec::Baseline::L1Norm => Self::L1Norm,
            spec::Baseline::GroupNorm => Self::GroupNorm,
        }
    }
}

/// What baselines need of the rest of the experiment.
pub(super) fn contradictions(spec: &Spec, learns: bool, problems: &mut Problems) {
    let mut beside =
        spec.baselines.iter().enumerate().filter(|(_, it)| Baseline::from(**it).arm().has_search());
    if let (false, Some((index, baseline))) = (learns, beside.next()) {
        let at = format!("baselines[{index}]");
        problems.add(
            &at,
            &format!("`{at}` is {baseline}, which has the cost of learned networks, and nothing is learned"),
            "add `regularization_strength: [4, 8, 16]` to `sweep`",
        );
    }
}

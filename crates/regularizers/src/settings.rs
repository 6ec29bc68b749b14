//! What a penalty presses and how hard.

use serde::{Deserialize, Serialize};

use crate::{GroupLasso, Grouping, StrengthError};

/// How hard channels are pressed, by which strength, and when one counts as dead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Strength of the penalty in units of `1 / cost(seed)`, so that 1 charges the seed about one unit of loss. With a budget
    /// it is where the search for the right strength begins.
    pub strength: f64,
    /// A group is alive if its strength is above this value (of gates: at or above).
    pub alive_threshold: f64,
    /// How the strengths of tied channels combine.
    pub grouping: Grouping,
    /// What a channel's strength is.
    pub kind: StrengthKind,
    /// Fewest channels of a convolution or linear layer that is there at all. With 0 nothing is guarded while training, and
    /// layers that are empty in the end are given their strongest channel ([`crate::MorphNet::decide`]); with more, and with a budget,
    /// the last channels of a layer do not die unless the whole layer can go (a branch of a sum or a concatenation).
    pub min_width: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let (grouping, kind) = (Grouping::Max, StrengthKind::Gamma);
        Self {
            strength: 1.0,
            alive_threshold: kind.usual_threshold(),
            grouping,
            kind,
            min_width: 0,
        }
    }
}

/// What a channel's strength is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrengthKind {
    /// `|gamma|` of batch norms with a scale ([`crate::Gamma`]).
    #[default]
    Gamma,
    /// Norms of filters ([`GroupLasso`]).
    GroupLasso {
        /// Share of the mean absolute value, in `[0, 1]`.
        l1_fraction: f32,
    },
    /// Stochastic gates ([`crate::Gate`]), in a graph that has them.
    Gate {
        /// What is charged.
        on: MaskOrProbability,
    },
    /// `|gamma|` where scales of batch norms can silence a group, else also the Euclidean norms of its filters
    /// ([`crate::Blend`]).
    Mixed,
}

/// What the penalty on a gate charges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskOrProbability {
    /// The probability of being on: the expectation of the mask.
    #[default]
    Probability,
    /// A mask drawn for every step from the stream `penalty/STEP/NODE` of `seed`, relaxed at `temperature` (above 0).
    Mask {
        /// Temperature of the relaxation.
        temperature: f32,
        /// Seed of the noise.
        seed: u64,
    },
}

impl StrengthKind {
    /// An alive threshold that suits: 0.01 for scales, 0.001 for filters, one half, where inference draws the line, for gates.
    pub fn usual_threshold(self) -> f64 {
        match self {
            Self::Gamma | Self::Mixed => 0.01,
            Self::GroupLasso { .. } => 1e-3,
            Self::Gate { .. } => 0.5,
        }
    }

    /// The part that filters have.
    pub(crate) fn lasso(self) -> Result<Option<GroupLasso>, StrengthError> {
        match self {
            Self::Gamma | Self::Gate { .. } => Ok(None),
            Self::GroupLasso { l1_fraction } => GroupLasso::new(l1_fraction).map(Some),
            Self::Mixed => GroupLasso::new(0.0).map(Some),
        }
    }
}

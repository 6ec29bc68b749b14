//! Section `architecture`: the seed network.

use architectures::Stem;
use serde::Deserialize;

use super::number::{Fraction, Multiplier};

/// A network family with its options: `{ inception-v2: { stem: small } }`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a network, such as `{ inception-v2: {} }`")]
pub enum Architecture {
    /// Batch-normalised Inception.
    InceptionV2(InceptionV2),
}

/// Options of [`Architecture::InceptionV2`].
///
/// | key | default | purpose |
/// |---|---|---|
/// | `stem` | `imagenet` | `imagenet` for images of 224 pixels a side, `small` for 28 to 64 |
/// | `width_multiplier` | 1 | scales the seed itself |
/// | `dropout` | 0.2 | before the last layer |
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ stem: small }`")]
pub struct InceptionV2 {
    /// Which table of stages.
    pub stem: Stem,
    /// Scales the seed itself.
    pub width_multiplier: Multiplier,
    /// Fraction of features zeroed before the last layer.
    pub dropout: Fraction,
}

impl Default for InceptionV2 {
    fn default() -> Self {
        let architectures::InceptionV2 { stem, width_multiplier, dropout: _ } =
            architectures::InceptionV2::default();
        Self {
            stem,
            width_multiplier: Multiplier::known(width_multiplier),
            dropout: Fraction::known(0.2),
        }
    }
}

impl From<Architecture> for architectures::Architecture {
    fn from(written: Architecture) -> Self {
        match written {
            Architecture::InceptionV2(InceptionV2 { stem, width_multiplier, dropout }) => {
                Self::InceptionV2(architectures::InceptionV2 {
                    stem,
                    width_multiplier: width_multiplier.get(),
                    dropout: dropout.get() as f32,
                })
            }
        }
    }
}

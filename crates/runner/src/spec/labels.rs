//! Key `labels` of a data set.

use serde::Deserialize;

/// How many labels a sample has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "how many labels a sample has, `one` or `several`")]
pub enum Labels {
    /// One, its class: networks are scored by accuracy.
    #[default]
    One,
    /// Any number, or none: networks are scored by mean average precision.
    Several,
}

impl From<Labels> for datasets::Labels {
    fn from(written: Labels) -> Self {
        match written {
            Labels::One => Self::One,
            Labels::Several => Self::Several,
        }
    }
}

//! How a network was trained before it was scored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a network was trained before it was scored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// From fresh weights, for as many epochs as the seed.
    #[default]
    Scratch,
    /// From fresh weights, for as much compute as the seed.
    ScratchB,
    /// From the weights that the kept channels had, for as many epochs as the seed.
    FineTune,
    /// From the weights that the kept channels had and new channels that at first change nothing, for as many epochs as the
    /// seed.
    Grow,
}

impl Mode {
    /// Every mode, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Scratch, Self::ScratchB, Self::FineTune, Self::Grow];

    /// The word in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::ScratchB => "scratch-b",
            Self::FineTune => "fine-tune",
            Self::Grow => "grow",
        }
    }

    /// What a name is followed by: nothing for [`Mode::Scratch`], else a comma and the mode.
    pub(crate) fn suffix(self) -> String {
        if self == Self::Scratch { String::new() } else { format!(", {self}") }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

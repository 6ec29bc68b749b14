//! The built-in cost models by name, as an experiment file chooses them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Activations, CostModel, Flops, Macs, Params};

/// A built-in cost model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// [`Flops`].
    Flops,
    /// [`Macs`].
    Macs,
    /// [`Params`].
    Params,
    /// [`Activations`].
    Activations,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Flops, Self::Macs, Self::Params, Self::Activations];

    /// The model.
    pub fn model(self) -> &'static dyn CostModel {
        match self {
            Self::Flops => &Flops,
            Self::Macs => &Macs,
            Self::Params => &Params,
            Self::Activations => &Activations,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.model().name())
    }
}

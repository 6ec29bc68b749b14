//! The built-in cost models by name, as a plan holds them.

use std::fmt;

use graph::{Graph, NodeId};
use serde::{Deserialize, Serialize};

use crate::{
    Activations, Bytes, CostModel, Flops, Latency, Macs, Macts, NodeCost, Params, WeightedSum,
};

/// A built-in cost model with all its numbers: nothing is looked up by name afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// [`Macts`].
    Macts,
    /// [`Bytes`].
    Bytes(Bytes),
    /// [`Latency`].
    Latency(Latency),
    /// [`WeightedSum`].
    Weighted(WeightedSum<Self>),
}

impl Resource {
    /// Those that are chosen by their name alone.
    pub const PLAIN: [Self; 5] =
        [Self::Flops, Self::Macs, Self::Params, Self::Activations, Self::Macts];

    fn model(&self) -> &dyn CostModel {
        match self {
            Self::Flops => &Flops,
            Self::Macs => &Macs,
            Self::Params => &Params,
            Self::Activations => &Activations,
            Self::Macts => &Macts,
            Self::Bytes(bytes) => bytes,
            Self::Latency(latency) => latency,
            Self::Weighted(weighted) => weighted,
        }
    }
}

impl CostModel for Resource {
    fn name(&self) -> &'static str {
        self.model().name()
    }

    fn unit(&self) -> &'static str {
        self.model().unit()
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        self.model().node(graph, id)
    }
}

/// The name, with what distinguishes resources of one name.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flops | Self::Macs | Self::Params | Self::Activations | Self::Macts => {
                f.pad(self.name())
            }
            Self::Bytes(bytes) => write!(f, "bytes of batch {}", bytes.batch),
            Self::Latency(latency) => {
                write!(f, "latency on {}, batch {}", latency.device(), latency.batch())
            }
            Self::Weighted(sum) => {
                for (position, part) in sum.parts.iter().enumerate() {
                    let plus = if position > 0 { " + " } else { "" };
                    write!(f, "{plus}{} x {}", part.coefficient, part.of)?;
                }
                Ok(())
            }
        }
    }
}

//! Changing a network's widths: shrink by a decision, expand to a budget, and the structure file that records it.
//!
//! Surgery obeys a [`graph::Keep`], whoever proposed it. Removing channels that are exactly dead leaves every logit
//! unchanged.
#![forbid(unsafe_code)]

mod alive;
mod apportion;
mod arms;
mod constants;
mod embedding;
mod expand;
mod fold;
mod grow;
mod kernel;
mod norms;
mod rebuild;
mod recalibrate;
mod shrink;
mod structure;
mod transfer;

mod error;
mod structure_error;

pub use alive::{AliveCounts, Missing};
pub use arms::{group_norm, l1_norm, random_at_cost, shuffled};
pub use error::SurgeryError;
pub use expand::{Expansion, expand, expand_within, scale};
pub use fold::{Folded, Lost, shrink_folding};
pub use grow::grow;
pub use recalibrate::recalibrate;
pub use shrink::{mask, shrink};
pub use structure::{Costs, Layer, Structure, structure_hash};
pub use structure_error::StructureError;
pub use transfer::transfer;

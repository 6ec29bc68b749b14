//! Changing a network's widths, and the structure files that record them.
//!
//! Surgery obeys a decision ([`graph::Keep`], [`graph::ChannelMap`]), whoever proposed it. Removing channels that are exactly
//! dead leaves every logit unchanged.
//!
//! | function | what it does |
//! |---|---|
//! | [`shrink`], [`shrink_folding`], [`mask`] | removes channels, also with what they said folded into their readers, or silences them |
//! | [`scale`], [`expand`], [`expand_within`] | multiplies widths, by a number or up to budgets |
//! | [`grow`] | carries what was learned to wider layers without changing a logit |
//! | [`recalibrate`] | measures running statistics anew |
//! | [`add_batch_norms`], [`with_batch_norms`] | gives convolutions batch norms that change no logit |
//! | [`Structure`], [`AliveCounts`] | structure files: ours, and the original's `alive_<step>` |
//! | [`transfer`], [`transfer_within`] | gives a network the widths learned on a narrower one, also up to budgets |
//! | [`shuffled`], [`random_at_cost`], [`l1_norm`], [`group_norm`] | decisions to compare a learned one with, at equal cost |
#![forbid(unsafe_code)]

mod alive;
mod apportion;
mod arms;
mod batch_norms;
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
pub use batch_norms::{add_batch_norms, with_batch_norms};
pub use error::SurgeryError;
pub use expand::{Expansion, expand, expand_within, scale};
pub use fold::{Folded, Lost, shrink_folding};
pub use grow::grow;
pub use recalibrate::recalibrate;
pub use shrink::{mask, shrink};
pub use structure::{Costs, Layer, Structure, structure_hash};
pub use structure_error::StructureError;
pub use transfer::{transfer, transfer_within};

//! Channel strengths and the price-weighted penalty of MorphNet.
//!
//! The penalty of a network is `lambda * sum over groups of price(g) * strength(g)`: the price is the marginal cost of one
//! more channel in the network as it is now (paper, equation 9). A strength is put together from parts: a [`Strength`] says
//! how strong a channel is ([`Gamma`], [`GroupLasso`], [`Gate`]), [`Sources`] which channels make up a group, [`Grouping`] how
//! they combine (paper, section 4.4), and [`Regularizer`] gives the term and its gradient.
//!
//! [`MorphNet`] is the penalty that trains: the largest `|gamma|` of a group's batch norms, applied as a proximal step, so
//! that dead channels are exactly zero.
#![forbid(unsafe_code)]

mod decision;
mod error;
mod grouping;
mod morphnet;
mod obstacle;
mod proximal;
mod prunable;
mod regularizer;
mod sources;
mod strength;

pub use decision::Decision;
pub use error::StrengthError;
pub use grouping::Grouping;
pub use morphnet::{MorphNet, Settings};
pub use obstacle::{Kept, Obstacle};
pub use proximal::shrink_maximum;
pub use prunable::{Leak, Prunable};
pub use regularizer::{Regularizer, Strengths, Term};
pub use sources::Sources;
pub use strength::{Gamma, Gate, GroupLasso, Relaxation, SampledGate, Strength, gate_inference};

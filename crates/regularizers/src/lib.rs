//! Channel strengths and the price-weighted penalty of MorphNet.
//!
//! The penalty of a network is `lambda * sum over groups of price(g) * strength(g)`: the price is the marginal cost of one
//! more channel in the network as it is now (paper, equation 9). A strength is put together from parts: a [`Strength`] says
//! how strong a channel is ([`Gamma`], [`GroupLasso`], [`Gate`], or a [`Blend`] of them), [`Sources`] which channels make up a
//! group, [`Grouping`] how they combine (paper, section 4.4), and [`Regularizer`] gives the term and its gradient.
//!
//! [`MorphNet`] is the penalty that trains, as a proximal step, so that dead channels are exactly zero (gates: shut). [`Scope`]
//! says which layers it is about. With [`Target`]s it looks for the strength itself and ends at or below every cost. [`gated`]
//! gives a network the gates that are to be learned; [`Warning`] and [`bimodality`] say what a search looks like.
#![forbid(unsafe_code)]

mod error;
mod grouping;
mod settings;
mod strength;

mod glob;
mod scope;

mod prunable;
mod silence;
mod slots;
mod sources;

mod proximal;
mod regularizer;
mod scaling;

mod bimodality;
mod budget;
mod decision;
mod feasible;
mod gated;
mod guard;
mod morphnet;
mod obstacle;
mod press;
mod settle;
mod state;
mod warning;
mod watch;

pub use bimodality::{Bimodality, bimodality};
pub use budget::Target;
pub use decision::Decision;
pub use error::{PenaltyError, StrengthError};
pub use feasible::feasible;
pub use gated::gated;
pub use grouping::Grouping;
pub use morphnet::MorphNet;
pub use obstacle::{Kept, Obstacle};
pub use proximal::{Filter, shares, shrink_filter, shrink_maximum};
pub use prunable::{Leak, Prunable};
pub use regularizer::{Regularizer, Strengths, Term};
pub use scope::{Scope, ScopeError, ScopePatterns};
pub use settings::{MaskOrProbability, Settings, StrengthKind};
pub use sources::Sources;
pub use strength::{
    Blend, Gamma, Gate, GroupLasso, Relaxation, SampledGate, Strength, gate_inference,
};
pub use warning::Warning;

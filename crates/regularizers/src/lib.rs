//! Channel strengths and the price-weighted penalty of MorphNet.
//!
//! The penalty of a network is `lambda * sum over groups of price(g) * strength(g)`: the price is the marginal cost of one
//! more channel in the network as it is now, the strength of a group is the largest `|gamma|` of its batch norms (paper,
//! equation 9 and section 4.4; max grouping as in `grouping_regularizers.py`). It is applied as a proximal step, so that
//! dead channels are exactly zero.
#![forbid(unsafe_code)]

mod gamma;
mod morphnet;
mod proximal;

mod decision;

pub use decision::Decision;
pub use gamma::{GammaSources, Leak};
pub use morphnet::{MorphNet, Settings};
pub use proximal::shrink_maximum;

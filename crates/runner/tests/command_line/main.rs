//! The command line up to the plan: faults of experiment files, `--set`, `check`, `cost`, `--dry-run`.
//!
//! Expected texts are in `tests/golden`. `UPDATE_GOLDEN=1 cargo test -p runner` writes them anew, for review.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails its test")]

mod arguments;
mod axes;
mod baselines;
mod bench;
mod charges;
mod check;
mod cost;
mod cycles;
mod faults;
mod golden;
mod labels;
mod layers;
mod modes;
mod morph;
mod mutations;
mod networks;
mod normalization;
mod plans;
mod prices;
mod proxy;
mod regularizer;
mod set;
mod targets;

//! The command line: from an experiment file to a plan, to points, to results.
//!
//! What was written is a [`spec::Spec`]; what it means is a [`plan::Plan`]; only a plan runs. Faults of what was written
//! are [`diagnostic::Diagnostics`], with line and column.
//!
//! ```
//! use runner::plan::Plan;
//! use runner::spec::Source;
//!
//! let text = "
//! schema: 1
//! dataset: { synthetic: { side: 28, train: 200 } }
//! architecture: { inception-v2: { stem: small } }
//! search:  { epochs: 1, batch_size: 50, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }
//! retrain: { epochs: 1, batch_size: 50, optimizer: { sgd: {} }, learning_rate: { cosine: { peak: 0.1 } } }
//! sweep:   { regularization_strength: [4, 8], width_multiplier: [0.5, 1.0] }
//! ";
//! let plan = Plan::of(&Source::from_bytes("example.yaml", text.into())?)?;
//! assert_eq!(plan.searches().len(), 2);
//! assert_eq!(plan.points().len(), 2 + 2 + 4); // uniform, shrunk, expanded
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod cli;
pub mod commands;

mod device;
pub mod diagnostic;
pub mod plan;
pub mod spec;

pub mod calibrate;
mod clock;
mod interrupt;
mod measure;
mod network;
mod provenance;
pub mod run;
mod store;

pub use commands::main_with;

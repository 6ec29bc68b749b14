//! What a network costs, as an expression in its widths.
//!
//! A [`CostModel`] states the terms of every node once:
//!
//! ```text
//! cost(w) = sum over nodes, max over alternatives, sum over terms:   c * w[a] * w[b]
//! ```
//!
//! A [`CostForm`] reads them as the cost at any widths ([`CostForm::at`]) and as the price of one more channel
//! ([`CostForm::price`]), which is what the MorphNet penalty charges, so counter, regularizer and expansion cannot disagree.
//!
//! ```
//! use cost_models::{CostForm, Flops, Summary};
//! use graph::{Builder, Conv2d, Op, Shape};
//!
//! let mut build = Builder::new();
//! let image = build.add("image", Op::Input(Shape::new(8, 8, 3)), &[])?;
//! let one = build.add("one", Op::Conv2d(Conv2d::square(4, 3)), &[image])?;
//! let two = build.add("two", Op::Conv2d(Conv2d::square(5, 1)), &[one])?;
//! let graph = build.finish(&[two])?;
//!
//! let flops = CostForm::of(&Flops, &graph);
//! let widths = graph.widths();
//! assert_eq!(flops.at(&widths), (2 * 64 * (9 * 3 * 4 + 4 * 5)) as f64);
//! // A fifth channel of `one` would cost its own kernel and one more input of `two`.
//! assert_eq!(flops.price(&widths)[one.index()], (2 * 64 * (9 * 3 + 5)) as f64);
//! assert_eq!(Summary::of(&graph).params, 9 * 3 * 4 + 4 * 5);
//! # Ok::<(), graph::GraphError>(())
//! ```
#![forbid(unsafe_code)]

mod activations;
mod flops;
mod form;
mod macs;
mod model;
mod params;
mod resource;
mod summary;

pub use activations::Activations;
pub use flops::Flops;
pub use form::{CostForm, NodeCost, Term};
pub use macs::Macs;
pub use model::CostModel;
pub use params::Params;
pub use resource::Resource;
pub use summary::{NodeTable, Summary, table};

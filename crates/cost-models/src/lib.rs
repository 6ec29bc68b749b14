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
//! | model | what is counted |
//! |---|---|
//! | [`Macs`], [`Flops`] | operations of kernels; FLOPs are 2 x MACs |
//! | [`Params`] | kernel values |
//! | [`Activations`], [`Macts`] | output channels and output values of kernels |
//! | [`Bytes`] | memory traffic |
//! | [`Roofline`] | time on a device by its peaks ([`DEVICES`]) |
//! | [`Measured`] | time on a device by measurements |
//! | [`WeightedSum`] | several at once |
//!
//! What an operator does is said once, by [`Work`]. [`Counting`] adds what the original leaves out.
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
mod bytes;
mod calibration;
mod class;
mod counting;
mod device;
mod devices;
mod fit;
mod flops;
mod form;
mod latency;
mod macs;
mod macts;
mod measured;
mod model;
mod node_cost;
mod params;
mod resource;
mod roofline;
mod smooth;
mod summary;
mod term;
mod weighted;
mod work;

pub use activations::Activations;
pub use bytes::Bytes;
pub use calibration::{Calibration, Grid, Measurement};
pub use class::Class;
pub use counting::Counting;
pub use device::{Device, Precision, UnknownDevice};
pub use devices::{DEVICES, KnownDevice};
pub use fit::{Sample, fit_classes};
pub use flops::{Flops, FlopsWith};
pub use form::CostForm;
pub use latency::{DeviceFile, Latency};
pub use macs::Macs;
pub use macts::Macts;
pub use measured::{Measured, MeasuredTable, MeasuredTerm, Quantity};
pub use model::CostModel;
pub use node_cost::{Maximum, NodeCost};
pub use params::{Params, ParamsWith};
pub use resource::Resource;
pub use roofline::{Bound, Roofline};
pub use smooth::Smooth;
pub use summary::{NodeTable, Summary, table};
pub use term::{Stepped, Term};
pub use weighted::{Weighted, WeightedSum};
pub use work::{Connection, Kernel, KernelKind, Work};

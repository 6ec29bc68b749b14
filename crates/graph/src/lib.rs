//! Convolutional networks as graphs of operators.
//!
//! A [`Graph`] has shapes, names and widths, and no weights. It is built through a checking [`Builder`], which proves
//! every shape at insertion, and it is immutable afterwards. Three analyses live here because they concern the graph alone:
//! which channels live and die together ([`Channels`]), which of them remain after a decision ([`ChannelMap`]), and which
//! parameters every node has ([`Graph::parameters`]). There are two rewrites: another number of channels on some wires
//! ([`Graph::with_channels`], [`Graph::with_widths`]), which shrinking and expanding a network both are, and further nodes
//! behind some ([`Graph::with_insertions`]).
//!
//! ```
//! use graph::{Activation, Builder, Conv2d, Op, Shape};
//!
//! let mut build = Builder::new();
//! let image = build.add("image", Op::Input(Shape::new(28, 28, 1)), &[])?;
//! let conv = build.add("conv", Op::Conv2d(Conv2d::square(8, 3)), &[image])?;
//! let relu = build.add("relu", Op::Activation(Activation::Relu), &[conv])?;
//! let pool = build.add("pool", Op::GlobalAvgPool, &[relu])?;
//! let logits = build.add("logits", Op::Linear(graph::Linear::new(10)), &[pool])?;
//! let graph = build.finish(&[logits])?;
//! assert_eq!(graph.node(conv).shape, Shape::new(28, 28, 8));
//! # Ok::<(), graph::GraphError>(())
//! ```
#![forbid(unsafe_code)]

mod activation;
mod attributes;
mod bundles;
mod channel_map;
mod channels;
mod dump;
mod error;
mod freeze;
mod insertions;
mod network;
mod op;
mod parameters;
mod shape;
mod ties;
mod widths;
mod window;

pub use activation::Activation;
pub use attributes::{
    Axis, BatchNorm, Conv2d, Conv3d, ConvTranspose, Depthwise, Gather, Interpolation, Linear,
    LocalResponseNorm, Pad, Pool, Resize,
};
pub use bundles::Bundle;
pub use channel_map::ChannelMap;
pub use channels::{Channels, GroupId, Keep};
pub use error::{GraphError, ShapeProblem};
pub use freeze::{Freeze, FreezeReason};
pub use insertions::Insertion;
pub use network::{Builder, Graph, Node, NodeId};
pub use op::Op;
pub use parameters::{ParameterSpec, Role};
pub use shape::{MAX_ELEMENTS, MAX_WIDTH, Shape, Spread};
pub use widths::Widths;
pub use window::{Padding, Window};

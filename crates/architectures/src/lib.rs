//! Network families as tables of stages, built into graphs.
//!
//! An [`Architecture`] is what an experiment names: a family with its options. [`Architecture::build`] turns it, an image
//! shape and a number of classes into a [`graph::Graph`]. A family is a table of stages; one assembler expands the rows.
//!
//! ```
//! use architectures::{Architecture, InceptionV2, Stem};
//! use graph::Shape;
//!
//! let architecture = Architecture::InceptionV2(InceptionV2 { stem: Stem::Small, ..InceptionV2::default() });
//! let graph = architecture.build(Shape::new(28, 28, 1), 10)?;
//! let last = graph.find("Mixed_5c/concat").expect("the last block");
//! assert_eq!(graph.node(last).shape, Shape::new(7, 7, 64));
//! # Ok::<(), architectures::ArchitectureError>(())
//! ```
#![forbid(unsafe_code)]

mod architecture;
mod assembly;
mod error;
mod family;
mod inception;
mod options;
mod residual;
mod scaling;

pub mod cifar_resnet;
pub mod densenet;
pub mod inception_v2;
pub mod inception_v3;
pub mod resnet;
pub mod vgg;

pub use architecture::Architecture;
pub use cifar_resnet::CifarResNet;
pub use densenet::DenseNet;
pub use error::ArchitectureError;
pub use inception_v2::InceptionV2;
pub use inception_v3::InceptionV3;
pub use options::{Stem, Version};
pub use resnet::ResNet;
pub use vgg::Vgg;

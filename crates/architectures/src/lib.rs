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
mod inverted;
mod options;
mod residual;
mod scaling;

pub mod audio_resnet;
pub mod cifar_resnet;
pub mod densenet;
pub mod efficientnet_b0;
pub mod inception_v1;
pub mod inception_v2;
pub mod inception_v3;
pub mod layers;
pub mod lenet;
pub mod mobilenet_v1;
pub mod mobilenet_v2;
pub mod mobilenet_v3;
pub mod resnet;
pub mod shufflenet_v2;
pub mod squeezenet;
pub mod vgg;
pub mod xception;

pub use architecture::Architecture;
pub use audio_resnet::AudioResNet;
pub use cifar_resnet::{CifarResNet, Shortcut};
pub use densenet::DenseNet;
pub use efficientnet_b0::EfficientNetB0;
pub use error::ArchitectureError;
pub use inception_v1::InceptionV1;
pub use inception_v2::InceptionV2;
pub use inception_v3::InceptionV3;
pub use layers::Layers;
pub use lenet::LeNet5;
pub use mobilenet_v1::MobileNetV1;
pub use mobilenet_v2::MobileNetV2;
pub use mobilenet_v3::{MobileNetV3, Variant};
pub use options::{Stem, Version};
pub use resnet::ResNet;
pub use shufflenet_v2::{ShuffleNetV2, Size};
pub use squeezenet::SqueezeNet;
pub use vgg::Vgg;
pub use xception::Xception;

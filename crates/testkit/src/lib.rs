//! References for tests: slow, obvious implementations that the fast ones must agree with.
//!
//! [`interpret`] evaluates a network by naive loops in `f64` and counts multiplications, [`finite_difference`] is its
//! gradient without calculus, [`strategies`] are random networks for property tests, [`toys`] are named small ones.
//!
//! ```
//! use testkit::{Mode, interpret, random_images, random_parameters, toys};
//!
//! let graph = toys::diamond();
//! let image = graph.nodes().next().map(|(_, node)| node.shape).expect("an image");
//! let evaluation =
//!     interpret(&graph, &random_parameters(&graph, 0), &random_images(image, 2, 1), 2, Mode::Infer);
//! let conv = graph.find("conv1").expect("a node of the toy");
//! assert_eq!(evaluation.multiplications[conv.index()], 8 * 8 * 9 * 3 * 4);
//! ```
#![forbid(unsafe_code)]

mod device;
mod gates;
mod images;
mod interpret;
mod loss;
mod parameters;
pub mod strategies;
pub mod tape;
pub mod toys;

pub use device::cpu;
pub use gates::GateDraws;
pub use interpret::{Evaluation, Mode, interpret, interpret_gated};
pub use loss::{cross_entropy, finite_difference, gated_loss, loss};
pub use parameters::{Parameters, random_images, random_parameters};

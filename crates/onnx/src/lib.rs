//! ONNX files to graphs with weights, and back.
//!
//! [`import`] reads the convolutional networks that PyTorch, TensorFlow and others write (operator sets 7 to 21) into a
//! [`graph::Graph`] with weights in its layouts; what the graph cannot express is refused with node, operator and what to
//! do. [`export`] writes a graph with its weights as a file of operator set 18, with batch norm folded into the layers
//! before it if wished ([`fold_batch_norm`]). Files are bad until proved good: no input panics, and [`Limits`] bound what a
//! file can make the reader allocate.
#![forbid(unsafe_code)]

mod error;
mod export;
mod fold;
mod import;
mod limits;
mod proto;
mod sketch;
mod tensor;
mod view;

pub use error::OnnxError;
pub use export::{ExportOptions, export};
pub use fold::fold_batch_norm;
pub use import::{Imported, Options, Report, import};
pub use limits::Limits;
pub use sketch::Weights;

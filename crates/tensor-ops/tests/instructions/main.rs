//! Every instruction of the CPU device against a naive reference.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod arena;
mod batch_norm;
mod channels;
mod convolutions;
mod depthwise;
mod derived;
mod elementwise;
mod filters;
mod gates;
mod malformed;
mod maps;
mod pools;
mod reference;
mod reference_filters;
mod reference_gates;
mod reference_layers;
mod reference_rows;
mod squares;
mod training;
mod work;

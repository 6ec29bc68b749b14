//! Every instruction of the CPU device against a naive reference.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "instructions/arena.rs"]
mod arena;
#[path = "instructions/batch_norm.rs"]
mod batch_norm;
#[path = "instructions/convolutions.rs"]
mod convolutions;
#[path = "instructions/elementwise.rs"]
mod elementwise;
#[path = "instructions/malformed.rs"]
mod malformed;
#[path = "instructions/pools.rs"]
mod pools;
#[path = "instructions/reference.rs"]
mod reference;
#[path = "instructions/reference_layers.rs"]
mod reference_layers;
#[path = "instructions/training.rs"]
mod training;

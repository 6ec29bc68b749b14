//! Tests of the cost models.
#![cfg(test)]

mod counting;
mod devices;
mod forms;
mod measured;
mod original;
mod properties;
mod resources;
mod support;

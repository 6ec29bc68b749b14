//! Whole-system tests.
#![cfg(test)]

mod bad_data;
mod broken_disk;
mod program;
mod resume;
mod smoke;
mod threads;
mod tidy;

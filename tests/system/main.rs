//! Whole-system tests.
#![cfg(test)]

mod tidy;

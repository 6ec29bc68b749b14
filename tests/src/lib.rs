//! Whole-system tests live in `system/`.
#![forbid(unsafe_code)]

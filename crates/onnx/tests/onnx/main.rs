//! Tests of reading and writing ONNX.

mod light;
mod pytorch;

use std::path::PathBuf;

/// A file of `tests/golden/onnx`.
#[expect(clippy::disallowed_methods, reason = "a test reads what is committed")]
fn golden(path: &str) -> Vec<u8> {
    let file = folder().join(path);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/onnx")
}

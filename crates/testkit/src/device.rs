//! The device of tests.

use tensor_ops::{Cpu, Level};

/// A processor of so many threads, with the vector instructions that `TEST_SIMD` names: `scripts/check-levels` runs the tests
/// at every level of the machine. By default the best.
///
/// # Panics
///
/// If the machine does not have them.
pub fn cpu(threads: usize) -> Cpu {
    let level = std::env::var_os("TEST_SIMD").map(|name| {
        let name = name.to_string_lossy();
        name.parse::<Level>().unwrap_or_else(|error| panic!("TEST_SIMD={name}: {error}"))
    });
    Cpu::at(threads, level).expect("a level of this machine")
}

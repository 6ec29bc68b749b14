//! The runner as the whole-system tests start it: the same function as the program `runner`.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

/// Commands that do not compute what tests look at, or not at a level.
const OTHERS: [&str; 6] = ["check", "cost", "calibrate", "export", "--help", "--version"];

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // `scripts/check-levels` runs the tests with other vector instructions than the best.
    if let Some(level) = std::env::var_os("TEST_SIMD")
        && !arguments.get(1).is_none_or(|first| OTHERS.map(OsStr::new).contains(&first.as_os_str()))
    {
        arguments.extend([OsString::from("--simd"), level]);
    }
    runner::main_with(arguments.into_iter())
}

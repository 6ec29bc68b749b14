//! The runner as the whole-system tests start it: the same function as the program `runner`.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

/// Commands that do not compute what tests look at, or not at a level.
const OTHERS: [&str; 10] = [
    "plan",
    "collect",
    "status",
    "report",
    "check",
    "cost",
    "calibrate",
    "export",
    "--help",
    "--version",
];

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // `scripts/check-levels` runs the tests with other vector instructions than the best.
    if let Some(level) = std::env::var_os("TEST_SIMD")
        && takes_level(&arguments)
    {
        // What follows `--` is for others.
        let end = arguments.iter().position(|it| it == "--").unwrap_or(arguments.len());
        arguments.splice(end..end, [OsString::from("--simd"), level]);
    }
    runner::main_with(arguments.into_iter())
}

/// Whether the command computes, at a level that it is not told already.
fn takes_level(arguments: &[OsString]) -> bool {
    let first = arguments.get(1);
    let computes = !first.is_none_or(|it| OTHERS.map(OsStr::new).contains(&it.as_os_str()));
    computes && !arguments.iter().any(|it| it == "--simd")
}

//! The runner as the whole-system tests start it: the same function as the program `runner`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main_with(std::env::args_os())
}

//! The program `runner`; everything is in the library of the same name.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main_with(std::env::args_os())
}

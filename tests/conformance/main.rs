//! The original's numbers, computed from ours: every file of `golden/morphnet`, or of the folder `GOLDEN_DIR`.
//!
//! One line per file, under the construct that the file is about first; an argument filters by any of its constructs or by its
//! name. The README beside the files says what they hold.
#![expect(clippy::disallowed_methods, reason = "the files are read here")]
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]

mod anchors;
mod charge;
mod check;
mod deviations;
mod golden;
mod intent;
mod network;
mod report;
mod schema;
mod seen;
mod single_precision;
mod singles;
mod translate;
mod unsupported;
mod vectors;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut filter = String::new();
    let mut only_list = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--list" => only_list = true,
            // Options of the standard harness mean nothing here.
            option if option.starts_with('-') => {}
            name => name.clone_into(&mut filter),
        }
    }
    match report::run(&filter, only_list) {
        Ok(code) => code,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

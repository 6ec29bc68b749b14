//! Speed of whole training steps of the usual networks (`scripts/networks.json`) and of the instructions in them, against the
//! peak and the bandwidth of the machine, measured in the same run.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::set_current_dir(root).expect("the crate lies in the workspace");
    let arguments = ["runner", "bench", "--list", "scripts/networks.json", "--profile"];
    runner::main_with(arguments.into_iter().map(OsString::from))
}

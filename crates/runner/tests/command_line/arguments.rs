//! Arguments that are refused before a file is read, and the exit codes of the whole program.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use runner::commands::study_to_run;

use crate::golden::{Folder, Sheet, VALID, run_options};

/// [`ExitCode`] has no equality; its debug text does.
fn exit_code(args: &[&str]) -> String {
    let args = ["runner"].iter().chain(args).map(OsString::from);
    format!("{:?}", runner::main_with(args))
}

fn code(number: u8) -> String {
    format!("{:?}", ExitCode::from(number))
}

#[test]
fn bad_input_ends_with_2_and_good_with_0() {
    let folder = Folder::new();
    let good = folder.write("good.yaml", VALID);
    let bad = folder.write("bad.yaml", VALID.replace("epochs: 5", "epochs: 0"));
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    for (expected, args) in [
        (0, &["check", good][..]),
        (0, &[good, "--dry-run"]),
        (0, &["run", good, "--dry-run", "--json"]),
        (0, &["cost", good]),
        (0, &["--help"]),
        (2, &["check", bad]),
        (2, &["check", good, bad]),
        (2, &[bad]),
        (2, &["run", "nowhere.yaml"]),
        (2, &["cost", "nothing"]),
        (2, &[good, "--device", "cuda"]),
        (2, &[good, "--jobs", "0"]),
        (2, &[good, "--jobs", "-1"]),
        (0, &[good, "--dry-run", "--simd", "portable"]),
        (2, &[good, "--dry-run", "--simd", "sse9"]),
        (2, &[good, "--no-such-option"]),
        (2, &[]),
    ] {
        assert_eq!(exit_code(args), code(expected), "{args:?}");
    }
}

#[test]
fn options_that_cannot_be_met_say_so() {
    let folder = Folder::new();
    let file = folder.write("x.yaml", VALID);
    let mut sheet = Sheet::default();
    let cuda = study_to_run(&run_options(Path::new("x.yaml"), &["--device", "cuda"])).unwrap_err();
    sheet.case("--device cuda", &cuda.to_string());
    let only = study_to_run(&run_options(&file, &["--only", "0", "46"])).unwrap_err();
    sheet.case("--only 46", &only.to_string());
    sheet.check("arguments.txt");
}

//! Every experiment file is right, and costs what it cost when it was written.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tests` writes `tests/golden/experiments.txt` anew, for review.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{PROGRAM, expect_code};

#[test]
fn every_experiment_file_is_right_and_costs_what_is_written_down() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let experiments = tests.parent().unwrap().join("experiments");
    let output = Command::new(PROGRAM).arg("check").arg(&experiments).output().unwrap();
    expect_code(&output, 0);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let found = String::from_utf8(output.stdout).unwrap();

    for entry in fs::read_dir(&experiments).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            found.lines().any(|line| line.split_whitespace().next() == Some(name)),
            "{name} is not in:\n{found}"
        );
    }
    let golden = tests.join("golden/experiments.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&golden).unwrap());
}

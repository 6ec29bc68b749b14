//! A disk that takes nothing more: exit code 1, and what was finished before stays.

use std::fs;
use std::process::Command;

use crate::program::{Folder, PROGRAM, expect_code, expect_same};

#[test]
fn an_unwritable_results_folder_is_named() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "not a folder").unwrap();
    let output = folder.run("file", &[]);
    expect_code(&output, 1);
    let message = folder.anonymous(&output.stderr);
    assert!(
        message.starts_with("error: cannot write in the results folder `FOLDER/file/small`: "),
        "{message}"
    );
}

#[test]
fn a_full_disk_fails_the_point_and_keeps_the_earlier_ones() {
    let folder = Folder::new();
    expect_code(&folder.run("undisturbed", &[]), 0);
    expect_code(&folder.run("full", &["--only", "0"]), 0);
    let points = folder.path("full/small/points.csv");
    let before = fs::read(&points).unwrap();

    // Files beyond 64 blocks cannot be written: checkpoints are larger, everything else is smaller.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script, "sh", PROGRAM]).args(folder.arguments("full", &["--jobs", "1"]));
    let output = limited.output().unwrap();
    expect_code(&output, 1);
    let message = folder.anonymous(&output.stderr);
    assert!(message.contains("cannot write `FOLDER/full/small/state/"), "{message}");
    assert_eq!(fs::read(&points).unwrap(), before);

    expect_code(&folder.run("full", &["--retry-failed"]), 0);
    expect_same(&folder.path("full/small"), &folder.path("undisturbed/small"));
}

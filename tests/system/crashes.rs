//! What power losses, damaged files, clocks and older programs leave behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::program::{Folder, expect_code, expect_same, wait_until};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let is_checkpoint = |path: &PathBuf| path.extension().is_some_and(|it| it == "safetensors");
    files(folder).into_iter().filter(is_checkpoint).collect()
}

/// Copies what there is; what vanishes meanwhile is left out, as a power loss may.
fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let _ = fs::copy(&path, &target);
    }
}

/// Files are synced before they get their names, so that a power loss leaves each as it was before or after; in between, some
/// files are newer than others.
#[test]
fn what_a_power_loss_leaves_is_gone_on_from() {
    let folder = Folder::new();
    expect_code(&folder.run("undisturbed", &[]), 0);
    let mut child = folder.start("running", &["--jobs", "1"]);
    let mut copies = 0;
    while child.try_wait().unwrap().is_none() && copies < 6 {
        std::thread::sleep(Duration::from_millis(100));
        copy(&folder.path("running"), &folder.path(&format!("copy-{copies}")));
        copies += 1;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for index in 0..copies {
        let results = format!("copy-{index}");
        // Names of files without their content, as file systems leave them that were not asked to sync.
        fs::create_dir_all(folder.path(&results).join("small/structures")).unwrap();
        File::create(folder.path(&results).join("small/structures/.writing-abcdef")).unwrap();
        expect_code(&folder.run(&results, &[]), 0);
        expect_same(&folder.path(&results).join("small"), &folder.path("undisturbed/small"));
    }
}

/// A retraining that was killed after its second checkpoint, with both.
fn killed_after_two_checkpoints(folder: &Folder, results: &str) -> Vec<PathBuf> {
    let state = folder.path(results).join("small/state");
    let mut child = folder.start(results, &["--jobs", "1", "--only", "0"]);
    wait_until(&mut child, "two checkpoints", || checkpoints(&state).len() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let left = checkpoints(&state);
    assert_eq!(left.len(), 2, "{left:?}");
    left
}

#[test]
fn of_a_truncated_checkpoint_and_of_one_with_a_flipped_bit_the_one_before_is_used() {
    let folder = Folder::new();
    let only = ["--jobs", "1", "--only", "0"];
    expect_code(&folder.run("undisturbed", &only), 0);
    for (results, is_flipped) in [("truncated", false), ("flipped", true)] {
        let left = killed_after_two_checkpoints(&folder, results);
        let mut bytes = fs::read(&left[1]).unwrap();
        if is_flipped {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        } else {
            bytes.truncate(bytes.len() - 1);
        }
        fs::write(&left[1], bytes).unwrap();
        let output = folder.run(results, &only);
        expect_code(&output, 0);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("is damaged; the one before it is used"), "{said}");
        expect_same(&folder.path(results).join("small"), &folder.path("undisturbed/small"));
    }
}

#[test]
fn files_from_the_future_and_from_long_ago_change_nothing() {
    let folder = Folder::new();
    let only = ["--jobs", "1", "--only", "0"];
    expect_code(&folder.run("undisturbed", &only), 0);
    let years = Duration::from_hours(50 * 365 * 24);
    let now = SystemTime::now();
    for (results, time) in [("future", now + years), ("past", now - years)] {
        killed_after_two_checkpoints(&folder, results);
        let found = files(&folder.path(results));
        assert!(found.iter().any(|path| path.ends_with("lock")), "no lock was left behind");
        for path in found {
            File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        expect_code(&folder.run(results, &only), 0);
        expect_same(&folder.path(results).join("small"), &folder.path("undisturbed/small"));
    }
}

#[test]
fn the_state_of_an_older_program_is_refused_with_the_commit_that_reads_it() {
    let folder = Folder::new();
    expect_code(&folder.run("results", &["--only", "0"]), 0);
    let format = folder.path("results/small/state/format.json");
    let points = folder.path("results/small/points.csv");
    let before = fs::read(&points).unwrap();
    for (written, expected) in [
        (None, "has schema 1, and this program reads 2: go on with the program of commit 74c6c32"),
        (
            Some("{ \"schema\": 3 }"),
            "has schema 3, and this program reads 2: go on with the program that wrote it",
        ),
    ] {
        match written {
            None => fs::remove_file(&format).unwrap(),
            Some(text) => fs::write(&format, text).unwrap(),
        }
        let output = folder.run("results", &[]);
        expect_code(&output, 2);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
        assert_eq!(fs::read(&points).unwrap(), before);
    }
    expect_code(&folder.run("results", &["--fresh", "--only", "0"]), 0);
}

/// A process that slept for so long that others took it for dead must not write any more.
#[test]
fn a_runner_that_was_taken_for_dead_stops_and_leaves_the_work_to_others() {
    let folder = Folder::new();
    let only = ["--jobs", "1", "--only", "0"];
    expect_code(&folder.run("undisturbed", &only), 0);
    let mut child = folder.start("results", &only);
    let state = folder.path("results/small/state");
    wait_until(&mut child, "its first checkpoint", || !checkpoints(&state).is_empty());
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let registrations = files(&folder.path("results/small/.runners"));
    let registration = registrations.iter().find(|path| path.extension().is_some()).unwrap();
    fs::remove_file(registration).unwrap();
    expect_code(&folder.run("results", &only), 0);
    signal("-CONT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("others took this process for dead"),
        "{said}"
    );
    expect_same(&folder.path("results/small"), &folder.path("undisturbed/small"));
}

//! A run that is killed, stopped or damaged ends with the same bytes as one that is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Folder, expect_code, results};

/// All checkpoints of a run, with a hash of each in its name.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map_while(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(checkpoints(&path));
        } else if path.extension().is_some_and(|extension| extension == "safetensors") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn undisturbed(folder: &Folder) {
    expect_code(&folder.run("undisturbed", &[]), 0);
}

#[test]
fn a_run_killed_after_every_checkpoint_gives_the_bytes_of_one_never_killed() {
    let folder = Folder::new();
    undisturbed(&folder);
    let (mut killed, mut seen) = (0, Vec::new());
    loop {
        let mut child = folder.start("killed", &["--jobs", "1"]);
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let fresh = checkpoints(&folder.path("killed/small/state"))
                .into_iter()
                .find(|path| !seen.contains(path));
            if let Some(path) = fresh {
                seen.push(path);
                child.kill().unwrap();
                killed += 1;
                break child.wait().unwrap();
            }
        };
        if ended.success() {
            break;
        }
        assert!(killed < 100, "does not get anywhere");
    }
    assert!(killed >= 3, "killed {killed} times only");
    assert_eq!(results(&folder.path("killed/small")), results(&folder.path("undisturbed/small")));
}

#[test]
fn an_interrupted_run_says_so_with_85_and_goes_on_to_the_same_bytes() {
    let folder = Folder::new();
    undisturbed(&folder);
    let child = folder.start("stopped", &["--jobs", "1"]);
    while checkpoints(&folder.path("stopped/small/state")).is_empty() {
        std::thread::yield_now();
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    expect_code(&output, 85);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("stopped after a checkpoint; run the same command again to go on"),
        "{message}"
    );
    expect_code(&folder.run("stopped", &[]), 0);
    assert_eq!(results(&folder.path("stopped/small")), results(&folder.path("undisturbed/small")));
}

#[test]
fn a_damaged_checkpoint_is_not_used() {
    let folder = Folder::new();
    undisturbed(&folder);
    let mut child = folder.start("damaged", &["--jobs", "1"]);
    let state = folder.path("damaged/small/state");
    while checkpoints(&state).is_empty() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for path in checkpoints(&state) {
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    expect_code(&folder.run("damaged", &[]), 0);
    assert_eq!(results(&folder.path("damaged/small")), results(&folder.path("undisturbed/small")));
}

//! A run that is killed, stopped or damaged ends with the same bytes as one that is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::program::{Folder, expect_code, expect_same, wait_until};

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

/// Sends what Ctrl-C sends.
fn interrupt(child: &Child) {
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
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
    expect_same(&folder.path("killed/small"), &folder.path("undisturbed/small"));
}

#[test]
fn an_interrupted_run_says_so_with_85_and_goes_on_to_the_same_bytes() {
    let folder = Folder::new();
    undisturbed(&folder);
    let mut child = folder.start("stopped", &["--jobs", "1"]);
    let state = folder.path("stopped/small/state");
    wait_until(&mut child, "its first checkpoint", || !checkpoints(&state).is_empty());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    expect_code(&output, 85);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("stopped after a checkpoint; run the same command again to go on"),
        "{message}"
    );
    expect_code(&folder.run("stopped", &[]), 0);
    expect_same(&folder.path("stopped/small"), &folder.path("undisturbed/small"));
}

/// A run that started a training over would write the checkpoint of its first epoch again, under the name it had.
#[test]
fn a_run_goes_on_from_its_checkpoint_and_repeats_no_epoch() {
    let folder = Folder::new();
    let state = folder.path("stopped/small/state");
    let (mut stopped, mut seen) = (0, BTreeSet::new());
    loop {
        let mut child = folder.start("stopped", &["--jobs", "1"]);
        let kept = checkpoints(&state);
        seen.extend(kept.iter().cloned());
        let mut asked = false;
        let ended = loop {
            let found = checkpoints(&state);
            for path in found.iter().filter(|path| !kept.contains(path)) {
                assert!(asked || !seen.contains(path), "{} was written twice", path.display());
            }
            if !asked && found.iter().any(|path| !kept.contains(path)) {
                seen.extend(found);
                interrupt(&child);
                asked = true;
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        if ended.success() {
            break;
        }
        assert_eq!(ended.code(), Some(85));
        stopped += 1;
        assert!(stopped < 100, "does not get anywhere");
    }
    assert!(stopped >= 3, "stopped {stopped} times only");
}

#[test]
fn what_a_killed_run_was_writing_is_removed() {
    let folder = Folder::new();
    expect_code(&folder.run("results", &["--only", "0"]), 0);
    let unfinished = ["", "structures", "state/retrainings"]
        .map(|name| folder.path("results/small").join(name).join(".writing-abcdef"));
    for path in &unfinished {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half a f").unwrap();
    }
    expect_code(&folder.run("results", &["--only", "0"]), 0);
    for path in &unfinished {
        assert!(!path.exists(), "{}", path.display());
    }
}

/// A retraining is damaged, not a search: its accuracies tell one weight from another, and widths do not.
#[test]
fn a_damaged_checkpoint_is_not_used() {
    let folder = Folder::new();
    let only = ["--jobs", "1", "--only", "0"];
    expect_code(&folder.run("undisturbed", &only), 0);
    let mut child = folder.start("damaged", &only);
    let state = folder.path("damaged/small/state");
    wait_until(&mut child, "its first checkpoint", || !checkpoints(&state).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let left = checkpoints(&state);
    assert!(!left.is_empty(), "the retraining ended before it was killed");
    for path in left {
        let mut bytes = fs::read(&path).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let data = &mut bytes[8 + usize::try_from(header).unwrap()..];
        // The sign of every number.
        data.iter_mut().skip(3).step_by(4).for_each(|byte| *byte ^= 0x80);
        fs::write(&path, bytes).unwrap();
    }
    expect_code(&folder.run("damaged", &only), 0);
    assert_eq!(points(&folder.path("damaged")), points(&folder.path("undisturbed")));
}

fn points(results: &Path) -> Vec<u8> {
    fs::read(results.join("small/points.csv")).unwrap()
}

//! Several runners on one folder, and points that are done one by one.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::program::{Folder, PROGRAM, expect_code, expect_same, wait_until};

/// A command on the small experiment.
fn command(folder: &Folder, words: &[&str], results: &str, more: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(words)
        .args(folder.arguments(results, more))
        .env_remove("SLURM_ARRAY_TASK_ID")
        .env_remove("JOB_COMPLETION_INDEX")
        .output()
        .unwrap()
}

/// The states of all points, as `status --json` says them.
fn states(folder: &Folder, results: &str) -> Vec<Value> {
    let output = command(folder, &["status"], results, &["--json"]);
    expect_code(&output, 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn names(states: &[Value]) -> Vec<&str> {
    states.iter().map(|row| row["state"].as_str().unwrap()).collect()
}

#[test]
fn runners_on_one_folder_split_the_work_without_overlap() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.experiment()).unwrap();
    fs::write(folder.experiment(), format!("{text}seeds: [0, 1]\n")).unwrap();
    expect_code(&folder.run("alone", &[]), 0);
    let start = || folder.start("together", &["--jobs", "2", "--threads", "1"]);
    let runners = [start(), start(), start()];
    let mut done = Vec::new();
    for runner in runners {
        let output = runner.wait_with_output().unwrap();
        expect_code(&output, 0);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        done.extend(
            said.lines()
                .filter(|line| line.contains(" MFLOPs"))
                .map(|line| line.split(':').next().unwrap_or_default().to_owned()),
        );
    }
    let once: BTreeSet<&String> = done.iter().collect();
    assert_eq!(once.len(), done.len(), "{done:?}");
    assert_eq!(done.len(), 2 * (1 + 5), "{done:?}");
    expect_same(&folder.path("together/small"), &folder.path("alone/small"));
}

#[test]
fn a_folder_that_somebody_is_at_work_in_is_not_discarded() {
    let folder = Folder::new();
    let mut first = folder.start("results", &["--jobs", "1"]);
    let plan = folder.path("results/small/plan.json");
    wait_until(&mut first, "it wrote its plan", || plan.exists());
    let second = folder.run("results", &["--fresh"]);
    first.kill().unwrap();
    first.wait().unwrap();
    expect_code(&second, 1);
    let message = folder.anonymous(&second.stderr);
    assert!(
        message.starts_with("error: another runner is at work in `FOLDER/results/small`, process "),
        "{message}"
    );
    expect_code(&folder.run("results", &["--fresh", "--only", "0"]), 0);
}

#[test]
fn points_done_one_by_one_and_collected_are_those_of_a_run() {
    let folder = Folder::new();
    expect_code(&folder.run("whole", &[]), 0);
    expect_code(&command(&folder, &["point"], "points", &["--shared", "0"]), 0);
    // The last point first: nobody has to keep an order. The index of a task of a batch system will do.
    let mut task = Command::new(PROGRAM);
    task.arg("point").args(folder.arguments("points", &[])).env("JOB_COMPLETION_INDEX", "4");
    expect_code(&task.output().unwrap(), 0);
    assert_eq!(
        names(&states(&folder, "points")),
        ["missing", "missing", "missing", "missing", "done"]
    );
    assert!(!folder.path("points/small/points.csv").exists());
    let results = folder.path("points/small");
    for index in ["3", "2", "1", "0", "0"] {
        // By the folder alone, too.
        let mut point = Command::new(PROGRAM);
        point.arg("point").arg(&results).args(["--index", index]);
        expect_code(&point.output().unwrap(), 0);
    }
    expect_code(&command(&folder, &["collect"], "points", &[]), 0);
    expect_same(&results, &folder.path("whole/small"));
    assert_eq!(names(&states(&folder, "points")), ["done"; 5]);
    for (words, code) in [(&["--index", "5"][..], 2), (&["--shared", "1"], 2), (&[], 2)] {
        expect_code(&command(&folder, &["point"], "points", words), code);
    }
}

#[test]
fn a_status_tells_who_is_at_work_and_what_was_interrupted() {
    let folder = Folder::new();
    let mut child = folder.start("results", &["--jobs", "1", "--only", "0"]);
    let mut rows = Vec::new();
    wait_until(&mut child, "its point was begun", || {
        rows = states(&folder, "results");
        names(&rows)[0] == "running"
    });
    assert_eq!(rows[0]["process"], child.id());
    let state = folder.path("results/small/state/retrainings");
    wait_until(&mut child, "its first checkpoint", || {
        let pieces = fs::read_dir(&state).into_iter().flatten().flatten();
        let mut files = pieces.flat_map(|piece| fs::read_dir(piece.path()).into_iter().flatten());
        files.any(|file| file.unwrap().file_name().to_string_lossy().starts_with("checkpoint-"))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let rows = states(&folder, "results");
    assert_eq!(
        (&rows[0]["state"], rows[0]["steps"].as_u64() > Some(0)),
        (&"interrupted".into(), true)
    );
    assert_eq!(rows[3]["reason"], "its search is missing");
    expect_code(&folder.run("results", &["--only", "0"]), 0);
}

#[test]
fn a_failure_is_kept_told_and_tried_again_when_asked_for() {
    let folder = Folder::new();
    expect_code(&folder.run("whole", &[]), 0);
    expect_code(&command(&folder, &["point"], "results", &["--shared", "0"]), 0);
    // What a failed search leaves: no structure, and why.
    let results = folder.path("results/small");
    let search = results.join("state/searches/strength-200-seed-0");
    fs::remove_file(search.join("done.json")).unwrap();
    fs::write(search.join("failed.json"), "{ \"error\": \"out of luck\" }").unwrap();
    let run = folder.run("results", &[]);
    expect_code(&run, 1);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        said.contains("error: search strength 200 seed 0: failed before: out of luck"),
        "{said}"
    );
    assert!(said.contains("`--retry-failed` tries it again"), "{said}");
    let rows = states(&folder, "results");
    assert_eq!(names(&rows), ["done", "done", "failed", "failed", "failed"]);
    assert_eq!(rows[2]["error"], "its search: out of luck");
    let listed = folder.run("results", &["--dry-run"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("failed: its search: out of luck"), "{listed}");
    expect_code(&command(&folder, &["point"], "results", &["--index", "4"]), 1);
    expect_code(&folder.run("results", &["--retry-failed"]), 0);
    expect_same(&results, &folder.path("whole/small"));
}

#[test]
fn a_signal_before_the_end_of_the_time_stops_a_point_after_a_checkpoint() {
    let folder = Folder::new();
    let mut point = Command::new(PROGRAM);
    point.arg("point").args(folder.arguments("results", &["--index", "0"]));
    let mut child = point.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(&mut child, "its point was begun", || {
        names(&states(&folder, "results"))[0] == "running"
    });
    for _ in 0..2 {
        let signal =
            Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
        assert!(signal.success());
    }
    expect_code(&child.wait_with_output().unwrap(), 85);
    assert_eq!(names(&states(&folder, "results"))[0], "interrupted");
}

#[test]
fn points_are_listed_for_gnu_parallel_and_kubernetes() {
    let folder = Folder::new();
    let list = |format: &str| {
        let output = command(&folder, &["plan"], "results", &["--format", format]);
        expect_code(&output, 0);
        folder.anonymous(&output.stdout)
    };
    let lines = list("tsv");
    assert_eq!(lines.lines().next(), Some("point\tstate\twords"));
    assert_eq!(lines.lines().nth(4), Some("3\tmissing\texpand strength 200 to x0.5 seed 0"));
    let rows: Value = serde_json::from_str(&list("json")).unwrap();
    assert_eq!((&rows[2]["index"], &rows[2]["state"]), (&2.into(), &"missing".into()));
    let manifest = list("k8s");
    for line in [
        "  completions: 5",
        "  completionMode: Indexed",
        "          args: [\"point\", \"FOLDER/small.yaml\", \"--results\", \"FOLDER/results\"]",
    ] {
        assert!(manifest.lines().any(|other| other == line), "{line} is not in\n{manifest}");
    }
    assert!(!folder.path("results").exists());
}

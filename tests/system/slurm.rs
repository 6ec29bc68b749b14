//! What is submitted to Slurm, and what its scripts do, on a machine without it. `scripts/slurm-test` has a real cluster.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{Folder, PROGRAM, expect_code, expect_same};

/// Commands that answer as those of Slurm do, and write down what `sbatch` was asked for.
fn pretend(folder: &Folder) {
    let commands = folder.path("commands");
    fs::create_dir(&commands).unwrap();
    for (name, text) in [
        ("sbatch", "echo \"$@\" >> \"$LOG\"; wc -l < \"$LOG\""),
        ("squeue", "cat \"$QUEUED\" 2> /dev/null || true"),
        ("scontrol", "echo 'MaxArraySize = 4'"),
    ] {
        let path = commands.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn with_pretended(folder: &Folder, mut command: Command) -> Output {
    let path = std::env::var("PATH").unwrap();
    command
        .env("PATH", format!("{}:{path}", folder.path("commands").display()))
        .env("LOG", folder.path("log"))
        .env("QUEUED", folder.path("queued"));
    command.output().unwrap()
}

fn submit(folder: &Folder) -> Output {
    let mut command = Command::new(PROGRAM);
    let more = ["--executor", "slurm", "--jobs", "3", "--", "--partition=main"];
    command.args(folder.arguments("results", &more));
    with_pretended(folder, command)
}

/// Runs a batch script as the task of a number.
fn task(folder: &Folder, script: &Path, number: &str) {
    let mut command = Command::new("bash");
    command.arg(script).env("SLURM_ARRAY_TASK_ID", number).env("SLURM_ARRAY_JOB_ID", "1");
    expect_code(&with_pretended(folder, command), 0);
}

#[test]
fn what_is_missing_is_submitted_and_the_scripts_do_it() {
    let folder = Folder::new();
    pretend(&folder);
    expect_code(&folder.run("whole", &[]), 0);
    let output = submit(&folder);
    expect_code(&output, 0);
    let said = folder.anonymous(&output.stdout);
    assert_eq!(
        said,
        "submitted of small:\n1 search or trained seed as job 1\n5 points as job 2, 3\nthe collector as job 4\n\
         output goes to FOLDER/results/small/slurm\n"
    );
    let asked = folder.anonymous(&fs::read(folder.path("log")).unwrap());
    let asked: Vec<&str> = asked.lines().collect();
    assert_eq!(
        asked,
        [
            "--parsable --array=0%3 --partition=main FOLDER/results/small/slurm/shared.sh",
            "--parsable --array=0-3%3 --dependency=afterany:1 --partition=main FOLDER/results/small/slurm/points.sh",
            "--parsable --array=0%3 --dependency=afterany:1 --partition=main FOLDER/results/small/slurm/points-4.sh",
            "--parsable --dependency=afterany:2:3 --partition=main FOLDER/results/small/slurm/collect.sh",
        ]
    );

    fs::write(folder.path("queued"), "17\n3\n").unwrap();
    let again = submit(&folder);
    expect_code(&again, 1);
    assert_eq!(
        folder.anonymous(&again.stderr),
        "error: 1 job of this experiment is still queued, first 3: wait, or cancel with `scancel 3`\n"
    );
    fs::remove_file(folder.path("queued")).unwrap();

    let scripts = folder.path("results/small/slurm");
    for (script, number) in
        [("shared.sh", "0"), ("points.sh", "0"), ("points.sh", "3"), ("points-4.sh", "0")]
    {
        task(&folder, &scripts.join(script), number);
    }
    fs::remove_file(folder.path("log")).unwrap();
    expect_code(&submit(&folder), 0);
    let asked = folder.anonymous(&fs::read(folder.path("log")).unwrap());
    assert!(asked.starts_with("--parsable --array=1-2%3 --partition=main "), "{asked}");
    for (script, number) in [("points.sh", "1"), ("points.sh", "2"), ("collect.sh", "")] {
        task(&folder, &scripts.join(script), number);
    }
    expect_same(&folder.path("results/small"), &folder.path("whole/small"));
    let last = submit(&folder);
    assert!(String::from_utf8_lossy(&last.stdout).starts_with("nothing is missing\n"));
}

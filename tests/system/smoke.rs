//! The whole loop on real data.

use std::fs;
use std::path::Path;
use std::process::Command;

use report::Arm;

use crate::program::{Folder, PROGRAM, expect_code, results};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn the_smoke_experiment_runs_the_whole_loop_and_then_has_nothing_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = root().join("experiments/smoke.yaml");
    let run = || {
        Command::new(PROGRAM).arg(&experiment).arg("--results").arg(folder.path()).output().unwrap()
    };
    let first = run();
    expect_code(&first, 0);
    let path = folder.path().join("smoke");
    let before = results(&path);
    let rows = report::row::from_csv(std::str::from_utf8(&before["points.csv"]).unwrap()).unwrap();
    for arm in [Arm::Uniform, Arm::Shrink, Arm::Expand] {
        assert!(rows.iter().any(|row| row.arm == arm), "no row of arm {arm}");
    }
    let seed =
        rows.iter().find(|row| row.arm == Arm::Uniform && row.width_multiplier == 1.0).unwrap();
    assert!(seed.test_score > 0.5, "{seed:?}");
    for row in rows.iter().filter(|row| row.arm != Arm::Uniform) {
        assert!(row.flops <= seed.flops && row.dead_channels > 0, "{row:?}");
    }
    assert!(String::from_utf8_lossy(&before["pareto.svg"]).starts_with("<svg"));
    assert_eq!(first.stdout, before["summary.txt"]);

    let second = run();
    expect_code(&second, 0);
    assert_eq!(results(&path), before);
    assert!(!String::from_utf8_lossy(&second.stderr).contains("search strength"), "trained again");
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::new();
    let output = folder.run("results", &["--dry-run"]);
    expect_code(&output, 0);
    assert!(String::from_utf8_lossy(&output.stdout).contains("expand"));
    assert!(!folder.path("results").exists());
}

#[test]
fn results_of_another_plan_are_refused_until_told_to_start_over() {
    let folder = Folder::new();
    expect_code(&folder.run("results", &["--only", "0"]), 0);
    let other = ["--only", "0", "--set", "retrain.epochs=1"];
    let refused = folder.run("results", &other);
    expect_code(&refused, 2);
    assert_eq!(
        folder.anonymous(&refused.stderr),
        "error: `FOLDER/results/small` holds results of another plan: start over with `--fresh`, or give `--results` another folder\n"
    );
    expect_code(&folder.run("results", &[&other[..], &["--fresh"]].concat()), 0);
    let points = fs::read_to_string(folder.path("results/small/points.csv")).unwrap();
    assert_eq!(points.lines().count(), 2, "{points}");
}

//! Modes of retraining: what they begin with, how long they take, and that nothing disturbs them.

use std::fs;
use std::path::Path;

use report::{Arm, Mode, PointRow};

use crate::program::{Folder, expect_code, expect_same, results};

const ALL: &str = "[scratch, scratch-b, fine-tune, grow]";
/// A search that leaves something that it learned.
const GENTLE: [&str; 4] = [
    "--set",
    "sweep={ target: { flops: 45% }, width_multiplier: [1.0] }",
    "--set",
    "search.epochs=4",
];

fn folder(modes: &str, more: &str) -> Folder {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.experiment()).unwrap();
    let text = text
        .replace("retrain: { epochs: 3", &format!("retrain: {{ mode: {modes}, epochs: 1"))
        .replace("width_multiplier: [0.5, 1.0]", "width_multiplier: [1.0]");
    fs::write(folder.experiment(), format!("{text}{more}\n")).unwrap();
    folder
}

fn rows(folder: &Folder, name: &str) -> Vec<PointRow> {
    let points = &results(&folder.path(name).join("small"))["points.csv"];
    report::row::from_csv(std::str::from_utf8(points).unwrap()).unwrap()
}

fn row(rows: &[PointRow], arm: Arm, mode: Mode) -> &PointRow {
    let is_it = |row: &&PointRow| row.arm == arm && row.mode == mode;
    rows.iter().find(is_it).unwrap_or_else(|| panic!("no {arm} by {mode}: {rows:?}"))
}

/// The loss of a retraining's first epoch.
fn first_loss(folder: &Folder, name: &str, row: &PointRow) -> f64 {
    let state = folder.path(name).join("small/state/retrainings");
    let mut found = Vec::new();
    for entry in fs::read_dir(state).unwrap() {
        let path = entry.unwrap().path();
        let key = path.file_name().unwrap().to_str().unwrap();
        let end = if row.mode == Mode::Scratch { String::new() } else { format!("-{}", row.mode) };
        let of_arm = format!("{}-seed-{}{end}", row.structure, row.seed);
        let is_it = match row.mode {
            Mode::Scratch | Mode::ScratchB => key == of_arm,
            Mode::FineTune | Mode::Grow => key.starts_with(&of_arm),
        };
        if is_it {
            found.push(loss(&path));
        }
    }
    assert_eq!(found.len(), 1, "{row:?}");
    found[0]
}

fn loss(retraining: &Path) -> f64 {
    let bytes = fs::read(retraining.join("done.json")).unwrap();
    let done: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    done["epochs"][0]["loss"].as_f64().unwrap()
}

#[test]
fn every_network_is_retrained_in_each_mode_that_is_about_it() {
    let folder = folder(ALL, "baselines: [uniform, random, l1-norm, group-norm]");
    let dry = folder.run("results", &[&GENTLE[..], &["--dry-run"]].concat());
    expect_code(&folder.run("results", &GENTLE), 0);
    let rows = rows(&folder, "results");
    let modes = |arm| -> Vec<Mode> {
        rows.iter().filter(|row| row.arm == arm).map(|row| row.mode).collect()
    };
    let fresh = [Mode::Scratch, Mode::ScratchB];
    for arm in [Arm::Uniform, Arm::Random] {
        assert_eq!(modes(arm), fresh, "{arm}");
    }
    for arm in [Arm::Shrink, Arm::L1Norm, Arm::GroupNorm] {
        assert_eq!(modes(arm), [&fresh[..], &[Mode::FineTune]].concat(), "{arm}");
    }
    assert_eq!(modes(Arm::Expand), [&fresh[..], &[Mode::Grow]].concat());
    let header = String::from_utf8(dry.stdout).unwrap();
    assert!(header.starts_with(&format!("small: 1 searches, {} points", rows.len())), "{header}");

    // Equal compute: as many epochs as cost what the seed's training does.
    let seed = row(&rows, Arm::Uniform, Mode::Scratch);
    for row in &rows {
        let epochs = if row.mode == Mode::ScratchB { seed.flops / row.flops } else { 1 };
        assert_eq!(u64::from(row.epochs), epochs, "{row:?}");
    }
    assert!(row(&rows, Arm::Shrink, Mode::ScratchB).epochs > 1);

    // What was learned is carried over: the first epoch begins far ahead.
    for (arm, mode) in [
        (Arm::Shrink, Mode::FineTune),
        (Arm::L1Norm, Mode::FineTune),
        (Arm::GroupNorm, Mode::FineTune),
        (Arm::Expand, Mode::Grow),
    ] {
        let [carried, fresh] =
            [mode, Mode::Scratch].map(|mode| first_loss(&folder, "results", row(&rows, arm, mode)));
        assert!(carried < 0.9 * fresh, "{arm} {mode}: {carried}, from scratch {fresh}");
    }
}

#[test]
fn gates_are_left_out_of_the_weights_that_are_carried() {
    let folder = folder("[scratch, fine-tune, grow]", "");
    let gates = ["--set", "regularizer.strength={ gate: {} }"];
    expect_code(&folder.run("results", &[&GENTLE[..], &gates].concat()), 0);
    let rows = rows(&folder, "results");
    for (arm, mode) in [(Arm::Shrink, Mode::FineTune), (Arm::Expand, Mode::Grow)] {
        let [carried, fresh] =
            [mode, Mode::Scratch].map(|mode| first_loss(&folder, "results", row(&rows, arm, mode)));
        assert!(carried < 0.9 * fresh, "{arm} {mode}: {carried}, from scratch {fresh}");
    }
}

/// Killed whenever another retraining or search is done, whatever was under way.
#[test]
fn a_run_of_all_arms_and_modes_that_is_killed_ends_with_the_same_bytes() {
    let folder = folder(ALL, "baselines: [uniform, shuffled, random, l1-norm, group-norm]");
    expect_code(&folder.run("undisturbed", &["--jobs", "2", "--threads", "1"]), 0);
    let state = folder.path("killed/small/state");
    let done = || {
        ["searches", "arms", "retrainings"]
            .into_iter()
            .filter_map(|part| fs::read_dir(state.join(part)).ok())
            .flat_map(|entries| entries.map_while(Result::ok))
            .filter(|entry| entry.path().is_file() || entry.path().join("done.json").exists())
            .count()
    };
    let killed = folder.run_killed("killed", &[], done);
    assert!(killed >= 10, "killed {killed} times only");
    expect_same(&folder.path("killed/small"), &folder.path("undisturbed/small"));
}

//! Several cycles: each begins with what the one before left, whatever disturbs the run.

use std::fs;

use report::Arm;
use surgery::Structure;

use crate::program::{Folder, expect_code, expect_same, results};

fn structure(folder: &Folder, name: &str) -> Structure {
    let path = folder.path("results/small/structures").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_cycle_begins_with_what_the_cycle_before_expanded() {
    let folder = Folder::short("", "cycles: 2");
    expect_code(&folder.run("results", &[]), 0);
    let points = &results(&folder.path("results/small"))["points.csv"];
    let rows = report::row::from_csv(std::str::from_utf8(points).unwrap()).unwrap();
    let row = |arm, cycle| rows.iter().find(|row| row.arm == arm && row.cycle == cycle).unwrap();
    let seed = row(Arm::Uniform, 1).flops;
    for cycle in [1, 2] {
        assert!(row(Arm::Shrink, cycle).flops < seed, "{rows:?}");
        let expanded = row(Arm::Expand, cycle).flops;
        assert!(expanded <= seed && expanded > row(Arm::Shrink, cycle).flops, "{rows:?}");
    }
    let first = structure(&folder, "strength-200-seed-0.json");
    let second = structure(&folder, "strength-200-seed-0-cycle-2.json");
    assert_eq!(first.costs.before.flops, seed);
    assert_eq!(second.costs.before.flops, row(Arm::Expand, 1).flops);
    assert_eq!(second.costs.after.flops, row(Arm::Shrink, 2).flops);

    // In one go, or the first cycle alone and then the rest with other threads: the same bytes.
    expect_code(&folder.run("parts", &["--jobs", "1", "--threads", "2", "--only", "1"]), 0);
    assert!(folder.path("parts/small/structures/strength-200-seed-0.json").exists());
    assert!(!folder.path("parts/small/structures/strength-200-seed-0-cycle-2.json").exists());
    expect_code(&folder.run("parts", &["--jobs", "2", "--threads", "1"]), 0);
    expect_same(&folder.path("parts/small"), &folder.path("results/small"));
}

#[test]
fn cycles_that_only_shrink_go_on_from_what_was_shrunk() {
    let folder = Folder::short("", "cycles: 2\nstop_after: shrink");
    expect_code(&folder.run("results", &[]), 0);
    let first = structure(&folder, "strength-200-seed-0.json");
    let second = structure(&folder, "strength-200-seed-0-cycle-2.json");
    assert_eq!(second.costs.before, first.costs.after);
}

#[test]
fn cycles_end_when_nothing_is_gained() {
    let folder = Folder::short("", "cycles: { until: no-gain, at_most: 3 }");
    expect_code(&folder.run("results", &[]), 0);
    let points = &results(&folder.path("results/small"))["points.csv"];
    let rows = report::row::from_csv(std::str::from_utf8(points).unwrap()).unwrap();
    let mut best = rows.iter().find(|row| row.arm == Arm::Uniform).unwrap().validation_score;
    let mut cycle = 1;
    while let Some(row) = rows.iter().find(|row| row.arm == Arm::Expand && row.cycle == cycle) {
        let gained = row.validation_score > best;
        let follows = rows.iter().any(|row| row.cycle == cycle + 1);
        assert_eq!(follows, gained && cycle < 3, "cycle {cycle}: {rows:?}");
        best = row.validation_score;
        cycle += 1;
    }
    assert!(cycle > 1, "{rows:?}");
}

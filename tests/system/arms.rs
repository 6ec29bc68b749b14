//! Networks beside the learned ones: at their cost, and the same whatever disturbs the run.

use std::fs;

use cost_models::{CostForm, Flops};
use graph::{Channels, Graph};
use report::{Arm, PointRow};
use runner::plan::Plan;
use surgery::Structure;

use crate::program::{Folder, expect_code, expect_same, results};

const BESIDE: [Arm; 4] = [Arm::Shuffled, Arm::Random, Arm::L1Norm, Arm::GroupNorm];
const ALL: &str = "[uniform, shuffled, random, l1-norm, group-norm]";

fn folder(more: &str) -> Folder {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.experiment()).unwrap();
    let text = text.replace("retrain: { epochs: 3", "retrain: { epochs: 1");
    fs::write(folder.experiment(), format!("{text}{more}\n")).unwrap();
    folder
}

fn rows(folder: &Folder, name: &str) -> Vec<PointRow> {
    let points = &results(&folder.path(name).join("small"))["points.csv"];
    report::row::from_csv(std::str::from_utf8(points).unwrap()).unwrap()
}

fn structure(folder: &Folder, name: &str) -> Structure {
    let path = folder.path("results/small/structures").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The most that one more channel group adds to the FLOPs of a network.
fn dearest_group(seed: &Graph, structure: &Structure) -> f64 {
    let channels = Channels::of(seed);
    let keep = structure.keep(seed, &channels);
    let form = CostForm::of(&Flops, seed);
    let at = |more: Option<graph::GroupId>| {
        let alive = |group| keep.is_alive(group) || Some(group) == more;
        form.at(&channels.alive_widths(&channels.keep_where(alive)))
    };
    let now = at(None);
    channels.groups().map(|group| at(Some(group)) - now).fold(0.0, f64::max)
}

#[test]
fn every_arm_has_the_cost_of_the_shrunk_network_and_at_most_one_group_less() {
    let folder = folder(&format!("baselines: {ALL}"));
    expect_code(&folder.run("results", &[]), 0);
    let seed = Plan::load(&folder.experiment(), &[]).unwrap().seed_graph();
    let rows = rows(&folder, "results");
    let shrunk = rows.iter().find(|row| row.arm == Arm::Shrink).unwrap();
    for arm in BESIDE {
        let row = rows.iter().find(|row| row.arm == arm).unwrap_or_else(|| panic!("no {arm}"));
        let structure = structure(&folder, &format!("{arm}-strength-200-seed-0.json"));
        assert_eq!(structure.costs.after.flops, row.flops);
        assert_eq!(structure.dead_channels(), row.dead_channels);
        assert!(row.flops <= shrunk.flops, "{arm}: {} of {}", row.flops, shrunk.flops);
        let missing = (shrunk.flops - row.flops) as f64;
        let price = dearest_group(&seed, &structure);
        assert!(missing < price, "{arm}: {missing} are left, a group costs up to {price}");
        assert_ne!(row.structure, shrunk.structure, "{arm}");
    }
}

#[test]
fn a_dry_run_counts_the_points_that_there_are() {
    let folder = folder(&format!("baselines: {ALL}"));
    let output = folder.run("results", &["--dry-run"]);
    expect_code(&output, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("small: 1 searches, 9 points"), "{text}");
    expect_code(&folder.run("results", &[]), 0);
    assert_eq!(rows(&folder, "results").len(), 9);
}

#[test]
fn arms_of_a_run_in_parts_are_those_of_a_run_in_one_go() {
    let folder = folder(&format!("baselines: {ALL}\nseeds: [3]"));
    expect_code(&folder.run("results", &["--jobs", "2", "--threads", "1"]), 0);
    // The pruned seed alone needs the seed and the search, but not the points of these.
    let dry = String::from_utf8(folder.run("parts", &["--dry-run"]).stdout).unwrap();
    let point = dry.lines().find(|line| line.contains("l1-norm")).unwrap();
    let index = point.split_whitespace().next().unwrap();
    expect_code(&folder.run("parts", &["--jobs", "1", "--threads", "2", "--only", index]), 0);
    let found: Vec<Arm> = rows(&folder, "parts").iter().map(|row| row.arm).collect();
    assert_eq!(found, [Arm::Uniform, Arm::L1Norm]);
    expect_code(&folder.run("parts", &["--jobs", "1", "--threads", "2"]), 0);
    expect_same(&folder.path("parts/small"), &folder.path("results/small"));
}

#[test]
fn a_structure_of_an_arm_that_was_changed_is_chosen_anew() {
    let folder = folder("baselines: [random]");
    expect_code(&folder.run("results", &[]), 0);
    let before = results(&folder.path("results/small"));
    let path = folder.path("results/small/structures/random-strength-200-seed-0.json");
    fs::write(&path, "{}").unwrap();
    expect_code(&folder.run("results", &[]), 0);
    assert!(results(&folder.path("results/small")) == before);
}

#[test]
fn arms_keep_every_resource_of_a_target() {
    let folder = folder("baselines: [shuffled, random, l1-norm, group-norm]");
    let target = "sweep={ target: { flops: 60%, params: 50% }, width_multiplier: [1.0] }";
    expect_code(&folder.run("results", &["--set", target, "--set", "search.epochs=3"]), 0);
    let rows = rows(&folder, "results");
    let shrunk = rows.iter().find(|row| row.arm == Arm::Shrink).unwrap();
    for arm in BESIDE {
        let row = rows.iter().find(|row| row.arm == arm).unwrap();
        assert_eq!(row.target.as_deref(), Some("60% flops and 50% params"));
        assert!(row.flops <= shrunk.flops && row.params <= shrunk.params, "{row:?}");
    }
}

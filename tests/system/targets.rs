//! A search that is given a cost ends at it, whatever disturbs it, and leaves a record of every epoch.

use std::fs;

use report::{Arm, PointRow};
use surgery::Structure;

use crate::program::{Folder, expect_code, expect_same, results};

fn folder(sweep: &str) -> Folder {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.experiment()).unwrap();
    let text = text
        .replace("search:  { epochs: 2", "search:  { epochs: 4")
        .replace("retrain: { epochs: 3", "retrain: { epochs: 1")
        .replace("regularization_strength: [200], width_multiplier: [0.5, 1.0]", sweep);
    fs::write(folder.experiment(), text).unwrap();
    folder
}

const TARGET: &str = "target: [{ flops: 50% }], width_multiplier: [1.0]";
const SEARCH: &str = "target-flops-50-percent-seed-0";
const EVENTS: &str = "events.out.tfevents.0.search";

/// The seed and the network that a search for half of its cost left, and the structure file of that.
fn at_half(folder: &Folder, name: &str) -> (PointRow, PointRow, Structure) {
    let results = results(&folder.path(name).join("small"));
    let rows = report::row::from_csv(std::str::from_utf8(&results["points.csv"]).unwrap()).unwrap();
    let row = |arm| rows.iter().find(|row| row.arm == arm).unwrap().clone();
    let (seed, shrunk) = (row(Arm::Uniform), row(Arm::Shrink));
    assert_eq!(shrunk.target.as_deref(), Some("50% flops"));
    assert_eq!(shrunk.regularization_strength, None);
    assert!(2 * shrunk.flops <= seed.flops, "{shrunk:?}");
    assert!(shrunk.flops as f64 >= 0.47 * seed.flops as f64, "{shrunk:?}");
    let path = folder.path(name).join("small/structures").join(format!("{SEARCH}.json"));
    let structure: Structure = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(structure.costs.before.flops, seed.flops);
    assert_eq!(structure.costs.after.flops, shrunk.flops);
    (seed, shrunk, structure)
}

#[test]
fn a_network_costs_at_most_its_target_and_little_less() {
    let folder = folder(TARGET);
    expect_code(&folder.run("results", &[]), 0);
    let (seed, shrunk, structure) = at_half(&folder, "results");

    let state = folder.path("results/small/state/searches").join(SEARCH);
    let monitor = fs::read_to_string(state.join("monitor.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        monitor.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    for (line, epoch) in lines.iter().zip(1..) {
        assert_eq!(line["epoch"], epoch);
        assert!(line["loss"].as_f64().unwrap() > 0.0 && line["lambda"][0].as_f64().unwrap() > 0.0);
    }
    let last = lines.last().unwrap();
    let share = last["alive_cost"][0].as_f64().unwrap();
    assert!((share - shrunk.flops as f64 / seed.flops as f64).abs() < 1e-9, "{last}");
    for (layer, alive) in last["alive"].as_object().unwrap() {
        assert_eq!(alive.as_u64().unwrap(), structure.layers[layer].after as u64, "{layer}");
    }
    let part = |key: &str| last["bimodality"][key].as_f64().unwrap();
    assert!(part("gap") > 0.0, "{last}");
    assert!(
        part("low") < part("suggested_threshold") && part("suggested_threshold") < part("high")
    );
    assert!(state.join(EVENTS).exists());
}

/// Gates are put in for the search only: structure, costs and points are of the network without.
#[test]
fn a_search_by_gates_ends_at_its_target_in_the_network_without_gates() {
    let folder = folder(TARGET);
    for on in ["probability", "mask"] {
        let gates = format!("regularizer.strength={{ gate: {{ on: {on} }} }}");
        expect_code(&folder.run(on, &["--set", &gates]), 0);
        let (_, _, structure) = at_half(&folder, on);
        assert!(structure.layers.keys().all(|layer| !layer.contains("gate")));
    }
}

#[test]
fn a_search_for_a_target_that_is_killed_after_every_epoch_ends_with_the_same_bytes() {
    ends_the_same_if_killed(&[]);
}

#[test]
fn so_does_one_that_draws_gates() {
    let gates = "{ gate: { on: mask, annealing_epochs: 4, straight_through: false } }";
    ends_the_same_if_killed(&["--set", &format!("regularizer.strength={gates}")]);
}

fn ends_the_same_if_killed(more: &[&str]) {
    let folder = folder(TARGET);
    expect_code(&folder.run("undisturbed", &[&["--threads", "1"], more].concat()), 0);
    let search = |results: &str| folder.path(results).join("small/state/searches").join(SEARCH);
    let monitor = || fs::read(search("killed").join("monitor.jsonl")).unwrap_or_default();
    let killed = folder.run_killed("killed", more, || monitor().len());
    assert!(killed >= 2, "killed {killed} times only");
    expect_same(&folder.path("killed/small"), &folder.path("undisturbed/small"));
    for file in ["monitor.jsonl", EVENTS] {
        let [found, expected] =
            ["killed", "undisturbed"].map(|name| fs::read(search(name).join(file)).unwrap());
        assert!(found == expected, "{file}");
    }
}

#[test]
fn a_settled_search_ends_early() {
    let folder = folder("regularization_strength: [0], width_multiplier: [1.0]");
    let early = ["--set", "search.early_stop={ stable_epochs: 2 }", "--only", "1"];
    expect_code(&folder.run("results", &early), 0);
    let state = folder.path("results/small/state/searches/strength-0-seed-0");
    let monitor = fs::read_to_string(state.join("monitor.jsonl")).unwrap();
    assert_eq!(monitor.lines().count(), 2, "{monitor}");
}

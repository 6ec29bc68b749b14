//! Widths that are learned on a proxy are those of a network of the seed's size, at the seed's cost.

use std::fs;
use std::path::Path;

use report::{Arm, PointRow};
use surgery::Structure;

use crate::program::{Folder, expect_code, expect_same, results};

const PROXY: &str = "{ width_multiplier: 0.5, side: 6, train: 256 }";

fn folder(sweep: &str) -> Folder {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.experiment()).unwrap();
    let text = text
        .replace("search:  { epochs: 2", &format!("search:  {{ proxy: {PROXY}, epochs: 8"))
        .replace("retrain: { epochs: 3", "retrain: { epochs: 1")
        .replace("regularization_strength: [200], width_multiplier: [0.5, 1.0]", sweep);
    fs::write(folder.experiment(), text).unwrap();
    folder
}

const TARGET: &str = "target: [{ flops: 50% }], width_multiplier: [1.0]";
const SEARCH: &str = "target-flops-50-percent-seed-0";

fn rows(results_folder: &Path) -> Vec<PointRow> {
    let results = results(&results_folder.join("small"));
    report::row::from_csv(std::str::from_utf8(&results["points.csv"]).unwrap()).unwrap()
}

fn structure(results_folder: &Path, search: &str) -> Structure {
    let path = results_folder.join("small/structures").join(format!("{search}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_search_on_a_proxy_gives_a_network_of_the_seeds_size_at_its_target() {
    let folder = folder(TARGET);
    expect_code(&folder.run("results", &["--set", "baselines=[uniform, shuffled]"]), 0);
    let rows = rows(&folder.path("results"));
    let row = |arm| rows.iter().find(|row| row.arm == arm).unwrap().clone();
    let (seed, shrunk) = (row(Arm::Uniform), row(Arm::Shrink));
    assert_eq!(shrunk.target.as_deref(), Some("50% flops"));
    assert!(2 * shrunk.flops <= seed.flops, "{shrunk:?}");
    assert!(shrunk.flops as f64 >= 0.47 * seed.flops as f64, "{shrunk:?}");
    // As after any other search: expanded to the seed's cost, and compared with others at its own.
    let expanded = row(Arm::Expand);
    assert!((shrunk.flops..=seed.flops).contains(&expanded.flops), "{expanded:?}");
    assert!(row(Arm::Shuffled).flops <= shrunk.flops);

    let structure = structure(&folder.path("results"), SEARCH);
    assert_eq!(structure.costs.before.flops, seed.flops);
    assert_eq!(structure.costs.after.flops, shrunk.flops);
    let monitor = folder.path("results/small/state/searches").join(SEARCH).join("monitor.jsonl");
    let monitor = fs::read_to_string(monitor).unwrap();
    let last: serde_json::Value = serde_json::from_str(monitor.lines().last().unwrap()).unwrap();
    let mut fractions = Vec::new();
    for (layer, alive) in last["alive"].as_object().unwrap() {
        let whole = &structure.layers[layer];
        // The first channels stand for those that were learned, and no layer that was kept is gone.
        assert!(alive.as_u64().unwrap() == 0 || whole.after > 0, "{layer}");
        assert!(whole.kept.iter().copied().eq(0..whole.after), "{layer}");
        fractions.push(whole.after as f64 / whole.before as f64);
    }
    fractions.sort_by(f64::total_cmp);
    assert!(fractions[0] < *fractions.last().unwrap(), "{fractions:?}");
}

/// Also with gates, which are in the network of the search alone.
#[test]
fn layers_that_are_ignored_keep_their_widths() {
    let folder = folder(TARGET);
    let ignored = "regularizer.ignored_layers=[Conv2d_1a_3x3]";
    for (name, strength) in [("gamma", "gamma"), ("gate", "{ gate: {} }")] {
        let strength = format!("regularizer.strength={strength}");
        expect_code(&folder.run(name, &["--set", &strength, "--set", ignored]), 0);
        let structure = structure(&folder.path(name), SEARCH);
        let layer = &structure.layers["Conv2d_1a_3x3"];
        assert_eq!(layer.after, layer.before, "{strength}");
        assert!(2 * structure.costs.after.flops <= structure.costs.before.flops, "{strength}");
        assert!(structure.layers.values().any(|layer| layer.after < layer.before));
    }
}

#[test]
fn a_strength_gives_every_layer_the_fraction_that_the_proxy_keeps() {
    let folder = folder("regularization_strength: [20], width_multiplier: [1.0]");
    expect_code(&folder.run("results", &[]), 0);
    let structure = structure(&folder.path("results"), "strength-20-seed-0");
    let state = folder.path("results/small/state/searches/strength-20-seed-0");
    let monitor = fs::read_to_string(state.join("monitor.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(monitor.lines().last().unwrap()).unwrap();
    let (mut dead, mut compared) = (0, 0);
    for (layer, alive) in last["alive"].as_object().unwrap() {
        let whole = &structure.layers[layer];
        let alive = alive.as_f64().unwrap();
        // The decision keeps a channel where the network would be cut otherwise.
        if alive == 0.0 || whole.after == 0 || layer == "Logits" {
            continue;
        }
        compared += 1;
        let proxy = (whole.before / 2) as f64;
        let share = alive / proxy;
        let found = whole.after as f64 / whole.before as f64;
        assert!(
            (share - found).abs() <= 0.5 / whole.before as f64 + 1e-9,
            "{layer}: {share} {found}"
        );
        dead += whole.before - whole.after;
    }
    assert!(dead > 0 && compared > 5, "{dead} dead, {compared} layers");
}

#[test]
fn a_search_on_a_proxy_that_is_killed_ends_with_the_same_bytes() {
    let folder = folder(TARGET);
    expect_code(&folder.run("undisturbed", &[]), 0);
    let monitor = folder.path("killed/small/state/searches").join(SEARCH).join("monitor.jsonl");
    let length = || fs::read(&monitor).map_or(0, |bytes| bytes.len());
    let killed = folder.run_killed("killed", &[], length);
    assert!(killed >= 2, "killed {killed} times only");
    expect_same(&folder.path("killed/small"), &folder.path("undisturbed/small"));
}

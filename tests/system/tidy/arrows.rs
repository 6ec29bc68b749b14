//! Which crate may use which: arrows go down, and every arrow is in this table.

use super::{hold, packages, string};

/// Layer, crate and the crates of the workspace that it uses outside of its tests.
const TABLE: [(u8, &str, &[&str]); 13] = [
    (
        5,
        "runner",
        &[
            "architectures",
            "cost-models",
            "datasets",
            "graph",
            "onnx",
            "regularizers",
            "report",
            "surgery",
            "tensor-ops",
            "training",
        ],
    ),
    (4, "report", &[]),
    (4, "surgery", &["cost-models", "datasets", "graph", "tensor-ops", "training"]),
    (4, "regularizers", &["cost-models", "datasets", "graph", "training"]),
    (3, "training", &["datasets", "graph", "tensor-ops"]),
    (2, "cost-models", &["graph"]),
    (2, "architectures", &["graph"]),
    (2, "datasets", &[]),
    (2, "onnx", &["graph"]),
    (1, "tensor-ops", &[]),
    (1, "graph", &[]),
    // Used in tests alone.
    (0, "testkit", &["graph", "tensor-ops"]),
    (0, "tests", &["runner"]),
];

/// Every dependency of a crate of the workspace on another: `(from, to, whether only tests need it)`.
fn arrows() -> Vec<(String, String, bool)> {
    let packages = packages();
    let ours: Vec<&str> = packages.iter().map(|package| string(package, "name")).collect();
    let mut arrows = Vec::new();
    for package in &packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = string(dependency, "name");
            if dependency["path"].is_string() && ours.contains(&to) {
                let for_tests = dependency["kind"] == "dev";
                arrows.push((string(package, "name").to_owned(), to.to_owned(), for_tests));
            }
        }
    }
    arrows
}

fn entry(name: &str) -> Option<&'static (u8, &'static str, &'static [&'static str])> {
    TABLE.iter().find(|(_, crate_name, _)| *crate_name == name)
}

#[test]
fn the_table_lists_every_crate_and_its_arrows_go_down() {
    let packages = packages();
    let mut problems = Vec::new();
    for package in &packages {
        let name = string(package, "name");
        if entry(name).is_none() {
            problems.push(format!("{name} is not in the table"));
        }
    }
    for (layer, from, uses) in &TABLE {
        if !packages.iter().any(|package| string(package, "name") == *from) {
            problems.push(format!("{from} is in the table and not in the workspace"));
        }
        for to in *uses {
            match entry(to) {
                // Layer 0 stands beside the others.
                Some((below, _, _)) if *layer == 0 || below < layer => {}
                Some(_) => problems.push(format!("the arrow from {from} to {to} does not go down")),
                None => problems.push(format!("{from} uses {to}, which is not in the table")),
            }
        }
    }
    hold("Crates stand in layers and use only lower ones", &problems);
}

#[test]
fn crates_use_what_the_table_says() {
    let arrows: Vec<_> = arrows().into_iter().filter(|(_, _, for_tests)| !for_tests).collect();
    let mut problems = Vec::new();
    for (from, to, _) in &arrows {
        if !entry(from).is_some_and(|(_, _, uses)| uses.contains(&to.as_str())) {
            problems.push(format!("{from} depends on {to}, which the table does not allow"));
        }
    }
    for (_, from, uses) in &TABLE {
        for to in *uses {
            if !arrows.iter().any(|(a, b, _)| a == from && b == to) {
                problems.push(format!("{from} no longer depends on {to}: take it from the table"));
            }
        }
    }
    hold("The arrows between crates are those of the table", &problems);
}

#[test]
fn only_the_system_tests_use_the_runner_in_tests() {
    let problems: Vec<_> = arrows()
        .into_iter()
        .filter(|(from, to, for_tests)| *for_tests && from != "tests" && to == "runner")
        .map(|(from, to, _)| format!("{from} depends on {to} in its tests"))
        .collect();
    hold("No crate but `tests` knows the runner", &problems);
}

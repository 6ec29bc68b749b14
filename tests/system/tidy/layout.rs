//! What lies at the top of the repository, and how an experiment file begins.

use std::collections::BTreeSet;

use super::{files, hold, text};

/// The top of the repository.
const TOP: [&str; 20] = [
    ".ci",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "experiments",
    "paper",
    "results",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "scripts",
    "tests",
];

#[test]
fn the_top_of_the_repository_is_as_listed() {
    let files = files();
    let found: BTreeSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    let listed: BTreeSet<&str> = TOP.into_iter().collect();
    let problems: Vec<_> = found
        .difference(&listed)
        .map(|entry| format!("{entry} is not listed: put it where it belongs"))
        .chain(listed.difference(&found).map(|entry| format!("{entry} is missing")))
        .collect();
    hold("The top of the repository is a table of contents", &problems);
}

#[test]
fn an_experiment_begins_with_a_question_and_a_prediction() {
    let files = files();
    let experiments: Vec<_> = files
        .iter()
        .filter(|file| file.starts_with("experiments/") && super::extension(file) == Some("yaml"))
        .collect();
    assert!(!experiments.is_empty(), "`experiments/` has no experiment");
    let mut problems = Vec::new();
    for file in experiments {
        let text = text(file).unwrap_or_default();
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        for (start, what) in [("# Question ", "question"), ("# Predict ", "prediction")] {
            let states =
                |line: &&str| line.strip_prefix(start).is_some_and(|said| !said.trim().is_empty());
            if !head.iter().any(states) {
                problems
                    .push(format!("{file} has no {what}: begin a line of its head with `{start}`"));
            }
        }
    }
    hold("An experiment says what it asks and what it expects before its first key", &problems);
}

//! Variants of an experiment: each is what an experiment of its own would be, and what they share is done once.

use std::fs;
use std::path::PathBuf;

use report::{Arm, PointRow};

use crate::program::{Folder, expect_code};

fn rows(folder: &Folder, results: &str) -> Vec<PointRow> {
    let points = fs::read_to_string(folder.path(results).join("small/points.csv")).unwrap();
    report::row::from_csv(&points).unwrap()
}

/// Every file of this name below the state of a run.
fn finished(folder: &Folder, kind: &str) -> usize {
    let mut folders: Vec<PathBuf> = vec![folder.path("results/small/state").join(kind)];
    let mut count = 0;
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            count += usize::from(path.ends_with("done.json"));
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    count
}

#[test]
fn a_variant_gives_what_it_gives_alone() {
    let axes = Folder::short(
        ", axes: { regularizer.cost: [flops, params], search.batch_size: [32, 64] }",
        "",
    );
    expect_code(&axes.run("results", &[]), 0);
    let all = rows(&axes, "results");
    let labels =
        ["cost=flops batch_size=32", "cost=flops batch_size=64", "cost=params batch_size=32"];
    for label in labels {
        assert!(all.iter().any(|row| row.variant.as_deref() == Some(label)), "{label}: {all:?}");
    }
    let alone = Folder::short("", "");
    let set = ["--set", "regularizer={ cost: params }", "--set", "search.batch_size=64"];
    expect_code(&alone.run("results", &set), 0);
    let of_variant = |row: &&PointRow| row.variant.as_deref() == Some("cost=params batch_size=64");
    let found: Vec<PointRow> = all
        .iter()
        .filter(of_variant)
        .map(|row| PointRow { variant: None, ..row.clone() })
        .collect();
    assert_eq!(found, rows(&alone, "results"));

    // Four variants with a uniform network each, which is the same one.
    assert_eq!(finished(&axes, "searches"), 4);
    let mut structures: Vec<(&str, u64)> =
        all.iter().map(|row| (row.structure.as_str(), row.seed)).collect();
    structures.sort_unstable();
    structures.dedup();
    assert_eq!(finished(&axes, "retrainings"), structures.len());
    let summaries = report::summarize(&all).unwrap();
    let uniform: Vec<_> = summaries.iter().filter(|it| it.arm == Arm::Uniform).collect();
    assert_eq!(uniform.len(), 1);
    assert_eq!(uniform[0].variant, None);
    let summary = fs::read_to_string(axes.path("results/small/summary.txt")).unwrap();
    assert!(summary.contains("shrink, cost=params batch_size=64"), "{summary}");
}

#[test]
fn variants_in_parts_and_in_one_go_are_the_same() {
    let folder =
        Folder::short(", axes: { retrain.epochs: [1, 2], retrain.mode: [scratch, fine-tune] }", "");
    expect_code(&folder.run("results", &["--jobs", "2"]), 0);
    expect_code(&folder.run("parts", &["--only", "4,7", "--jobs", "1"]), 0);
    assert!(rows(&folder, "parts").len() < rows(&folder, "results").len());
    expect_code(&folder.run("parts", &["--jobs", "1", "--threads", "2"]), 0);
    assert_eq!(rows(&folder, "parts"), rows(&folder, "results"));
    let plan = |results: &str| fs::read(folder.path(results).join("small/plan.json")).unwrap();
    assert_eq!(plan("parts"), plan("results"));
    // Searches do not depend on how long networks are retrained, but on whether their weights are wanted.
    assert_eq!(finished(&folder, "searches"), 2);
}

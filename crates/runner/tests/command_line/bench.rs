//! Measurements of `bench` that write tables and figures.

use std::collections::BTreeMap;
use std::path::Path;

use crate::golden::Folder;
use crate::networks::outcome;

#[expect(clippy::disallowed_methods, reason = "the test reads what the program wrote")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Rows of a CSV file by the names of its columns.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = read(path);
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let names: Vec<String> = lines.next().unwrap().collect();
    lines.map(|cells| names.iter().cloned().zip(cells).collect()).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap()
}

#[test]
fn a_roofline_has_the_classes_of_a_step_and_the_step_is_their_sum() {
    let folder = Folder::new();
    let list = folder.write(
        "list.json",
        r#"[{ "name": "small", "network": "lenet-5", "batch": 2 },
            { "name": "residual", "network": "cifar-resnet: { depth: 20 }", "input": "3x16x16", "classes": 7, "batch": 3 }]"#,
    );
    let figure = folder.path().join("roof.svg");
    let args = ["bench", "--list", list.to_str().unwrap(), "--threads", "1", "--roofline"];
    let done = outcome(&[&args[..], &[figure.to_str().unwrap()]].concat());
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(read(&figure).starts_with("<svg"));
    let rows = rows(&figure.with_extension("csv"));
    for (name, batch) in [("small", "2"), ("residual", "3")] {
        let own = || rows.iter().filter(|row| row["network"] == name);
        assert!(own().all(|row| row["batch"] == batch));
        let (steps, classes): (Vec<_>, Vec<_>) =
            own().partition(|row| row["class"] == "whole step");
        assert!(classes.iter().any(|row| row["class"] == "convolutions"), "{classes:?}");
        let [step] = steps[..] else { panic!("{steps:?}") };
        for column in ["instructions", "milliseconds", "share_of_step", "gflop", "gigabytes"] {
            let sum: f64 = classes.iter().map(|row| number(row, column)).sum();
            assert!((sum - number(step, column)).abs() <= 1e-3 * sum + 5e-4, "{column} {rows:?}");
        }
    }
}

#[test]
fn searches_are_timed_against_training() {
    let folder = Folder::new();
    let file = folder.path().join("search.csv");
    let network = ["bench", "cifar-resnet: { depth: 20 }", "--input", "3x16x16", "--batch", "2"];
    let more = ["--threads", "1", "--seconds", "0", "--search", file.to_str().unwrap()];
    let done = outcome(&[&network[..], &more].concat());
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let rows = rows(&file);
    let searches: Vec<&str> = rows.iter().map(|row| row["search"].as_str()).collect();
    assert_eq!(searches, ["gamma", "gamma to a target", "group lasso", "gate"]);
    assert!(rows.iter().all(|row| number(row, "ratio") > 0.0));
}

#[test]
fn a_layer_is_timed_at_every_width() {
    let folder = Folder::new();
    let figure = folder.path().join("widths.svg");
    let args = ["bench", "--batch", "1", "--threads", "1", "--widths", figure.to_str().unwrap()];
    let done = outcome(&args);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(read(&figure).starts_with("<svg"));
    let rows = rows(&figure.with_extension("csv"));
    let widths: Vec<f64> = rows.iter().map(|row| number(row, "channels")).collect();
    assert_eq!(widths, (1..=130).chain([144]).map(f64::from).collect::<Vec<_>>());
    for row in rows.iter().filter(|row| number(row, "channels") % 16.0 == 0.0) {
        assert_eq!(row["of_next_multiple"], "1.000");
    }
}

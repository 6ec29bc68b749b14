//! Whole outputs, read as prose when they change.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use report::{Arm, Metric, pareto, pareto_figure, row, summarize, summary, table};

use crate::sample::{self, row as point};

/// Compares with a golden file; on a difference the output is left where the message says.
fn agrees(name: &str, actual: &str, golden: &str) {
    if actual == golden {
        return;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    File::create(&path).unwrap().write_all(actual.as_bytes()).unwrap();
    let first = actual.lines().zip(golden.lines()).position(|(a, b)| a != b);
    let line = first.unwrap_or_else(|| actual.lines().count().min(golden.lines().count())) + 1;
    panic!(
        "`tests/golden/{name}` differs from line {line} on; read the new output and, if it is right, copy it: \
         cp {} {}/tests/golden/{name}",
        path.display(),
        env!("CARGO_MANIFEST_DIR"),
    );
}

macro_rules! golden {
    ($name:literal, $actual:expr) => {
        agrees($name, &$actual, include_str!(concat!("../golden/", $name)))
    };
}

#[test]
fn points_are_written_as_before() {
    golden!("points.csv", row::to_csv(&sample::sweep_of_three_seeds()[..12]));
}

#[test]
fn summaries_are_written_as_before() {
    let summaries = summarize(&sample::sweep_of_three_seeds()).unwrap();
    golden!("pareto.csv", pareto::to_csv(&summaries));
    golden!("pareto-of-one-seed.csv", pareto::to_csv(&sample::summaries()));
    golden!("summaries.csv", summary::to_csv(&summaries));
}

#[test]
fn the_table_is_written_as_before() {
    golden!("table.txt", table(&sample::summaries()).unwrap());
    let summaries = summarize(&sample::sweep_of_three_seeds()).unwrap();
    golden!("table-of-three-seeds.txt", table(&summaries).unwrap());
}

#[test]
fn the_figure_is_drawn_as_before() {
    let rows = [
        point(Arm::Uniform, 0.0, 1.0, 4_090_000, 0.9036),
        point(Arm::Shrink, 4.0, 1.0, 3_290_000, 0.9074),
    ];
    golden!(
        "small.svg",
        pareto_figure(&summarize(&rows).unwrap(), "Two points", "one seed").unwrap()
    );
    let summaries = summarize(&sample::sweep_of_three_seeds()).unwrap();
    let subtitle = "Inception for 28x28 images, Fashion-MNIST, 5 epochs from scratch, 3 seeds";
    golden!(
        "sweep.svg",
        pareto_figure(&summaries, "Learned against uniform widths", subtitle).unwrap()
    );
}

#[test]
fn mean_average_precision_is_called_so_wherever_accuracy_would_be() {
    let mut rows = sample::sweep();
    for row in &mut rows {
        row.metric = Metric::MeanAveragePrecision;
    }
    let summaries = summarize(&rows).unwrap();
    golden!("table-of-precision.txt", table(&summaries).unwrap());
    let figure = pareto_figure(&summaries, "Sound", "one seed").unwrap();
    assert!(figure.contains(">test mean average precision in %<"), "{figure}");
    let header = include_str!("../golden/pareto-of-one-seed.csv").lines().next().unwrap();
    let header = header.replace("_accuracy", "_mean_average_precision");
    assert_eq!(pareto::to_csv(&summaries).lines().next(), Some(&*header));
    for text in [figure, table(&summaries).unwrap(), pareto::to_csv(&summaries)] {
        assert!(!text.contains("accuracy"), "{text}");
    }
}

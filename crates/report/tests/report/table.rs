use proptest::prelude::*;
use report::{Arm, Error, Summary, summarize, table};

use crate::sample::{crowded_rows, row, summaries};

fn of(rows: &[report::PointRow]) -> String {
    table(&summarize(rows).unwrap()).unwrap()
}

/// The lines of points, without the two of the header.
fn points(text: &str) -> Vec<&str> {
    text.lines().skip(2).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn points_are_ordered_by_flops() {
    let text = table(&summaries()).unwrap();
    let mega: Vec<f64> = points(&text)
        .iter()
        .map(|line| line.split_whitespace().nth(4).unwrap().parse().unwrap())
        .collect();
    assert_eq!(mega.len(), 10);
    assert!(mega.is_sorted());
}

#[test]
fn the_star_marks_the_front_and_the_sentence_names_it() {
    let text = of(&[
        row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.90),
        row(Arm::Uniform, 0.0, 1.0, 2_000_000, 0.89),
        row(Arm::Shrink, 4.0, 1.0, 1_500_000, 0.91),
    ]);
    let stars: Vec<bool> = points(&text).iter().map(|line| line.contains('*')).collect();
    assert_eq!(stars, [true, true, false]);
    assert!(
        text.contains("Front by validation accuracy, in order of FLOPs: uniform x0.5, shrink 4.")
    );
}

#[test]
fn the_comparison_counts_budgets_and_says_what_is_left_out() {
    let text = of(&[
        row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.80),
        row(Arm::Uniform, 0.0, 1.0, 4_000_000, 0.90),
        row(Arm::Shrink, 4.0, 1.0, 2_000_000, 0.86),
        row(Arm::Shrink, 8.0, 1.0, 900_000, 0.86),
    ]);
    let closing = text.split("\n\n").nth(1).unwrap().replace('\n', " ");
    assert!(
        closing.contains(
            "At equal FLOPs learned beats uniform at 1 of 1 budget by validation (1 by test); mean difference \
             +1.00 points (test +1.00). Not compared: 1 learned point outside the FLOPs of the uniform ones."
        ),
        "{closing}"
    );
}

#[test]
fn without_a_counterpart_the_sentence_says_which_is_missing() {
    let uniform = row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.9);
    let learned = row(Arm::Expand, 4.0, 1.0, 2_000_000, 0.9);
    assert!(
        of(std::slice::from_ref(&uniform))
            .ends_with("No learned point to compare with the uniform ones.\n")
    );
    assert!(
        of(std::slice::from_ref(&learned))
            .ends_with("No uniform point to compare the learned ones with.\n")
    );
    assert!(
        of(&[uniform, learned])
            .contains("No learned point lies within the FLOPs of the uniform points")
    );
    assert_eq!(table(&[]).unwrap(), "No points.\n");
}

#[test]
fn a_summary_that_is_not_a_number_is_refused() {
    let mut summaries = summaries();
    summaries[3].validation_score = f64::NAN;
    assert!(matches!(table(&summaries), Err(Error::Value { .. })));
}

/// Summaries with numbers of every magnitude.
fn wild_summary() -> impl Strategy<Value = Summary> {
    let count = || prop_oneof![0.0..1e20, 0.0..1e4, Just(0.0)];
    let std = || prop::option::of(0.0..=0.75);
    (
        (
            (0..3_usize, 1e-300..1e300),
            (prop::option::of(1e-300..1e300), 1e-300..1e300),
            prop_oneof![1.0..1e19, 1e3..1e8],
        ),
        (count(), count(), 0.0..=1.0, 0.0..=1.0, std(), std()),
    )
        .prop_map(
            |(
                ((arm, strength), (budget, multiplier), flops),
                (params, dead, validation, test, a, b),
            )| {
                let [base] = summarize(&[row(Arm::ALL[arm], strength, 1.0, 1, 0.5)])
                    .unwrap()
                    .try_into()
                    .unwrap();
                Summary {
                    budget,
                    width_multiplier: multiplier,
                    flops,
                    params,
                    dead_channels: dead,
                    validation_score: validation,
                    test_score: test,
                    validation_std: a,
                    test_std: b,
                    ..base
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_line_is_wider_than_a_hundred(summaries in prop::collection::vec(wild_summary(), 1..12)) {
        for line in table(&summaries).unwrap().lines() {
            prop_assert!(line.chars().count() <= 100, "{line}");
            prop_assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn the_table_has_a_line_per_summary(rows in crowded_rows()) {
        let summaries = summarize(&rows).unwrap();
        let text = table(&summaries).unwrap();
        prop_assert_eq!(points(&text).len(), summaries.len());
    }
}

use proptest::prelude::*;
use report::{Arm, Error, PointRow, summarize, summary};

use crate::sample::{any_row, crowded_rows, row, summaries, sweep_of_three_seeds};

#[test]
fn seeds_of_a_point_are_averaged_with_their_sample_deviation() {
    let base = row(Arm::Shrink, 4.0, 1.0, 1_000_000, 0.90);
    let rows = [
        base.clone(),
        PointRow { seed: 1, flops: 1_100_000, validation_score: 0.92, test_score: 0.90, ..base },
    ];
    let [summary] = summarize(&rows).unwrap().try_into().unwrap();
    assert_eq!(summary.seeds, [0, 1]);
    assert_eq!(summary.flops, 1_050_000.0);
    assert!((summary.validation_score - 0.91).abs() < 1e-12);
    assert!((summary.test_score - 0.895).abs() < 1e-12);
    // Two values 0.02 apart: sqrt(2 * 0.01^2 / (2 - 1)).
    assert!((summary.validation_std.unwrap() - 0.02 / 2.0_f64.sqrt()).abs() < 1e-12);
    assert!((summary.test_std.unwrap() - 0.01 / 2.0_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn a_single_seed_is_its_own_mean_and_has_no_deviation() {
    for summary in summaries() {
        assert_eq!((summary.validation_std, summary.test_std), (None, None));
    }
    let base = row(Arm::Uniform, 0.0, 1.0, 1_000_000, 0.9036);
    let [summary] = summarize(std::slice::from_ref(&base)).unwrap().try_into().unwrap();
    assert_eq!(summary.validation_score, base.validation_score);
    assert_eq!(summary.params, base.params as f64);
}

#[test]
fn points_differ_by_arm_strength_and_budget_or_multiplier() {
    let expand = row(Arm::Expand, 4.0, 1.1, 1_000_000, 0.9);
    let rows = [
        row(Arm::Uniform, 0.0, 1.0, 1_000_000, 0.9),
        row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.9),
        row(Arm::Shrink, 4.0, 1.0, 1_000_000, 0.9),
        row(Arm::Shrink, 8.0, 1.0, 1_000_000, 0.9),
        expand.clone(),
        PointRow { budget: Some(0.5), ..expand },
    ];
    let names: Vec<_> = summarize(&rows).unwrap().iter().map(report::Summary::name).collect();
    assert_eq!(
        names,
        ["uniform x0.5", "uniform x1", "shrink 4", "shrink 8", "expand 4 to 0.5", "expand 4 to 1"]
    );
}

#[test]
fn an_expansion_is_one_point_whatever_multiplier_spends_its_budget() {
    let base = row(Arm::Expand, 4.0, 1.25, 1_000_000, 0.9);
    let rows = [PointRow { seed: 1, width_multiplier: 1.75, ..base.clone() }, base];
    let [summary] = summarize(&rows).unwrap().try_into().unwrap();
    assert_eq!((summary.seeds.as_slice(), summary.budget), (&[0, 1][..], Some(1.0)));
    assert_eq!(summary.width_multiplier, 1.5);
}

#[test]
fn a_seed_given_twice_is_refused() {
    let rows = vec![row(Arm::Shrink, 4.0, 1.0, 1_000_000, 0.9); 2];
    let error = summarize(&rows).unwrap_err();
    assert_eq!(error, Error::RepeatedSeed { point: "shrink 4".to_owned(), seed: 0 });
}

#[test]
fn different_epochs_of_a_point_are_refused() {
    let base = row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.9);
    let rows = [PointRow { seed: 1, epochs: 9, ..base.clone() }, base];
    let error = summarize(&rows).unwrap_err();
    assert_eq!(error, Error::MixedEpochs { point: "uniform x0.5".to_owned(), first: 5, second: 9 });
}

#[test]
fn a_row_that_cannot_be_placed_is_refused() {
    let base = row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.9);
    for bad in [
        PointRow { flops: 0, ..base.clone() },
        PointRow { validation_score: f64::NAN, ..base.clone() },
        PointRow { test_score: 1.5, ..base.clone() },
        PointRow { width_multiplier: f64::INFINITY, ..base.clone() },
        PointRow { regularization_strength: Some(1.0), ..base.clone() },
        PointRow { budget: Some(1.0), ..base.clone() },
        PointRow { budget: None, ..row(Arm::Expand, 4.0, 1.1, 1_000_000, 0.9) },
        PointRow { budget: Some(0.0), ..row(Arm::Expand, 4.0, 1.1, 1_000_000, 0.9) },
        row(Arm::Shrink, 4.0, 1.1, 1_000_000, 0.9),
    ] {
        let error = summarize(&[base.clone(), bad]).unwrap_err();
        assert!(matches!(error, Error::Value { ref at, .. } if at == "row 2"), "{error}");
    }
}

#[test]
fn a_summary_has_the_columns_of_a_row_and_three_more() {
    let text = summary::to_csv(&summarize(&sweep_of_three_seeds()).unwrap());
    let columns = text.lines().next().unwrap();
    assert_eq!(
        columns,
        format!("{},n,validation_accuracy_std,test_accuracy_std", report::row::COLUMNS.join(","))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn summaries_do_not_depend_on_the_order_of_rows(
        (rows, shuffled) in crowded_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
    ) {
        prop_assert_eq!(summarize(&rows).unwrap(), summarize(&shuffled).unwrap());
    }

    #[test]
    fn a_single_row_keeps_its_numbers_in_the_csv(row in any_row()) {
        let of_row = report::row::to_csv(std::slice::from_ref(&row));
        let of_summary = summary::to_csv(&summarize(&[row]).unwrap());
        let fields = |text: &str| {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let header = reader.headers().unwrap().clone();
            (header, reader.records().next().unwrap().unwrap())
        };
        let ((columns, of_row), (more_columns, of_summary)) = (fields(&of_row), fields(&of_summary));
        for (column, a) in columns.iter().zip(&of_row) {
            let at = more_columns.iter().position(|name| name == column).unwrap();
            let b = &of_summary[at];
            // A mean is a float: counts beyond 2^53 are rounded.
            let agree = match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => a == b,
            };
            prop_assert!(agree || a == "NaN", "{a} and {b}");
        }
    }
}

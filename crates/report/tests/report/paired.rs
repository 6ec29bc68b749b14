use proptest::prelude::*;
use report::{Arm, Estimate, PointRow, compare, paired, summarize};

use crate::sample::{crowded_rows, row, sweep_of_three_seeds};

/// The row under a seed, with some accuracy more in validation and in the test.
fn under(seed: u64, more: f64, row: PointRow) -> PointRow {
    PointRow {
        seed,
        validation_score: row.validation_score + more,
        test_score: row.test_score + more,
        ..row
    }
}

#[test]
fn what_networks_of_one_seed_share_is_no_part_of_the_difference() {
    let rows = |seed, luck| {
        [
            under(seed, luck, row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.80)),
            under(seed, luck, row(Arm::Uniform, 0.0, 1.0, 4_000_000, 0.90)),
            under(seed, luck, row(Arm::Shrink, 4.0, 1.0, 2_000_000, 0.87)),
        ]
    };
    let comparison = paired(&[rows(0, 0.0), rows(1, 0.05), rows(2, -0.03)].concat()).unwrap();
    // Half way between the uniform points in the logarithm of FLOPs: 0.85.
    let difference = comparison.of(2).unwrap().validation;
    assert_eq!(difference.n, 3);
    assert!((difference.mean - 2.0).abs() < 1e-9, "{difference:?}");
    assert!(difference.std.unwrap() < 1e-9 && difference.standard_error().unwrap() < 1e-9);
    assert_eq!([0, 1].map(|uniform| comparison.of(uniform)), [None, None]);
    assert_eq!(comparison.mean(&[0, 1]), None);
    assert_eq!(comparison.mean(&[0, 1, 2]), comparison.of(2));
}

#[test]
fn seeds_that_have_nothing_to_compare_with_are_left_out() {
    let mut rows = sweep_of_three_seeds();
    rows.retain(|row| row.seed != 1 || row.arm != Arm::Uniform);
    let comparison = paired(&rows).unwrap();
    let shrunk = summarize(&rows).unwrap().iter().position(|it| it.arm == Arm::Shrink).unwrap();
    assert_eq!(comparison.of(shrunk).unwrap().test.n, 2);
}

#[test]
fn an_estimate_is_mean_deviation_and_standard_error() {
    let estimate = Estimate::of(&[1.0, 2.0, 3.0, 6.0]).unwrap();
    assert_eq!((estimate.n, estimate.mean), (4, 3.0));
    // Squares 4 + 1 + 0 + 9, divided by 3.
    assert_eq!(estimate.std, Some((14.0_f64 / 3.0).sqrt()));
    assert_eq!(estimate.standard_error(), Some((14.0_f64 / 3.0).sqrt() / 2.0));
    assert_eq!(Estimate::of(&[7.0]), Some(Estimate { n: 1, mean: 7.0, std: None }));
    assert_eq!(Estimate::of(&[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn under_one_seed_the_paired_difference_is_the_plain_one(rows in crowded_rows()) {
        let rows: Vec<PointRow> = rows.into_iter().filter(|row| row.seed == 0).collect();
        let plain = compare(&summarize(&rows).unwrap()).unwrap().differences;
        let paired = paired(&rows).unwrap();
        for (point, plain) in plain.into_iter().enumerate() {
            let found = paired.of(point).map(|it| (it.validation.mean, it.test.mean));
            prop_assert_eq!(found, plain.map(|plain| (plain.validation_points, plain.test_points)));
        }
    }

    #[test]
    fn the_mean_lies_between_the_points(rows in crowded_rows()) {
        let paired = paired(&rows).unwrap();
        let all: Vec<usize> = (0..summarize(&rows).unwrap().len()).collect();
        if let Some(mean) = paired.mean(&all) {
            let seeds: std::collections::BTreeSet<u64> = rows.iter().map(|row| row.seed).collect();
            prop_assert!((1..=seeds.len()).contains(&mean.test.n));
            prop_assert!(mean.test.mean.abs() <= 100.0);
        }
    }
}

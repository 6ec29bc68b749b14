use proptest::prelude::*;
use report::{Arm, Error, Mode, PointRow, Summary, UniformCurve, compare, summarize};

use crate::sample::{row, summaries};

/// Uniform points of the given FLOPs and validation accuracies.
fn uniform(points: &[(u64, f64)]) -> Vec<Summary> {
    let row = |(i, &(flops, accuracy)): (usize, &(u64, f64))| {
        row(Arm::Uniform, 0.0, (i + 1) as f64, flops, accuracy)
    };
    summarize(&points.iter().enumerate().map(row).collect::<Vec<_>>()).unwrap()
}

fn learned(flops: u64, accuracy: f64) -> Summary {
    summarize(&[row(Arm::Shrink, 4.0, 1.0, flops, accuracy)]).unwrap().remove(0)
}

/// Knots of distinct FLOPs, in any order.
fn knots() -> impl Strategy<Value = Vec<(u64, f64)>> {
    prop::collection::btree_map(1..1_000_000_000_u64, 0.1..1.0, 2..8)
        .prop_map(|knots| knots.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_curve_passes_through_its_knots(knots in knots()) {
        let curve = UniformCurve::of(&uniform(&knots)).unwrap();
        for (flops, accuracy) in knots {
            let at = curve.at(flops as f64).unwrap();
            prop_assert_eq!((at.validation, at.test), (accuracy, accuracy - 0.01));
        }
    }

    #[test]
    fn the_curve_stays_between_neighbouring_knots(mut knots in knots(), along in 0.0..1.0) {
        let curve = UniformCurve::of(&uniform(&knots)).unwrap();
        knots.sort_by_key(|knot| knot.0);
        for pair in knots.windows(2) {
            let flops = pair[0].0 as f64 + along * (pair[1].0 - pair[0].0) as f64;
            let at = curve.at(flops).unwrap();
            let (low, high) = (pair[0].1.min(pair[1].1), pair[0].1.max(pair[1].1));
            prop_assert!((low..=high).contains(&at.validation));
            prop_assert!((low - 0.01..=high - 0.01).contains(&at.test));
        }
    }

    #[test]
    fn the_curve_claims_nothing_outside_its_knots(knots in knots()) {
        let curve = UniformCurve::of(&uniform(&knots)).unwrap();
        let least = knots.iter().map(|knot| knot.0).min().unwrap() as f64;
        let greatest = knots.iter().map(|knot| knot.0).max().unwrap() as f64;
        prop_assert_eq!(curve.at(least - 0.5), None);
        prop_assert_eq!(curve.at(greatest + 0.5), None);
    }
}

#[test]
fn the_curve_is_linear_in_the_logarithm_of_flops() {
    let curve = UniformCurve::of(&uniform(&[(1_000_000, 0.8), (4_000_000, 0.9)])).unwrap();
    // 2 M is halfway from 1 M to 4 M in ratio.
    assert!((curve.at(2e6).unwrap().validation - 0.85).abs() < 1e-12);
}

#[test]
fn uniform_points_of_equal_flops_count_as_their_mean() {
    let curve = UniformCurve::of(&uniform(&[(1_000, 0.8), (1_000, 0.9)])).unwrap();
    assert!((curve.at(1e3).unwrap().validation - 0.85).abs() < 1e-12);
    assert_eq!(curve.at(1e3 + 1.0), None);
}

#[test]
fn the_difference_is_in_points_and_wins_are_strict() {
    let mut summaries = uniform(&[(1_000_000, 0.8), (4_000_000, 0.9)]);
    summaries.extend([
        learned(2_000_000, 0.86),
        learned(4_000_000, 0.9),
        learned(5_000_000, 0.99),
        learned(1_000_000, 0.79),
    ]);
    let comparison = compare(&summaries).unwrap();
    let points: Vec<_> =
        comparison.differences.iter().map(|d| d.map(|d| d.validation_points)).collect();
    assert_eq!(points[..2], [None, None]);
    assert!((points[2].unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(points[3..5], [Some(0.0), None]);
    assert!((points[5].unwrap() + 1.0).abs() < 1e-9);
    assert_eq!((comparison.learned, comparison.uniform), (4, 2));
    assert_eq!(
        (comparison.compared(), comparison.validation_wins(), comparison.test_wins()),
        (3, 1, 1)
    );
    assert!(comparison.mean().unwrap().validation_points.abs() < 1e-9);
}

#[test]
fn validation_and_test_are_compared_apart() {
    let mut summaries = uniform(&[(1_000_000, 0.8)]);
    summaries.push(Summary { test_score: 0.5, ..learned(1_000_000, 0.9) });
    let comparison = compare(&summaries).unwrap();
    assert_eq!((comparison.validation_wins(), comparison.test_wins()), (1, 0));
}

#[test]
fn without_uniform_or_learned_points_nothing_is_compared() {
    for summaries in [vec![], uniform(&[(1_000, 0.8)]), vec![learned(1_000, 0.8)]] {
        let comparison = compare(&summaries).unwrap();
        assert_eq!((comparison.compared(), comparison.mean()), (0, None));
        assert_eq!(comparison.differences.len(), summaries.len());
    }
}

#[test]
fn a_point_is_compared_with_uniform_ones_of_its_own_mode_or_else_of_the_first() {
    let of = |arm, mode, accuracy| {
        let base = row(arm, 4.0, 1.0, 1_000_000, accuracy);
        PointRow { mode, ..base }
    };
    let rows = [
        of(Arm::Uniform, Mode::Scratch, 0.80),
        of(Arm::Uniform, Mode::ScratchB, 0.84),
        of(Arm::Shrink, Mode::Scratch, 0.81),
        of(Arm::Shrink, Mode::ScratchB, 0.81),
        of(Arm::Shrink, Mode::FineTune, 0.81),
    ];
    let summaries = summarize(&rows).unwrap();
    assert_eq!(summaries.len(), 5);
    let names: Vec<String> = summaries.iter().map(Summary::name).collect();
    assert_eq!(names[2..], ["shrink 4", "shrink 4, scratch-b", "shrink 4, fine-tune"]);
    let comparison = compare(&summaries).unwrap();
    let points =
        |index: usize| comparison.differences[index].map(|it| it.validation_points.round());
    assert_eq!([2, 3, 4].map(points), [Some(1.0), Some(-3.0), Some(1.0)]);
}

#[test]
fn a_summary_that_is_not_a_number_is_refused() {
    for spoil in [
        |summary: &mut Summary| summary.flops = f64::NAN,
        |summary: &mut Summary| summary.flops = 0.0,
        |summary: &mut Summary| summary.test_score = f64::NAN,
        |summary: &mut Summary| summary.validation_std = Some(f64::INFINITY),
    ] {
        let mut summaries = summaries();
        spoil(&mut summaries[0]);
        assert!(matches!(compare(&summaries), Err(Error::Value { .. })));
    }
}

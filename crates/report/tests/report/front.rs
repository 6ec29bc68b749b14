use proptest::prelude::*;
use report::{Arm, front, pareto, summarize, summary, summary_front};

use crate::sample::{crowded_rows, row};

type Point = (f64, f64);

fn dominates(a: Point, b: Point) -> bool {
    a.0 <= b.0 && a.1 >= b.1 && a != b
}

/// Coordinates from a few values, so that ties and duplicates are common, or from anywhere.
fn points() -> impl Strategy<Value = Vec<Point>> {
    let coordinate = || prop_oneof![3 => (0..5_i32).prop_map(f64::from), 1 => any::<f64>()];
    prop::collection::vec((coordinate(), coordinate()), 0..24)
        .prop_map(|points| points.into_iter().filter(|p| !p.0.is_nan() && !p.1.is_nan()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_front_point_is_dominated(points in points()) {
        for i in front(&points) {
            prop_assert!(!points.iter().any(|&other| dominates(other, points[i])));
        }
    }

    #[test]
    fn every_other_point_is_dominated_or_a_later_copy(points in points()) {
        let front = front(&points);
        for i in (0..points.len()).filter(|i| !front.contains(i)) {
            let dominated = front.iter().any(|&j| dominates(points[j], points[i]));
            let copy = front.iter().any(|&j| j < i && points[j] == points[i]);
            prop_assert!(dominated != copy);
        }
    }

    #[test]
    fn the_front_rises_in_cost_and_quality(points in points()) {
        for pair in front(&points).windows(2) {
            prop_assert!(points[pair[0]].0 < points[pair[1]].0 && points[pair[0]].1 < points[pair[1]].1);
        }
    }

    #[test]
    fn the_front_is_the_same_in_any_order(
        (points, shuffled) in points().prop_flat_map(|points| (Just(points.clone()), Just(points).prop_shuffle()))
    ) {
        let of = |points: &[Point]| front(points).into_iter().map(|i| points[i]).collect::<Vec<_>>();
        prop_assert_eq!(of(&points), of(&shuffled));
    }

    #[test]
    fn the_front_of_the_front_is_itself(rows in crowded_rows()) {
        let summaries = summarize(&rows).unwrap();
        let front: Vec<_> = summary_front(&summaries).into_iter().map(|i| summaries[i].clone()).collect();
        prop_assert_eq!(summary_front(&front), (0..front.len()).collect::<Vec<_>>());
        prop_assert_eq!(front.is_empty(), rows.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_csv_lists_every_summary_by_flops_and_marks_the_front(rows in crowded_rows()) {
        let summaries = summarize(&rows).unwrap();
        let (text, all) = (pareto::to_csv(&summaries), summary::to_csv(&summaries));
        let mut expected: Vec<_> = all.lines().skip(1).zip(0..).collect();
        expected.sort_by_key(|&(_, index)| summaries[index].flops as u64);
        let front = summary_front(&summaries);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(line, index)| format!("{},{line}", front.contains(&index)))
            .collect();
        prop_assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn of_equal_points_the_first_is_kept() {
    assert_eq!(front(&[(2.0, 0.5), (1.0, 0.4), (1.0, 0.4), (1.0, 0.3)]), [1, 0]);
    assert_eq!(front(&[(0.0, 0.5), (-0.0, 0.5)]), [0]);
}

#[test]
fn a_point_with_a_nan_is_on_no_front() {
    assert_eq!(front(&[(f64::NAN, 1.0), (1.0, f64::NAN), (5.0, 0.1)]), [2]);
}

#[test]
fn validation_accuracy_alone_chooses_the_front() {
    let mut rows = [
        row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.90),
        row(Arm::Uniform, 0.0, 1.0, 2_000_000, 0.89),
    ];
    rows[0].test_score = 0.5;
    rows[1].test_score = 0.99;
    assert_eq!(summary_front(&summarize(&rows).unwrap()), [0]);
}

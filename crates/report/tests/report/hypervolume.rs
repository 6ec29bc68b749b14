use proptest::prelude::*;
use report::hypervolume::{Frame, hypervolume};

type Point = (f64, f64);

const REFERENCE: Point = (10.0, 0.0);

/// Points on a grid of whole numbers, some of them beyond the reference.
fn points() -> impl Strategy<Value = Vec<Point>> {
    let point = (0..13_i32, -2..10_i32).prop_map(|(cost, quality)| (cost.into(), quality.into()));
    prop::collection::vec(point, 0..12)
}

/// Cells of the unit grid, left of and above the reference, that some point dominates.
fn cells(points: &[Point]) -> f64 {
    let is_covered = |cost: i32, quality: i32| {
        points.iter().any(|point| point.0 <= f64::from(cost) && point.1 > f64::from(quality))
    };
    let all = (0..10).flat_map(|cost| (0..10).map(move |quality| (cost, quality)));
    all.filter(|&(cost, quality)| is_covered(cost, quality)).count() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_hypervolume_is_the_number_of_unit_cells_that_are_dominated(points in points()) {
        prop_assert_eq!(hypervolume(&points, REFERENCE), cells(&points));
    }

    #[test]
    fn one_more_point_takes_nothing_away(points in points(), more in points()) {
        let both = [&points[..], &more[..]].concat();
        prop_assert!(hypervolume(&both, REFERENCE) >= hypervolume(&points, REFERENCE));
    }

    #[test]
    fn a_share_does_not_depend_on_units(
        points in prop::collection::vec((1.0..1e9_f64, 0.0..1.0_f64), 2..12),
        unit in 0.001..1000.0_f64,
        percent in 1.0..100.0_f64,
    ) {
        let other: Vec<Point> = points.iter().map(|(cost, quality)| (unit * cost, percent * quality)).collect();
        let Some(frame) = Frame::around(&points) else { return Ok(()) };
        let share = frame.share(&points);
        prop_assert!((0.0..=1.0).contains(&share), "{share}");
        let other_share = Frame::around(&other).unwrap().share(&other);
        prop_assert!((share - other_share).abs() < 1e-6, "{share} and {other_share}");
    }
}

#[test]
fn a_share_is_of_the_rectangle_with_cost_on_a_logarithmic_scale() {
    let frame = Frame::around(&[(1.0, 0.5), (100.0, 0.9)]).unwrap();
    assert_eq!(frame.share(&[(1.0, 0.9)]), 1.0);
    assert_eq!(frame.share(&[(1.0, 0.5)]), 0.0);
    assert!((frame.share(&[(10.0, 0.7)]) - 0.25).abs() < 1e-12);
    assert_eq!(frame.share(&[]), 0.0);
}

#[test]
fn what_does_not_dominate_the_reference_and_what_is_no_number_has_no_part() {
    assert_eq!(
        hypervolume(&[(11.0, 5.0), (1.0, -1.0), (f64::NAN, 5.0), (1.0, f64::NAN)], REFERENCE),
        0.0
    );
    assert_eq!(Frame::around(&[(1.0, 0.5), (1.0, 0.9)]), None);
    assert_eq!(Frame::around(&[]), None);
}

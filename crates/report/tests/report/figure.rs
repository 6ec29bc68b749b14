use proptest::prelude::*;
use report::figure::{Axis, Color, Figure, Line, Marker, Point, Scale, Series};
use report::{Arm, Error, Summary, pareto_figure, summarize};

use crate::sample::{row, summaries, sweep, sweep_of_three_seeds};

fn point(x: f64, y: f64) -> Point {
    Point { x, y, y_error: None, tooltip: String::new() }
}

fn figure(scale: Scale, points: Vec<Point>) -> Figure {
    let axis = |scale| Axis { title: "axis".to_owned(), scale, ticks_within: (f64::MIN, f64::MAX) };
    Figure {
        title: "Title".to_owned(),
        subtitle: String::new(),
        x: axis(scale),
        y: axis(Scale::Linear),
        series: vec![Series {
            label: "points".to_owned(),
            marker: Some(Marker::Circle),
            line: Line::Straight,
            color: Color::Blue,
            points,
        }],
    }
}

/// The number after `name="` in an element.
fn attribute(element: &str, name: &str) -> f64 {
    let start = element.split_once(&format!(" {name}=\"")).unwrap().1;
    start.split_once('"').unwrap().0.parse().unwrap()
}

fn elements<'a>(svg: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    svg.lines().filter(move |line| line.starts_with(&format!("<{name} ")))
}

/// Every coordinate of every point of every path and marker of the document.
fn coordinates(svg: &str) -> Vec<[f64; 2]> {
    let places =
        svg.lines().filter_map(|line| Some(line.split_once("points=\"")?.1.split_once('"')?.0));
    let of =
        |pair: &str| pair.split_once(',').map(|(x, y)| [x.parse().unwrap(), y.parse().unwrap()]);
    let mut all: Vec<[f64; 2]> = places.flat_map(|list| list.split(' ').filter_map(of)).collect();
    all.extend(
        elements(svg, "circle").map(|circle| [attribute(circle, "cx"), attribute(circle, "cy")]),
    );
    all
}

fn drawn_within_the_page(svg: &str) -> bool {
    let root = svg.lines().next().unwrap();
    let (width, height) = (attribute(root, "width"), attribute(root, "height"));
    coordinates(svg)
        .into_iter()
        .all(|[x, y]| (6.0..width - 6.0).contains(&x) && (6.0..height - 6.0).contains(&y))
}

/// Tags close in the order they open, and no markup is left in text.
fn is_balanced(svg: &str) -> bool {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let Some((tag, text)) = tag.split_once('>') else { return false };
        if text.contains('>') {
            return false;
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.is_empty()
}

#[test]
fn every_point_has_a_marker_of_its_arm_and_a_title() {
    let svg = pareto_figure(&summaries(), "Title", "subtitle").unwrap();
    let with_title = |name| elements(&svg, name).filter(|line| line.contains("<title>")).count();
    assert_eq!(with_title("circle"), 4);
    assert_eq!(with_title("polygon"), 6);
    assert!(svg.contains(
        "<title>shrink, strength 4, width multiplier 1: 3.29 MFLOPs (1.645 M multiply-adds), 20562 parameters, \
         validation 90.74 %, test 89.74 %, 1 seed</title>"
    ));
    assert!(svg.contains("<title>expand, strength 4, budget 1, width multiplier 1.1: 4 MFLOPs"));
}

#[test]
fn only_means_over_seeds_have_error_bars() {
    let bars = |rows: &[report::PointRow]| {
        let svg = pareto_figure(&summarize(rows).unwrap(), "", "").unwrap();
        (
            elements(&svg, "polyline").filter(|line| line.contains("stroke-width=\"1.2\"")).count(),
            svg,
        )
    };
    let (single, svg) = bars(&sweep());
    assert_eq!(single, 0);
    assert!(!svg.contains('±'));
    let (several, svg) = bars(&sweep_of_three_seeds());
    assert_eq!(several, 3 * 10);
    assert!(svg.contains("± std over seeds"));
}

#[test]
fn without_points_the_figure_says_so() {
    let svg = pareto_figure(&[], "Title", "subtitle").unwrap();
    assert!(svg.contains(">no points to show<") && is_balanced(&svg));
}

#[test]
fn one_point_and_equal_points_are_drawn_in_the_middle() {
    let one = [row(Arm::Shrink, 4.0, 1.0, 1_000_000, 0.9)];
    let equal =
        [row(Arm::Shrink, 4.0, 1.0, 1_000_000, 0.9), row(Arm::Shrink, 8.0, 1.0, 1_000_000, 0.9)];
    for rows in [&one[..], &equal[..]] {
        let svg = pareto_figure(&summarize(rows).unwrap(), "", "").unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf") && is_balanced(&svg));
        assert!(drawn_within_the_page(&svg));
        assert_eq!(
            elements(&svg, "polygon").filter(|line| line.contains("<title>")).count(),
            rows.len()
        );
    }
}

#[test]
fn accuracies_at_the_ends_have_no_ticks_beyond_them() {
    let rows =
        [row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.01), row(Arm::Uniform, 0.0, 1.0, 9_000_000, 1.0)];
    let mut summaries = summarize(&rows).unwrap();
    summaries[1].test_score = 1.0;
    let svg = pareto_figure(&summaries, "", "").unwrap();
    assert!(svg.contains(">100</text>") && svg.contains(">0</text>"));
    assert!(!svg.contains(">120</text>") && !svg.contains(">-20</text>"));
    assert!(drawn_within_the_page(&svg));
}

#[test]
fn text_is_escaped_wherever_it_stands() {
    let mut figure =
        figure(Scale::Linear, vec![Point { tooltip: "a<b>".to_owned(), ..point(1.0, 2.0) }]);
    for text in [&mut figure.title, &mut figure.subtitle, &mut figure.x.title, &mut figure.y.title]
    {
        *text = "<script> & \"quotes\"".to_owned();
    }
    figure.series[0].label = "</svg>".to_owned();
    let svg = figure.to_svg().unwrap();
    assert!(is_balanced(&svg) && !svg.contains("<script>"));
    assert_eq!(svg.matches("</svg>").count(), 1);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let bad = [
        (Scale::Linear, Point { x: f64::NAN, ..point(1.0, 1.0) }, "x"),
        (Scale::Linear, Point { y: f64::INFINITY, ..point(1.0, 1.0) }, "y"),
        (Scale::Logarithmic, point(0.0, 1.0), "x"),
        (Scale::Logarithmic, point(-1.0, 1.0), "x"),
        (Scale::Linear, Point { y_error: Some(f64::NAN), ..point(1.0, 1.0) }, "y_error"),
        (Scale::Linear, Point { y_error: Some(-1.0), ..point(1.0, 1.0) }, "y_error"),
    ];
    for (scale, bad, coordinate) in bad {
        let error = figure(scale, vec![point(1.0, 1.0), bad]).to_svg().unwrap_err();
        assert!(
            matches!(&error, Error::Value { at, column, .. }
                if at == "point 2 of series `points`" && *column == coordinate),
            "{error}"
        );
    }
    let mut summaries = summaries();
    summaries[0] = Summary { test_score: f64::NAN, ..summaries[0].clone() };
    assert!(matches!(pareto_figure(&summaries, "", ""), Err(Error::Value { .. })));
}

#[test]
fn a_long_legend_takes_more_rows() {
    let mut figure = figure(Scale::Linear, vec![point(1.0, 1.0)]);
    let series = figure.series.remove(0);
    let named =
        |i: usize| Series { label: format!("a series with a long name {i}"), ..series.clone() };
    figure.series = (0..7).map(named).collect();
    let svg = figure.to_svg().unwrap();
    let entries: Vec<_> =
        elements(&svg, "text").filter(|line| line.contains("long name")).collect();
    assert_eq!(entries.len(), 7);
    assert!(entries.iter().all(|entry| attribute(entry, "x") < 600.0));
    assert!(attribute(entries[6], "y") > attribute(entries[0], "y"));
}

#[test]
fn a_legend_entry_too_long_for_the_page_is_cut() {
    let mut figure = figure(Scale::Linear, vec![point(1.0, 1.0)]);
    figure.series[0].label = "x".repeat(1000);
    let svg = figure.to_svg().unwrap();
    assert!(svg.contains("xxx\u{2026}</text>") && !svg.contains(&"x".repeat(100)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_is_drawn_outside_the_page(
        logarithmic in any::<bool>(),
        points in prop::collection::vec((-99.0..99.0_f64, -1e3..1e3, prop::option::of(0.0..1e3)), 1..6),
        title in ".{0,300}",
    ) {
        let scale = if logarithmic { Scale::Logarithmic } else { Scale::Linear };
        let drawn = |(x, y, y_error): &(f64, f64, Option<f64>)| {
            let x = if logarithmic { 10.0_f64.powf(*x) } else { *x };
            Point { x, y: *y, y_error: *y_error, tooltip: title.clone() }
        };
        let mut figure = figure(scale, points.iter().map(drawn).collect());
        figure.title.clone_from(&title);
        figure.subtitle = title.clone();
        let svg = figure.to_svg().unwrap();
        prop_assert!(drawn_within_the_page(&svg));
        prop_assert!(is_balanced(&svg));
        prop_assert_eq!(&svg, &figure.to_svg().unwrap());
    }
}

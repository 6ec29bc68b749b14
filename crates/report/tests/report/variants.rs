//! Variants of an experiment in its reports.

use report::html::Page;
use report::{Arm, PointRow, compare, paired, row, summarize, table};

use crate::sample::{row as point, sweep_of_three_seeds};

/// The rows in two variants: learned networks are better in the second, uniform ones the same.
fn in_two_variants() -> Vec<PointRow> {
    let variant = |label: &str, more: f64| {
        let label = Some(label.to_owned());
        let more = move |row: &PointRow| if row.arm == Arm::Uniform { 0.0 } else { more };
        sweep_of_three_seeds()
            .into_iter()
            .map(|row| PointRow {
                validation_score: row.validation_score + more(&row),
                test_score: row.test_score + more(&row),
                variant: label.clone(),
                ..row
            })
            .collect::<Vec<_>>()
    };
    [variant("strength=gamma", 0.0), variant("strength=gate", 0.01)].concat()
}

#[test]
fn uniform_networks_that_all_variants_share_are_one_point_of_none() {
    let summaries = summarize(&in_two_variants()).unwrap();
    let uniform: Vec<_> = summaries.iter().filter(|it| it.arm == Arm::Uniform).collect();
    assert_eq!(uniform.len(), 4);
    assert!(uniform.iter().all(|it| it.variant.is_none()));
    assert_eq!(summaries.iter().filter(|it| it.variant.is_some()).count(), 12);
}

#[test]
fn uniform_networks_that_differ_stay_with_their_variants() {
    let mut rows = in_two_variants();
    rows[0].test_score -= 0.01;
    let summaries = summarize(&rows).unwrap();
    let of = |label: Option<&str>| {
        let is_it =
            |it: &&report::Summary| it.arm == Arm::Uniform && it.variant.as_deref() == label;
        summaries.iter().filter(is_it).count()
    };
    assert_eq!([of(None), of(Some("strength=gamma")), of(Some("strength=gate"))], [3, 1, 1]);
}

#[test]
fn learned_networks_are_held_against_the_uniform_ones_of_their_variant() {
    let of_variant = |label: &str, uniform: f64| {
        let rows = [
            point(Arm::Uniform, 0.0, 0.5, 1_000_000, uniform),
            point(Arm::Uniform, 0.0, 1.0, 4_000_000, uniform),
            point(Arm::Shrink, 4.0, 1.0, 2_000_000, 0.87),
        ];
        rows.map(|row| PointRow { variant: Some(label.to_owned()), ..row })
    };
    let rows = [of_variant("epochs=1", 0.80), of_variant("epochs=9", 0.90)].concat();
    let differences = compare(&summarize(&rows).unwrap()).unwrap().differences;
    let found: Vec<f64> = differences.iter().flatten().map(|it| it.validation_points).collect();
    assert!((found[0] - 7.0).abs() < 1e-9 && (found[1] + 3.0).abs() < 1e-9, "{found:?}");
    let by_seed = paired(&rows).unwrap();
    let position = differences.iter().position(Option::is_some).unwrap();
    assert!((by_seed.of(position).unwrap().validation.mean - 7.0).abs() < 1e-9);
}

#[test]
fn rows_of_variants_read_back_and_are_named_in_tables() {
    let rows = in_two_variants();
    let text = row::to_csv(&rows);
    assert!(text.lines().next().unwrap().ends_with(",target,cycle,mode,variant"), "{text}");
    assert_eq!(row::from_csv(&text).unwrap(), rows);
    let table = table(&summarize(&rows).unwrap()).unwrap();
    assert!(table.contains("shrink, strength=gate") && table.contains("\nuniform "), "{table}");
}

#[test]
fn a_page_shows_every_variant_and_what_they_share_once() {
    let rows = in_two_variants();
    let page = Page { networks: vec![None; rows.len()], rows, ..Page::default() };
    let html = page.to_html().unwrap();
    assert!(html.contains("expand, strength=gate") && html.contains("expand, strength=gamma"));
    assert!(html.contains("learned, strength=gate") && !html.contains("uniform, strength"));
    assert_eq!(page.to_html().unwrap(), html);
}

//! The table of points. Every cell with a number carries it in full, for those who copy the table.

use maud::{Markup, html};

use super::answer::differences;
use super::{Point, Shown};
use crate::estimate::Estimate;
use crate::number::{compact, count, signed_points};
use crate::paired::PairedComparison;

/// Titles of columns as they are shown; and as they are copied with numbers in full, where that differs.
const TITLES: [(&str, Option<&str>); 12] = [
    ("front", None),
    ("point", None),
    ("seeds", None),
    ("MFLOPs", Some("FLOPs")),
    ("parameters", None),
    ("activations", None),
    ("val %", Some("validation")),
    ("test %", Some("test")),
    ("dead", None),
    ("epochs", None),
    ("over uniform, val", None),
    ("over uniform, test", None),
];

/// The table of points, in order of FLOPs.
pub(super) fn point_table(shown: &Shown<'_>, paired: &PairedComparison) -> Markup {
    html! {
        p.note #points-note {
            "Every point, in order of FLOPs; ★ marks the front by validation " (shown.page.metric()) ". Means over seeds ± one sample standard "
            "deviation; over uniform as above. The names select points in the figures."
        }
        div.scroll {
            table #points aria-describedby="points-note" {
                thead {
                    tr { @for (title, full) in TITLES { th scope="col" data-value=[full] { (title) } } }
                }
                tbody {
                    @for (position, point) in shown.points.iter().enumerate() {
                        (point_row(position, point, paired))
                    }
                }
            }
        }
    }
}

fn point_row(position: usize, point: &Point<'_>, paired: &PairedComparison) -> Markup {
    let summary = &point.summary;
    let accuracy = |mean: f64, std: Option<f64>| {
        let percent = Estimate {
            n: summary.seeds.len(),
            mean: 100.0 * mean,
            std: std.map(|std| 100.0 * std),
        };
        let full = match std {
            Some(std) => format!("{mean:?} ± {std:?}"),
            None => format!("{mean:?}"),
        };
        html! { td data-value=(full) { (format!("{:.2}", percent.mean)) @if let Some(std) = percent.std { " ± " (format!("{std:.2}")) } } }
    };
    html! {
        tr data-point=(position) {
            td { @if point.on_front { "★" } }
            th scope="row" { button type="button" data-point=(position) { (summary.name()) } }
            td { (summary.seeds.len()) }
            (number(summary.flops, &compact(summary.flops / 1e6)))
            (number(summary.params, &count(summary.params)))
            (number(summary.activations, &count(summary.activations)))
            (accuracy(summary.validation_score, summary.validation_std))
            (accuracy(summary.test_score, summary.test_std))
            (number(summary.dead_channels, &compact(summary.dead_channels)))
            td { (summary.epochs) }
            (differences(paired.of(point.index)))
        }
    }
}

/// A cell with a number, shown as `text`.
fn number(value: f64, text: &str) -> Markup {
    html! { td data-value=(value) { (text) } }
}

/// A cell with an estimate in so many decimals; empty without one.
pub(super) fn estimate(estimate: Option<Estimate>, decimals: usize) -> Markup {
    let Some(Estimate { mean, std, .. }) = estimate else { return html! { td {} } };
    let std = std.map(|std| format!(" ± {std:.decimals$}"));
    html! { td data-value=(mean) { (format!("{mean:.decimals$}")) @if let Some(std) = std { (std) } } }
}

/// A cell with an estimate of a difference in points: mean, deviation and standard error.
pub(super) fn signed_estimate(estimate: Option<Estimate>) -> Markup {
    let Some(estimate) = estimate else { return html! { td {} } };
    let spread = estimate.std.zip(estimate.standard_error());
    html! {
        td data-value=(estimate.mean) {
            (signed_points(estimate.mean))
            @if let Some((std, error)) = spread { (format!(" ± {std:.2} ({error:.2})")) }
        }
    }
}

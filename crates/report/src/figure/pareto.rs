//! The figure of a sweep: test scores against FLOPs.

use std::collections::BTreeSet;

use super::axis::{Axis, Scale};
use super::plot::Figure;
use super::series::{Color, Line, Marker, Point, Series};
use crate::error::Error;
use crate::mode::Mode;
use crate::number::{compact, count};
use crate::pareto::summary_front;
use crate::row::Arm;
use crate::summary::{Summary, metric_of, series};

/// Test scores in percent against FLOPs per image, one series per arm, as an SVG document.
///
/// The uniform points are joined in order of FLOPs: the curve that learned points are compared with. A thin step
/// line joins the front. Validation scores chose the front, so seen by test scores it may fall. Error bars are one
/// sample standard deviation over seeds.
///
/// # Errors
///
/// [`Error::Value`] if a summary has FLOPs or scores that are out of range or not numbers.
pub fn pareto_figure(summaries: &[Summary], title: &str, subtitle: &str) -> Result<String, Error> {
    for summary in summaries {
        summary.check()?;
    }
    let front = summary_front(summaries);
    let mut series = Vec::new();
    if front.len() > 1 {
        series.push(Series {
            label: "front, chosen by validation".to_owned(),
            marker: None,
            line: Line::Step,
            color: Color::Black,
            points: front
                .iter()
                .map(|&index| Point { y_error: None, ..point(&summaries[index]) })
                .collect(),
        });
    }
    let cycles = summaries.iter().map(|summary| summary.cycle).max().unwrap_or(1);
    for (at, variant) in variants(summaries).into_iter().enumerate() {
        let of_variant: Vec<&Summary> =
            summaries.iter().filter(|it| it.variant.as_deref() == variant).collect();
        for cycle in 1..=cycles {
            for mode in Mode::ALL {
                let one = |arm| arm_series(arm, cycle, mode, at, &of_variant);
                series.extend(Arm::ALL.map(one));
            }
        }
    }
    let metric = metric_of(summaries).name();
    let several_seeds = summaries.iter().any(|summary| summary.test_std.is_some());
    Figure {
        title: title.to_owned(),
        subtitle: subtitle.to_owned(),
        x: Axis {
            title: "FLOPs per image (logarithmic)".to_owned(),
            scale: Scale::Logarithmic,
            ticks_within: (0.0, f64::MAX),
        },
        y: Axis {
            title: if several_seeds {
                format!("test {metric} in %, mean ± std over seeds")
            } else {
                format!("test {metric} in %")
            },
            scale: Scale::Linear,
            ticks_within: (0.0, 100.0),
        },
        series,
    }
    .to_svg()
}

/// Later cycles, other modes and further variants keep the shape of their arm, in these colors in turn.
const LATER: [Color; 3] = [Color::Vermillion, Color::ReddishPurple, Color::SkyBlue];

/// How the points of an arm, a cycle, a mode and a variant look.
pub(crate) struct Look {
    pub(crate) marker: Marker,
    pub(crate) line: Line,
    pub(crate) color: Color,
    /// 0 for the first cycle, mode and variant; others have a number of their own.
    pub(crate) later: usize,
}

impl Look {
    /// `at` is the position of the variant.
    pub(crate) fn of(arm: Arm, cycle: u32, mode: Mode, at: usize) -> Self {
        let (marker, line, color) = match arm {
            Arm::Uniform => (Marker::Circle, Line::Straight, Color::Blue),
            Arm::Shrink => (Marker::Square, Line::None, Color::Orange),
            Arm::Expand => (Marker::Diamond, Line::None, Color::BluishGreen),
            Arm::Shuffled => (Marker::Triangle, Line::None, Color::Vermillion),
            Arm::Random => (Marker::TriangleDown, Line::None, Color::SkyBlue),
            Arm::L1Norm => (Marker::Plus, Line::None, Color::ReddishPurple),
            Arm::GroupNorm => (Marker::Cross, Line::None, Color::Yellow),
        };
        let later = cycle as usize - 1 + mode as usize + at;
        let color = later.checked_sub(1).map_or(color, |later| LATER[later % LATER.len()]);
        Self { marker, line, color, later }
    }
}

/// The variants among summaries, in their order; that of networks which all share comes first.
pub(crate) fn variants(summaries: &[Summary]) -> Vec<Option<&str>> {
    let found: BTreeSet<Option<&str>> = summaries.iter().map(|it| it.variant.as_deref()).collect();
    found.into_iter().collect()
}

/// The points of an arm in a variant, which is the one at position `at`.
fn arm_series(arm: Arm, cycle: u32, mode: Mode, at: usize, summaries: &[&Summary]) -> Series {
    let Look { marker, line, color, later: _ } = Look::of(arm, cycle, mode, at);
    let mut points: Vec<Point> = summaries
        .iter()
        .filter(|it| (it.arm, it.cycle, it.mode) == (arm, cycle, mode))
        .map(|it| point(it))
        .collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let variant = summaries.first().and_then(|it| it.variant.as_deref());
    Series { label: series(arm, cycle, mode, variant), marker: Some(marker), line, color, points }
}

fn point(summary: &Summary) -> Point {
    Point {
        x: summary.flops,
        y: 100.0 * summary.test_score,
        y_error: summary.test_std.map(|std| 100.0 * std),
        tooltip: tooltip(summary),
    }
}

pub(crate) fn tooltip(summary: &Summary) -> String {
    let optional = |name: &str, value: Option<f64>| {
        value.map_or_else(String::new, |value| format!(", {name} {}", compact(value)))
    };
    let deviation =
        |std: Option<f64>| std.map_or_else(String::new, |std| format!(" ± {:.2}", 100.0 * std));
    format!(
        "{}{}{}{}, width multiplier {}: {} MFLOPs ({} M multiply-adds), {} parameters, \
         validation {:.2}{} %, test {:.2}{} %, {} seed{}",
        summary.series(),
        optional("strength", summary.regularization_strength),
        summary.target.as_ref().map_or_else(String::new, |target| format!(", target {target}")),
        optional("budget", summary.budget),
        compact(summary.width_multiplier),
        compact(summary.flops / 1e6),
        compact(summary.macs / 1e6),
        count(summary.params),
        100.0 * summary.validation_score,
        deviation(summary.validation_std),
        100.0 * summary.test_score,
        deviation(summary.test_std),
        summary.seeds.len(),
        if summary.seeds.len() == 1 { "" } else { "s" },
    )
}

//! The figure of a sweep: test accuracy against FLOPs.

use super::axis::{Axis, Scale};
use super::plot::Figure;
use super::series::{Color, Line, Marker, Point, Series};
use crate::error::Error;
use crate::mode::Mode;
use crate::number::{compact, count};
use crate::pareto::summary_front;
use crate::row::Arm;
use crate::summary::{Summary, series};

/// Test accuracy in percent against FLOPs per image, one series per arm, as an SVG document.
///
/// The uniform points are joined in order of FLOPs: the curve that learned points are compared with. A thin step
/// line joins the front. Validation accuracy chose the front, so seen by test accuracy it may fall. Error bars are one
/// sample standard deviation over seeds.
///
/// # Errors
///
/// [`Error::Value`] if a summary has FLOPs or accuracies that are out of range or not numbers.
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
    for cycle in 1..=cycles {
        for mode in Mode::ALL {
            series.extend(Arm::ALL.map(|arm| arm_series(arm, cycle, mode, summaries)));
        }
    }
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
                "test accuracy in %, mean ± std over seeds".to_owned()
            } else {
                "test accuracy in %".to_owned()
            },
            scale: Scale::Linear,
            ticks_within: (0.0, 100.0),
        },
        series,
    }
    .to_svg()
}

/// Later cycles and other modes keep the shape of their arm, in these colors in turn.
const LATER: [Color; 3] = [Color::Vermillion, Color::ReddishPurple, Color::SkyBlue];

/// How the points of an arm, a cycle and a mode look.
pub(crate) struct Look {
    pub(crate) marker: Marker,
    pub(crate) line: Line,
    pub(crate) color: Color,
    /// 0 for the first cycle and the first mode; others have a number of their own.
    pub(crate) later: usize,
}

impl Look {
    pub(crate) fn of(arm: Arm, cycle: u32, mode: Mode) -> Self {
        let (marker, line, color) = match arm {
            Arm::Uniform => (Marker::Circle, Line::Straight, Color::Blue),
            Arm::Shrink => (Marker::Square, Line::None, Color::Orange),
            Arm::Expand => (Marker::Diamond, Line::None, Color::BluishGreen),
            Arm::Shuffled => (Marker::Triangle, Line::None, Color::Vermillion),
            Arm::Random => (Marker::TriangleDown, Line::None, Color::SkyBlue),
            Arm::L1Norm => (Marker::Plus, Line::None, Color::ReddishPurple),
            Arm::GroupNorm => (Marker::Cross, Line::None, Color::Yellow),
        };
        let later = cycle as usize - 1 + mode as usize;
        let color = later.checked_sub(1).map_or(color, |later| LATER[later % LATER.len()]);
        Self { marker, line, color, later }
    }
}

fn arm_series(arm: Arm, cycle: u32, mode: Mode, summaries: &[Summary]) -> Series {
    let Look { marker, line, color, later: _ } = Look::of(arm, cycle, mode);
    let mut points: Vec<Point> = summaries
        .iter()
        .filter(|it| (it.arm, it.cycle, it.mode) == (arm, cycle, mode))
        .map(point)
        .collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    Series { label: series(arm, cycle, mode), marker: Some(marker), line, color, points }
}

fn point(summary: &Summary) -> Point {
    Point {
        x: summary.flops,
        y: 100.0 * summary.test_accuracy,
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
        100.0 * summary.validation_accuracy,
        deviation(summary.validation_std),
        100.0 * summary.test_accuracy,
        deviation(summary.test_std),
        summary.seeds.len(),
        if summary.seeds.len() == 1 { "" } else { "s" },
    )
}

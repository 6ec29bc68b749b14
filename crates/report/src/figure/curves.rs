//! The figure of training: loss against epochs.

use super::axis::{Axis, Scale};
use super::plot::Figure;
use super::series::{Color, Line, Point, Series};
use crate::curve::{CurveRow, Phase};
use crate::error::Error;

/// Training loss against epochs, one line per search and per retraining, as an SVG document. Epochs whose loss is infinite or
/// not a number are left out.
///
/// # Errors
///
/// [`Error::Value`] for a loss that is too large to draw.
pub fn curves_figure(curves: &[CurveRow], title: &str, subtitle: &str) -> Result<String, Error> {
    let mut series: Vec<Series> = Vec::new();
    for curve in curves.chunk_by(|a, b| (a.phase, &a.name) == (b.phase, &b.name)) {
        let (words, line, color) = match curve[0].phase {
            Phase::Search => ("searches", Line::Dashed, Color::Vermillion),
            Phase::Retrain => ("retrainings", Line::Straight, Color::Blue),
        };
        let is_named = series.iter().any(|before| before.label == words);
        let point = |row: &CurveRow| Point {
            x: f64::from(row.epoch),
            y: row.loss,
            y_error: None,
            tooltip: String::new(),
        };
        series.push(Series {
            label: if is_named { String::new() } else { words.to_owned() },
            marker: None,
            line,
            color,
            points: curve.iter().filter(|row| row.loss.is_finite()).map(point).collect(),
        });
    }
    let axis = |title: &str| Axis {
        title: title.to_owned(),
        scale: Scale::Linear,
        ticks_within: (0.0, f64::MAX),
    };
    Figure {
        title: title.to_owned(),
        subtitle: subtitle.to_owned(),
        x: axis("epoch"),
        y: axis("training loss"),
        series,
    }
    .to_svg()
}

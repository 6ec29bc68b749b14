//! The legend: rows of entries above the plot, where no point can be.

use super::plot::{TEXT_SIZE, plain, stroke};
use super::series::{Line, Series};
use super::svg::Svg;
use super::text;

pub(super) const ROW_HEIGHT: f64 = 20.0;
const SAMPLE: f64 = 26.0;
const GAP: f64 = 22.0;
const WIDEST_LABEL: f64 = 400.0;

/// The series with points and a name, in rows of at most `widest` pixels.
pub(super) fn rows(series: &[Series], widest: f64) -> Vec<Vec<&Series>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut used = 0.0;
    let is_listed = |series: &&Series| !series.points.is_empty() && !series.label.is_empty();
    for series in series.iter().filter(is_listed) {
        let width = entry_width(series);
        if !row.is_empty() && used + width - GAP > widest {
            rows.push(std::mem::take(&mut row));
            used = 0.0;
        }
        row.push(series);
        used += width;
    }
    rows.extend(Some(row).filter(|row| !row.is_empty()));
    rows
}

/// Draws rows of entries, the first row's upper edge at `top`.
pub(super) fn draw(svg: &mut Svg, rows: &[Vec<&Series>], [left, top]: [f64; 2]) {
    for (row, entries) in rows.iter().enumerate() {
        let mut at = left;
        for series in entries {
            entry(svg, series, [at, top + (row as f64 + 0.5) * ROW_HEIGHT]);
            at += entry_width(series);
        }
    }
}

fn entry_width(series: &Series) -> f64 {
    SAMPLE + 6.0 + text::width(&label(series), TEXT_SIZE) + GAP
}

fn label(series: &Series) -> String {
    text::fit(&series.label, TEXT_SIZE, WIDEST_LABEL)
}

fn entry(svg: &mut Svg, series: &Series, [x, y]: [f64; 2]) {
    let middle = x + SAMPLE / 2.0;
    let end = x + SAMPLE;
    match series.line {
        Line::None => {}
        Line::Straight | Line::Dashed => svg.path(&[[x, y], [end, y]], stroke(series)),
        Line::Step => {
            let step = [[x, y + 4.0], [middle, y + 4.0], [middle, y - 4.0], [end, y - 4.0]];
            svg.path(&step, stroke(series));
        }
    }
    if let Some(marker) = series.marker {
        marker.draw(svg, [middle, y], series.color, "");
    }
    svg.label(&plain([end + 6.0, y + 4.2], &label(series)));
}

//! A figure: axes, grid, series and a legend above the plot.

use super::axis::{Axis, Labels, Range, Scale, Tick};
use super::legend;
use super::series::{Line, Point, REACH, Series};
use super::svg::{Anchor, Label, Stroke, Svg};
use super::text;
use crate::error::Error;

/// A plot of series over two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Heading.
    pub title: String,
    /// What the reader must know to judge the figure; may be empty.
    pub subtitle: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The series; earlier ones lie below later ones.
    pub series: Vec<Series>,
}

pub(super) const WIDTH: f64 = 720.0;
const PLOT_HEIGHT: f64 = 320.0;
pub(super) const EDGE: f64 = 20.0;
/// Room for half a label of the last tick.
const RIGHT: f64 = 36.0;
pub(super) const TITLE_SIZE: f64 = 17.0;
pub(super) const SUBTITLE_SIZE: f64 = 12.5;
pub(super) const TEXT_SIZE: f64 = 12.0;
const AXIS_TITLE_SIZE: f64 = 13.0;
const INK: &str = "#222222";
const FAINT_INK: &str = "#555555";
const FRAME: Stroke = Stroke { color: "#444444", width: 1.0, dashed: false };
const GRID: Stroke = Stroke { color: "#E4E4E4", width: 1.0, dashed: false };

/// Where the plot lies on the page, and what its axes show.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Range,
    y: Range,
}

impl Plot {
    fn place(&self, x: f64, y: f64) -> [f64; 2] {
        [
            self.left + self.x.fraction(x) * (self.right - self.left),
            self.bottom - self.y.fraction(y) * (self.bottom - self.top),
        ]
    }
}

impl Figure {
    /// The figure as an SVG document; without points it says so.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a coordinate that is not a number or too large to draw, or that is not positive on a
    /// logarithmic axis, and for an error bar of negative length.
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Range::around(self.x.scale, points().map(|point| point.x));
        let ends = points().flat_map(|point| {
            let half = point.y_error.unwrap_or(0.0);
            [point.y - half, point.y + half]
        });
        let y = Range::around(self.y.scale, ends);
        let empty = points().next().is_none();

        let y_ticks = if empty {
            Vec::new()
        } else {
            y.ticks(self.y.ticks_within, PLOT_HEIGHT, Labels::Stacked)
        };
        let widest =
            y_ticks.iter().map(|tick| text::width(&tick.label, TEXT_SIZE)).fold(0.0, f64::max);
        let left = EDGE + AXIS_TITLE_SIZE + 10.0 + widest + 8.0;
        let right = WIDTH - RIGHT;
        let x_ticks = if empty {
            Vec::new()
        } else {
            x.ticks(self.x.ticks_within, right - left, Labels::Beside)
        };

        let title = text::wrap(&self.title, TITLE_SIZE, WIDTH - 2.0 * EDGE);
        let subtitle = text::wrap(&self.subtitle, SUBTITLE_SIZE, WIDTH - 2.0 * EDGE);
        let legend = legend::rows(&self.series, right - left);
        let title_end = EDGE + title.len() as f64 * (TITLE_SIZE + 5.0);
        let subtitle_end = title_end + subtitle.len() as f64 * (SUBTITLE_SIZE + 4.0);
        let legend_top = subtitle_end + 6.0;
        let top = legend_top + legend.len() as f64 * legend::ROW_HEIGHT + 8.0;
        let plot = Plot { left, right, top, bottom: top + PLOT_HEIGHT, x, y };
        let height = plot.bottom + 24.0 + AXIS_TITLE_SIZE + 6.0 + EDGE;

        let mut svg = Svg::open(WIDTH, height, &self.title, &self.subtitle);
        heading(&mut svg, &title, EDGE, TITLE_SIZE, true);
        heading(&mut svg, &subtitle, title_end, SUBTITLE_SIZE, false);
        legend::draw(&mut svg, &legend, [left, legend_top]);
        self.axes(&mut svg, &plot, &x_ticks, &y_ticks);
        if empty {
            let at = [f64::midpoint(left, right), plot.top + PLOT_HEIGHT / 2.0];
            svg.label(&Label { anchor: Anchor::Middle, ..plain(at, "no points to show") });
        }
        for series in &self.series {
            draw(&mut svg, &plot, series);
        }
        Ok(svg.close())
    }

    fn check(&self) -> Result<(), Error> {
        for series in &self.series {
            for (index, point) in series.points.iter().enumerate() {
                let refuse = |column, found: f64, expected| Error::Value {
                    at: format!("point {} of series `{}`", index + 1, series.label),
                    column,
                    found: found.to_string(),
                    expected,
                };
                let half = point.y_error.unwrap_or(0.0);
                if !(half >= 0.0 && Scale::Linear.holds(half)) {
                    return Err(refuse("y_error", half, "a finite length of at least 0"));
                }
                if !self.x.scale.holds(point.x) {
                    return Err(refuse("x", point.x, self.x.scale.expectation()));
                }
                for end in [point.y, point.y - half, point.y + half] {
                    if !self.y.scale.holds(end) {
                        return Err(refuse("y", end, self.y.scale.expectation()));
                    }
                }
            }
        }
        Ok(())
    }

    fn axes(&self, svg: &mut Svg, plot: &Plot, x_ticks: &[Tick], y_ticks: &[Tick]) {
        let Plot { left, right, top, bottom, .. } = *plot;
        let along_x = |value: f64| left + plot.x.fraction(value) * (right - left);
        let along_y = |value: f64| bottom - plot.y.fraction(value) * (bottom - top);
        for tick in x_ticks {
            svg.path(&[[along_x(tick.value), top], [along_x(tick.value), bottom]], GRID);
        }
        for tick in y_ticks {
            svg.path(&[[left, along_y(tick.value)], [right, along_y(tick.value)]], GRID);
        }
        for value in if x_ticks.is_empty() { Vec::new() } else { plot.x.minor() } {
            svg.path(&[[along_x(value), bottom], [along_x(value), bottom + 3.0]], FRAME);
        }
        for value in if y_ticks.is_empty() { Vec::new() } else { plot.y.minor() } {
            svg.path(&[[left - 3.0, along_y(value)], [left, along_y(value)]], FRAME);
        }
        svg.path(&[[left, top], [left, bottom], [right, bottom]], FRAME);
        for tick in x_ticks {
            let x = along_x(tick.value);
            svg.path(&[[x, bottom], [x, bottom + 5.0]], FRAME);
            svg.label(&Label { anchor: Anchor::Middle, ..plain([x, bottom + 19.0], &tick.label) });
        }
        for tick in y_ticks {
            let y = along_y(tick.value);
            svg.path(&[[left - 5.0, y], [left, y]], FRAME);
            svg.label(&Label { anchor: Anchor::End, ..plain([left - 8.0, y + 4.2], &tick.label) });
        }
        let title = text::fit(&self.x.title, AXIS_TITLE_SIZE, right - left);
        let at = [f64::midpoint(left, right), bottom + 24.0 + AXIS_TITLE_SIZE + 4.0];
        svg.label(&Label { anchor: Anchor::Middle, size: AXIS_TITLE_SIZE, ..plain(at, &title) });
        let title = text::fit(&self.y.title, AXIS_TITLE_SIZE, bottom - top);
        let at = [EDGE + AXIS_TITLE_SIZE - 3.0, f64::midpoint(top, bottom)];
        svg.label(&Label {
            anchor: Anchor::Middle,
            size: AXIS_TITLE_SIZE,
            upright: true,
            ..plain(at, &title)
        });
    }
}

pub(super) fn plain(at: [f64; 2], text: &str) -> Label<'_> {
    Label {
        at,
        size: TEXT_SIZE,
        anchor: Anchor::Start,
        color: INK,
        bold: false,
        upright: false,
        text,
    }
}

pub(super) fn heading(svg: &mut Svg, lines: &[String], top: f64, size: f64, bold: bool) {
    let step = size + if bold { 5.0 } else { 4.0 };
    for (row, line) in lines.iter().enumerate() {
        let at = [EDGE, top + row as f64 * step + size - 2.0];
        let color = if bold { INK } else { FAINT_INK };
        svg.label(&Label { size, color, bold, ..plain(at, line) });
    }
}

pub(super) fn stroke(series: &Series) -> Stroke {
    let width = match series.line {
        Line::Step => 1.0,
        Line::None | Line::Straight | Line::Dashed => 1.8,
    };
    Stroke { color: series.color.hex(), width, dashed: series.line == Line::Dashed }
}

fn draw(svg: &mut Svg, plot: &Plot, series: &Series) {
    let places: Vec<_> = series.points.iter().map(|point| plot.place(point.x, point.y)).collect();
    let joined = match series.line {
        Line::None => Vec::new(),
        Line::Straight | Line::Dashed => places.clone(),
        Line::Step => steps(&places),
    };
    if joined.len() > 1 {
        svg.path(&joined, stroke(series));
    }
    for point in &series.points {
        error_bar(svg, plot, point, series);
    }
    if let Some(marker) = series.marker {
        for (point, place) in series.points.iter().zip(places) {
            marker.draw(svg, place, series.color, &point.tooltip);
        }
    }
}

fn steps(places: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut corners: Vec<[f64; 2]> = Vec::with_capacity(2 * places.len());
    for place in places {
        if let Some(&[_, level]) = corners.last() {
            corners.push([place[0], level]);
        }
        corners.push(*place);
    }
    corners
}

fn error_bar(svg: &mut Svg, plot: &Plot, point: &Point, series: &Series) {
    let Some(half) = point.y_error else { return };
    let [x, low] = plot.place(point.x, point.y - half);
    let [_, high] = plot.place(point.x, point.y + half);
    let stroke = Stroke { color: series.color.hex(), width: 1.2, dashed: false };
    svg.path(&[[x, low], [x, high]], stroke);
    for y in [low, high] {
        svg.path(&[[x - REACH + 1.0, y], [x + REACH - 1.0, y]], stroke);
    }
}

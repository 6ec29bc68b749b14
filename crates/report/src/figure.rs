//! Figures as SVG text: the same input gives the same bytes, and no font or script is loaded.
//!
//! [`Figure`] is axes, series and a legend; [`pareto_figure`] is the figure of a sweep, [`curves_figure`] that of its
//! trainings, and [`widths_figure`] shows one network layer by layer.

mod axis;

mod series;

mod legend;

mod plot;

mod pareto;

mod curves;

mod widths;

mod svg;

mod text;

pub use axis::{Axis, Scale};
pub use curves::curves_figure;
pub use pareto::pareto_figure;
pub(crate) use pareto::{Look, tooltip};
pub use plot::Figure;
pub use series::{Color, Line, Marker, Point, Series};
pub use widths::{LayerWidths, widths_figure};

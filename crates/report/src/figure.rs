//! Figures as SVG text: the same input gives the same bytes, and no font or script is loaded.
//!
//! [`Figure`] is axes, series and a legend; [`pareto_figure`] is the figure of a sweep.

mod axis;

mod series;

mod legend;

mod plot;

mod pareto;

mod svg;

mod text;

pub use axis::{Axis, Scale};
pub use pareto::pareto_figure;
pub use plot::Figure;
pub use series::{Color, Line, Marker, Point, Series};

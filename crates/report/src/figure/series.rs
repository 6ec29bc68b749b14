//! What is drawn between the axes: points, and how their series looks.

use super::svg::{Svg, number};

/// A set of points that belong together; one entry of the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend; without one it has no entry there.
    pub label: String,
    /// The shape at every point, if any.
    pub marker: Option<Marker>,
    /// How its points are joined, in the order given.
    pub line: Line,
    /// The color of markers, line and error bars.
    pub color: Color,
    /// The points; a series without points is not drawn and has no entry in the legend.
    pub points: Vec<Point>,
}

/// One point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Horizontal value.
    pub x: f64,
    /// Vertical value.
    pub y: f64,
    /// Half the length of the vertical error bar; none is drawn for `None`.
    pub y_error: Option<f64>,
    /// What a viewer shows when the pointer rests on the marker.
    pub tooltip: String,
}

/// The shape of a marker: series stay apart in grey print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Circle,
    /// A square on its side.
    Square,
    /// A square on its corner.
    Diamond,
    /// A triangle pointing up.
    Triangle,
    /// A triangle pointing down.
    TriangleDown,
    /// An upright cross.
    Plus,
    /// A cross on its side.
    Cross,
}

/// How the points of a series are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Not at all.
    None,
    /// By straight lines.
    Straight,
    /// By straight lines of dashes.
    Dashed,
    /// By thin steps: level to the next point's `x`, then up or down.
    Step,
}

/// The colors of Okabe and Ito (2008), told apart by color-blind readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// `#000000`
    Black,
    /// `#E69F00`
    Orange,
    /// `#56B4E9`
    SkyBlue,
    /// `#009E73`
    BluishGreen,
    /// `#F0E442`
    Yellow,
    /// `#0072B2`
    Blue,
    /// `#D55E00`
    Vermillion,
    /// `#CC79A7`
    ReddishPurple,
}

impl Color {
    /// The color as SVG writes it.
    pub const fn hex(self) -> &'static str {
        match self {
            Self::Black => "#000000",
            Self::Orange => "#E69F00",
            Self::SkyBlue => "#56B4E9",
            Self::BluishGreen => "#009E73",
            Self::Yellow => "#F0E442",
            Self::Blue => "#0072B2",
            Self::Vermillion => "#D55E00",
            Self::ReddishPurple => "#CC79A7",
        }
    }
}

/// Half the extent of a marker, in pixels.
pub(super) const REACH: f64 = 5.0;

impl Marker {
    /// The corners of the shape around its middle, in units of its reach; none of a circle, whose radius is 1.
    ///
    /// The shapes have about the same area: a square of the disc's reach would look larger.
    pub(crate) const fn corners(self) -> &'static [[f64; 2]] {
        match self {
            Self::Circle => &[],
            Self::Square => &[[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]],
            Self::Diamond => &[[0.0, -1.25], [1.25, 0.0], [0.0, 1.25], [-1.25, 0.0]],
            Self::Triangle => &[[0.0, -1.2], [1.15, 0.85], [-1.15, 0.85]],
            Self::TriangleDown => &[[0.0, 1.2], [1.15, -0.85], [-1.15, -0.85]],
            Self::Plus => &[
                [-0.4, -1.2],
                [0.4, -1.2],
                [0.4, -0.4],
                [1.2, -0.4],
                [1.2, 0.4],
                [0.4, 0.4],
                [0.4, 1.2],
                [-0.4, 1.2],
                [-0.4, 0.4],
                [-1.2, 0.4],
                [-1.2, -0.4],
                [-0.4, -0.4],
            ],
            Self::Cross => &[
                [-1.1, -0.6],
                [-0.6, -1.1],
                [0.0, -0.5],
                [0.6, -1.1],
                [1.1, -0.6],
                [0.5, 0.0],
                [1.1, 0.6],
                [0.6, 1.1],
                [0.0, 0.5],
                [-0.6, 1.1],
                [-1.1, 0.6],
                [-0.5, 0.0],
            ],
        }
    }

    /// Draws the marker at a place, with a tooltip unless it is empty.
    pub(super) fn draw(self, svg: &mut Svg, [x, y]: [f64; 2], color: Color, tooltip: &str) {
        let corners = self.corners();
        let shape = if corners.is_empty() {
            format!("circle cx=\"{}\" cy=\"{}\" r=\"{}\"", number(x), number(y), number(REACH))
        } else {
            let points: Vec<String> = corners
                .iter()
                .map(|[dx, dy]| format!("{},{}", number(x + REACH * dx), number(y + REACH * dy)))
                .collect();
            format!("polygon points=\"{}\"", points.join(" "))
        };
        svg.shape(&shape, color, tooltip);
    }
}

//! SVG elements as text.

use super::series::Color;
use super::text::escape;

/// An SVG document in the making.
pub(super) struct Svg {
    text: String,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) color: &'static str,
    pub(super) width: f64,
    pub(super) dashed: bool,
}

/// A line of text.
pub(super) struct Label<'a> {
    pub(super) at: [f64; 2],
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) color: &'static str,
    pub(super) bold: bool,
    /// Read from bottom to top.
    pub(super) upright: bool,
    pub(super) text: &'a str,
}

/// Which part of a text its place is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A coordinate with at most two decimals.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    match crate::number::trimmed(&text) {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

impl Svg {
    /// Opens a document with a white background.
    pub(super) fn open(width: f64, height: f64, title: &str, description: &str) -> Self {
        let [width, height] = [width, height].map(number);
        let mut svg = Self { text: String::new() };
        svg.push(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">"
        ));
        svg.push(&format!("<title>{}</title>", escape(title)));
        svg.push(&format!("<desc>{}</desc>", escape(description)));
        svg.push(&format!("<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>"));
        svg
    }

    /// Closes the document.
    pub(super) fn close(mut self) -> String {
        self.push("</svg>");
        self.text
    }

    /// A path through two or more places.
    pub(super) fn path(&mut self, places: &[[f64; 2]], stroke: Stroke) {
        let points: Vec<String> =
            places.iter().map(|[x, y]| format!("{},{}", number(*x), number(*y))).collect();
        let dashes = if stroke.dashed { " stroke-dasharray=\"6 3\"" } else { "" };
        self.push(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{dashes}/>",
            points.join(" "),
            stroke.color,
            number(stroke.width)
        ));
    }

    /// A filled shape, given by its element name and geometry, with a thin dark outline.
    pub(super) fn shape(&mut self, shape: &str, color: Color, tooltip: &str) {
        let name = shape.split(' ').next().unwrap_or_default();
        let paint = format!("fill=\"{}\" stroke=\"#222222\" stroke-width=\"0.8\"", color.hex());
        if tooltip.is_empty() {
            self.push(&format!("<{shape} {paint}/>"));
        } else {
            self.push(&format!("<{shape} {paint}><title>{}</title></{name}>", escape(tooltip)));
        }
    }

    /// The dark outline of a shape, given by its element name and geometry.
    pub(super) fn outline(&mut self, shape: &str) {
        self.push(&format!("<{shape} fill=\"none\" stroke=\"#222222\" stroke-width=\"1\"/>"));
    }

    /// A line of text.
    pub(super) fn label(&mut self, label: &Label<'_>) {
        let [x, y] = label.at.map(number);
        let weight = if label.bold { " font-weight=\"bold\"" } else { "" };
        let turn = if label.upright {
            format!(" transform=\"rotate(-90 {x} {y})\"")
        } else {
            String::new()
        };
        self.push(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{}\" fill=\"{}\"{weight}{turn}>{}</text>",
            number(label.size),
            label.anchor.name(),
            label.color,
            escape(label.text)
        ));
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

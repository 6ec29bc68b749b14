//! The figure of one network: the width of every layer, before and after.

use super::plot::{EDGE, SUBTITLE_SIZE, TEXT_SIZE, TITLE_SIZE, WIDTH, heading, plain};
use super::series::Color;
use super::svg::{Anchor, Label, Svg, number};
use super::text;

/// The widths of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerWidths {
    /// Its name.
    pub name: String,
    /// Channels in the seed.
    pub before: usize,
    /// Channels in the network that is shown; 0 if the layer is gone.
    pub after: usize,
}

const ROW: f64 = 17.0;
const BAR: f64 = 11.0;
const WIDEST_NAME: f64 = 300.0;
/// Room for the numbers at the end of a row.
const NUMBERS: f64 = 90.0;

/// A row per layer in the order given, as an SVG document: a filled bar as long as the layer is wide, in an outline as long as
/// it was in the seed. All bars have one scale.
pub fn widths_figure(layers: &[LayerWidths], title: &str, subtitle: &str) -> String {
    let names: Vec<String> =
        layers.iter().map(|layer| text::fit(&layer.name, TEXT_SIZE, WIDEST_NAME)).collect();
    let widest_name = names.iter().map(|name| text::width(name, TEXT_SIZE)).fold(0.0, f64::max);
    let left = EDGE + widest_name + 10.0;
    let most = layers.iter().map(|layer| layer.before.max(layer.after)).max().unwrap_or(0);
    let scale = (WIDTH - EDGE - NUMBERS - left) / most.max(1) as f64;

    let title_lines = text::wrap(title, TITLE_SIZE, WIDTH - 2.0 * EDGE);
    let subtitle_lines = text::wrap(subtitle, SUBTITLE_SIZE, WIDTH - 2.0 * EDGE);
    let title_end = EDGE + title_lines.len() as f64 * (TITLE_SIZE + 5.0);
    let top = title_end + subtitle_lines.len() as f64 * (SUBTITLE_SIZE + 4.0) + 8.0;
    let height = top + layers.len() as f64 * ROW + EDGE;

    let mut svg = Svg::open(WIDTH, height, title, subtitle);
    heading(&mut svg, &title_lines, EDGE, TITLE_SIZE, true);
    heading(&mut svg, &subtitle_lines, title_end, SUBTITLE_SIZE, false);
    for (row, (layer, name)) in layers.iter().zip(&names).enumerate() {
        let LayerWidths { name: whole, before, after } = layer;
        let y = top + row as f64 * ROW;
        let base = y + BAR - 0.5;
        svg.label(&Label { anchor: Anchor::End, ..plain([left - 10.0, base], name) });
        let numbers = format!("{before} \u{2192} {after}");
        let tooltip = format!("{whole}: {numbers}");
        svg.shape(&bar([left, y], *after as f64 * scale), Color::SkyBlue, &tooltip);
        svg.outline(&bar([left, y], *before as f64 * scale));
        let end = left + (*before).max(*after) as f64 * scale + 8.0;
        svg.label(&plain([end, base], &numbers));
    }
    svg.close()
}

fn bar([x, y]: [f64; 2], length: f64) -> String {
    format!(
        "rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(x),
        number(y),
        number(length),
        number(BAR)
    )
}

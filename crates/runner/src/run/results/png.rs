//! Figures as pixels.

use anyhow::{Context, ensure};
use resvg::{tiny_skia, usvg};

/// Pixels for each pixel of the figure: at the width of a page of text, about 300 dots to an inch.
const SCALE: f32 = 3.0;

/// A figure as PNG, its text in the fonts of this machine.
pub(super) fn of_svg(svg: &str) -> anyhow::Result<Vec<u8>> {
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_system_fonts();
    ensure!(
        !options.fontdb.is_empty(),
        "there is no font on this machine, so that a PNG would have no text: install one, such as DejaVu Sans"
    );
    let tree = usvg::Tree::from_str(svg, &options).context("the figure is not SVG")?;
    let size = tree.size().to_int_size().scale_by(SCALE).context("the figure has no size")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
        .context("the figure is too large for a PNG")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("cannot encode the PNG")
}

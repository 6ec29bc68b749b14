//! Writes a small network of every family, trained for a few steps, as ONNX files into a folder, each with two images and the
//! logits that the engine makes of them. `scripts/onnx-check` reads them.
#![expect(clippy::disallowed_methods, reason = "a command that writes into the folder it is given")]

#[path = "../system/trained.rs"]
mod trained;

use std::{env, error::Error, fs, path::Path};

use graph::Graph;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: trained FOLDER")?;
    let folder = Path::new(&folder);
    for (_, text, network) in trained::networks() {
        let (images, logits) = trained::logits(&network);
        let images = channels_first(&network.graph, &images);
        let cost = cost_models::Summary::of(&network.graph);
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || "-._".contains(*letter);
        let name: String = text.replace([':', ','], "_").chars().filter(plain).collect();
        for (suffix, fold_batch_norm) in [("", false), ("-folded", true)] {
            let path = |ending: &str| folder.join(format!("trained-{name}{suffix}.{ending}"));
            fs::write(path("onnx"), trained::file(&network, fold_batch_norm))?;
            fs::write(path("image"), little_endian(&images))?;
            fs::write(path("outputs"), little_endian(&logits))?;
            fs::write(path("costs"), format!("{text}\n{}\n{}\n", cost.params, cost.macs))?;
        }
    }
    Ok(())
}

/// Pixels in the order of the file.
fn channels_first(graph: &Graph, images: &[f32]) -> Vec<f32> {
    let (_, image) = graph.nodes().next().expect("an image");
    let (channels, area) = (image.shape.channels, image.shape.area());
    let of_image = |pixels: &[f32]| -> Vec<f32> {
        let order = (0..channels).flat_map(|c| (0..area).map(move |at| at * channels + c));
        order.map(|at| pixels[at]).collect()
    };
    images.chunks(area * channels).flat_map(of_image).collect()
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

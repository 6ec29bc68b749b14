//! Times in ONNX Runtime, whose shared library is loaded when it is asked for.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use graph::Shape;
use ort::session::Session;
use ort::value::TensorRef;

use crate::measure;

/// Nanoseconds of one image through each of these ONNX files, by ONNX Runtime on the processor.
pub(super) fn times(
    library: &Path,
    files: &[Vec<u8>],
    image: Shape,
    threads: usize,
) -> Result<Vec<f64>> {
    let loading = || format!("cannot load ONNX Runtime from `{}`", library.display());
    let environment = ort::init_from(library)
        .map_err(|error| anyhow!("{error}"))
        .and_then(|loaded| loaded.build().map_err(|error| anyhow!("{error}")))
        .with_context(loading)?;
    let pixels: Vec<f32> = (0..image.elements()).map(|at| (at % 13) as f32 / 6.0 - 1.0).collect();
    let sizes = [1, image.channels, image.height, image.width];
    let time = |file: &Vec<u8>| -> Result<f64> {
        let builder = Session::builder(&environment).map_err(|error| anyhow!("{error}"))?;
        let mut session = builder
            .with_intra_threads(threads)
            .map_err(|error| anyhow!("{error}"))?
            .commit_from_memory(file)
            .map_err(|error| anyhow!("{error}"))?;
        measure::repeated(&mut || {
            let image = TensorRef::from_array_view((sizes, pixels.as_slice()))
                .map_err(|error| anyhow!("{error}"))?;
            session.run(ort::inputs![image]).map(drop).map_err(|error| anyhow!("{error}"))
        })
    };
    files.iter().map(time).collect::<Result<_>>().context("ONNX Runtime")
}

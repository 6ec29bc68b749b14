//! Times in ONNX Runtime, whose shared library is loaded when it is asked for.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use graph::Shape;
use ort::session::Session;
use ort::value::TensorRef;

use crate::measure;

/// Nanoseconds of one image through each of these ONNX files, by ONNX Runtime on the processor, in turns.
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
    let session = |file: &Vec<u8>| -> Result<Session> {
        let builder = Session::builder(&environment).map_err(|error| anyhow!("{error}"))?;
        builder
            .with_intra_threads(threads)
            .map_err(|error| anyhow!("{error}"))?
            .commit_from_memory(file)
            .map_err(|error| anyhow!("{error}"))
    };
    let mut sessions =
        files.iter().map(session).collect::<Result<Vec<_>>>().context("ONNX Runtime")?;
    let run = |session: &mut Session| {
        let image = TensorRef::from_array_view((sizes, pixels.as_slice()))
            .map_err(|error| anyhow!("{error}"))?;
        session.run(ort::inputs![image]).map(drop).map_err(|error| anyhow!("{error}"))
    };
    let mut works: Vec<_> = sessions.iter_mut().map(|session| || run(session)).collect();
    let mut works: Vec<measure::Work<'_, anyhow::Error>> =
        works.iter_mut().map(|work| work as measure::Work<'_, anyhow::Error>).collect();
    measure::in_turns(&mut works).context("ONNX Runtime")
}

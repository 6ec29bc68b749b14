//! `runner export`: a network as an ONNX file.

use onnx::Weights;

use super::{FAILED, Outcome};
use crate::cli::ExportOptions;
use crate::diagnostic::Diagnostic;
use crate::network::{Named, named};
use crate::store;

/// Writes what the options name.
pub fn export(options: &ExportOptions) -> Outcome {
    let Named { name, network } = match named(&options.network, options.input, options.classes) {
        Ok(named) => named,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    let parameters = network.parameters.iter();
    let weights: Weights =
        parameters.map(|(node, role, tensor)| ((node, role), tensor.clone())).collect();
    let how = onnx::ExportOptions { fold_batch_norm: options.fold_batch_norm, batch: None };
    let bytes = match onnx::export(&network.graph, &weights, &how) {
        Ok(bytes) => bytes,
        Err(error) => {
            let fault = Diagnostic::new(format!("`{name}` cannot be written: {error}"));
            return Outcome::bad_input(&fault.into());
        }
    };
    match store::write(&options.file, &bytes) {
        Ok(()) => Outcome::success(format!("{}\n", options.file.display())),
        Err(error) => {
            Outcome { stderr: format!("error: {error:#}\n"), code: FAILED, ..Outcome::default() }
        }
    }
}

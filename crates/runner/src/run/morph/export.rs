//! What a person takes away: the network as ONNX and as safetensors.

use anyhow::Context;
use onnx::{ExportOptions, Weights, export};
use training::Network;

use super::Morph;
use crate::store;

impl Morph<'_> {
    /// Writes `network.onnx` and `network.safetensors`.
    pub(super) fn export(&self, network: &Network) -> anyhow::Result<()> {
        let output = &self.settings.output;
        let bytes = onnx_file(network, self.settings.fold_batch_norm)
            .context("the network cannot be written as ONNX")?;
        store::write(&output.join("network.onnx"), &bytes)?;
        store::write(&output.join("network.safetensors"), &network.to_bytes()?)
    }
}

/// A network as an ONNX file that takes any number of images at a time.
pub(super) fn onnx_file(network: &Network, fold_batch_norm: bool) -> anyhow::Result<Vec<u8>> {
    let tensors = network.parameters.iter();
    let weights: Weights =
        tensors.map(|(node, role, tensor)| ((node, role), tensor.clone())).collect();
    let options = ExportOptions { fold_batch_norm, batch: None };
    Ok(export(&network.graph, &weights, &options)?)
}

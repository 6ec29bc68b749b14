//! Tests of reading and writing ONNX.

mod hostile;
mod light;
mod pytorch;
mod random;
mod round_trip;

use std::path::PathBuf;

use graph::Graph;
use ndarray::{ArrayD, IxDyn};
use onnx::Weights;
use testkit::{Mode, Parameters, interpret, random_images, random_parameters};

/// A file of `tests/golden/onnx`.
#[expect(clippy::disallowed_methods, reason = "a test reads what is committed")]
fn golden(path: &str) -> Vec<u8> {
    let file = folder().join(path);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/onnx")
}

/// Random weights of a graph.
fn random_weights(graph: &Graph, seed: u64) -> Weights {
    let parameters = random_parameters(graph, seed);
    let specs = graph.parameters().into_iter();
    let weights = specs.map(|spec| {
        let values =
            parameters[&(spec.node, spec.role)].iter().map(|value| *value as f32).collect();
        let tensor = ArrayD::from_shape_vec(IxDyn(&spec.dimensions), values).expect("its length");
        ((spec.node, spec.role), tensor)
    });
    weights.collect()
}

/// Weights as the interpreter takes them.
fn parameters(weights: &Weights) -> Parameters {
    let wide = weights.iter().map(|(key, tensor)| {
        assert!(tensor.is_standard_layout());
        (*key, tensor.iter().map(|value| f64::from(*value)).collect())
    });
    wide.collect()
}

/// The outputs of a network for two random images.
fn outputs(graph: &Graph, weights: &Weights) -> Vec<Vec<f64>> {
    let (_, image) = graph.nodes().next().expect("an image");
    let images = random_images(image.shape, 2, 7);
    let evaluation = interpret(graph, &parameters(weights), &images, 2, Mode::Infer);
    graph.outputs().iter().map(|output| evaluation.on(*output).to_vec()).collect()
}

/// The largest difference between two networks' outputs, as a share of the largest output if that is above 1.
fn difference(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    let (one, other) = (one.concat(), other.concat());
    assert_eq!(one.len(), other.len());
    let scale = one.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    one.iter().zip(&other).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / scale
}

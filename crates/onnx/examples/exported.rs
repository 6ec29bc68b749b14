//! Writes a network of every family, and random networks with every operator, as ONNX files into a folder, each with an
//! image and the outputs that the interpreter gives for it. `scripts/onnx-check` reads them.

use std::{env, error::Error, path::Path};

use architectures::Architecture;
use graph::{Graph, Shape};
use ndarray::{ArrayD, IxDyn};
use onnx::{ExportOptions, Weights, export};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_yaml::with::singleton_map_recursive;
use testkit::{Mode, interpret, random_images, random_parameters, strategies::any_graph};

/// Every family, at its small size if it has one.
const NETWORKS: &[&str] = &[
    "inception-v1: { stem: small, width_multiplier: 0.25 }",
    "inception-v2: { stem: small, width_multiplier: 0.25 }",
    "inception-v3: { width_multiplier: 0.25 }",
    "resnet: { depth: 18, stem: small, width_multiplier: 0.25 }",
    "resnet: { depth: 50, version: v2, stem: small, width_multiplier: 0.25 }",
    "cifar-resnet: { depth: 20 }",
    "cifar-resnet: { depth: 20, shortcut: pad, version: v2 }",
    "mobilenet-v1: { stem: small, width_multiplier: 0.25 }",
    "mobilenet-v2: { stem: small, width_multiplier: 0.25 }",
    "mobilenet-v3: { variant: small, stem: small, width_multiplier: 0.5 }",
    "efficientnet-b0: { stem: small, width_multiplier: 0.25 }",
    "shufflenet-v2: { size: x0.5, stem: small }",
    "squeezenet: { stem: small, width_multiplier: 0.25 }",
    "densenet: { depth: 40 }",
    "xception: { stem: small, width_multiplier: 0.25 }",
    "vgg: { depth: 11, stem: small, width_multiplier: 0.25 }",
    "lenet-5: {}",
];

/// Number of random networks.
const RANDOM: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: exported FOLDER")?;
    let folder = Path::new(&folder);
    for text in NETWORKS {
        let options = serde_yaml::Deserializer::from_str(text);
        let architecture: Architecture = singleton_map_recursive::deserialize(options)?;
        let graph = architecture.build(architecture.natural_input(), 10)?;
        let name: String = text
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter))
            .collect();
        write(folder, &name, &graph)?;
    }
    let mut runner = TestRunner::deterministic();
    for number in 0..RANDOM {
        let tree = any_graph().new_tree(&mut runner).map_err(|reason| reason.to_string())?;
        let graph = tree.current();
        write(folder, &format!("random-{number:03}"), &graph)?;
    }
    Ok(())
}

/// Writes a network as it is and with batch norm folded. What cannot be exported is left out, with its reason printed.
#[expect(clippy::print_stdout, reason = "a command that reports to its caller")]
fn write(folder: &Path, name: &str, graph: &Graph) -> Result<(), Box<dyn Error>> {
    let parameters = random_parameters(graph, 11);
    let mut weights = Weights::new();
    for spec in graph.parameters() {
        let values = parameters[&(spec.node, spec.role)].iter().map(|value| *value as f32);
        let tensor = ArrayD::from_shape_vec(IxDyn(&spec.dimensions), values.collect())?;
        weights.insert((spec.node, spec.role), tensor);
    }
    let mut files = Vec::new();
    for fold_batch_norm in [false, true] {
        match export(graph, &weights, &ExportOptions { fold_batch_norm, batch: None }) {
            Ok(bytes) => files.push((if fold_batch_norm { "-folded" } else { "" }, bytes)),
            Err(error) => {
                println!("not exported: {name}: {error}");
                return Ok(());
            }
        }
    }
    let (_, input) = graph.nodes().next().ok_or("a graph has an input")?;
    let image = random_images(input.shape, 1, 12);
    let evaluation = interpret(graph, &parameters, &image, 1, Mode::Infer);
    let outputs: Vec<f64> = graph
        .outputs()
        .iter()
        .flat_map(|output| channels_first(evaluation.on(*output), graph.node(*output).shape))
        .collect();
    let image = channels_first(&image, input.shape);
    for (suffix, bytes) in files {
        store(folder, &format!("{name}{suffix}.onnx"), &bytes)?;
        store(folder, &format!("{name}{suffix}.image"), &little_endian(&image))?;
        store(folder, &format!("{name}{suffix}.outputs"), &little_endian(&outputs))?;
    }
    Ok(())
}

/// Values of one image in the order of the file.
fn channels_first(values: &[f64], shape: Shape) -> Vec<f64> {
    let channels = shape.channels;
    let order = (0..channels).flat_map(|c| (0..shape.area()).map(move |at| at * channels + c));
    order.map(|at| values[at]).collect()
}

fn little_endian(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a command that writes into the folder it is given")]
fn store(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(folder.join(name), bytes)
}

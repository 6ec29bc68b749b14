//! Networks that were trained a little, written as ONNX files and read again.

use std::collections::BTreeSet;

use architectures::Architecture;
use cost_models::Summary;
use graph::{Graph, Op};
use training::{Network, Parameters};

use crate::trained::{file, logits, networks};

fn read(bytes: &[u8]) -> Network {
    let imported = onnx::import(bytes, &onnx::Options::default()).expect("our own file");
    let mut parameters = Parameters::new();
    for ((node, role), tensor) in imported.weights {
        parameters.insert(node, role, tensor);
    }
    Network { graph: imported.graph, parameters }
}

/// Names, kinds and shapes of the nodes; a file has no flattening of a single position.
fn nodes(graph: &Graph) -> Vec<String> {
    let flattens_one =
        |node: &graph::Node| node.op == Op::Flatten && graph.node(node.inputs[0]).shape.area() == 1;
    let kept = graph.nodes().filter(|(_, node)| !flattens_one(node));
    kept.map(|(_, node)| format!("{} {} {}", node.name, node.op.kind(), node.shape)).collect()
}

fn assert_same_logits(of: &str, expected: &Network, found: &Network) {
    let ((images, expected), (same, found)) = (logits(expected), logits(found));
    assert_eq!(images, same, "{of}");
    assert_eq!(expected.len(), found.len(), "{of}");
    let scale = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!(scale > 0.0, "{of}: all logits are zero");
    for (expected, found) in expected.iter().zip(&found) {
        assert!((expected - found).abs() <= 1e-4 * scale, "{of}: {found}, expected {expected}");
    }
}

#[test]
fn every_trained_family_comes_back_with_the_same_logits_graph_and_costs() {
    let mut families = BTreeSet::new();
    for (family, of, network) in networks() {
        families.insert(family);
        let back = read(&file(&network, false));
        assert_same_logits(of, &network, &back);
        assert_eq!(nodes(&network.graph), nodes(&back.graph), "{of}");
        assert_eq!(Summary::of(&network.graph), Summary::of(&back.graph), "{of}");
        assert_eq!(read(&file(&back, false)), back, "{of}: a second time");

        let folded = read(&file(&network, true));
        assert_same_logits(of, &network, &folded);
        let cost = |graph| Summary { activations: 0, ..Summary::of(graph) };
        assert_eq!(cost(&network.graph), cost(&folded.graph), "{of}: folded");
    }
    assert_eq!(families, Architecture::families().iter().copied().collect());
}

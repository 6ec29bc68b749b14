//! Networks of every family written and read again.

use std::collections::BTreeSet;

use architectures::Architecture;
use cost_models::Summary;
use graph::{BatchNorm, Graph, NodeId, Op, Padding, Role, Shape, Window};
use onnx::{ExportOptions, Options, Weights, export, fold_batch_norm, import};
use serde_yaml::with::singleton_map_recursive;

use crate::{difference, outputs, random_weights};

/// Every family, at its small size if it has one, and the options that change operators.
const NETWORKS: &[(&str, &str)] = &[
    ("inception-v1", "stem: small"),
    ("inception-v2", "stem: small"),
    ("inception-v3", ""),
    ("resnet", "depth: 18, stem: small"),
    ("resnet", "depth: 50, version: v2, stem: small"),
    ("cifar-resnet", "depth: 20"),
    ("cifar-resnet", "depth: 20, shortcut: pad, version: v2"),
    ("audio-resnet", "depth: 18"),
    ("mobilenet-v1", "stem: small"),
    ("mobilenet-v2", "stem: small"),
    ("mobilenet-v3", "variant: small, stem: small"),
    ("efficientnet-b0", "stem: small"),
    ("shufflenet-v2", "size: x0.5, stem: small"),
    ("squeezenet", "stem: small"),
    ("densenet", "depth: 40"),
    ("xception", "stem: small"),
    ("vgg", "depth: 11, stem: small"),
    ("lenet-5", ""),
];

fn network((family, options): (&str, &str)) -> Graph {
    let comma = if options.is_empty() { "" } else { ", " };
    let text = format!("{family}: {{ {options}{comma}width_multiplier: 0.25 }}");
    let text = serde_yaml::Deserializer::from_str(&text);
    let architecture: Architecture = singleton_map_recursive::deserialize(text).expect("a network");
    architecture.build(architecture.natural_input(), 10).expect("its natural size can be built")
}

/// A node as far as a file holds it: padding in numbers, no flattening of a single position.
#[derive(Debug, PartialEq)]
struct Line {
    name: String,
    op: Op,
    inputs: Vec<String>,
    shape: Shape,
    shares: Option<String>,
}

fn lines(graph: &Graph) -> Vec<Line> {
    let dropped = |id: NodeId| {
        let node = graph.node(id);
        node.op == Op::Flatten && graph.node(node.inputs[0]).shape.area() == 1
    };
    let name = |mut id: NodeId| {
        while dropped(id) {
            id = graph.node(id).inputs[0];
        }
        graph.node(id).name.clone()
    };
    let kept = graph.nodes().filter(|(id, _)| !dropped(*id));
    let lines = kept.map(|(_, node)| {
        let before = node.inputs.first().map(|input| graph.node(*input).shape);
        Line {
            name: node.name.clone(),
            op: in_numbers(&node.op, before),
            inputs: node.inputs.iter().map(|input| name(*input)).collect(),
            shape: node.shape,
            shares: node.shares.map(name),
        }
    });
    lines.collect()
}

fn in_numbers(op: &Op, before: Option<Shape>) -> Op {
    let mut op = op.clone();
    let window = if let Op::Conv2d(conv) = &mut op {
        &mut conv.window
    } else if let Op::Depthwise(depthwise) = &mut op {
        &mut depthwise.window
    } else if let Op::MaxPool(pool) | Op::AvgPool(pool) = &mut op {
        &mut pool.window
    } else {
        if let Op::BatchNorm(norm) = &mut op {
            *norm = BatchNorm { scale: true, ..*norm };
        }
        return op;
    };
    let before = before.expect("an input");
    let pads = |window: &Window, axis: usize, size: usize| {
        let (out, first) = window.along(axis, size).expect("it fits");
        let extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        let last = ((out - 1) * window.stride[axis] + extent).saturating_sub(size + first);
        (first, last)
    };
    let ((top, bottom), (left, right)) =
        (pads(window, 0, before.height), pads(window, 1, before.width));
    window.padding = Padding::Explicit { top, bottom, left, right };
    op
}

/// Weights by the name of their node; the scale of a batch norm without one is 1.
fn named(graph: &Graph, weights: &Weights) -> Vec<(String, Role, Vec<f32>)> {
    let mut named: Vec<_> = weights
        .iter()
        .map(|((id, role), tensor)| {
            (graph.node(*id).name.clone(), *role, tensor.iter().copied().collect())
        })
        .collect();
    for (_, node) in graph.nodes() {
        if let Op::BatchNorm(BatchNorm { scale: false, .. }) = node.op {
            named.push((node.name.clone(), Role::Gamma, vec![1.0; node.shape.channels]));
        }
    }
    named.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    named
}

#[test]
fn every_family_comes_back_with_the_same_graph_weights_and_costs() {
    let families: BTreeSet<&str> = NETWORKS.iter().map(|(family, _)| *family).collect();
    assert_eq!(families, Architecture::families().iter().copied().collect());
    for of in NETWORKS {
        let graph = network(*of);
        let weights = random_weights(&graph, 1);
        let bytes = export(&graph, &weights, &ExportOptions::default()).expect("a file");
        let back = import(&bytes, &Options::default()).expect("our own file");
        for (written, read) in lines(&graph).iter().zip(&lines(&back.graph)) {
            assert_eq!(written, read, "{of:?}");
        }
        assert_eq!(lines(&graph).len(), lines(&back.graph).len(), "{of:?}");
        assert_eq!(named(&graph, &weights), named(&back.graph, &back.weights), "{of:?}");
        assert_eq!(Summary::of(&graph), Summary::of(&back.graph), "{of:?}");
    }
}

#[test]
fn small_networks_give_the_same_logits_with_batch_norm_folded_or_not() {
    for of in NETWORKS.iter().filter(|of| !["inception-v3", "audio-resnet", "vgg"].contains(&of.0))
    {
        let graph = network(*of);
        let weights = random_weights(&graph, 2);
        let expected = outputs(&graph, &weights);
        for fold_batch_norm in [false, true] {
            let options = ExportOptions { fold_batch_norm, batch: Some(2) };
            let bytes = export(&graph, &weights, &options).expect("a file");
            let back = import(&bytes, &Options::default()).expect("our own file");
            let found = outputs(&back.graph, &back.weights);
            let difference = difference(&expected, &found);
            assert!(difference < 1e-4, "{of:?}, folded: {fold_batch_norm}: {difference}");
        }
    }
}

#[test]
fn folding_leaves_no_batch_norm_behind_a_convolution() {
    let norms = |graph: &Graph| {
        graph.nodes().filter(|(_, node)| matches!(node.op, Op::BatchNorm(_))).count()
    };
    let graph = network(("mobilenet-v2", "stem: small"));
    let (folded, _) = fold_batch_norm(&graph, &random_weights(&graph, 3)).expect("a network");
    assert!(norms(&graph) > 40);
    assert_eq!(norms(&folded), 0);
}

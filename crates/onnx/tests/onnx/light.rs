//! Full-size networks with constant weights: structure and cost.

use cost_models::Summary;
use graph::{Op, Role};
use onnx::{Imported, Options, import};

use crate::golden;

fn light(name: &str) -> Imported {
    import(&golden(&format!("light/light_{name}.onnx")), &Options::default()).expect("a network")
}

/// torchvision's metadata has 25,557,032 parameters for `resnet50`, of which 53,120 are scales and shifts of batch norm, and
/// 1,235,496 for `squeezenet1_1`; its multiply-adds are 4.089 and 0.349 billion.
#[test]
fn parameters_and_multiply_adds_are_those_of_torchvision() {
    for (name, parameters, of_norms, macs) in
        [("resnet50", 25_557_032, 53_120, 4_089_184_256), ("squeezenet", 1_235_496, 0, 349_151_936)]
    {
        let Imported { graph, weights, .. } = light(name);
        let count = |roles: [Role; 2]| -> usize {
            let of = weights.iter().filter(|((_, role), _)| roles.contains(role));
            of.map(|(_, tensor)| tensor.len()).sum()
        };
        let (layers, norms) = (count([Role::Weight, Role::Bias]), count([Role::Gamma, Role::Beta]));
        assert_eq!((layers + norms, norms), (parameters, of_norms), "{name}");
        assert_eq!(Summary::of(&graph).macs, macs, "{name}");
        for spec in graph.parameters() {
            let tensor = &weights[&(spec.node, spec.role)];
            assert_eq!(tensor.shape(), spec.dimensions, "{name}");
        }
        assert_eq!(weights.len(), graph.parameters().len());
    }
}

#[test]
fn shuffles_written_as_reshapes_become_selections_of_channels() {
    let graph = light("shufflenet").graph;
    let count = |test: fn(&Op) -> bool| graph.nodes().filter(|(_, node)| test(&node.op)).count();
    assert_eq!(count(|op| matches!(op, Op::Gather(_))), 16);
    assert_eq!(count(|op| matches!(op, Op::Reshape { .. } | Op::Permute(_))), 0);
}

#[test]
fn scales_and_shifts_behind_a_batch_norm_become_part_of_it() {
    for (name, norms) in [("densenet121", 121), ("inception_v2", 69)] {
        let imported = light(name);
        let of =
            |kind: &str| imported.graph.nodes().filter(|(_, node)| node.op.kind() == kind).count();
        assert_eq!(of("batch-norm"), norms, "{name}");
        assert_eq!(of("bias") + of("mul") + of("depthwise"), 0, "{name}");
    }
}

#[test]
fn a_network_with_local_response_norm_is_read() {
    let graph = light("inception_v1").graph;
    assert!(graph.nodes().any(|(_, node)| matches!(node.op, Op::LocalResponseNorm(_))));
}

//! Against the original implementation.

use architectures::Stem;
use graph::Role;

use crate::{kernels_and_macs, seed};

/// The file is the graph that the original MorphNet (google-research/morph-net, commit d9286a1) analyses for slim's
/// `inception_v2_base` (tf-slim 1.1.0), translated line by line: every operator, window, edge, and output shape.
#[test]
fn imagenet_is_the_graph_of_the_original_implementation_up_to_the_head() {
    let base = include_str!("../golden/inception_v2_base.txt");
    let dump = seed(Stem::Imagenet).to_string();
    assert_eq!(base.lines().count(), 231);
    for (found, expected) in dump.lines().zip(base.lines()) {
        assert_eq!(found, expected);
    }
    let head: Vec<&str> = dump.lines().skip(231).collect();
    assert_eq!(
        head,
        [
            "Logits/AvgPool_1a = global-avg-pool of Mixed_5c/concat -> 1x1x1024",
            "Logits/Dropout_1b = dropout 0.2 of Logits/AvgPool_1a -> 1x1x1024",
            "Logits = linear bias of Logits/Dropout_1b -> 1x1x1001 (output)",
        ]
    );
}

/// The original prints FLOPs in float32, as 3869716500, and 11168408 weights.
#[test]
fn imagenet_costs_what_the_original_computes() {
    let (kernels, macs) = kernels_and_macs(&seed(Stem::Imagenet));
    assert_eq!(2 * macs, 3_869_716_480);
    assert_eq!((2 * macs) as f32, 3_869_716_500.0);
    assert_eq!(kernels, 11_168_408);
}

/// slim's own test counts 10,173,112 kernels, shifts, means and variances in `inception_v2_base`, where the separable layer
/// has 64 biases instead of the three tensors of a batch norm.
#[test]
fn imagenet_base_has_the_parameters_of_slims_own_test() {
    let graph = seed(Stem::Imagenet);
    let logits = graph.find("Logits").unwrap();
    let specs = graph.parameters();
    let base = specs.iter().filter(|spec| spec.node != logits && spec.role != Role::Gamma);
    let count: usize = base.map(graph::ParameterSpec::len).sum();
    assert_eq!(count - 3 * 64 + 64, 10_173_112);
}

/// The file is the graph as it prints itself; changing it changes what every result on small images means.
#[test]
fn small_is_the_recorded_graph() {
    let golden = include_str!("../golden/inception_v2_small.txt");
    assert_eq!(seed(Stem::Small).to_string(), golden);
    let (kernels, macs) = kernels_and_macs(&seed(Stem::Small));
    assert_eq!(2 * macs, 4_253_304);
    assert_eq!(kernels, 25_584);
}

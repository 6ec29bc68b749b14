//! Width multipliers, images and classes.

use architectures::Stem;
use graph::{Graph, Op, Shape};

use crate::{STEMS, inception, seed};

fn convolution_widths(graph: &Graph) -> Vec<usize> {
    let nodes = graph.nodes().filter(|(_, node)| matches!(node.op, Op::Conv2d(_)));
    nodes.map(|(_, node)| node.shape.channels).collect()
}

fn last_map(graph: &Graph) -> Shape {
    graph.node(graph.find("Mixed_5c/concat").expect("the last block")).shape
}

#[test]
fn the_multiplier_scales_every_width_down_to_the_narrowest() {
    for (stem, narrowest) in [(Stem::Imagenet, 16), (Stem::Small, 4)] {
        let full = convolution_widths(&seed(stem));
        for multiplier in [1e-300, 0.3, 0.5, 1.0, 1.5, 2.0] {
            let architecture = inception(stem, multiplier);
            let graph = architecture.build(architecture.natural_input(), 10).unwrap();
            let expected: Vec<usize> = full
                .iter()
                .map(|width| ((*width as f64 * multiplier).floor() as usize).max(narrowest))
                .collect();
            assert_eq!(convolution_widths(&graph), expected, "{stem:?} times {multiplier}");
            assert_eq!(graph.node(graph.outputs()[0]).shape, Shape::new(1, 1, 10));
        }
    }
}

/// slim: `depthwise_multiplier = min(int(depth(64) / 3), 8)`.
#[test]
fn the_separable_layer_is_not_overparameterized() {
    for (multiplier, channels, expected) in
        [(1.0, 3, 24), (0.25, 3, 15), (1.0, 1, 8), (1.0, 9, 63), (1.0, 100, 100)]
    {
        let input = Shape::new(32, 32, channels);
        let graph = inception(Stem::Imagenet, multiplier).build(input, 10).unwrap();
        let depthwise = graph.find("Conv2d_1a_7x7/depthwise").unwrap();
        assert_eq!(graph.node(depthwise).shape.channels, expected);
    }
}

#[test]
fn any_image_from_the_overall_stride_on_fits() {
    for (stem, stride) in [(Stem::Imagenet, 32), (Stem::Small, 4)] {
        for (height, width) in [(stride, stride), (stride + 1, 3 * stride), (28, 28), (64, 64)] {
            if height < stride {
                continue;
            }
            let graph = inception(stem, 1.0).build(Shape::new(height, width, 3), 10).unwrap();
            let map = last_map(&graph);
            assert_eq!(
                (map.height, map.width),
                (height.div_ceil(stride), width.div_ceil(stride)),
                "{stem:?} on {height}x{width}"
            );
        }
    }
}

#[test]
fn the_number_of_classes_changes_the_logits_alone() {
    for stem in STEMS {
        let architecture = inception(stem, 1.0);
        let build = |classes| architecture.build(architecture.natural_input(), classes).unwrap();
        let (one, many) = (build(1), build(1000));
        for ((_, one), (_, many)) in one.nodes().zip(many.nodes()) {
            if one.name == "Logits" {
                assert_eq!((one.shape.channels, many.shape.channels), (1, 1000));
            } else {
                assert_eq!(one, many);
            }
        }
    }
}

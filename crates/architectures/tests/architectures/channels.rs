//! Which channels live and die together.

use std::collections::BTreeSet;

use architectures::Stem;
use graph::{Axis, Channels, GroupId, Op};

use crate::{STEMS, seed};

#[test]
fn every_convolution_has_a_bundle_of_its_own_and_only_image_and_logits_are_frozen() {
    for (stem, convolutions) in [(Stem::Imagenet, 69), (Stem::Small, 35)] {
        let graph = seed(stem);
        let logits = graph.find("Logits").unwrap();
        let bundles = Channels::of(&graph).bundles();
        assert_eq!(bundles.len(), convolutions + 2);
        for bundle in bundles {
            match bundle.producers(&graph).as_slice() {
                [] => assert!(bundle.frozen, "the image"),
                [(producer, 1)] => {
                    assert_eq!(bundle.frozen, *producer == logits);
                    assert_eq!(bundle.groups.len(), graph.node(*producer).shape.channels);
                }
                producers => panic!("groups shared by {producers:?}"),
            }
        }
    }
}

#[test]
fn a_concat_lines_up_the_groups_of_its_branches_without_ties() {
    for stem in STEMS {
        let graph = seed(stem);
        let channels = Channels::of(&graph);
        let concats: Vec<_> =
            graph.nodes().filter(|(_, node)| node.op == Op::Concat(Axis::Channels)).collect();
        for (id, node) in &concats {
            let branches: Vec<GroupId> =
                node.inputs.iter().flat_map(|input| channels.on(*input).iter().copied()).collect();
            assert_eq!(channels.on(*id), branches);
            assert_eq!(branches.iter().collect::<BTreeSet<_>>().len(), branches.len());
        }
        assert_eq!(concats.len(), if stem == Stem::Imagenet { 10 } else { 5 });
    }
}

#[test]
fn the_pool_of_a_reduction_carries_the_groups_of_the_block_before() {
    for stem in STEMS {
        let graph = seed(stem);
        let channels = Channels::of(&graph);
        let before = graph.find("Mixed_3c/concat").unwrap();
        let after = graph.find("Mixed_4a/concat").unwrap();
        assert!(channels.on(after).ends_with(channels.on(before)));
        assert!(channels.on(after).len() > channels.on(before).len());
    }
}

#[test]
fn every_convolution_is_followed_by_a_scale() {
    for stem in STEMS {
        let graph = seed(stem);
        let consumers = graph.consumers();
        for (id, node) in graph.nodes().filter(|(_, node)| matches!(node.op, Op::Conv2d(_))) {
            let [next] = consumers[id.index()].as_slice() else { panic!("{}", node.name) };
            assert!(matches!(graph.node(*next).op, Op::BatchNorm(norm) if norm.scale));
        }
    }
}

//! Which channels live and die together in each family.

use std::collections::BTreeSet;

use graph::{Channels, Graph, GroupId, NodeId, Op};

use crate::natural;

/// A graph with its groups.
struct Tied {
    graph: Graph,
    channels: Channels,
}

impl Tied {
    fn of(network: &str) -> Self {
        let graph = natural(network);
        let channels = Channels::of(&graph);
        Self { graph, channels }
    }

    fn groups(&self, name: &str) -> &[GroupId] {
        self.channels.on(self.graph.find(name).unwrap_or_else(|| panic!("no node {name}")))
    }

    /// For every bundle that may change, the names of the producers on which it lies.
    fn bundles(&self) -> Vec<Vec<&str>> {
        let names = |producers: Vec<(NodeId, usize)>| {
            producers.iter().map(|(id, _)| self.graph.node(*id).name.as_str()).collect()
        };
        let bundles = self.channels.bundles();
        let free = bundles.iter().filter(|bundle| !bundle.frozen);
        free.map(|bundle| names(bundle.producers(&self.graph))).collect()
    }

    fn producers(&self) -> usize {
        self.graph.nodes().filter(|(_, node)| node.op.is_producer()).count()
    }
}

#[test]
fn a_stage_of_a_residual_network_is_one_bundle() {
    for (network, blocks, last) in [
        ("resnet: { depth: 18 }", &[2, 2, 2, 2][..], "conv2"),
        ("resnet: { depth: 34, version: v2 }", &[3, 4, 6, 3], "conv2"),
        ("resnet: { depth: 50 }", &[3, 4, 6, 3], "conv3"),
        ("resnet: { depth: 50, version: v2 }", &[3, 4, 6, 3], "conv3"),
        ("audio-resnet: {}", &[3, 4, 6, 3], "conv3"),
        ("cifar-resnet: { depth: 20 }", &[3, 3, 3], "conv2"),
        ("cifar-resnet: { depth: 20, version: v2 }", &[3, 3, 3], "conv2"),
    ] {
        let tied = Tied::of(network);
        let bundles = tied.bundles();
        let of_stage = |stage: usize| -> Vec<String> {
            let count = blocks[stage - 1];
            (1..=count).map(|block| format!("stage{stage}/block{block}/{last}")).collect()
        };
        for stage in 1..=blocks.len() {
            let mut expected = of_stage(stage);
            if stage > 1 || last == "conv3" {
                expected.push(format!("stage{stage}/block1/shortcut"));
            } else {
                expected.push("stem".to_owned());
            }
            expected.sort();
            let found = bundles.iter().find(|bundle| bundle.contains(&expected[0].as_str()));
            let mut found = found.unwrap().clone();
            found.sort_unstable();
            assert_eq!(found, expected, "{network}");
        }
        let inner: usize = blocks.iter().sum::<usize>() * if last == "conv3" { 2 } else { 1 };
        let stems = usize::from(last == "conv3");
        assert_eq!(bundles.len(), blocks.len() + inner + stems, "{network}");
    }
}

/// Padded channels are new ones on both sides; those between are the channels of the stage before.
#[test]
fn a_padded_shortcut_ties_the_middle_of_a_stage_to_the_stage_before() {
    let tied = Tied::of("cifar-resnet: { depth: 20, shortcut: pad }");
    for (stage, width) in [(2, 32), (3, 64)] {
        let before = tied.groups(&format!("stage{}/block3/conv2", stage - 1));
        let wide = tied.groups(&format!("stage{stage}/block1/conv2"));
        assert_eq!(wide.len(), width);
        assert_eq!(&wide[width / 4..3 * width / 4], before);
        assert!(wide[..width / 4].iter().all(|group| !before.contains(group)));
        assert_eq!(tied.groups(&format!("stage{stage}/block3/conv2")), wide);
    }
}

#[test]
fn plain_dense_branching_and_shuffling_networks_tie_nothing() {
    for network in [
        "vgg: {}",
        "vgg: { stem: small }",
        "lenet-5: {}",
        "densenet: { depth: 40 }",
        "densenet: { depth: 121 }",
        "inception-v1: {}",
        "inception-v3: {}",
        "squeezenet: {}",
        "mobilenet-v1: {}",
        "shufflenet-v2: {}",
    ] {
        let tied = Tied::of(network);
        let bundles = tied.bundles();
        assert!(bundles.iter().all(|producers| producers.len() == 1), "{network}");
        let producers: BTreeSet<&str> = bundles.into_iter().flatten().collect();
        assert_eq!(producers.len(), tied.producers() - 1, "{network}: all but the logits");
    }
}

#[test]
fn an_inverted_block_ties_its_ends_to_its_stage_and_its_inside_to_itself() {
    let tied = Tied::of("mobilenet-v2: {}");
    for (stage, blocks) in [(2, 2), (3, 3), (4, 4), (5, 3), (6, 3)] {
        let first = tied.groups(&format!("stage{stage}/block1/project"));
        for block in 2..=blocks {
            let name = format!("stage{stage}/block{block}");
            assert_eq!(tied.groups(&format!("{name}/project")), first);
            assert_eq!(
                tied.groups(&format!("{name}/depthwise")),
                tied.groups(&format!("{name}/expand"))
            );
        }
        assert_ne!(tied.groups(&format!("stage{}/block1/project", stage + 1)), first);
    }
}

#[test]
fn the_factors_of_squeeze_and_excitation_are_tied_to_what_they_scale() {
    for (network, block) in [
        ("mobilenet-v3: {}", "block5"),
        ("mobilenet-v3: { variant: small }", "block1"),
        ("efficientnet-b0: {}", "stage3/block2"),
    ] {
        let tied = Tied::of(network);
        let scaled = tied.groups(&format!("{block}/depthwise"));
        assert_eq!(tied.groups(&format!("{block}/squeeze/expand")), scaled);
        assert_eq!(tied.groups(&format!("{block}/squeeze/scale")), scaled);
        let squeezed = tied.groups(&format!("{block}/squeeze/reduce"));
        assert!(squeezed.iter().all(|group| !scaled.contains(group)));
    }
}

#[test]
fn the_middle_of_xception_is_one_bundle() {
    let tied = Tied::of("xception: {}");
    let middle = tied.groups("block3/shortcut");
    assert_eq!(tied.groups("block3/conv2/pointwise"), middle);
    for block in 4..=11 {
        assert_eq!(tied.groups(&format!("block{block}/conv3/pointwise")), middle);
        assert_ne!(tied.groups(&format!("block{block}/conv2/pointwise")), middle);
    }
    assert_ne!(tied.groups("block12/shortcut"), middle);
}

#[test]
fn a_flattened_image_repeats_its_channels_at_every_position() {
    for (network, flatten, last, area) in
        [("vgg: {}", "head/flatten", "stage5/conv3", 49), ("lenet-5: {}", "flatten", "conv2", 16)]
    {
        let tied = Tied::of(network);
        assert_eq!(tied.groups(flatten), tied.groups(last).repeat(area), "{network}");
    }
}

/// Of a shuffled unit the left half of the next is every other channel.
#[test]
fn a_shuffle_deals_the_halves_out_in_turn() {
    let tied = Tied::of("shufflenet-v2: {}");
    let halves = ["left/pointwise", "right/conv2"]
        .map(|end| tied.groups(&format!("stage1/block1/{end}")).to_vec());
    let dealt: Vec<GroupId> =
        halves[0].iter().zip(&halves[1]).flat_map(|(left, right)| [*left, *right]).collect();
    let half = halves[0].len();
    assert_eq!(tied.groups("stage1/block2/split/left"), &dealt[..half]);
    assert_eq!(tied.groups("stage1/block2/split/right"), &dealt[half..]);
}

#[test]
fn batch_norm_with_a_scale_follows_every_convolution_where_the_papers_have_it() {
    for network in [
        "inception-v1: {}",
        "inception-v3: {}",
        "resnet: { depth: 50 }",
        "audio-resnet: {}",
        "cifar-resnet: { shortcut: pad }",
        "mobilenet-v1: {}",
        "mobilenet-v2: {}",
        "shufflenet-v2: {}",
        "squeezenet: { batch_norm: true }",
        "xception: {}",
        "vgg: { stem: small }",
        "lenet-5: { batch_norm: true }",
    ] {
        let graph = natural(network);
        let consumers = graph.consumers();
        for (id, node) in graph.nodes().filter(|(_, node)| node.op.is_producer()) {
            let inside = !node.name.starts_with("Logits") && !node.name.starts_with("head");
            let normalized = consumers[id.index()]
                .iter()
                .any(|next| matches!(graph.node(*next).op, Op::BatchNorm(norm) if norm.scale));
            assert_eq!(normalized, inside, "{network}: {}", node.name);
        }
    }
}

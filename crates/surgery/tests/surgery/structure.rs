//! Structure files: ours and the original's, written, edited and rebuilt.

use std::collections::BTreeMap;

use cost_models::Summary;
use graph::{ChannelMap, Channels, Graph, Op};
use proptest::prelude::*;
use surgery::{AliveCounts, Costs, Missing, Structure, StructureError, structure_hash};
use testkit::{strategies, toys};

use crate::{families::small_networks, graph_and_keep, prunable};

fn structure(graph: &Graph, map: &ChannelMap) -> Structure {
    let shrunk = graph.with_channels(map).unwrap();
    Structure {
        schema: Structure::SCHEMA,
        hash: structure_hash(&shrunk),
        regularization_strength: 4.0,
        cost: "flops".to_owned(),
        alive_threshold: 0.01,
        seed: 0,
        costs: Costs { before: Summary::of(graph), after: Summary::of(&shrunk) },
        layers: Structure::layers(graph, &Channels::of(graph), map),
    }
}

/// The inception block without its branch of a 1x1 and a 3x3 convolution.
fn without_branch() -> (Graph, Structure) {
    let graph = toys::inception_block();
    let channels = Channels::of(&graph);
    let dead: Vec<_> = channels.on(graph.find("branch1/1x1").unwrap()).to_vec();
    let keep = channels.keep_where(|group| !dead.contains(&group));
    let map = ChannelMap::of(&graph, &channels, &keep).unwrap();
    let structure = structure(&graph, &map);
    (graph, structure)
}

/// Whether every group is recorded in a structure: channels of padding are not, unless a layer that is left makes channels that
/// are tied to them.
fn recorded(graph: &Graph, keep: &graph::Keep, map: &ChannelMap) -> bool {
    let bundles = Channels::of(graph).bundles();
    bundles.iter().all(|bundle| {
        let alive = bundle.groups.iter().filter(|group| keep.is_alive(**group)).count();
        let producers = bundle.producers(graph);
        if producers.is_empty() {
            alive == bundle.groups.len()
        } else {
            alive == 0 || producers.iter().any(|(producer, _)| !map.on(*producer).is_empty())
        }
    })
}

/// Counts of all layers, linear ones included.
fn counts(graph: &Graph, map: &ChannelMap) -> AliveCounts {
    let mut counts = AliveCounts::of(graph, map, &BTreeMap::new());
    for (id, node) in graph.nodes().filter(|(_, node)| matches!(node.op, Op::Linear(_))) {
        counts.counts.insert(format!("{}/MatMul", node.name), map.on(id).len());
    }
    counts
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn a_structure_rebuilds_what_it_was_made_of((graph, keep) in graph_and_keep(prunable())) {
        let channels = Channels::of(&graph);
        if let Ok(map) = ChannelMap::of(&graph, &channels, &keep) && recorded(&graph, &keep, &map) {
            let structure = structure(&graph, &map);
            let text = serde_json::to_string(&structure).unwrap();
            let read = Structure::from_json(&text).unwrap();
            prop_assert_eq!(&read.rebuild(&graph).unwrap(), &map);
            prop_assert_eq!(read.updated(&graph).unwrap(), structure);
        }
    }

    #[test]
    fn counts_alone_rebuild_the_same_network_where_no_channels_are_selected(
        (graph, keep) in graph_and_keep(strategies::Options { constructs: false, untrained: false, ..prunable() }),
    ) {
        let channels = Channels::of(&graph);
        if let Ok(map) = ChannelMap::of(&graph, &channels, &keep) {
            let file = counts(&graph, &map).to_json();
            let counts = AliveCounts::from_json(&file).unwrap();
            let rebuilt = counts.rebuild(&graph, &BTreeMap::new(), Missing::Strict).unwrap();
            prop_assert_eq!(rebuilt, graph.with_channels(&map).unwrap());
        }
    }
}

/// The first half of every bundle, rounded up.
fn first_half(graph: &Graph) -> ChannelMap {
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let half = |bundle: &graph::Bundle| {
        let groups = bundle.groups.len();
        if bundle.frozen { groups } else { groups.div_ceil(2) }
    };
    let sizes: Vec<usize> = bundles.iter().map(half).collect();
    ChannelMap::of_bundles(graph, &channels, &bundles, &sizes).unwrap()
}

#[test]
fn small_networks_of_every_family_are_rebuilt_from_counts_and_from_structures() {
    for (name, graph) in small_networks() {
        let map = first_half(&graph);
        let half = graph.with_channels(&map).unwrap();
        let rebuilt = counts(&graph, &map).rebuild(&graph, &BTreeMap::new(), Missing::Strict);
        assert_eq!(rebuilt.unwrap(), half, "{name}");
        assert_eq!(structure(&graph, &map).rebuild(&graph).unwrap(), map, "{name}");
    }
}

/// The file that the original writes, byte by byte, and the names that it strips.
#[test]
fn alive_counts_are_read_and_written_as_the_original_does() {
    let text = "{\n  \"net/conv1/Conv2D\": 3,\n  \"net/conv2/Conv2D\": 0\n}";
    let counts = AliveCounts::from_json(text).unwrap();
    assert_eq!(counts.to_json(), text);
    let of = |names: &[&str]| AliveCounts {
        counts: names.iter().map(|name| ((*name).to_owned(), 1)).collect(),
    };
    for (names, stripped) in [
        (["abc/x", "abc/y"], ["x", "y"]),
        (["abc/x", "abd/x"], ["abc/x", "abd/x"]),
        (["/x", "/y"], ["x", "y"]),
        (["a", "b"], ["a", "b"]),
        (["a/b/x", "a/b/y"], ["b/x", "b/y"]),
        (["a", "a/x"], ["a", "a/x"]),
    ] {
        assert_eq!(of(&names).without_common_prefix(), of(&stripped), "{names:?}");
    }
    assert_eq!(of(&[]).without_common_prefix(), of(&[]));
}

#[test]
fn layers_without_a_count_are_refused_kept_or_removed() {
    let graph = toys::residual();
    let counts = |pairs: &[(&str, usize)]| AliveCounts {
        counts: pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    };
    let names = BTreeMap::new();
    let some = counts(&[("conv1/Conv2D", 4), ("conv3", 4)]);
    let strict = some.rebuild(&graph, &names, Missing::Strict);
    assert_eq!(strict, Err(StructureError::MissingLayer("conv2".to_owned())));
    assert_eq!(some.rebuild(&graph, &names, Missing::PassThrough).unwrap(), graph);
    // Without its first convolution the branch vanishes, and the sum is its other input.
    let without = some.rebuild(&graph, &names, Missing::Zero).unwrap();
    assert!(without.find("conv3").is_none() && without.find("add").is_none());
    assert!(without.find("conv1").is_some());

    let refusal = |pairs: &[(&str, usize)]| {
        counts(pairs).rebuild(&graph, &names, Missing::PassThrough).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&[("conv1/Conv2D", 3), ("conv3/Conv2D", 4)]),
        "`conv1` has 3 channels alive and `conv3` has 4, but they are tied: give both the same number, or one of them 0"
    );
    assert_eq!(
        refusal(&[("conv2", 9)]),
        "`conv2` has 9 channels alive, but the network's layer has 3"
    );
    assert!(
        refusal(&[("net/conv2/Conv2D", 3)])
            .starts_with("operation `net/conv2/Conv2D` stands for no layer")
    );
    assert!(refusal(&[("conv2", 3), ("conv2/Conv2D", 3)]).contains("both stand for layer `conv2`"));
    let named = BTreeMap::from([("conv2".to_owned(), "scope/b/Conv2D".to_owned())]);
    let renamed = counts(&[("scope/b/Conv2D", 1)]).rebuild(&graph, &named, Missing::PassThrough);
    let renamed = renamed.unwrap();
    assert_eq!(renamed.node(renamed.find("conv2").unwrap()).shape.channels, 1);
    let map = ChannelMap::of(&graph, &Channels::of(&graph), &Channels::of(&graph).keep_all());
    assert!(AliveCounts::of(&graph, &map.unwrap(), &named).counts.contains_key("scope/b/Conv2D"));
}

#[test]
fn an_edited_structure_is_rebuilt_or_refused_by_the_name_of_the_layer() {
    let (graph, structure) = without_branch();
    let edited = |edit: &dyn Fn(&mut Structure)| {
        let mut structure = structure.clone();
        edit(&mut structure);
        structure
    };
    let keeping = |name: &'static str, kept: Vec<usize>| {
        edited(&|structure: &mut Structure| {
            let layer = structure.layers.get_mut(name).unwrap();
            layer.after = kept.len();
            layer.kept.clone_from(&kept);
        })
    };
    let refusal = |structure: Structure| structure.rebuild(&graph).unwrap_err().to_string();

    let fewer = keeping("branch0/1x1", vec![1, 3]).updated(&graph).unwrap();
    let map = fewer.rebuild(&graph).unwrap();
    assert_eq!(map.on(graph.find("branch0/1x1").unwrap()), [1, 3]);
    assert_ne!(fewer.hash, structure.hash);
    assert!(fewer.costs.after.flops < structure.costs.after.flops);

    assert_eq!(
        refusal(keeping("stem", vec![0, 6])),
        "layer `stem` keeps channel 6: expected rising numbers below its width of 6"
    );
    assert!(refusal(keeping("stem", vec![3, 2])).contains("layer `stem` keeps channel 2"));
    assert_eq!(
        refusal(keeping("branch1/3x3", vec![0, 1])),
        "layer `branch1/3x3` keeps 2 channels, but 0 remain of it, since what it reads or feeds is gone: \
         keep none there, or more elsewhere"
    );
    assert!(
        refusal(keeping("logits", vec![0, 1, 2])).contains("layer `logits` must keep channel 3")
    );
    assert!(
        refusal(keeping("stem", vec![])).contains("cut"),
        "{}",
        refusal(keeping("stem", vec![]))
    );
    let after = edited(&|structure| structure.layers.get_mut("stem").unwrap().after = 5);
    assert!(refusal(after).contains("layer `stem` keeps 6 channels and says 5 after"));
    let before = edited(&|structure| structure.layers.get_mut("stem").unwrap().before = 7);
    assert!(refusal(before).contains("`stem` has 7 channels before in the structure, 6 in the"));
    let parted = edited(&|structure| structure.layers.get_mut("stem").unwrap().groups.truncate(2));
    assert!(refusal(parted).contains("groups of layer `stem`"));
    let missing = edited(&|structure| drop(structure.layers.remove("stem")));
    assert!(refusal(missing).starts_with("layer `stem` of the network is missing"));
    let unknown = edited(&|structure| {
        let stem = structure.layers["stem"].clone();
        structure.layers.insert("branch0/3x3".to_owned(), stem);
    });
    assert_eq!(
        refusal(unknown),
        "`branch0/3x3` is no convolution or linear layer of the network; the nearest is `branch0/1x1`"
    );
    let other = edited(&|structure| structure.schema = 2);
    assert!(refusal(other).starts_with("the structure has schema 2"));
    assert!(Structure::from_json("{").unwrap_err().to_string().starts_with("not a structure: "));
}

#[test]
fn tied_layers_that_disagree_are_named() {
    let graph = toys::diamond();
    let channels = Channels::of(&graph);
    let map = ChannelMap::of(&graph, &channels, &channels.keep_all()).unwrap();
    let mut structure = structure(&graph, &map);
    let layer = structure.layers.get_mut("conv3").unwrap();
    (layer.after, layer.kept) = (5, vec![0, 1, 2, 3, 5]);
    assert_eq!(
        structure.rebuild(&graph).unwrap_err().to_string(),
        "`conv2` keeps channel 4 and `conv3` drops channel 4, which are tied: \
         keep both, drop both, or drop all channels of a layer whose input is gone"
    );
}

#[test]
fn a_branch_whose_input_is_gone_is_counted_dead() {
    let (_, structure) = without_branch();
    // The 1x1 reduction of 3 channels dies, and with it the 3x3 convolution of 5 channels that it alone feeds.
    assert_eq!(structure.dead_channels(), 3 + 5);
    assert_eq!(structure.layers["branch1/3x3"].after, 0);
}

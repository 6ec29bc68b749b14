//! Which channels live and die together.

use graph::{
    Activation, Axis, Builder, Channels, Conv2d, Depthwise, FreezeReason, Graph, GroupId, Linear,
    NodeId, Op, Window,
};
use proptest::prelude::*;
use testkit::{strategies, toys};

use crate::{Sketch, id};

/// Group numbers on a wire.
fn on(graph: &Graph, name: &str) -> Vec<usize> {
    Channels::of(graph).on(id(graph, name)).iter().map(|group| group.index()).collect()
}

/// Group numbers on a wire, counted from the first of them.
fn relative(graph: &Graph, name: &str) -> Vec<usize> {
    let groups = on(graph, name);
    groups.iter().map(|group| group - groups[0]).collect()
}

fn is_frozen(graph: &Graph, name: &str) -> Vec<bool> {
    let channels = Channels::of(graph);
    channels.on(id(graph, name)).iter().map(|group| channels.is_frozen(*group)).collect()
}

/// Producers and number of groups of every bundle that is not frozen.
fn free_bundles(graph: &Graph) -> Vec<(Vec<(&str, usize)>, usize)> {
    let bundles = Channels::of(graph).bundles().into_iter().filter(|bundle| !bundle.frozen);
    let named = |(node, channels): (NodeId, usize)| (graph.node(node).name.as_str(), channels);
    bundles
        .map(|bundle| {
            (bundle.producers(graph).into_iter().map(named).collect(), bundle.groups.len())
        })
        .collect()
}

#[test]
fn a_convolution_makes_fresh_channels() {
    let graph = toys::chain();
    assert_eq!(on(&graph, "image"), [0, 1, 2]);
    assert_eq!(on(&graph, "conv1"), [3, 4, 5, 6]);
    assert_eq!(on(&graph, "conv2"), [7, 8, 9, 10, 11]);
    assert_eq!(on(&graph, "conv2"), on(&graph, "conv2/relu"));
    assert_eq!(on(&graph, "conv2"), on(&graph, "mean"));
    assert_eq!(on(&graph, "logits"), [12, 13, 14]);
}

#[test]
fn image_and_outputs_are_frozen() {
    let graph = toys::chain();
    assert_eq!(is_frozen(&graph, "image"), [true; 3]);
    assert_eq!(is_frozen(&graph, "logits"), [true; 3]);
    assert_eq!(is_frozen(&graph, "conv1"), [false; 4]);
    let two_outputs = toys::four_conv();
    assert_eq!(is_frozen(&two_outputs, "conv3"), [true; 29]);
    assert_eq!(is_frozen(&two_outputs, "conv4"), [true; 31]);
    assert_eq!(is_frozen(&two_outputs, "conv2"), [false; 23]);
}

#[test]
fn add_ties_all_inputs() {
    let graph = toys::diamond();
    assert_eq!(on(&graph, "conv2"), on(&graph, "conv3"));
    assert_eq!(on(&graph, "conv2"), on(&graph, "add"));
    assert_ne!(on(&graph, "conv2"), on(&graph, "conv4"));
    assert_eq!(free_bundles(&graph)[1], (vec![("conv2", 1), ("conv3", 1)], 6));
}

#[test]
fn adding_a_wire_to_itself_ties_nothing_new() {
    let (mut sketch, image) = Sketch::new(2, 2, 1);
    let conv = sketch.conv("conv", 3, image);
    let add = sketch.add("add", Op::Add, &[conv, conv, conv]);
    let graph = sketch.classify(add);
    assert_eq!(on(&graph, "add"), [1, 2, 3]);
}

#[test]
fn what_is_added_to_the_image_is_frozen() {
    let (mut sketch, image) = Sketch::new(2, 2, 3);
    let conv = sketch.conv("conv", 3, image);
    let add = sketch.add("add", Op::Add, &[conv, image]);
    let graph = sketch.classify(add);
    assert_eq!(is_frozen(&graph, "conv"), [true; 3]);
}

#[test]
fn concat_appends() {
    let graph = toys::inception_block();
    let branches = ["branch0/1x1", "branch1/3x3", "branch2/3x3b", "branch3/1x1"];
    let parts: Vec<usize> = branches.iter().flat_map(|name| on(&graph, name)).collect();
    assert_eq!(on(&graph, "concat"), parts);
    assert_eq!(parts.len(), 4 + 5 + 3 + 2);
    assert_eq!(on(&graph, "branch3/pool"), on(&graph, "stem"));
}

// `add_concat` of the original's tests: conv1 and conv2 are slices of the group of conv4.
#[test]
fn a_sum_with_a_concatenation_ties_its_pieces() {
    let graph = toys::add_concat();
    let four = on(&graph, "conv4");
    assert_eq!(on(&graph, "conv1"), four[..7]);
    assert_eq!(on(&graph, "conv2"), four[7..]);
    assert_eq!(on(&graph, "concat"), four);
    assert_eq!(
        free_bundles(&graph),
        [
            (vec![("conv1", 1), ("conv4", 1)], 7),
            (vec![("conv2", 1), ("conv4", 1)], 5),
            (vec![("conv3", 1)], 4),
        ]
    );
}

#[test]
fn overlapping_concatenations_are_tied_piece_by_piece() {
    let graph = toys::nested_concat();
    assert_eq!(on(&graph, "left"), on(&graph, "right"));
    assert_eq!(
        free_bundles(&graph),
        [
            (vec![("conv1", 1), ("conv3", 1)], 3),
            (vec![("conv2", 1), ("conv3", 1)], 1),
            (vec![("conv2", 1), ("conv4", 1)], 2),
            (vec![("conv2", 1), ("conv5", 1)], 2),
        ]
    );
}

// `c1 + c2` and `concat(c1, c2)` together, of the original's tests of its manager.
#[test]
fn tied_channels_stay_tied_in_a_concatenation() {
    let (mut sketch, image) = Sketch::new(4, 4, 1);
    let one = sketch.conv("one", 2, image);
    let two = sketch.conv("two", 2, image);
    let add = sketch.add("add", Op::Add, &[one, two]);
    let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[one, two, add]);
    let graph = sketch.classify(concat);
    assert_eq!(on(&graph, "concat"), [1, 2, 1, 2, 1, 2]);
}

#[test]
fn depthwise_repeats_every_channel() {
    let (mut sketch, image) = Sketch::new(4, 4, 1);
    let conv = sketch.conv("conv", 3, image);
    let window = Window::square(3);
    let twice = Op::Depthwise(Depthwise { multiplier: 2, window, bias: false });
    let twice = sketch.add("twice", twice, &[conv]);
    let once = Op::Depthwise(Depthwise { multiplier: 1, window, bias: true });
    let once = sketch.add("once", once, &[twice]);
    let graph = sketch.classify(once);
    assert_eq!(relative(&graph, "twice"), [0, 0, 1, 1, 2, 2]);
    assert_eq!(on(&graph, "once"), on(&graph, "twice"));
    assert_eq!(free_bundles(&graph), [(vec![("conv", 1)], 3)]);
}

#[test]
fn a_sum_with_a_depthwise_convolution_ties_pairs() {
    let (mut sketch, image) = Sketch::new(4, 4, 1);
    let conv = sketch.conv("conv", 3, image);
    let twice = Depthwise { multiplier: 2, window: Window::square(3), bias: false };
    let twice = sketch.add("twice", Op::Depthwise(twice), &[conv]);
    let wide = sketch.conv("wide", 6, image);
    let add = sketch.add("add", Op::Add, &[wide, twice]);
    let graph = sketch.classify(add);
    assert_eq!(relative(&graph, "wide"), [0, 0, 1, 1, 2, 2]);
    assert_eq!(free_bundles(&graph), [(vec![("conv", 1), ("wide", 2)], 3)]);
}

#[test]
fn flatten_repeats_the_channels_at_every_position() {
    let (mut sketch, image) = Sketch::new(1, 2, 1);
    let conv = sketch.conv("conv", 3, image);
    let flat = sketch.add("flat", Op::Flatten, &[conv]);
    let hidden = sketch.add("hidden", Op::Linear(Linear::new(6)), &[flat]);
    let add = sketch.add("add", Op::Add, &[flat, hidden]);
    let graph = sketch.classify(add);
    assert_eq!(relative(&graph, "flat"), [0, 1, 2, 0, 1, 2]);
    assert_eq!(relative(&graph, "hidden"), [0, 1, 2, 0, 1, 2]);
    assert_eq!(free_bundles(&graph), [(vec![("conv", 1), ("hidden", 2)], 3)]);
}

#[test]
fn a_channel_gate_lives_with_the_channel_that_it_scales() {
    let graph = toys::squeeze_excite();
    assert_eq!(on(&graph, "scale"), on(&graph, "conv1"));
    assert_eq!(on(&graph, "up"), on(&graph, "conv1"));
    assert_ne!(on(&graph, "down")[0], on(&graph, "conv1")[0]);
}

#[test]
fn a_position_gate_is_frozen_and_ties_nothing() {
    let (mut sketch, image) = Sketch::new(4, 4, 1);
    let conv = sketch.conv("conv", 3, image);
    let gate = sketch.conv("gate", 1, conv);
    let gate = sketch.add("sigmoid", Op::Activation(Activation::Sigmoid), &[gate]);
    let scaled = sketch.add("scaled", Op::Mul, &[conv, gate]);
    let graph = sketch.classify(scaled);
    assert_eq!(on(&graph, "scaled"), on(&graph, "conv"));
    assert_eq!(is_frozen(&graph, "gate"), [true]);
    assert_eq!(is_frozen(&graph, "conv"), [false; 3]);
    assert!(!on(&graph, "conv").contains(&on(&graph, "gate")[0]));
}

#[test]
fn a_grouped_convolution_ties_its_blocks() {
    let (mut sketch, image) = Sketch::new(4, 4, 1);
    let conv = sketch.conv("conv", 6, image);
    let grouped = Op::Conv2d(Conv2d { groups: 3, ..Conv2d::square(9, 3) });
    let grouped = sketch.add("grouped", grouped, &[conv]);
    let graph = sketch.classify(grouped);
    assert_eq!(relative(&graph, "conv"), [0, 1, 0, 1, 0, 1]);
    assert_eq!(relative(&graph, "grouped"), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    assert_eq!(free_bundles(&graph), [(vec![("conv", 3)], 2), (vec![("grouped", 3)], 3)]);
}

/// All pairs of channels that an operator makes live together, stated without union-find.
fn links(graph: &Graph) -> Vec<((NodeId, usize), (NodeId, usize))> {
    let width = |id: NodeId| graph.node(id).shape.channels;
    let mut links = Vec::new();
    for (id, node) in graph.nodes() {
        let own = || 0..width(id);
        let blocks = |wire: NodeId, groups: usize| {
            let block = width(wire) / groups;
            (block..width(wire)).map(move |channel| ((wire, channel), (wire, channel % block)))
        };
        let input = node.inputs.first().copied();
        let source = || input.expect("not an image");
        // Channel `k` of the output is channel `k` of every block of `block` input channels.
        let merged = |block: usize| {
            let input = source();
            (0..width(input)).map(move |channel| ((input, channel), (id, channel % block)))
        };
        // Channel `k` of the input is channel `k` of every block of the output.
        let repeated = || {
            let input = source();
            (0..width(id)).map(move |channel| ((id, channel), (input, channel % width(input))))
        };
        if let Some(owner) = node.shares {
            links.extend(own().map(|channel| ((id, channel), (owner, channel))));
            let other = graph.node(owner).inputs[0];
            links.extend((0..width(other)).map(|channel| ((source(), channel), (other, channel))));
        }
        match &node.op {
            Op::Input(_)
            | Op::Linear(_)
            | Op::Conv3d(_)
            | Op::ConvTranspose(_)
            | Op::Permute([_, _, Axis::Height | Axis::Width]) => {}
            Op::Conv2d(conv) => {
                links.extend(blocks(id, conv.groups));
                links.extend(blocks(node.inputs[0], conv.groups));
            }
            Op::Depthwise(depthwise) => {
                let source = |channel| (node.inputs[0], channel / depthwise.multiplier);
                links.extend(own().map(|channel| ((id, channel), source(channel))));
            }
            Op::Flatten | Op::SpaceToDepth { .. } => links.extend(repeated()),
            Op::DepthToSpace { .. } => links.extend(merged(width(id))),
            Op::Reshape { .. } => {
                let before = width(source());
                if width(id) % before == 0 {
                    links.extend(repeated());
                } else if before % width(id) == 0 {
                    links.extend(merged(width(id)));
                }
            }
            Op::Gather(gather) => {
                let source = |channel: usize| (source(), gather.channels[channel]);
                links.extend(own().map(|channel| ((id, channel), source(channel))));
            }
            Op::Pad(pad) => {
                let inner = (0..width(source())).map(|channel| (source(), channel));
                let shifted =
                    inner.map(|(wire, channel)| ((id, channel + pad.channels[0]), (wire, channel)));
                links.extend(shifted);
            }
            Op::Concat(Axis::Channels) => {
                let parts = node.inputs.iter();
                let sources = parts.flat_map(|input| (0..width(*input)).map(move |c| (*input, c)));
                links.extend(own().map(|channel| (id, channel)).zip(sources));
            }
            Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Maximum
            | Op::Minimum
            | Op::Concat(Axis::Height | Axis::Width)
            | Op::BatchNorm(_)
            | Op::Bias
            | Op::Gate
            | Op::Activation(_)
            | Op::Softmax
            | Op::LocalResponseNorm(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Resize(_)
            | Op::Permute([_, _, Axis::Channels])
            | Op::Dropout { .. } => {
                for input in node.inputs.iter().filter(|input| width(**input) == width(id)) {
                    links.extend(own().map(|channel| ((id, channel), (*input, channel))));
                }
            }
        }
    }
    links
}

/// Connected components by relabelling until nothing changes; the label is the first channel in node order.
fn components(graph: &Graph) -> Vec<Vec<usize>> {
    let mut next = 0;
    let mut labels: Vec<Vec<usize>> = graph
        .nodes()
        .map(|(_, node)| {
            next += node.shape.channels;
            (next - node.shape.channels..next).collect()
        })
        .collect();
    let links = links(graph);
    loop {
        let before = labels.clone();
        for ((a, i), (b, j)) in &links {
            let least = labels[a.index()][*i].min(labels[b.index()][*j]);
            labels[a.index()][*i] = least;
            labels[b.index()][*j] = least;
        }
        if labels == before {
            return labels;
        }
    }
}

/// The same network with other names, its nodes added in the order given.
fn reordered(graph: &Graph, order: &[NodeId]) -> Graph {
    let mut build = Builder::new();
    let mut ids = vec![None; graph.len()];
    for id in order {
        let node = graph.node(*id);
        let known = |id: &NodeId| ids[id.index()].expect("inputs come first");
        let inputs: Vec<NodeId> = node.inputs.iter().map(known).collect();
        let name = format!("{:04}", 9999 - id.index());
        let added = match node.shares {
            Some(owner) => build.share(&name, known(&owner), &inputs),
            None => build.add(&name, node.op.clone(), &inputs),
        };
        ids[id.index()] = Some(added.unwrap());
    }
    let outputs: Vec<NodeId> = graph.outputs().iter().map(|id| ids[id.index()].unwrap()).collect();
    build.finish(&outputs).unwrap()
}

/// A random topological order.
fn shuffled(graph: &Graph, mut random: u64) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = Vec::new();
    while order.len() < graph.len() {
        let ready: Vec<NodeId> = graph
            .nodes()
            .filter(|(id, node)| {
                let needs = node.inputs.iter().chain(&node.shares);
                !order.contains(id) && needs.clone().all(|input| order.contains(input))
            })
            .map(|(id, _)| id)
            .collect();
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.push(ready[(random >> 33) as usize % ready.len()]);
    }
    order
}

/// Which channels, of all wires in node order, live together: for every channel the first one of its group.
fn partition(graph: &Graph, order: &[NodeId]) -> Vec<(usize, bool)> {
    let channels = Channels::of(graph);
    let all: Vec<GroupId> = order.iter().flat_map(|id| channels.on(*id).iter().copied()).collect();
    let first = |group: &GroupId| all.iter().position(|other| other == group).unwrap();
    all.iter().map(|group| (first(group), channels.is_frozen(*group))).collect()
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn groups_are_the_connected_components_of_ties(graph in strategies::any_graph()) {
        let channels = Channels::of(&graph);
        let mut labels = components(&graph).concat();
        let groups: Vec<usize> = graph
            .nodes()
            .flat_map(|(id, _)| channels.on(id).iter().map(|group| group.index()))
            .collect();
        let mut distinct = labels.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for label in &mut labels {
            *label = distinct.binary_search(label).unwrap();
        }
        prop_assert_eq!(&groups, &labels);
        prop_assert_eq!(channels.len(), distinct.len());
    }

    #[test]
    fn a_group_is_frozen_only_for_a_stated_reason(graph in strategies::any_graph()) {
        let channels = Channels::of(&graph);
        let mut frozen = vec![false; channels.len()];
        let mut freeze = |wire: NodeId| {
            for group in channels.on(wire) {
                frozen[group.index()] = true;
            }
        };
        graph.outputs().iter().for_each(|output| freeze(*output));
        let channels_of = |id: NodeId| graph.node(id).shape.channels;
        for (id, node) in graph.nodes() {
            let (before, after) = (node.inputs.first().copied().map(channels_of), channels_of(id));
            match (&node.op, &node.inputs[..]) {
                (Op::Input(_), _) => freeze(id),
                (Op::Softmax | Op::LocalResponseNorm(_), [input]) => freeze(*input),
                (Op::Permute([_, _, Axis::Height | Axis::Width]), [input]) => {
                    freeze(*input);
                    freeze(id);
                }
                (Op::Reshape { .. }, [input])
                    if before.is_some_and(|before| before % after != 0 && after % before != 0) =>
                {
                    freeze(*input);
                    freeze(id);
                }
                (Op::Add | Op::Sub | Op::Mul | Op::Maximum | Op::Minimum, [_, others @ ..]) => {
                    for other in others.iter().filter(|other| channels_of(**other) != after) {
                        freeze(*other);
                    }
                }
                _ => {}
            }
        }
        for group in channels.groups() {
            prop_assert_eq!(channels.is_frozen(group), frozen[group.index()]);
            if let Some(freeze) = channels.frozen(group) {
                let node = graph.node(freeze.node);
                let near = node.inputs.iter().chain([&freeze.node]);
                prop_assert!(near.clone().any(|wire| channels.on(*wire).contains(&group)));
                let output = freeze.reason == FreezeReason::Output;
                prop_assert_eq!(output, graph.outputs().contains(&freeze.node) && output);
            }
        }
    }

    #[test]
    fn groups_depend_neither_on_names_nor_on_the_order_of_nodes(
        (graph, random) in (strategies::any_graph(), any::<u64>())
    ) {
        let own: Vec<NodeId> = graph.nodes().map(|(id, _)| id).collect();
        prop_assert_eq!(Channels::of(&graph), Channels::of(&reordered(&graph, &own)));
        let order = shuffled(&graph, random);
        let other = reordered(&graph, &order);
        let place = |id: &NodeId| other.nodes().nth(order.iter().position(|at| at == id).unwrap()).unwrap().0;
        let there: Vec<NodeId> = own.iter().map(place).collect();
        prop_assert_eq!(partition(&graph, &own), partition(&other, &there));
    }

    #[test]
    fn bundles_partition_the_groups_and_account_for_every_wire(graph in strategies::any_graph()) {
        let channels = Channels::of(&graph);
        let bundles = channels.bundles();
        let mut groups: Vec<_> = bundles.iter().flat_map(|bundle| bundle.groups.clone()).collect();
        groups.sort_unstable();
        prop_assert_eq!(groups, channels.groups().collect::<Vec<_>>());
        for (id, node) in graph.nodes() {
            let held = bundles.iter().flat_map(|bundle| {
                let held = bundle.wires.iter().filter(move |(wire, _)| *wire == id);
                held.map(|(_, channels)| channels * bundle.groups.len())
            });
            prop_assert_eq!(held.sum::<usize>(), node.shape.channels);
        }
    }

    #[test]
    fn forced_ties_join_the_groups_of_two_wires_and_no_others(
        (graph, pick) in (strategies::any_graph(), any::<[prop::sample::Index; 2]>())
    ) {
        let ids: Vec<NodeId> = graph.nodes().map(|(id, _)| id).collect();
        let [first, second] = pick.map(|index| *index.get(&ids));
        let tied = Channels::tied(&graph, &[vec![first, second]]);
        let widths = [first, second].map(|id| graph.node(id).shape.channels);
        prop_assert_eq!(tied.is_ok(), widths[0] == widths[1]);
        if let Ok(tied) = tied {
            prop_assert_eq!(tied.on(first), tied.on(second));
            let free = Channels::of(&graph);
            prop_assert!(tied.len() <= free.len() && free.len() - tied.len() <= widths[0]);
        }
    }
}

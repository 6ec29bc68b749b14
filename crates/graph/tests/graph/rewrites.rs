//! Graphs with other widths, and what remains of a graph after a decision.

use graph::{
    Activation, Axis, ChannelMap, Channels, Conv2d, Depthwise, Graph, GraphError, NodeId, Op,
    Shape, Window,
};
use proptest::prelude::*;
use testkit::{strategies, toys};

use crate::{Sketch, id};

/// The graph with other widths for the named producers.
fn resized(graph: &Graph, widths: &[(&str, usize)]) -> Result<Graph, GraphError> {
    let width = |id: NodeId| {
        let node = graph.node(id);
        let named = widths.iter().find(|(name, _)| *name == node.name);
        named.map_or(node.shape.channels, |(_, width)| *width)
    };
    graph.with_widths(&graph.widths_from(width))
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes().map(|(_, node)| node.name.as_str()).collect()
}

fn inputs<'a>(graph: &'a Graph, name: &str) -> Vec<&'a str> {
    let node = graph.node(id(graph, name));
    node.inputs.iter().map(|input| graph.node(*input).name.as_str()).collect()
}

/// What remains when the channels of the named producers die wholly.
fn without(graph: &Graph, dead: &[&str]) -> Result<ChannelMap, GraphError> {
    let channels = Channels::of(graph);
    let keep = channels
        .keep_where(|group| !dead.iter().any(|name| channels.on(id(graph, name)).contains(&group)));
    ChannelMap::of(graph, &channels, &keep)
}

#[test]
fn all_shapes_follow_the_producers() {
    let graph = toys::separable();
    let wide = resized(&graph, &[("conv1", 5), ("pointwise", 7)]).unwrap();
    let shape = |name| wide.node(id(&wide, name)).shape;
    assert_eq!(shape("conv1/relu"), Shape::new(8, 8, 5));
    assert_eq!(shape("depthwise/norm"), Shape::new(8, 8, 10));
    assert_eq!(shape("mean"), Shape::new(1, 1, 7));
    assert_eq!(shape("logits"), Shape::new(1, 1, 3));
}

#[test]
fn flatten_multiplies_the_new_width() {
    let graph = toys::flattened();
    let wide = resized(&graph, &[("conv", 5)]).unwrap();
    assert_eq!(wide.node(id(&wide, "flatten")).shape, Shape::new(1, 1, 45));
}

#[test]
fn width_zero_deletes_a_branch_and_the_concatenation_loses_it() {
    let graph = toys::inception_block();
    let small = resized(&graph, &[("branch0/1x1", 0), ("branch2/3x3a", 0)]).unwrap();
    assert_eq!(inputs(&small, "concat"), ["branch1/3x3/relu", "branch3/1x1/relu"]);
    assert_eq!(small.node(id(&small, "concat")).shape.channels, 5 + 2);
    let deleted = names(&small)
        .into_iter()
        .filter(|name| name.starts_with("branch0") || name.starts_with("branch2"));
    assert_eq!(deleted.count(), 0, "also branch2/1x1, which fed the dead one alone");
}

#[test]
fn a_join_with_one_input_left_is_that_input() {
    let graph = toys::residual();
    let small = resized(&graph, &[("conv2", 0)]).unwrap();
    let body = ["image", "conv1", "conv1/norm", "conv1/relu", "mean", "logits"];
    assert_eq!(names(&small), body);
    assert_eq!(inputs(&small, "mean"), ["conv1/relu"]);
}

#[test]
fn an_output_that_was_a_join_is_what_is_left_of_it() {
    let (mut sketch, image) = Sketch::new(2, 2, 1);
    let one = sketch.conv("one", 2, image);
    let two = sketch.conv("two", 3, image);
    let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[one, two]);
    let graph = sketch.finish(&[concat]);
    let small = resized(&graph, &[("two", 0)]).unwrap();
    assert_eq!(small.outputs(), [id(&small, "one")]);
}

#[test]
fn widths_that_cut_every_path_are_refused() {
    let graph = toys::chain();
    let cut = GraphError::Cut("logits".to_owned());
    assert_eq!(resized(&graph, &[("conv1", 0)]), Err(cut.clone()));
    assert_eq!(without(&graph, &["conv2"]), Err(cut));
}

#[test]
fn widths_that_do_not_fit_a_join_are_refused() {
    let refused = resized(&toys::diamond(), &[("conv2", 5)]).unwrap_err();
    assert!(matches!(refused, GraphError::Shape { ref node, .. } if node == "add"), "{refused}");
    let refused = resized(&toys::grouped(), &[("grouped", 3)]).unwrap_err();
    assert!(matches!(refused, GraphError::Shape { ref node, .. } if node == "grouped"));
}

#[test]
fn widths_of_another_graph_are_refused() {
    let refused = toys::chain().with_widths(&toys::diamond().widths());
    assert_eq!(refused, Err(GraphError::WrongWidths { expected: 9, found: 16 }));
}

#[test]
fn a_dead_group_leaves_all_its_wires() {
    let graph = toys::diamond();
    let channels = Channels::of(&graph);
    let dead = [0, 4].map(|channel| channels.on(id(&graph, "conv3"))[channel]);
    let keep = channels.keep_where(|group| !dead.contains(&group));
    let survivors = ChannelMap::of(&graph, &channels, &keep).unwrap();
    for name in ["conv2", "conv2/relu", "conv3", "add"] {
        assert_eq!(survivors.on(id(&graph, name)), [1, 2, 3, 5]);
    }
    assert_eq!(survivors.on(id(&graph, "conv4")), [0, 1, 2, 3, 4]);
    assert_eq!(keep.count(), channels.len() - 2);
}

#[test]
fn survivors_are_channels_of_the_wire_as_it_was() {
    let separable = toys::separable();
    let channels = Channels::of(&separable);
    let dead = channels.on(id(&separable, "conv1"))[1];
    let keep = channels.keep_where(|group| group != dead);
    let survivors = ChannelMap::of(&separable, &channels, &keep).unwrap();
    assert_eq!(survivors.on(id(&separable, "depthwise")), [0, 1, 4, 5]);

    let flattened = toys::flattened();
    let channels = Channels::of(&flattened);
    let dead = channels.on(id(&flattened, "conv"))[1];
    let keep = channels.keep_where(|group| group != dead);
    let survivors = ChannelMap::of(&flattened, &channels, &keep).unwrap();
    let flat: Vec<usize> = (0..27).filter(|channel| channel % 3 != 1).collect();
    assert_eq!(survivors.on(id(&flattened, "flatten")), flat);

    let inception = toys::inception_block();
    let survivors = without(&inception, &["branch0/1x1"]).unwrap();
    let concat: Vec<usize> = (4..14).collect();
    assert_eq!(survivors.on(id(&inception, "concat")), concat);
}

#[test]
fn frozen_channels_always_stay() {
    let graph = toys::chain();
    let channels = Channels::of(&graph);
    let keep = channels.keep_where(|_| false);
    assert_eq!(keep.count(), 3 + 3);
    assert!(channels.on(id(&graph, "logits")).iter().all(|group| keep.is_alive(*group)));
    assert_eq!(channels.keep_all().count(), channels.len());
}

#[test]
fn what_only_feeds_dead_channels_disappears_too() {
    let graph = toys::inception_block();
    let survivors = without(&graph, &["branch2/3x3b"]).unwrap();
    for name in ["branch2/3x3b", "branch2/3x3a/relu", "branch2/3x3a", "branch2/1x1"] {
        assert_eq!(survivors.on(id(&graph, name)), [0; 0], "{name}");
    }
    assert_eq!(survivors.on(id(&graph, "stem")).len(), 6);
    let widths = survivors.widths();
    assert_eq!(widths.on(id(&graph, "branch2/1x1")), 0);
    let dead = id(&graph, "branch2/3x3b");
    let own = |id| if id == dead { 0 } else { graph.node(id).shape.channels };
    assert_eq!(graph.widths_from(own), widths);
    let left: usize = graph.nodes().filter(|(id, _)| widths.on(*id) > 0).count();
    assert_eq!(graph.with_widths(&widths).unwrap().len(), left);
}

#[test]
fn a_producer_without_input_disappears_although_its_channels_are_alive() {
    let graph = toys::residual();
    let survivors = without(&graph, &["conv2"]).unwrap();
    assert!(survivors.on(id(&graph, "conv3")).is_empty());
    assert_eq!(survivors.on(id(&graph, "add")), [0, 1, 2, 3]);
}

/// `add = concat(a, b) + c`, where `a` reads `narrow` alone.
fn half_fed() -> Graph {
    let (mut sketch, image) = Sketch::new(4, 4, 2);
    let narrow = sketch.conv("narrow", 2, image);
    let a = sketch.conv("a", 2, narrow);
    let b = sketch.conv("b", 3, image);
    let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[a, b]);
    let c = sketch.conv("c", 5, image);
    let add = sketch.add("add", Op::Add, &[concat, c]);
    sketch.classify(add)
}

#[test]
fn a_sum_cannot_lose_a_part_of_an_input() {
    let lost = GraphError::PartialLoss { node: "add".to_owned(), op: "add" };
    assert_eq!(without(&half_fed(), &["narrow"]), Err(lost));
    assert!(without(&half_fed(), &["narrow", "a"]).is_ok());
    assert!(resized(&half_fed(), &[("narrow", 0)]).is_err());
}

#[test]
fn blocks_of_a_grouped_convolution_cannot_lose_different_channels() {
    let (mut sketch, image) = Sketch::new(4, 4, 2);
    let narrow = sketch.conv("narrow", 2, image);
    let a = sketch.conv("a", 2, narrow);
    let b = sketch.conv("b", 2, image);
    let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[a, b]);
    let grouped = Op::Conv2d(Conv2d { groups: 2, ..Conv2d::square(4, 3) });
    let grouped = sketch.add("grouped", grouped, &[concat]);
    let graph = sketch.classify(grouped);
    let lost = GraphError::PartialLoss { node: "grouped".to_owned(), op: "conv2d" };
    assert_eq!(without(&graph, &["narrow"]), Err(lost));
    let channels = Channels::of(&graph);
    let dead = channels.on(id(&graph, "a"))[0];
    let survivors = ChannelMap::of(&graph, &channels, &channels.keep_where(|group| group != dead));
    assert_eq!(survivors.unwrap().on(concat), [1, 3]);
}

#[test]
fn a_join_cannot_lose_an_input_that_is_not_silent() {
    let sum_with = |activation| {
        let (mut sketch, image) = Sketch::new(4, 4, 2);
        let narrow = sketch.conv("narrow", 2, image);
        let branch = sketch.conv("branch", 3, narrow);
        let branch = sketch.add("activation", Op::Activation(activation), &[branch]);
        let other = sketch.conv("other", 3, image);
        let add = sketch.add("add", Op::Add, &[branch, other]);
        let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[add, other]);
        sketch.classify(concat)
    };
    let lost = GraphError::PartialLoss { node: "add".to_owned(), op: "add" };
    assert_eq!(without(&sum_with(Activation::Sigmoid), &["narrow"]), Err(lost.clone()));
    assert_eq!(without(&sum_with(Activation::HardSigmoid), &["narrow"]), Err(lost));
    assert!(without(&sum_with(Activation::HardSwish), &["narrow"]).is_ok());
}

#[test]
fn a_product_cannot_lose_a_factor() {
    let graph = toys::squeeze_excite();
    let lost = GraphError::PartialLoss { node: "scale".to_owned(), op: "mul" };
    assert_eq!(without(&graph, &["down"]), Err(lost.clone()));
    assert_eq!(resized(&graph, &[("down", 0)]), Err(lost));
}

#[test]
fn a_product_dies_with_its_first_factor() {
    let (mut sketch, image) = Sketch::new(4, 4, 2);
    let narrow = sketch.conv("narrow", 2, image);
    let branch = sketch.conv("branch", 3, narrow);
    let gate = sketch.conv("gate", 1, image);
    let scaled = sketch.add("scaled", Op::Mul, &[branch, gate]);
    let other = sketch.conv("other", 3, image);
    let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[scaled, other]);
    let graph = sketch.classify(concat);
    let survivors = without(&graph, &["branch"]).unwrap();
    let small = graph.with_widths(&survivors.widths()).unwrap();
    assert_eq!(names(&small), ["image", "other", "mean", "logits"]);
}

#[test]
fn absurd_widths_are_refused_without_allocating() {
    let huge = [1_000_000_000, usize::MAX / 2, usize::MAX];
    for width in huge {
        for graph in [toys::separable(), toys::flattened(), toys::inception_block()] {
            let bundles = Channels::of(&graph).bundles();
            let widths = graph.widths_of_bundles(&bundles, &vec![width; bundles.len()]);
            let refused = graph.with_widths(&widths);
            assert!(matches!(refused, Err(GraphError::Shape { .. })), "{width}");
        }
    }
}

#[test]
fn absurd_operators_are_refused_without_allocating() {
    let conv = |out, kernel| Conv2d::new(out, Window::new(kernel));
    let depthwise =
        |multiplier, kernel| Depthwise { multiplier, window: Window::new(kernel), bias: false };
    let huge = 1_usize << 32;
    let operators = [
        Op::Conv2d(conv(1_000_000_000, [1, 1])),
        Op::Conv2d(conv(usize::MAX, [3, 3])),
        Op::Conv2d(conv(1, [huge, huge])),
        Op::Depthwise(depthwise(usize::MAX, [1, 1])),
        Op::Depthwise(depthwise(1, [huge, huge])),
        Op::Conv2d(Conv2d::new(
            1,
            Window::square(3).dilation(usize::MAX).padding(graph::Padding::all(usize::MAX)),
        )),
        Op::Conv2d(Conv2d::new(1, Window::square(2).dilation(usize::MAX))),
    ];
    for op in operators {
        let mut build = graph::Builder::new();
        let image = build.add("image", Op::Input(Shape::new(4, 4, 2)), &[]).unwrap();
        let refused = build.add("node", op.clone(), &[image]);
        assert!(matches!(refused, Err(GraphError::Shape { .. })), "{op:?}");
    }
    for shape in [[1 << 30, 1, 2], [usize::MAX, usize::MAX, 1], [1, 1, 1 << 21], [1 << 40, 1, 1]] {
        let image = Op::Input(Shape::new(shape[0], shape[1], shape[2]));
        assert_eq!(
            graph::Builder::new().add("image", image, &[]).is_ok(),
            shape == [1 << 30, 1, 2]
        );
    }
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn own_widths_are_the_identity(graph in strategies::any_graph()) {
        prop_assert_eq!(&graph.with_widths(&graph.widths()).unwrap(), &graph);
        let own = |id: NodeId| graph.node(id).shape.channels;
        prop_assert_eq!(graph.widths_from(own), graph.widths());
        let bundles = Channels::of(&graph).bundles();
        let sizes: Vec<usize> = bundles.iter().map(|bundle| bundle.groups.len()).collect();
        prop_assert_eq!(graph.widths_of_bundles(&bundles, &sizes), graph.widths());
    }

    #[test]
    fn keeping_everything_keeps_every_channel(graph in strategies::any_graph()) {
        let channels = Channels::of(&graph);
        let survivors = ChannelMap::of(&graph, &channels, &channels.keep_all()).unwrap();
        prop_assert_eq!(survivors.widths(), graph.widths());
        for (id, node) in graph.nodes() {
            prop_assert!(survivors.on(id).iter().copied().eq(0..node.shape.channels));
        }
    }

    #[test]
    fn bundles_of_any_size_rebuild(
        (graph, sizes) in strategies::any_graph().prop_flat_map(|graph| {
            let sizes = strategies::bundle_sizes(&graph, 1);
            (Just(graph), sizes)
        })
    ) {
        let channels = Channels::of(&graph);
        let bundles = channels.bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        let map = ChannelMap::of_bundles(&graph, &channels, &bundles, &sizes).unwrap();
        prop_assert_eq!(map.widths(), widths.clone());
        let rebuilt = graph.with_channels(&map).unwrap();
        prop_assert_eq!(rebuilt.widths(), widths.clone());
        prop_assert_eq!(names(&rebuilt), names(&graph));
        if let Ok(from_widths) = graph.with_widths(&widths) {
            prop_assert_eq!(from_widths.widths(), widths);
        }
    }

    #[test]
    fn survivors_are_alive_and_rebuild(
        (graph, keep) in strategies::any_graph().prop_flat_map(|graph| {
            let keep = strategies::keeps(&graph);
            (Just(graph), keep)
        })
    ) {
        let channels = Channels::of(&graph);
        let survivors = ChannelMap::of(&graph, &channels, &keep);
        let Ok(survivors) = survivors else { return Ok(()) };
        for (id, _) in graph.nodes() {
            let wire = survivors.on(id);
            prop_assert!(wire.is_sorted() && wire.iter().all(|c| keep.is_alive(channels.on(id)[*c])));
        }
        let widths = survivors.widths();
        let rebuilt = graph.with_channels(&survivors).unwrap();
        match graph.with_widths(&widths) {
            Ok(other) => {
                prop_assert_eq!(other.widths(), rebuilt.widths());
                prop_assert_eq!(&graph.widths_from(|id| widths.on(id)), &widths);
            }
            Err(error) => prop_assert!(matches!(error, GraphError::NeedsChannels(_)), "{error}"),
        }
        for (_, node) in rebuilt.nodes() {
            let before = id(&graph, &node.name);
            prop_assert_eq!(node.shape.channels, widths.on(before), "{}", &node.name);
        }
        // A wire that remains is in the rebuilt graph, or it is a join that became its one input.
        for (id, node) in graph.nodes().filter(|(id, _)| widths.on(*id) > 0) {
            let left = node.inputs.iter().filter(|input| widths.on(**input) > 0).count();
            let became_input = left == 1 && node.inputs.len() > 1;
            prop_assert!(rebuilt.find(&node.name).is_some() || became_input, "{}", id.index());
        }
    }
}

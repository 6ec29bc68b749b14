//! Networks with a gate for every layer.

use std::collections::BTreeMap;

use cost_models::{CostForm, Flops};
use graph::{
    Activation, BatchNorm, Builder, ChannelMap, Channels, Conv2d, Graph, NodeId, Op, Role,
};
use proptest::prelude::*;
use regularizers::{Gate, MaskOrProbability, MorphNet, Settings, Sources, StrengthKind, gated};
use testkit::{Mode, interpret, random_images, random_parameters, strategies};

use crate::bench;

fn gates(graph: &Graph) -> Vec<&str> {
    let gates = graph.nodes().filter(|(_, node)| node.op == Op::Gate);
    gates.map(|(_, node)| node.name.as_str()).collect()
}

fn input_of<'a>(graph: &'a Graph, name: &str) -> &'a str {
    &graph.node(graph.node(graph.find(name).unwrap()).inputs[0]).name
}

fn same(graph: &Graph, other: &Graph) -> BTreeMap<NodeId, NodeId> {
    graph.nodes().map(|(id, node)| (id, other.find(&node.name).unwrap())).collect()
}

#[test]
fn a_gate_is_behind_norm_and_activation_and_before_the_branches() {
    let graph = gated(&bench::inception(4));
    assert!(gates(&graph).contains(&"stem/gate") && !gates(&graph).contains(&"logits/gate"));
    assert_eq!(gates(&graph).len(), 1 + 3 * 4);
    assert_eq!(input_of(&graph, "stem/gate"), "stem/relu");
    for branch in ["one", "reduce", "five"] {
        assert_eq!(input_of(&graph, &format!("block0/{branch}")), "stem/gate");
    }
    assert_eq!(input_of(&graph, "block0/three"), "block0/reduce/gate");
}

#[test]
fn a_gate_is_before_what_is_not_of_the_layer_alone() {
    let graph = gated(&bench::residual(4));
    // Convolution, norm, activation, sum: the gate silences the summand.
    let add = graph.node(graph.find("stage0/block0/add").unwrap());
    let summands: Vec<&str> = add.inputs.iter().map(|id| graph.node(*id).name.as_str()).collect();
    assert_eq!(summands, ["stem/gate", "stage0/block0/conv2/gate"]);

    // Norms that are read beside their activation, and a second activation.
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(graph::Shape::new(4, 4, 1)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(2, 1)), &[image]).unwrap();
    let norm = build.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[conv]).unwrap();
    let relu = build.add("relu", Op::Activation(Activation::Relu), &[norm]).unwrap();
    let tanh = build.add("tanh", Op::Activation(Activation::Tanh), &[relu]).unwrap();
    let sum = build.add("sum", Op::Add, &[tanh, norm]).unwrap();
    let last = build.add("last", Op::Conv2d(Conv2d::square(2, 1)), &[sum]).unwrap();
    let graph = gated(&build.finish(&[last]).unwrap());
    assert_eq!(gates(&graph), ["conv/gate"]);
    assert_eq!(input_of(&graph, "conv/gate"), "norm");
    assert_eq!(input_of(&graph, "relu"), "conv/gate");
}

#[test]
fn a_name_that_is_taken_is_not_used_again() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(graph::Shape::new(4, 4, 1)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(2, 1)), &[image]).unwrap();
    let next = build.add("conv/gate", Op::Conv2d(Conv2d::square(2, 1)), &[conv]).unwrap();
    let last = build.add("last", Op::Conv2d(Conv2d::square(2, 1)), &[next]).unwrap();
    let graph = gated(&build.finish(&[last]).unwrap());
    assert_eq!(gates(&graph), ["conv/gate_", "conv/gate/gate"]);
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn every_layer_that_can_lose_channels_has_its_own_gate(graph in strategies::any_graph()) {
        let with = gated(&graph);
        let channels = Channels::of(&with);
        let sources = Sources::of(&with, &channels, &Gate);
        for (id, _) in with.nodes().filter(|(_, node)| node.op.is_producer()) {
            for group in channels.on(id) {
                prop_assert!(channels.is_frozen(*group) || !sources.members(*group).is_empty());
            }
        }
        prop_assert_eq!(gated(&with), with);
    }

    #[test]
    fn channels_and_their_groups_stay_as_they_are(graph in strategies::any_graph()) {
        let with = gated(&graph);
        let (before, after) = (Channels::of(&graph), Channels::of(&with));
        prop_assert_eq!(before.len(), after.len());
        for (id, other) in same(&graph, &with) {
            prop_assert_eq!(graph.node(id).shape, with.node(other).shape);
            prop_assert_eq!(before.on(id), after.on(other));
            for group in before.on(id) {
                prop_assert_eq!(before.is_frozen(*group), after.is_frozen(*group));
            }
        }
    }

    #[test]
    fn a_decision_with_gates_is_one_without(
        (graph, keep) in strategies::graph().prop_flat_map(|graph| {
            let keeps = strategies::keeps(&graph);
            (Just(graph), keeps)
        })
    ) {
        let with = gated(&graph);
        let of = |graph: &Graph| ChannelMap::of(graph, &Channels::of(graph), &keep);
        if let (Ok(before), Ok(after)) = (of(&graph), of(&with)) {
            for (id, other) in same(&graph, &with) {
                prop_assert_eq!(before.on(id), after.on(other));
            }
        }
    }

    /// Behind open gates every value is as without.
    #[test]
    fn open_gates_change_nothing(
        graph in strategies::graphs(strategies::Options {
            constructs: true, ..strategies::Options::default()
        }),
        seed in 0_u64..1000,
    ) {
        let with = gated(&graph);
        let known = random_parameters(&graph, seed);
        let mut parameters = testkit::Parameters::new();
        for spec in with.parameters() {
            let name = &with.node(spec.node).name;
            let values = match graph.find(name) {
                Some(id) => known[&(id, spec.role)].clone(),
                None => vec![60.0; spec.len()],
            };
            prop_assert!(graph.find(name).is_some() || spec.role == Role::Logit);
            parameters.insert((spec.node, spec.role), values);
        }
        let image = graph.nodes().find(|(_, node)| matches!(node.op, Op::Input(_))).unwrap().1.shape;
        let images = random_images(image, 1, seed);
        let before = interpret(&graph, &known, &images, 1, Mode::Infer);
        let after = interpret(&with, &parameters, &images, 1, Mode::Infer);
        for (id, other) in same(&graph, &with) {
            prop_assert_eq!(before.on(id), after.on(other));
        }
    }
}

/// The gates of a chain, of sums and of concatenations silence what they are for.
#[test]
fn every_open_channel_can_die_by_its_gates() {
    for graph in [bench::chain(&[3, 4]), bench::residual(4), bench::inception(4), bench::dense(4)] {
        let with = gated(&graph);
        let kind = StrengthKind::Gate { on: MaskOrProbability::Probability };
        let settings = Settings { kind, ..Settings::default() };
        let penalty = MorphNet::new(&with, CostForm::of(&Flops, &with), settings);
        for group in penalty.channels().groups() {
            assert_ne!(penalty.prunable().contains(group), penalty.channels().is_frozen(group));
        }
    }
}

//! Surgery on random networks and on small networks of every family, checked with the naive interpreter.
#![cfg(test)]

mod arms;
mod batch_norms;
mod expand;
mod families;
mod fold;
mod grow;
mod recalibrate;
mod structure;

use std::collections::BTreeMap;

use datasets::Streams;
use graph::{Builder, ChannelMap, Channels, Conv2d, Graph, GraphError, Linear, Op, Shape};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use surgery::{mask, shrink};
use testkit::{Mode, interpret, random_images, random_parameters, strategies};
use training::{Network, Parameters};

/// A network with the reference's random parameters, so that running statistics are not trivial either.
fn random_network(graph: &Graph, seed: u64) -> Network {
    let mut network = Network::init(graph.clone(), Streams::new(seed));
    for ((node, role), values) in random_parameters(graph, seed) {
        let slots = network.parameters.values_mut(node, role).unwrap();
        for (slot, value) in slots.iter_mut().zip(values) {
            *slot = value as f32;
        }
    }
    network
}

/// The parameters of a network as the reference takes them.
fn as_reference(network: &Network) -> testkit::Parameters {
    let mut parameters = testkit::Parameters::new();
    for (node, role, tensor) in network.parameters.iter() {
        parameters.insert((node, role), tensor.iter().map(|value| f64::from(*value)).collect());
    }
    parameters
}

fn logits(network: &Network) -> Vec<f64> {
    let graph = &network.graph;
    let image = graph.nodes().find(|(_, node)| matches!(node.op, Op::Input(_))).unwrap().1.shape;
    let images = random_images(image, 2, 7);
    let evaluation = interpret(graph, &as_reference(network), &images, 2, Mode::Infer);
    evaluation.wires[graph.outputs()[0].index()].clone()
}

fn assert_close(left: &[f64], right: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(left.len(), right.len());
    for (a, b) in left.iter().zip(right) {
        prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{} and {}", a, b);
    }
    Ok(())
}

fn graph_and_keep(options: strategies::Options) -> impl Strategy<Value = (Graph, graph::Keep)> {
    strategies::graphs(options).prop_flat_map(|graph| {
        let keeps = strategies::keeps(&graph);
        (Just(graph), keeps)
    })
}

/// Networks whose dead channels are silent, with every operator.
fn prunable() -> strategies::Options {
    strategies::Options {
        prunable: true,
        constructs: true,
        untrained: true,
        ..strategies::Options::default()
    }
}

fn every_operator() -> strategies::Options {
    strategies::Options { prunable: false, ..prunable() }
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn the_masked_and_the_compact_network_give_the_same_logits(
        (graph, keep) in graph_and_keep(prunable()),
        seed in 0_u64..1000,
    ) {
        let channels = Channels::of(&graph);
        if let Ok(survivors) = ChannelMap::of(&graph, &channels, &keep) {
            let network = random_network(&graph, seed);
            let compact = shrink(&network, &survivors).unwrap();
            let context = || format!("{graph}{:?}\n{}", survivors, compact.graph);
            assert_close(&logits(&mask(&network, &survivors)), &logits(&compact))
                .map_err(|error| TestCaseError::fail(format!("{error} {}", context())))?;
            prop_assert_eq!(compact.graph.widths().len(), compact.graph.len());
        }
    }

    #[test]
    fn keeping_everything_changes_nothing(graph in strategies::any_graph(), seed in 0_u64..1000) {
        let channels = Channels::of(&graph);
        let survivors = ChannelMap::of(&graph, &channels, &channels.keep_all()).unwrap();
        let network = random_network(&graph, seed);
        prop_assert_eq!(&shrink(&network, &survivors).unwrap(), &network);
        prop_assert_eq!(&mask(&network, &survivors), &network);
    }

    #[test]
    fn survivors_always_rebuild((graph, keep) in graph_and_keep(every_operator())) {
        let channels = Channels::of(&graph);
        match ChannelMap::of(&graph, &channels, &keep) {
            Ok(survivors) => {
                let rebuilt = graph.with_channels(&survivors).unwrap();
                for (id, node) in rebuilt.nodes() {
                    let before = graph.find(&node.name).unwrap();
                    prop_assert_eq!(node.shape.channels, survivors.on(before).len());
                    prop_assert_eq!(rebuilt.node(id).op.kind(), graph.node(before).op.kind());
                }
            }
            Err(GraphError::Cut(_) | GraphError::PartialLoss { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn shrinking_twice_is_shrinking_once((graph, keep) in graph_and_keep(prunable()), seed in 0_u64..1000) {
        let channels = Channels::of(&graph);
        if let Ok(survivors) = ChannelMap::of(&graph, &channels, &keep) {
            let once = shrink(&random_network(&graph, seed), &survivors).unwrap();
            let channels = Channels::of(&once.graph);
            let all = ChannelMap::of(&once.graph, &channels, &channels.keep_all()).unwrap();
            prop_assert_eq!(&shrink(&once, &all).unwrap(), &once);
        }
    }
}

/// The property of masked and compact networks is about something: decisions that are possible narrow every operator.
#[test]
fn possible_decisions_narrow_every_operator() {
    let mut runner = TestRunner::deterministic();
    let strategy = graph_and_keep(prunable());
    let mut narrowed: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..8000 {
        let (graph, keep) = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(map) = ChannelMap::of(&graph, &Channels::of(&graph), &keep) else { continue };
        for (id, node) in graph.nodes() {
            if (1..node.shape.channels).contains(&map.on(id).len()) {
                *narrowed.entry(node.op.kind()).or_default() += 1;
            }
        }
    }
    // An image, and what depends on neighbours, keep their channels.
    let kept = ["input", "softmax", "local-response-norm", "bias"];
    assert_eq!(narrowed.len(), 31 - kept.len(), "{narrowed:?}");
    assert!(narrowed.values().all(|count| *count >= 5), "{narrowed:?}");
}

#[test]
fn a_missing_parameter_is_named() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(4, 4, 1)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(2, 3)), &[image]).unwrap();
    let pool = build.add("pool", Op::GlobalAvgPool, &[conv]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(2)), &[pool]).unwrap();
    let graph = build.finish(&[logits]).unwrap();
    let channels = Channels::of(&graph);
    let survivors = ChannelMap::of(&graph, &channels, &channels.keep_all()).unwrap();
    let network = Network { graph, parameters: Parameters::new() };
    let error = shrink(&network, &survivors).unwrap_err();
    assert_eq!(error.to_string(), "parameter Weight of node `conv` is missing");
}

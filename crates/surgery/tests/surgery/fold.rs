//! Shrinking that carries over what dead channels said.

use datasets::Streams;
use graph::{
    Activation, BatchNorm, Builder, ChannelMap, Channels, Conv2d, Graph, Keep, Linear, Op, Padding,
    Role, Shape, Window,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use surgery::{Lost, mask, shrink, shrink_folding};
use testkit::strategies;
use training::Network;

use crate::{graph_and_keep, logits, prunable, random_network};

/// The network with the scales of all dead groups at zero; their shifts stay.
fn silenced(network: &Network, keep: &Keep) -> Network {
    let mut silenced = network.clone();
    let channels = Channels::of(&network.graph);
    for (id, _) in network.graph.nodes().filter(|(_, node)| matches!(node.op, Op::BatchNorm(_))) {
        let scales = silenced.parameters.values_mut(id, Role::Gamma).unwrap();
        for (scale, group) in scales.iter_mut().zip(channels.on(id)) {
            if !keep.is_alive(*group) {
                *scale = 0.0;
            }
        }
    }
    silenced
}

fn close(left: &[f64], right: &[f64]) -> bool {
    let largest = left.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
    left.iter().zip(right).all(|(a, b)| (a - b).abs() <= 1e-5 * largest)
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn if_nothing_is_lost_every_logit_stays((graph, keep) in graph_and_keep(prunable()), seed in 0_u64..1000) {
        if let Ok(map) = ChannelMap::of(&graph, &Channels::of(&graph), &keep) {
            let network = silenced(&random_network(&graph, seed), &keep);
            let folded = shrink_folding(&network, &map).unwrap();
            if folded.lost.is_empty() {
                let (before, after) = (logits(&network), logits(&folded.network));
                prop_assert!(close(&before, &after), "{:?} and {:?}\n{}", before, after, graph);
            }
        }
    }

    #[test]
    fn where_dead_channels_are_silent_it_is_shrinking(
        (graph, keep) in graph_and_keep(prunable()),
        seed in 0_u64..1000,
    ) {
        if let Ok(map) = ChannelMap::of(&graph, &Channels::of(&graph), &keep) {
            let network = mask(&random_network(&graph, seed), &map);
            let folded = shrink_folding(&network, &map).unwrap();
            prop_assert_eq!(&folded.lost, &Vec::new());
            prop_assert_eq!(folded.folded, 0);
            prop_assert_eq!(folded.network, shrink(&network, &map).unwrap());
        }
    }
}

/// The first property above is about something: constants are folded in many random networks, and lost in others.
#[test]
fn random_networks_fold_and_lose() {
    let mut runner = TestRunner::deterministic();
    let strategy = graph_and_keep(prunable());
    let (mut exact, mut lossy) = (0, 0);
    for _ in 0..2000 {
        let (graph, keep) = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(map) = ChannelMap::of(&graph, &Channels::of(&graph), &keep) else { continue };
        let folded = shrink_folding(&silenced(&random_network(&graph, 0), &keep), &map).unwrap();
        exact += usize::from(folded.folded > 0 && folded.lost.is_empty());
        lossy += usize::from(!folded.lost.is_empty());
    }
    assert!(exact >= 100 && lossy >= 100, "{exact} exact, {lossy} with losses");
}

/// Two convolutions with a norm between; the second has a 3x3 window and perhaps a bias or a norm of its own.
fn pair(padding: Padding, bias: bool, normed: bool) -> Graph {
    let mut build = Builder::new();
    let mut add = |name: &str, op: Op, input: &[graph::NodeId]| build.add(name, op, input).unwrap();
    let image = add("image", Op::Input(Shape::new(6, 6, 1)), &[]);
    let first = add("first", Op::Conv2d(Conv2d::square(3, 1)), &[image]);
    let norm = add("first/norm", Op::BatchNorm(BatchNorm::scaled()), &[first]);
    let relu = add("first/relu", Op::Activation(Activation::Relu), &[norm]);
    let window = Window::square(3).padding(padding);
    let second = add("second", Op::Conv2d(Conv2d { bias, ..Conv2d::new(2, window) }), &[relu]);
    let end = if normed {
        add("second/norm", Op::BatchNorm(BatchNorm::scaled()), &[second])
    } else {
        second
    };
    let pool = add("pool", Op::GlobalAvgPool, &[end]);
    let logits = add("logits", Op::Linear(Linear::new(2)), &[pool]);
    build.finish(&[logits]).unwrap()
}

/// A channel of the first convolution dies with scale 0 and shift 0.5.
#[test]
fn a_constant_goes_into_a_bias_or_a_norm_and_is_lost_beside_padding() {
    let lost = [Lost { reader: "second".to_owned(), channels: 2 }];
    for (padding, bias, normed, expected) in [
        (Padding::Valid, true, false, &[][..]),
        (Padding::Valid, false, true, &[]),
        (Padding::Valid, true, true, &[]),
        (Padding::Valid, false, false, &lost),
        (Padding::Same, true, true, &lost),
    ] {
        let graph = pair(padding, bias, normed);
        let channels = Channels::of(&graph);
        let norm = graph.find("first/norm").unwrap();
        let dead = channels.on(norm)[1];
        let keep = channels.keep_where(|group| group != dead);
        let map = ChannelMap::of(&graph, &channels, &keep).unwrap();
        let mut network = random_network(&graph, 4);
        network.parameters.values_mut(norm, Role::Gamma).unwrap()[1] = 0.0;
        network.parameters.values_mut(norm, Role::Beta).unwrap()[1] = 0.5;
        let folded = shrink_folding(&network, &map).unwrap();
        let exact = close(&logits(&network), &logits(&folded.network));
        assert_eq!((folded.lost.as_slice(), exact), (expected, expected.is_empty()));
        assert_eq!(folded.folded, if exact { 2 } else { 0 });
        assert!(!close(&logits(&network), &logits(&shrink(&network, &map).unwrap())));
        // With another scale the channel is no constant.
        network.parameters.values_mut(norm, Role::Gamma).unwrap()[1] = 0.3;
        assert_eq!(shrink_folding(&network, &map).unwrap().lost, lost);
    }
}

/// A negative constant behind a ReLU says nothing, padding or not.
#[test]
fn a_shift_that_the_activation_cuts_off_is_silent() {
    let graph = pair(Padding::Same, false, false);
    let channels = Channels::of(&graph);
    let norm = graph.find("first/norm").unwrap();
    let dead = channels.on(norm)[0];
    let map = ChannelMap::of(&graph, &channels, &channels.keep_where(|group| group != dead));
    let mut network = Network::init(graph, Streams::new(0));
    network.parameters.values_mut(norm, Role::Gamma).unwrap()[0] = 0.0;
    network.parameters.values_mut(norm, Role::Beta).unwrap()[0] = -0.5;
    let folded = shrink_folding(&network, &map.unwrap()).unwrap();
    assert_eq!((folded.folded, folded.lost.len()), (0, 0));
    assert!(close(&logits(&network), &logits(&folded.network)));
}

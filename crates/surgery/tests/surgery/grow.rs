//! Growth that changes no logit.

use cost_models::{CostForm, Params};
use datasets::{Augmentation, Bars, Batches, ImageSet, Normalization, Streams};
use graph::{ChannelMap, Channels, Graph, Op, Role};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use surgery::{SurgeryError, expand, grow, scale, shrink};
use testkit::{strategies, toys};
use training::{Control, Curve, GateRecipe, Network, Optimizer, Recipe, Schedule, Trainer};

use crate::{assert_close, families::small_networks, logits, random_network};

/// A graph widened to a multiple of its parameters.
fn widened(graph: &Graph, share: f64) -> Graph {
    let budget = share * CostForm::of(&Params, graph).at(&graph.widths());
    expand(graph, &Params, budget, 1).unwrap().graph
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn a_grown_network_gives_the_same_logits(
        graph in strategies::any_graph(),
        share in 1.0_f64..5.0,
        seed in 0_u64..1000,
    ) {
        let network = random_network(&graph, seed);
        let wider = widened(&graph, share);
        match grow(&network, &wider, Streams::new(seed)) {
            Ok(grown) => {
                prop_assert_eq!(&grown.graph, &wider);
                assert_close(&logits(&network), &logits(&grown))
                    .map_err(|error| TestCaseError::fail(format!("{error}\n{graph}\n{wider}")))?;
            }
            Err(SurgeryError::NotWider { problem, .. }) => {
                prop_assert!(!problem.contains("narrower") && !problem.contains("differs"), "{}", problem);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn growing_to_the_same_widths_changes_nothing(graph in strategies::any_graph(), seed in 0_u64..1000) {
        let network = random_network(&graph, seed);
        prop_assert_eq!(grow(&network, &graph, Streams::new(seed)).unwrap(), network);
    }

    #[test]
    fn what_was_grown_is_taken_away_again(
        graph in strategies::graphs(strategies::Options { conv_bn_act_only: true, ..Default::default() }),
        seed in 0_u64..1000,
    ) {
        let network = random_network(&graph, seed);
        let grown = grow(&network, &widened(&graph, 3.0), Streams::new(seed)).unwrap();
        let channels = Channels::of(&grown.graph);
        // In a chain new channels are the last ones of their wire.
        let old = |id: graph::NodeId| graph.node(id).shape.channels;
        let mut alive = vec![false; channels.len()];
        for (id, _) in grown.graph.nodes() {
            for group in &channels.on(id)[..old(id)] {
                alive[group.index()] = true;
            }
        }
        let keep = channels.keep_where(|group| alive[group.index()]);
        let map = ChannelMap::of(&grown.graph, &channels, &keep).unwrap();
        prop_assert_eq!(shrink(&grown, &map).unwrap(), network);
    }
}

/// The property above is about something: growth is possible for almost every random network that can be widened.
#[test]
fn growth_is_rarely_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut grown, mut refused) = (0, 0);
    for _ in 0..500 {
        let graph = strategies::any_graph().new_tree(&mut runner).unwrap().current();
        let wider = widened(&graph, 3.0);
        if wider != graph {
            match grow(&random_network(&graph, 0), &wider, Streams::new(0)) {
                Ok(_) => grown += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(grown > 250 && refused * 50 < grown, "{grown} grown, {refused} refused");
}

#[test]
fn small_networks_of_every_family_grow_without_changing_a_logit() {
    for (name, graph) in small_networks() {
        let network = random_network(&graph, 1);
        let grown = grow(&network, &widened(&graph, 1.5), Streams::new(2)).unwrap();
        for (before, after) in logits(&network).iter().zip(logits(&grown)) {
            assert!(
                (before - after).abs() <= 1e-9 * (1.0 + before.abs()),
                "{name}: {before} and {after}"
            );
        }
    }
}

/// The images of one batch of 5 classes.
pub(crate) fn images() -> ImageSet {
    let bars = Bars { training: 16, test: 1, side: 32, channels: 3 };
    let (images, _) = bars.generate(Streams::new(0)).unwrap();
    ImageSet::new(images.images().to_owned(), images.labels().to_vec(), 5).unwrap()
}

/// The network after some steps of one batch each.
fn trained(network: &Network, images: &ImageSet, steps: u32) -> Network {
    let recipe = Recipe {
        epochs: steps,
        batch_size: 16,
        optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
        learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate: 0.1 } },
        weight_decay: 0.0,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        batch_norm_momentum: 0.1,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    };
    let streams = Streams::new(0);
    let normalization = Normalization::of(images);
    let batches = Batches::new(images, &normalization, 16, recipe.augmentation, streams).unwrap();
    let device = testkit::cpu(1);
    let mut trainer = Trainer::new(network, &recipe, streams, &device).unwrap();
    while !trainer.is_finished() {
        trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
    }
    trainer.network()
}

/// Kernel values of a network, with the places where they are exactly zero.
fn zeros(network: &Network) -> usize {
    let kernels = network.parameters.iter().filter(|(_, role, _)| *role == Role::Weight);
    kernels.map(|(_, _, tensor)| tensor.iter().filter(|value| **value == 0.0).count()).sum()
}

/// Zero kernels where old channels read new ones receive a gradient in the first step, so that new channels receive one
/// in the second.
#[test]
fn new_channels_learn_in_every_family() {
    let images = images();
    for (name, graph) in small_networks().filter(|(name, _)| !name.contains("inception-v3")) {
        let network = Network::init(graph.clone(), Streams::new(1));
        let grown = grow(&network, &widened(&graph, 1.5), Streams::new(2)).unwrap();
        let (silent, heard) = (zeros(&grown), zeros(&trained(&grown, &images, 1)));
        // Without norms some ReLUs are zero for all 16 images.
        let normed = graph.nodes().any(|(_, node)| matches!(node.op, Op::BatchNorm(_)));
        let most = if normed { silent / 20 } else { silent / 2 };
        assert!(
            silent > 0 && heard < most,
            "{name}: {heard} of {silent} kernel values are zero still"
        );
    }
}

#[test]
fn another_network_is_refused_by_the_name_of_the_node() {
    let network = random_network(&toys::chain(), 0);
    let narrower = scale(&toys::chain(), 0.5, 1).unwrap();
    let refusal = |wider: &Graph| grow(&network, wider, Streams::new(0)).unwrap_err().to_string();
    assert_eq!(
        refusal(&narrower),
        "cannot grow to this network: node `conv1` is narrower; grow to a network that `expand` made of it"
    );
    assert!(refusal(&toys::residual()).contains("node `conv3` differs in more than its width"));
}

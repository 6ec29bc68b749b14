//! The penalty and its proximal step.
#![cfg(test)]

use cost_models::{CostForm, Flops};
use datasets::{Augmentation, Bars, Batches, Evaluation, Normalization, Streams};
use graph::{
    Activation, Axis, BatchNorm, Builder, ChannelMap, Channels, Conv2d, Graph, Linear, NodeId, Op,
    Role, Shape,
};
use proptest::prelude::*;
use regularizers::{
    Filter, Gamma, Grouping, Kept, MorphNet, Prunable, Settings, Sources, StrengthKind, shares,
    shrink_filter, shrink_maximum,
};
use surgery::{expand, mask, shrink};
use testkit::{strategies, toys};
use training::{
    Control, Curve, Evaluator, Filters, GateRecipe, Network, Optimizer, Parameters, Penalty,
    PenaltyStep, Recipe, Schedule, Trainer,
};

fn objective(x: &[f32], v: &[f32], threshold: f64) -> f64 {
    let largest = x.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
    let distance: f64 = x.iter().zip(v).map(|(x, v)| (f64::from(*x) - f64::from(*v)).powi(2)).sum();
    threshold * largest + distance / 2.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_point_nearby_beats_the_proximal_point(
        values in prop::collection::vec(-2.0_f32..2.0, 1..6),
        threshold in 0.0_f64..3.0,
        step in prop::collection::vec(-0.1_f32..0.1, 6),
    ) {
        let mut proximal = values.clone();
        shrink_maximum(&mut proximal, threshold);
        let moved: Vec<f32> = proximal.iter().zip(&step).map(|(x, step)| x + step).collect();
        let best = objective(&proximal, &values, threshold);
        prop_assert!(best <= objective(&moved, &values, threshold) + 1e-5);
        prop_assert!(best <= objective(&values, &values, threshold) + 1e-5);
        prop_assert!(best <= objective(&vec![0.0; values.len()], &values, threshold) + 1e-5);
    }

    #[test]
    fn one_value_is_soft_thresholded(value in -2.0_f32..2.0, threshold in 0.0_f64..3.0) {
        let mut proximal = [value];
        shrink_maximum(&mut proximal, threshold);
        let expected = f64::from(value).signum() * (f64::from(value.abs()) - threshold).max(0.0);
        prop_assert!((f64::from(proximal[0]) - expected).abs() < 1e-6);
        prop_assert_eq!(proximal[0] == 0.0, f64::from(value.abs()) <= threshold || value == 0.0);
    }

    #[test]
    fn filters_take_the_proximal_step_of_their_group(
        graph in strategies::graph(),
        seed in 0_u64..1000,
        rate in 0.0_f64..2.0,
        l1_fraction in prop::sample::select(vec![0.0_f32, 0.4]),
        grouping in prop::sample::select(vec![Grouping::Max, Grouping::L2 { threshold: 1e-3 }]),
    ) {
        let kind = StrengthKind::GroupLasso { l1_fraction };
        let form = CostForm::of(&Flops, &graph);
        let settings = Settings { kind, grouping, strength: 1.0, ..Settings::default() };
        let mut penalty = MorphNet::new(&graph, form.clone(), settings);
        let mut parameters = Parameters::init(&graph, Streams::new(seed));
        let mut expected = parameters.clone();
        let before = penalty.strengths(&parameters);
        let prices = penalty.prices(&before);
        let l1_fraction = f64::from(l1_fraction);
        for group in penalty.channels().groups().filter(|group| before[group.index()].is_finite()) {
            let members = penalty.sources().members(group);
            let mut filters: Vec<Vec<f32>> = members
                .iter()
                .map(|(node, channel)| {
                    let kernel = parameters.values(*node, Role::Weight).unwrap();
                    places(&graph, *node, *channel, kernel.len()).map(|at| kernel[at]).collect()
                })
                .collect();
            let strength = |filter: &Vec<f32>| {
                let l1_fraction = if filter.len() > 1 { l1_fraction } else { 0.0 };
                let mean = |of: fn(f64) -> f64| {
                    filter.iter().map(|weight| of(f64::from(*weight))).sum::<f64>() / filter.len() as f64
                };
                (1.0 - l1_fraction) * mean(|weight| weight * weight).sqrt() + l1_fraction * mean(f64::abs)
            };
            let as_members: Vec<Filter> = filters
                .iter()
                .map(|filter| Filter { strength: strength(filter), count: filter.len() as f64 })
                .collect();
            let size = rate * prices[group.index()] / form.at(&graph.widths());
            let shares = if size > 0.0 { shares(&as_members, size, grouping) } else { Some(vec![0.0; members.len()]) };
            for (index, filter) in filters.iter_mut().enumerate() {
                match &shares {
                    Some(shares) => {
                        let l1_fraction = if filter.len() > 1 { l1_fraction } else { 0.0 };
                        shrink_filter(filter, shares[index], l1_fraction);
                    }
                    None => filter.fill(0.0),
                }
            }
            for ((node, channel), filter) in members.iter().zip(filters) {
                let kernel = expected.values_mut(*node, Role::Weight).unwrap();
                for (at, value) in places(&graph, *node, *channel, kernel.len()).zip(filter) {
                    kernel[at] = value;
                }
            }
        }
        penalty.apply(&mut parameters, &mut Filters::new(), at(rate));
        for node in penalty.sources().nodes() {
            let [found, expected] = [&parameters, &expected].map(|it| it.values(*node, Role::Weight).unwrap());
            for (found, expected) in found.iter().zip(expected) {
                prop_assert!((found - expected).abs() <= 1e-6 + 1e-5 * expected.abs(), "{} {}", found, expected);
            }
        }
    }

    #[test]
    fn a_decision_never_cuts_the_network(graph in strategies::graph(), seed in 0_u64..1000) {
        let penalty = unit_penalty(&graph, 0.5);
        let mut parameters = Parameters::init(&graph, Streams::new(seed));
        for (index, (node, role)) in penalty.parameters().into_iter().enumerate() {
            if role == Role::Gamma {
                for (channel, gamma) in parameters.values_mut(node, role).unwrap().iter_mut().enumerate() {
                    *gamma = if (seed as usize + 7 * index + 3 * channel).is_multiple_of(5) { 1.0 } else { 0.0 };
                }
            }
        }
        let decision = penalty.decide(&parameters).unwrap();
        prop_assert!(graph.with_widths(&decision.survivors.widths()).is_ok());
        let channels = penalty.channels();
        prop_assert!(ChannelMap::of(&graph, channels, &decision.keep).is_ok());
        for group in channels.groups().filter(|group| !penalty.prunable().contains(*group)) {
            prop_assert!(decision.keep.is_alive(group));
        }
    }
}

/// A penalty whose lambda is exactly 1.
/// Where the weights of an output channel lie in the kernel of a layer.
fn places(graph: &Graph, node: NodeId, channel: usize, len: usize) -> impl Iterator<Item = usize> {
    let body = graph.node(node);
    let (out, input) = (body.shape.channels, graph.node(body.inputs[0]).shape.channels);
    let inner = if matches!(body.op, Op::ConvTranspose(_)) { input } else { 1 };
    (0..len).filter(move |at| at / inner % out == channel)
}

fn unit_penalty(graph: &Graph, alive_threshold: f64) -> MorphNet {
    let form = CostForm::of(&Flops, graph);
    let strength = form.at(&graph.widths());
    MorphNet::new(graph, form, Settings { strength, alive_threshold, ..Settings::default() })
}

/// A step at this learning rate.
fn at(learning_rate: f64) -> PenaltyStep {
    PenaltyStep { learning_rate, step: 1, steps: 1 }
}

fn set(parameters: &mut Parameters, node: NodeId, values: &[f32]) {
    parameters.values_mut(node, Role::Gamma).unwrap().copy_from_slice(values);
}

fn repeated(parts: &[(usize, f32)]) -> Vec<f32> {
    parts.iter().flat_map(|(count, value)| vec![*value; *count]).collect()
}

/// The norm that reads a convolution.
fn norm(graph: &Graph, conv: &str) -> NodeId {
    let conv = graph.find(conv).unwrap();
    let norms = graph.nodes().filter(|(_, node)| matches!(node.op, Op::BatchNorm(_)));
    norms.into_iter().find(|(_, node)| node.inputs == [conv]).unwrap().0
}

/// The four-convolution model of the original's tests with a classifier, so that its last channels are not outputs.
fn four_conv_with_classifier() -> Graph {
    let model = toys::four_conv();
    let mut build = Builder::new();
    let mut ids = Vec::new();
    for (_, node) in model.nodes() {
        let inputs: Vec<NodeId> =
            node.inputs.iter().map(|input: &NodeId| ids[input.index()]).collect();
        ids.push(build.add(&node.name, node.op.clone(), &inputs).unwrap());
    }
    let ends: Vec<NodeId> = model.outputs().iter().map(|output| ids[output.index()]).collect();
    let pools = ["pool3", "pool4"].into_iter().zip(ends);
    let pools: Vec<NodeId> =
        pools.map(|(name, end)| build.add(name, Op::GlobalAvgPool, &[end]).unwrap()).collect();
    let concat = build.add("ends", Op::Concat(Axis::Channels), &pools).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(1)), &[concat]).unwrap();
    build.finish(&[logits]).unwrap()
}

/// FLOP penalty of the original (`resource_function_test.py`): 1,410,376.375. The classifier, which the original's model
/// lacks, charges each alive or dead channel that it reads 2 FLOPs.
#[test]
fn the_penalty_of_the_four_conv_model_is_the_originals() {
    let graph = four_conv_with_classifier();
    let mut penalty = unit_penalty(&graph, 0.45);
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    set(&mut parameters, norm(&graph, "conv1"), &repeated(&[(7, 0.8), (6, 0.2)]));
    set(&mut parameters, norm(&graph, "conv2"), &repeated(&[(11, -0.7), (12, 0.1)]));
    set(&mut parameters, norm(&graph, "conv3"), &repeated(&[(10, 0.6), (19, -0.3)]));
    set(&mut parameters, norm(&graph, "conv4"), &repeated(&[(17, -0.5), (14, -0.4)]));
    let classifier = 2.0 * (11.7 + 14.1);
    let value = penalty.apply(&mut parameters, &mut Filters::new(), at(0.0));
    let expected = 1_410_376.375;
    assert!((value - classifier - expected).abs() < 2e-6 * expected, "{value} - {classifier}");
}

#[test]
fn a_group_tied_by_an_addition_dies_as_one_and_takes_its_shifts_with_it() {
    let graph = toys::diamond();
    let mut penalty = unit_penalty(&graph, 0.01);
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    let (left, right) = (norm(&graph, "conv2"), norm(&graph, "conv3"));
    for node in [left, right] {
        parameters.values_mut(node, Role::Beta).unwrap().fill(0.5);
    }
    set(&mut parameters, left, &[1e-3, 1.0, 1.0, 1.0, 1.0, 1.0]);
    set(&mut parameters, right, &[2e-3, 1e-3, 1.0, 1.0, 1.0, 1.0]);
    let price = penalty.prices(&penalty.strengths(&parameters));
    let group = penalty.channels().on(left)[0];
    // A step that takes the weak pair to zero and leaves the others alive.
    penalty.apply(&mut parameters, &mut Filters::new(), at(4e-3 / price[group.index()]));
    for node in [left, right] {
        assert_eq!(parameters.values(node, Role::Gamma).unwrap()[0], 0.0);
        assert_eq!(parameters.values(node, Role::Beta).unwrap()[0], 0.0);
        assert!(parameters.values(node, Role::Beta).unwrap()[1..].iter().all(|beta| *beta == 0.5));
    }
    let decision = penalty.decide(&parameters).unwrap();
    assert_eq!(decision.survivors.on(left), decision.survivors.on(right));
    assert_eq!(decision.survivors.on(left), [1, 2, 3, 4, 5]);
}

#[test]
fn the_threshold_is_strict_and_in_single_precision() {
    let penalty = unit_penalty(&toys::chain(), 0.1);
    assert!(!penalty.is_alive(0.1));
    assert!(penalty.is_alive(0.1_f32.next_up()));
}

#[test]
fn when_everything_dies_the_strongest_channels_keep_the_network_whole() {
    let graph = toys::chain();
    let penalty = unit_penalty(&graph, 0.5);
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    set(&mut parameters, norm(&graph, "conv1"), &[0.1, 0.2, 0.4, 0.3]);
    set(&mut parameters, norm(&graph, "conv2"), &[0.1, 0.0, 0.0, 0.0, 0.0]);
    let decision = penalty.decide(&parameters).unwrap();
    assert_eq!(decision.survivors.on(graph.find("conv1").unwrap()), [2]);
    assert_eq!(decision.survivors.on(graph.find("conv2").unwrap()), [0]);
    assert_eq!(decision.revived.len(), 2);
}

/// image -- conv -- norm -- `activation` -- pool -- logits
fn chain_with(activation: Activation, scale: bool) -> Graph {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(6, 6, 1)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(3, 3)), &[image]).unwrap();
    let norm =
        build.add("norm", Op::BatchNorm(BatchNorm { scale, epsilon: 1e-3 }), &[conv]).unwrap();
    let activation = build.add("activation", Op::Activation(activation), &[norm]).unwrap();
    let pool = build.add("pool", Op::GlobalAvgPool, &[activation]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(2)), &[pool]).unwrap();
    build.finish(&[logits]).unwrap()
}

fn prunable_groups(graph: &Graph, channels: &Channels) -> Prunable {
    Prunable::of(graph, channels, &Sources::of(graph, channels, &Gamma))
}

#[test]
fn channels_that_would_still_speak_cannot_die_and_the_reader_is_named() {
    let graph = chain_with(Activation::Sigmoid, true);
    let prunable = prunable_groups(&graph, &Channels::of(&graph));
    let readers: Vec<&str> =
        prunable.leaks().iter().map(|leak| graph.node(leak.reader).name.as_str()).collect();
    assert_eq!(readers, ["logits", "logits", "logits"]);

    let graph = chain_with(Activation::Relu, true);
    let channels = Channels::of(&graph);
    let prunable = prunable_groups(&graph, &channels);
    assert!(prunable.leaks().is_empty());
    assert!(channels.on(graph.find("conv").unwrap()).iter().all(|group| prunable.contains(*group)));
}

#[test]
fn a_norm_without_scale_is_no_source() {
    let graph = chain_with(Activation::Relu, false);
    let channels = Channels::of(&graph);
    assert!(Sources::of(&graph, &channels, &Gamma).nodes().is_empty());
    let prunable = prunable_groups(&graph, &channels);
    assert!(channels.groups().all(|group| !prunable.contains(group)));
}

/// image -- conv1 -- conv2 -- pool -- logits, far wider than the bars need.
fn wide_for_bars() -> Graph {
    let mut build = Builder::new();
    let mut wire = build.add("image", Op::Input(Shape::new(8, 8, 1)), &[]).unwrap();
    for (name, width) in [("conv1", 24), ("conv2", 24)] {
        let conv = build.add(name, Op::Conv2d(Conv2d::square(width, 3)), &[wire]).unwrap();
        let norm = build
            .add(&format!("{name}/norm"), Op::BatchNorm(BatchNorm::scaled()), &[conv])
            .unwrap();
        wire =
            build.add(&format!("{name}/relu"), Op::Activation(Activation::Relu), &[norm]).unwrap();
    }
    let pool = build.add("pool", Op::GlobalMaxPool, &[wire]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(Bars::CLASSES)), &[pool]).unwrap();
    build.finish(&[logits]).unwrap()
}

/// The whole loop of the README on a set that needs few channels.
#[test]
fn a_search_leaves_channels_that_are_exactly_silent_and_shrinking_keeps_every_verdict() {
    let streams = Streams::new(0);
    let (train, test) = Bars { training: 1024, ..Bars::default() }.generate(streams).unwrap();
    let recipe = Recipe {
        epochs: 12,
        batch_size: 32,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: true },
        learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate: 0.05 } },
        weight_decay: 0.0,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        batch_norm_momentum: 0.1,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    };
    let seed = wide_for_bars();
    let flops = CostForm::of(&Flops, &seed);
    let budget = flops.at(&seed.widths());
    let settings = Settings { strength: 2.0, ..Settings::default() };
    let mut penalty = MorphNet::new(&seed, flops, settings);
    let network = Network::init(seed.clone(), streams);
    let device = testkit::cpu(1);
    let normalization = Normalization::of(&train);
    let batches = Batches::new(&train, &normalization, 32, recipe.augmentation, streams).unwrap();
    let mut trainer = Trainer::new(&network, &recipe, streams, &device).unwrap();
    while !trainer.is_finished() {
        trainer.epoch(&batches, &mut penalty, &mut |_| Control::Continue).unwrap();
    }
    let learned = trainer.network();
    let decision = penalty.decide(&learned.parameters).unwrap();
    let dead = decision.strengths.iter().filter(|strength| !penalty.is_alive(**strength)).count();
    assert!(dead >= 10, "{dead} groups are dead");
    assert!(decision.revived.is_empty());
    let zero = decision.strengths.iter().filter(|strength| **strength == 0.0).count();
    assert!(zero * 10 >= dead * 9, "{zero} of {dead} dead groups are exactly zero");

    let masked = mask(&learned, &decision.survivors);
    let small = shrink(&learned, &decision.survivors).unwrap();
    let images = Evaluation::new(&test, &normalization, 64).unwrap();
    let score = |network: &Network| {
        Evaluator::new(&network.graph, 64, &device).unwrap().score(network, &images).unwrap()
    };
    let (before, after) = (score(&masked), score(&small));
    assert_eq!(before.accuracy, after.accuracy);
    assert!((before.loss - after.loss).abs() < 1e-5 * (1.0 + before.loss));
    assert!(after.accuracy > 0.9, "{after:?}");

    let wide = expand(&small.graph, &Flops, budget, 1).unwrap();
    assert!(wide.cost <= budget && wide.width_multiplier > 1.0);
}

#[test]
fn what_cannot_be_pruned_is_listed_with_its_reason_and_node() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(4, 4, 2)), &[]).unwrap();
    let mut unit = |name: &str, width: usize, scale: bool, input: NodeId| {
        let conv = build.add(name, Op::Conv2d(Conv2d::square(width, 1)), &[input]).unwrap();
        let norm = Op::BatchNorm(BatchNorm { scale, epsilon: 1e-3 });
        build.add(&format!("{name}/norm"), norm, &[conv]).unwrap()
    };
    let free = unit("free", 3, true, image);
    let plain = unit("plain", 4, false, free);
    let normed = unit("normed", 5, true, plain);
    let one = unit("one", 1, true, normed);
    let sigmoid = build.add("sigmoid", Op::Activation(Activation::Sigmoid), &[normed]).unwrap();
    let masked = build.add("masked", Op::Mul, &[sigmoid, one]).unwrap();
    let softmax = build.add("softmax", Op::Softmax, &[masked]).unwrap();
    let pool = build.add("pool", Op::GlobalAvgPool, &[softmax]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(2)), &[pool]).unwrap();
    let graph = build.finish(&[logits]).unwrap();
    let words: Vec<String> =
        Kept::by_scales(&graph).iter().map(|kept| kept.words(&graph)).collect();
    assert_eq!(
        words,
        [
            "`plain` keeps 4 of 4 channels: no batch norm with a scale lies on them",
            "`normed` keeps 5 of 5 channels: every channel depends on its neighbours, even on silent ones, at `softmax` (softmax)",
            "`one` keeps 1 of 1 channels: one channel serves all channels of the other operand, at `masked` (mul)",
            "`logits` keeps 2 of 2 channels: the channels of an output are asked for, at `logits` (linear)",
        ]
    );
}

#[test]
fn a_channel_that_would_still_speak_names_its_reader() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(4, 4, 2)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(3, 1)), &[image]).unwrap();
    let norm = build.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[conv]).unwrap();
    let sigmoid = build.add("sigmoid", Op::Activation(Activation::Sigmoid), &[norm]).unwrap();
    let pool = build.add("pool", Op::GlobalAvgPool, &[sigmoid]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(2)), &[pool]).unwrap();
    let graph = build.finish(&[logits]).unwrap();
    assert_eq!(
        Kept::by_scales(&graph)[0].words(&graph),
        "`conv` keeps 3 of 3 channels: `logits` (linear) would still read values other than zero when their scales are zero"
    );
}

/// Of a mixed kind: one step takes `rate * lambda * price` off a scale and off the norm of a filter.
#[test]
fn mixed_filters_fall_as_fast_as_scales() {
    let mut build = Builder::new();
    let mut wire = build.add("image", Op::Input(Shape::new(8, 8, 3)), &[]).unwrap();
    for (name, op) in [
        ("scaled", Op::Conv2d(Conv2d::square(4, 3))),
        ("norm", Op::BatchNorm(BatchNorm::scaled())),
        ("first", Op::Activation(Activation::Relu)),
        ("bare", Op::Conv2d(Conv2d::square(5, 3))),
        ("second", Op::Activation(Activation::Relu)),
        ("pool", Op::GlobalAvgPool),
        ("logits", Op::Linear(Linear::new(2))),
    ] {
        wire = build.add(name, op, &[wire]).unwrap();
    }
    let graph = build.finish(&[wire]).unwrap();
    let form = CostForm::of(&Flops, &graph);
    let settings = Settings { kind: StrengthKind::Mixed, strength: 3.0, ..Settings::default() };
    let mut penalty = MorphNet::new(&graph, form.clone(), settings);
    let mut parameters = Parameters::init(&graph, Streams::new(1));
    let before = penalty.strengths(&parameters);
    let bare = graph.find("bare").unwrap();
    let kernel = parameters.values(bare, Role::Weight).unwrap();
    for (channel, group) in penalty.channels().on(bare).iter().enumerate() {
        let weights = kernel.iter().skip(channel).step_by(5);
        let norm = weights.map(|weight| f64::from(*weight).powi(2)).sum::<f64>().sqrt();
        assert!((f64::from(before[group.index()]) - norm).abs() < 1e-5);
    }
    let prices = penalty.prices(&before);
    let step = PenaltyStep { learning_rate: 0.1, step: 1, steps: 1 };
    penalty.apply(&mut parameters, &mut Filters::new(), step);
    let after = penalty.strengths(&parameters);
    let lambda = 3.0 / form.at(&graph.widths());
    let open = penalty.channels().groups().filter(|group| before[group.index()].is_finite());
    let falls = open.map(|group| {
        let at = group.index();
        (f64::from(before[at] - after[at]), 0.1 * lambda * prices[at])
    });
    let falls: Vec<(f64, f64)> = falls.collect();
    assert_eq!(falls.len(), 9);
    assert!(falls.iter().all(|(fall, expected)| (fall - expected).abs() < 1e-5), "{falls:?}");
}

//! Strengths, groupings and the penalty term with its gradient.
#![cfg(test)]

use std::collections::BTreeMap;

use cost_models::{CostForm, Flops, Params};
use datasets::Streams;
use graph::{
    Builder, Channels, Conv2d, ConvTranspose, Graph, GroupId, NodeId, Op, Role, Shape, Window,
};
use proptest::prelude::*;
use regularizers::{
    Blend, Gamma, Gate, GroupLasso, Grouping, Regularizer, Relaxation, SampledGate, Sources,
    Strength, StrengthError, StrengthKind,
};
use testkit::strategies::{self, cases};
use training::Parameters;

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * (1.0 + expected.abs())
}

fn members() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(0.01_f32..0.99, 1..6)
}

fn groupings() -> impl Strategy<Value = Grouping> {
    prop_oneof![
        Just(Grouping::Max),
        (0.0_f32..1.0).prop_map(|threshold| Grouping::L2 { threshold }),
        Just(Grouping::Probabilistic),
    ]
}

fn strengths() -> impl Strategy<Value = Box<dyn Strength>> {
    prop_oneof![
        Just(()).prop_map(|()| Box::new(Gamma) as Box<dyn Strength>),
        Just(()).prop_map(|()| Box::new(Gate) as Box<dyn Strength>),
        (0.0_f32..=1.0)
            .prop_map(|share| Box::new(GroupLasso::new(share).unwrap()) as Box<dyn Strength>),
        Just(StrengthKind::Mixed)
            .prop_map(|mixed| Box::new(Blend::new(mixed).unwrap()) as Box<dyn Strength>),
    ]
}

/// Random parameters with no value near 0, where an absolute value has no derivative.
fn parameters(graph: &Graph, seed: u64) -> Parameters {
    let mut parameters = Parameters::init(graph, Streams::new(seed));
    let mut state = seed | 1;
    for spec in graph.parameters() {
        if matches!(spec.role, Role::Gamma | Role::Weight | Role::Logit) {
            for value in parameters.values_mut(spec.node, spec.role).unwrap() {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let unit = (state >> 40) as f32 / (1 << 24) as f32;
                *value = (0.1 + unit) * if state >> 39 & 1 == 1 { 1.0 } else { -1.0 };
            }
        }
    }
    parameters
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn groupings_do_not_depend_on_order(
        (members, shuffled) in members().prop_flat_map(|members| {
            let shuffled = Just(members.clone()).prop_shuffle();
            (Just(members), shuffled)
        }),
        grouping in groupings(),
    ) {
        let (one, other) = (grouping.combine(&members), grouping.combine(&shuffled));
        prop_assert!(close(f64::from(one), f64::from(other), 1e-6));
    }

    #[test]
    fn groupings_do_not_depend_on_nesting(members in members(), at in 0_usize..6, grouping in groupings()) {
        let (left, right) = members.split_at(at.min(members.len()));
        let parts: Vec<f32> = [left, right]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| grouping.combine(part))
            .collect();
        let (nested, flat) = (grouping.combine(&parts), grouping.combine(&members));
        prop_assert!(close(f64::from(nested), f64::from(flat), 1e-6), "{nested} {flat}");
    }

    #[test]
    fn the_gradient_of_a_grouping_is_its_derivative(members in members(), grouping in groupings()) {
        let gradient = grouping.gradient(&members);
        prop_assert_eq!(gradient.len(), members.len());
        for (position, derivative) in gradient.into_iter().enumerate() {
            let at = |step: f32| {
                let mut moved = members.clone();
                moved[position] += step;
                f64::from(grouping.combine(&moved))
            };
            let step = 1.0 / 1024.0;
            let slope = (at(step) - at(-step)) / f64::from(2.0 * step);
            let near_tie = grouping == Grouping::Max
                && members.iter().enumerate().any(|(other, value)| {
                    other != position && (value - members[position]).abs() <= step
                });
            prop_assert!(near_tie || close(derivative, slope, 2e-3), "{derivative} {slope}");
        }
    }

    #[test]
    fn one_member_is_the_group(value in 0.0_f32..2.0, alive in any::<bool>(), grouping in groupings()) {
        prop_assert_eq!(grouping.combine(&[value]), value);
        prop_assert_eq!(grouping.is_alive(&[value], &[alive]), alive);
        prop_assert_eq!(grouping.gradient(&[value]), vec![1.0]);
    }

    /// The penalty of any network in every parameter that it depends on.
    #[test]
    fn the_gradient_of_the_term_is_its_derivative(
        graph in strategies::any_graph(),
        seed in 0_u64..1000,
        strength in strengths(),
        l2 in any::<bool>(),
    ) {
        let channels = Channels::of(&graph);
        let sources = Sources::of(&graph, &channels, &*strength);
        let grouping = match (l2, strength.is_probability()) {
            (true, _) => Grouping::L2 { threshold: 0.5 },
            (false, true) => Grouping::Probabilistic,
            (false, false) => Grouping::Max,
        };
        let regularizer = Regularizer {
            graph: &graph, channels: &channels, strength: &*strength, sources: &sources, grouping, threshold: 0.5,
        };
        let parameters = parameters(&graph, seed);
        let prices: Vec<f64> =
            channels.groups().map(|group| 1.0 + f64::from(group.index() as u32 % 7)).collect();
        let term = regularizer.term(&prices, &parameters).unwrap();
        for (node, role, tensor) in term.gradient.iter() {
            prop_assert_eq!(tensor.shape(), parameters.get(node, role).unwrap().shape());
            for (position, derivative) in tensor.iter().enumerate().step_by(5) {
                let at = |step: f32| {
                    let mut moved = parameters.clone();
                    moved.values_mut(node, role).unwrap()[position] += step;
                    regularizer.term(&prices, &moved).unwrap().value
                };
                let step = 1.0 / 2048.0;
                let (left, middle, right) = (at(-step), term.value, at(step));
                let slope = (right - left) / f64::from(2.0 * step);
                // A kink between the two sides: another member becomes the largest.
                let kink = (right - middle) - (middle - left);
                let scale = 1.0 + prices.iter().fold(0.0, |most: f64, price| most.max(*price));
                let kinked = kink.abs() / f64::from(step) > 1e-2 * scale;
                prop_assert!(
                    (kinked && grouping == Grouping::Max) || (f64::from(*derivative) - slope).abs() < 1e-2 * scale,
                    "{} {role:?} {position}: {derivative}, slope {slope}", graph.node(node).name
                );
            }
        }
    }

    #[test]
    fn the_penalty_charges_the_prices_of_what_is_alive(graph in strategies::any_graph(), seed in 0_u64..1000) {
        let channels = Channels::of(&graph);
        let sources = Sources::of(&graph, &channels, &Gamma)
            .only(&channels, |group| !channels.is_frozen(group));
        let regularizer = Regularizer {
            graph: &graph, channels: &channels, strength: &Gamma, sources: &sources,
            grouping: Grouping::Max, threshold: 0.5,
        };
        let parameters = parameters(&graph, seed);
        let form = CostForm::of(&Flops, &graph);
        let strengths = regularizer.strengths(&parameters).unwrap();
        let widths = channels.widths_where(|group| strengths.is_alive(group));
        let prices = form.group_prices(&channels, &widths);
        let expected: f64 = channels
            .groups()
            .map(|group| prices[group.index()] * f64::from(strengths.of(group)))
            .sum();
        prop_assert_eq!(regularizer.penalty(&form, &parameters).unwrap().value, expected);
    }

    #[test]
    fn a_group_with_a_channel_on_an_ignored_wire_has_no_strength(graph in strategies::any_graph(), pick in any::<prop::sample::Index>()) {
        let channels = Channels::of(&graph);
        let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| id).collect();
        let ignored = nodes[pick.index(nodes.len())];
        let all = Sources::of(&graph, &channels, &Gamma);
        let rest = all.clone().ignoring(&channels, &[ignored]);
        for group in channels.groups() {
            let expected: &[(NodeId, usize)] =
                if channels.on(ignored).contains(&group) { &[] } else { all.members(group) };
            prop_assert_eq!(rest.members(group), expected);
        }
    }
}

/// A chain without batch norm: every convolution and linear layer is a source of the group lasso, none of gammas.
#[test]
fn each_strength_has_its_own_sources() {
    let graph = testkit::toys::diamond();
    for (id, node) in graph.nodes() {
        let kernel = matches!(node.op, Op::Conv2d(_) | Op::Linear(_));
        assert_eq!(GroupLasso::new(0.0).unwrap().is_source(&graph, id), kernel);
        assert_eq!(Gamma.is_source(&graph, id), matches!(node.op, Op::BatchNorm(_)));
    }
}

/// image -- gate -- transposed convolution -- shared convolution twice -- sum
fn gated() -> Graph {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(4, 5, 3)), &[]).unwrap();
    let gate = build.add("gate", Op::Gate, &[image]).unwrap();
    let window = Window::new([2, 3]).stride(2);
    let up = build.add("up", Op::ConvTranspose(ConvTranspose::new(4, window)), &[gate]).unwrap();
    let one = build.add("one", Op::Conv2d(Conv2d::square(4, 3)), &[up]).unwrap();
    let two = build.share("two", one, &[one]).unwrap();
    let sum = build.add("sum", Op::Add, &[one, two]).unwrap();
    build.finish(&[sum]).unwrap()
}

#[test]
fn a_node_with_the_kernel_of_another_is_no_source() {
    let graph = gated();
    let lasso = GroupLasso::new(0.0).unwrap();
    let sources: Vec<&str> = graph
        .nodes()
        .filter(|(id, _)| lasso.is_source(&graph, *id))
        .map(|(_, node)| node.name.as_str())
        .collect();
    assert_eq!(sources, ["up", "one"]);
}

#[test]
fn the_filters_of_a_transposed_convolution_are_those_of_its_outputs() {
    let graph = gated();
    let up = graph.find("up").unwrap();
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    for (position, weight) in
        parameters.values_mut(up, Role::Weight).unwrap().iter_mut().enumerate()
    {
        *weight = (position / 3 % 4) as f32;
    }
    let lasso = GroupLasso::new(0.5).unwrap();
    assert_eq!(lasso.values(&graph, up, &parameters).unwrap(), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn the_gradient_of_a_gate_is_its_derivative() {
    let graph = gated();
    let gate = graph.find("gate").unwrap();
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    let logits = [0.5, -1.25, 2.0];
    let noise = [-0.75, 1.0, -1.5];
    let relaxation = Relaxation::new(2.0, false, false).unwrap();
    let sampled = SampledGate { relaxation, noise: BTreeMap::from([(gate, noise.to_vec())]) };
    for strength in [&Gate as &dyn Strength, &sampled] {
        let mut value = |logits: &[f32]| {
            parameters.values_mut(gate, Role::Logit).unwrap().copy_from_slice(logits);
            strength.values(&graph, gate, &parameters).unwrap()
        };
        let step = 1.0 / 256.0;
        let mut slopes = Vec::new();
        for channel in 0..3 {
            let mut at = |step: f32| {
                let mut moved = logits;
                moved[channel] += step;
                f64::from(value(&moved)[channel])
            };
            slopes.push((at(step) - at(-step)) / f64::from(2.0 * step));
        }
        value(&logits);
        let mut gradient = Parameters::new();
        strength.add_gradient(&graph, gate, &parameters, &[1.0; 3], &mut gradient).unwrap();
        for (found, slope) in gradient.values(gate, Role::Logit).unwrap().iter().zip(slopes) {
            assert!((f64::from(*found) - slope).abs() < 1e-4, "{found} {slope}");
        }
        assert!(strength.is_alive(0.1, 0.1), "a gate at its threshold is alive");
        assert!(!strength.is_alive(0.1_f32.next_down(), 0.1));
    }
    let few = SampledGate { relaxation, noise: BTreeMap::from([(gate, vec![0.0])]) };
    let error = few.values(&graph, gate, &parameters).unwrap_err();
    assert_eq!(error, StrengthError::Noise { node: "gate".to_owned(), expected: 3, found: 1 });
}

#[test]
fn derivatives_at_zero_are_zero() {
    let graph = testkit::toys::diamond();
    let channels = Channels::of(&graph);
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    for spec in graph.parameters() {
        parameters.values_mut(spec.node, spec.role).unwrap().fill(0.0);
    }
    let lasso = GroupLasso::new(0.25).unwrap();
    for strength in [&Gamma as &dyn Strength, &lasso] {
        let sources = Sources::of(&graph, &channels, strength);
        for grouping in [Grouping::Max, Grouping::L2 { threshold: 0.1 }] {
            let regularizer = Regularizer {
                graph: &graph,
                channels: &channels,
                strength,
                sources: &sources,
                grouping,
                threshold: 0.1,
            };
            let term = regularizer.penalty(&CostForm::of(&Params, &graph), &parameters).unwrap();
            assert_eq!(term.value, 0.0);
            let values: Vec<f32> =
                term.gradient.iter().flat_map(|(_, _, tensor)| tensor.iter().copied()).collect();
            assert!(!values.is_empty() && values.iter().all(|value| *value == 0.0));
        }
    }
}

#[test]
fn thresholds_are_strict_and_in_single_precision() {
    let lasso = GroupLasso::new(0.0).unwrap();
    for strength in [&Gamma as &dyn Strength, &lasso] {
        assert!(!strength.is_alive(0.1, 0.1));
        assert!(strength.is_alive(0.1_f32.next_up(), 0.1));
    }
    let norm = Grouping::L2 { threshold: 0.5 };
    assert!(!norm.is_alive(&[0.3, 0.4], &[true, true]), "a norm equal to its threshold is dead");
    assert!(norm.is_alive(&[0.3, 0.41], &[false, false]));
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    for share in [-0.1, 1.1, f32::NAN] {
        let error = GroupLasso::new(share).unwrap_err();
        assert!(error.to_string().contains("must lie in [0, 1]"), "{error}");
    }
    for temperature in [0.0, -1.0, f32::NAN] {
        assert!(Relaxation::new(temperature, false, false).is_err());
    }
    let graph = testkit::toys::diamond();
    let channels = Channels::of(&graph);
    let sources = Sources::of(&graph, &channels, &Gamma);
    let regularizer = |grouping| Regularizer {
        graph: &graph,
        channels: &channels,
        strength: &Gamma,
        sources: &sources,
        grouping,
        threshold: 0.1,
    };
    let parameters = Parameters::init(&graph, Streams::new(0));
    let error = regularizer(Grouping::Probabilistic).strengths(&parameters).unwrap_err();
    assert_eq!(error, StrengthError::NotProbabilities("gamma"));
    let error = regularizer(Grouping::Max).strengths(&Parameters::new()).unwrap_err();
    assert!(error.to_string().contains("has no Gamma tensor of"), "{error}");
    let error = regularizer(Grouping::Max).term(&[1.0], &parameters).unwrap_err();
    assert_eq!(error, StrengthError::Prices { expected: channels.len(), found: 1 });
    let group: GroupId = channels.groups().next().unwrap();
    assert_eq!(regularizer(Grouping::Max).strengths(&parameters).unwrap().of(group), 0.0);
}

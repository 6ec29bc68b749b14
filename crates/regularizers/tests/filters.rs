//! Steps on filters where they lie against steps on their values.
#![cfg(test)]

use cost_models::{CostForm, Flops};
use datasets::Streams;
use graph::{Graph, NodeId, Role};
use proptest::prelude::*;
use regularizers::{Grouping, MorphNet, Scope, Settings, StrengthKind};
use testkit::strategies;
use training::{Filters, Parameters, Penalty, PenaltyStep};

/// Everything but the kernels whose filters suffice, and these filters.
fn apart(penalty: &MorphNet, graph: &Graph, whole: &Parameters) -> (Parameters, Filters) {
    let (mut rest, mut filters) = (Parameters::new(), Filters::new());
    let kernels = penalty.filters();
    for (node, role) in penalty.parameters() {
        if role == Role::Weight && kernels.contains(&node) {
            let channels = graph.node(node).shape.channels;
            let values = whole.values(node, role).unwrap();
            let strength = |channel: usize| {
                let filter = values.iter().skip(channel).step_by(channels);
                let squares: f64 = filter.map(|value| f64::from(*value).powi(2)).sum();
                (squares / (values.len() / channels) as f64).sqrt() as f32
            };
            filters.insert(node, (0..channels).map(strength).collect());
        } else {
            rest.insert(node, role, whole.get(node, role).unwrap().clone());
        }
    }
    (rest, filters)
}

/// What a device does with the shares.
fn join(graph: &Graph, node: NodeId, shares: &[f32], whole: &mut Parameters) {
    let channels = graph.node(node).shape.channels;
    let values = whole.values_mut(node, Role::Weight).unwrap();
    for (at, value) in values.iter_mut().enumerate() {
        let share = f64::from(shares[at % channels]);
        *value = if share == 1.0 { 0.0 } else { (f64::from(*value) * (1.0 - share)) as f32 };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn steps_on_filters_where_they_lie_are_those_on_their_values(
        graph in strategies::graph(),
        seed in 0_u64..1000,
        rate in 0.0_f64..1.0,
        kind in prop::sample::select(vec![
            StrengthKind::GroupLasso { l1_fraction: 0.0 },
            StrengthKind::Mixed,
            StrengthKind::Gamma,
        ]),
        grouping in prop::sample::select(vec![Grouping::Max, Grouping::L2 { threshold: 1e-3 }]),
        min_width in 0_usize..3,
    ) {
        let form = CostForm::of(&Flops, &graph);
        let settings = Settings { kind, grouping, strength: 1.0, min_width, ..Settings::default() };
        let Ok(mut on_values) = MorphNet::scoped(&graph, &Scope::default(), form, settings) else {
            return Ok(());
        };
        let mut in_place = on_values.clone();
        let mut expected = Parameters::init(&graph, Streams::new(seed));
        let mut found = expected.clone();
        for step in 1..=4 {
            let step = PenaltyStep { learning_rate: rate, step, steps: 4 };
            let value = on_values.apply(&mut expected, &mut Filters::new(), step);
            let (mut rest, mut filters) = apart(&in_place, &graph, &found);
            let same = in_place.apply(&mut rest, &mut filters, step);
            prop_assert!((value - same).abs() <= 1e-5 * value.abs(), "{} {}", value, same);
            for (node, role, tensor) in rest.iter() {
                found.insert(node, role, tensor.clone());
            }
            for node in in_place.filters() {
                join(&graph, node, filters.shares(node).unwrap(), &mut found);
            }
            for (node, role, tensor) in expected.iter() {
                for (found, expected) in found.get(node, role).unwrap().iter().zip(tensor) {
                    prop_assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{} {}", found, expected);
                }
            }
        }
        let (one, other) = (on_values.decide(&expected), in_place.decide(&found));
        prop_assert_eq!(one.map(|it| it.keep).ok(), other.map(|it| it.keep).ok());
    }
}

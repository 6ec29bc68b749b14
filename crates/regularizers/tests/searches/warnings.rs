//! What is said of searches that look wrong, and that nothing is said of others.

use cost_models::{CostForm, Flops};
use datasets::Streams;
use graph::{BatchNorm, Graph, Op, Role};
use regularizers::{
    Decision, Grouping, MaskOrProbability, MorphNet, Scope, ScopePatterns, Settings, StrengthKind,
    Target, Warning,
};
use training::{Filters, Parameters, Penalty, PenaltyStep};

use crate::bench;

fn penalty(graph: &Graph, settings: Settings) -> MorphNet {
    MorphNet::new(graph, CostForm::of(&Flops, graph), settings)
}

/// The penalty by scales on a chain of two layers of four channels, and the parameters with these scales.
fn with_scales(scales: [[f32; 4]; 2], settings: Settings) -> (MorphNet, Parameters) {
    let graph = bench::chain(&[4, 4]);
    let mut parameters = Parameters::init(&graph, Streams::new(0));
    for (layer, scales) in scales.iter().enumerate() {
        let norm = graph.find(&format!("conv{layer}/norm")).unwrap();
        parameters.values_mut(norm, Role::Gamma).unwrap().copy_from_slice(scales);
    }
    (penalty(&graph, settings), parameters)
}

fn after(scales: [[f32; 4]; 2], settings: Settings) -> Vec<Warning> {
    let (penalty, parameters) = with_scales(scales, settings);
    penalty.warnings_after(&penalty.decide(&parameters).unwrap())
}

const SOUND: [[f32; 4]; 2] = [[0.0, 1.0, 0.8, 0.9], [0.001, 1.0, 0.7, 0.9]];

/// `graph` with every batch norm changed.
fn with_norms(graph: &Graph, norm: BatchNorm) -> Graph {
    let mut build = graph::Builder::new();
    for (_, node) in graph.nodes() {
        let op =
            if matches!(node.op, Op::BatchNorm(_)) { Op::BatchNorm(norm) } else { node.op.clone() };
        build.add(&node.name, op, &node.inputs).unwrap();
    }
    build.finish(graph.outputs()).unwrap()
}

#[test]
fn nothing_is_said_of_a_search_that_worked() {
    let (penalty, _) = with_scales(SOUND, Settings::default());
    assert_eq!(penalty.warnings_before(), []);
    assert_eq!(after(SOUND, Settings::default()), []);
}

#[test]
fn layers_without_a_source_are_named() {
    let graph = bench::chain(&[4, 4]);
    let of = |kind| penalty(&graph, Settings { kind, ..Settings::default() }).warnings_before();
    assert_eq!(of(StrengthKind::Gamma), []);
    assert_eq!(of(StrengthKind::GroupLasso { l1_fraction: 0.0 }), []);
    assert_eq!(of(StrengthKind::Mixed), []);
    let layers = vec!["conv0".to_owned(), "conv1".to_owned()];
    let without = Warning::NoSource { layers, channels: 8 };
    let text = without.to_string();
    assert!(text.starts_with("8 channels") && text.ends_with("`conv0`, `conv1`"), "{text}");
    assert_eq!(of(StrengthKind::Gate { on: MaskOrProbability::default() }), [without]);
}

#[test]
fn long_lists_are_cut() {
    let graph = bench::chain(&[2; 5]);
    let kind = StrengthKind::Gate { on: MaskOrProbability::default() };
    let warnings = penalty(&graph, Settings { kind, ..Settings::default() }).warnings_before();
    let text = warnings[0].to_string();
    assert!(text.ends_with("`conv0`, `conv1`, `conv2` and 2 more"), "{text}");
}

#[test]
fn layers_that_are_left_out_on_purpose_are_not_missed() {
    let graph = bench::chain(&[4, 4]);
    let patterns = ScopePatterns { ignored: vec!["conv0".to_owned()], ..ScopePatterns::default() };
    let scope = Scope::resolve(&graph, &patterns).unwrap();
    let form = CostForm::of(&Flops, &graph);
    let penalty = MorphNet::scoped(&graph, &scope, form, Settings::default()).unwrap();
    assert_eq!(penalty.warnings_before(), []);
}

#[test]
fn norms_without_scale_are_named_where_scales_are_asked_for() {
    let graph =
        with_norms(&bench::chain(&[4, 4]), BatchNorm { scale: false, ..BatchNorm::scaled() });
    let of = |kind| penalty(&graph, Settings { kind, ..Settings::default() }).warnings_before();
    let norms = vec!["conv0/norm".to_owned(), "conv1/norm".to_owned()];
    let layers = vec!["conv0".to_owned(), "conv1".to_owned()];
    let expected = [Warning::NoSource { layers, channels: 8 }, Warning::NormWithoutScale { norms }];
    assert_eq!(of(StrengthKind::Gamma), expected);
    assert_eq!(of(StrengthKind::Mixed), []);
}

#[test]
fn a_search_without_deaths_says_how_far_it_was_from_one() {
    let scales = [[0.6, 1.0, 0.8, 0.9], [0.5, 1.0, 0.7, 0.9]];
    let expected = Warning::NothingDied { groups: 8, weakest: 0.5, threshold: 0.01 };
    assert_eq!(after(scales, Settings::default()), [expected]);
}

#[test]
fn a_search_that_would_cut_the_network_says_so() {
    let scales = [[0.0, 0.001, 0.0, 0.0], [0.7, 1.0, 0.8, 0.9]];
    let expected = Warning::EverythingDied { groups: 8, dead: 4, revived: 1 };
    assert_eq!(after(scales, Settings::default()), [expected]);
}

#[test]
fn a_threshold_beside_the_gap_is_shown_a_better_one() {
    let scales = [[0.02, 0.03, 0.8, 0.9], [0.0, 1.0, 0.7, 0.9]];
    let [Warning::ThresholdOutsideGap { threshold, below, low, above, high, suggested }] =
        after(scales, Settings::default())[..]
    else {
        panic!("one warning");
    };
    assert_eq!((threshold, below, low, above, high), (0.01, 3, 0.03, 5, 0.7));
    assert_eq!(after(scales, Settings { alive_threshold: suggested, ..Settings::default() }), []);
    let grouping = Grouping::L2 { threshold: 0.01 };
    assert_eq!(after(scales, Settings { grouping, ..Settings::default() }), []);
}

/// Two steps on unchanged data, and a third after the data moved every scale by `data`.
fn pressed(strength: f64, data: f32) -> Vec<Warning> {
    let (mut penalty, mut parameters) =
        with_scales(SOUND, Settings { strength, ..Settings::default() });
    for step in 1..=3 {
        penalty.apply(
            &mut parameters,
            &mut Filters::new(),
            PenaltyStep { learning_rate: 0.01, step, steps: 3 },
        );
        for norm in penalty.sources().nodes() {
            let scales = parameters.values_mut(*norm, Role::Gamma).unwrap();
            for scale in scales.iter_mut().filter(|scale| **scale > 0.01) {
                *scale += data;
            }
        }
    }
    penalty.warnings_after(&penalty.decide(&parameters).unwrap())
}

#[test]
fn a_penalty_that_moves_everything_is_compared_with_the_data() {
    assert_eq!(pressed(1.0, 1e-3), []);
    let [Warning::PenaltyOverwhelms { ratio }] = pressed(1.0, 1e-5)[..] else {
        panic!("one warning: {:?}", pressed(1.0, 1e-5))
    };
    assert!(ratio > 10.0, "{ratio}");
}

/// A budget that is not reached yet, because there was no step.
#[test]
fn a_target_that_is_missed_is_told_with_both_costs() {
    let graph = bench::chain(&[4, 4]);
    let form = CostForm::of(&Flops, &graph);
    let seed = form.at(&graph.widths());
    let missed = |share: f64| -> Vec<Warning> {
        let targets = vec![Target { form: form.clone(), cost: share * seed }];
        let penalty =
            MorphNet::towards(&graph, &Scope::default(), targets, Settings::default()).unwrap();
        let decision: Decision =
            penalty.decide(&Parameters::init(&graph, Streams::new(0))).unwrap();
        penalty.warnings_after(&decision)
    };
    let expected = Warning::TargetMissed { number: 1, reached: seed, target: 0.5 * seed };
    assert!(missed(0.5).contains(&expected));
    assert!(!missed(1.0).iter().any(|warning| matches!(warning, Warning::TargetMissed { .. })));
}

/// Steps on parameters that no data changes: in a long run strengths fall to the threshold in time, in a short one they do not.
/// What is told survives that the run is stopped at its end.
#[test]
fn deaths_that_came_too_late_are_told_from_those_in_time() {
    let graph = bench::chain(&[4, 4]);
    let form = CostForm::of(&Flops, &graph);
    let cost = 0.5 * form.at(&graph.widths());
    let after = |steps: u64| {
        let targets = vec![Target { form: form.clone(), cost }];
        let towards =
            |targets| MorphNet::towards(&graph, &Scope::default(), targets, Settings::default());
        let mut penalty = towards(targets.clone()).unwrap();
        let mut parameters = Parameters::init(&graph, Streams::new(0));
        for step in 1..=steps {
            penalty.apply(
                &mut parameters,
                &mut Filters::new(),
                PenaltyStep { learning_rate: 0.05, step, steps },
            );
        }
        let mut resumed = towards(targets).unwrap();
        resumed.restore(&penalty.state()).unwrap();
        let decision = resumed.decide(&parameters).unwrap();
        let groups = resumed.channels().groups();
        let dead = groups.filter(|group| !decision.keep.is_alive(*group)).count();
        let mut late = None;
        for warning in resumed.warnings_after(&decision) {
            if let Warning::RemovedByPrice { removed, dead } = warning {
                late = Some((removed, dead));
            }
        }
        (dead, late)
    };
    let (dead, late) = after(10);
    assert_eq!(late, Some((dead, dead)));
    assert!(dead > 0);
    assert_eq!(after(1000).1, None);
}

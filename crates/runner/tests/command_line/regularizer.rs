//! Section `regularizer`: strengths, groupings, and which layers they are about.

use cost_models::{Bytes, CostForm, Resource};
use regularizers::Grouping;
use runner::plan::{Charged, Plan, Strength};
use runner::spec::Source;
use training::GateRecipe;

use crate::golden::{Sheet, changed};

fn with(more: &str) -> Plan {
    let text = changed("  cost: flops\n", &format!("  cost: flops\n  {more}\n"));
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn what_is_not_asked_for_is_not_in_the_plan() {
    let json = with("grouping: max\n  min_width: 0").to_json();
    for key in ["grouping", "scope", "min_width", "gate"] {
        assert!(!json.contains(key), "{key} in {json}");
    }
}

#[test]
fn layers_are_chosen_by_patterns() {
    let ignored = "ignored_layers: [\"Conv2d_1*\"]";
    let weights = "layer_weights: { \"Mixed_3b/*\": 2.0 }";
    let plan = with(&format!("{ignored}\n  {weights}\n  min_width: 2"));
    let regularizer = &plan.regularizer;
    assert_eq!(regularizer.scope.ignored, ["Conv2d_1*"]);
    assert_eq!(regularizer.scope.weights, [("Mixed_3b/*".to_owned(), 2.0)]);
    assert_eq!(regularizer.min_width, 2);
    let seed = plan.seed_graph();
    let scope = regularizer.scope(&seed).unwrap();
    assert!(!scope.ignored.is_empty() && scope.weights.len() > 1);
    let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(back, plan);
}

#[test]
fn a_layer_that_an_earlier_cycle_removed_is_no_longer_meant() {
    let mut plan = with("ignored_layers: [\"Conv2d_1*\"]");
    let known = plan.regularizer.scope(&plan.seed_graph()).unwrap();
    plan.regularizer.scope.ignored.push("gone".to_owned());
    assert_eq!(plan.regularizer.scope(&plan.seed_graph()).unwrap(), known);
    plan.regularizer.scope.tied.push(vec!["Conv2d_1a_3x3".to_owned(), "gone".to_owned()]);
    assert_eq!(plan.regularizer.scope(&plan.seed_graph()).unwrap(), known);
}

#[test]
fn every_strength_has_its_threshold() {
    let of = |strength: &str| {
        let text = changed("strength: gamma", &format!("strength: {strength}"))
            .replace("  alive_threshold: 0.01\n", "");
        let plan = Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap();
        (plan.regularizer.strength, plan.regularizer.alive_threshold)
    };
    assert_eq!(of("gamma"), (Strength::Gamma, 0.01));
    assert_eq!(of("mixed"), (Strength::Mixed, 0.01));
    let lasso = |l1_fraction| Strength::GroupLasso { l1_fraction };
    assert_eq!(of("{ group-lasso: {} }"), (lasso(0.0), 0.001));
    assert_eq!(of("{ group-lasso: { l1_fraction: 0.5 } }"), (lasso(0.5), 0.001));
    assert_eq!(of("{ gate: {} }"), (Strength::Gate { on: Charged::Probability }, 0.5));
    let mask = Charged::Mask { temperature: 0.2 };
    assert_eq!(of("{ gate: { on: mask, temperature: 0.2 } }").0, Strength::Gate { on: mask });
    let grouping = with("grouping: { l2: { threshold: 0.02 } }").regularizer.grouping;
    assert_eq!(grouping, Grouping::L2 { threshold: 0.02 });
}

fn with_gates(settings: &str) -> Plan {
    let text = changed("strength: gamma", &format!("strength: {{ gate: {settings} }}"))
        .replace("  alive_threshold: 0.01\n", "");
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn gates_are_drawn_as_the_search_says_and_the_retrained_have_none() {
    let plan = with_gates(
        "{ temperature: 0.2, annealing_epochs: 3, straight_through: false, soft_inference: false }",
    );
    let expected = GateRecipe {
        temperature: 0.2,
        straight_through: false,
        annealing_epochs: Some(3.0),
        soft_inference: false,
    };
    assert_eq!(plan.search.gates, expected);
    assert_eq!(plan.retrain.gates, GateRecipe::default());
    assert_eq!(plan.regularizer.grouping, Grouping::Probabilistic);
    let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(back, plan);
}

#[test]
fn gates_cost_nothing() {
    let plan = with_gates("{}");
    let seed = plan.seed_graph();
    let trained = plan.regularizer.trained(&seed);
    assert!(trained.len() > seed.len());
    for resource in [Resource::Flops, Resource::Bytes(Bytes::of_batch(1))] {
        let (form, known) =
            (plan.regularizer.form(&resource, &seed), CostForm::of(&resource, &seed));
        assert_eq!(form.at(&trained.widths()), known.at(&seed.widths()));
    }
}

#[test]
fn faults_name_the_layers() {
    let mut sheet = Sheet::default();
    for (title, more) in [
        ("a layer that is not there", "ignored_layers: [Conv2d_1a, \"Conv2d_1*\"]"),
        ("a pattern that nothing fits", "only_layers: [\"Mixed_9*\"]"),
        ("a weight for no layer", "layer_weights: { Logit: 2.0 }"),
        ("a weight of nothing", "layer_weights: { \"Conv2d_1*\": 0 }"),
        ("a tie of one", "tied: [[Conv2d_1a_3x3]]"),
        ("a tie of different widths", "tied: [[Conv2d_1a_3x3, Conv2d_2a_3x3]]"),
        ("a name instead of a list", "ignored_layers: Conv2d_1a_3x3"),
        ("an unknown grouping", "grouping: mean"),
        ("a grouping without its threshold", "grouping: { l2: {} }"),
        ("half a channel", "min_width: 0.5"),
    ] {
        sheet.changes(&[(title, "  cost: flops\n", &format!("  cost: flops\n  {more}\n"))]);
    }
    sheet.changes(&[
        ("a strength without settings", "strength: gamma", "strength: group-lasso"),
        (
            "more than all of the norm",
            "strength: gamma",
            "strength: { group-lasso: { l1_fraction: 1.5 } }",
        ),
        ("gates without settings", "strength: gamma", "strength: gate"),
        ("an unknown setting of gates", "strength: gamma", "strength: { gate: { tau: 0.5 } }"),
        ("gates without warmth", "strength: gamma", "strength: { gate: { temperature: 0 } }"),
        ("gates charged for noise", "strength: gamma", "strength: { gate: { on: noise } }"),
        ("annealing in no time", "strength: gamma", "strength: { gate: { annealing_epochs: 0 } }"),
        (
            "scales as probabilities",
            "strength: gamma",
            "strength: gamma\n  grouping: probabilistic",
        ),
    ]);
    sheet.check("regularizer.txt");
}

//! Width multipliers, and the largest one within a budget.

use cost_models::{CostForm, CostModel, Flops, Params};
use graph::{Axis, Builder, Channels, Conv2d, Graph, Linear, NodeId, Op, Shape};
use proptest::prelude::*;
use surgery::{Expansion, SurgeryError, expand, expand_within, scale};
use testkit::{strategies, toys};

use crate::families::small_networks;

fn cost(model: &dyn CostModel, graph: &Graph) -> f64 {
    CostForm::of(model, graph).at(&graph.widths())
}

/// The most that one more multiple of the divisor in one bundle costs; nothing if no width can change.
fn dearest_step(model: &dyn CostModel, graph: &Graph, divisor: usize) -> Option<f64> {
    let form = CostForm::of(model, graph);
    let bundles = Channels::of(graph).bundles();
    let sizes: Vec<usize> = bundles.iter().map(|bundle| bundle.groups.len()).collect();
    let at = |sizes: &[usize]| form.at(&graph.widths_of_bundles(&bundles, sizes));
    let now = at(&sizes);
    let free = bundles.iter().enumerate().filter(|(_, bundle)| !bundle.frozen);
    let steps = free.map(|(position, _)| {
        let mut more = sizes.clone();
        more[position] += divisor;
        at(&more) - now
    });
    steps.reduce(f64::max)
}

/// What must hold for any expansion to a budget.
fn spends(
    model: &dyn CostModel,
    expansion: &Expansion,
    budget: f64,
    divisor: usize,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(cost(model, &expansion.graph), expansion.cost);
    prop_assert!(expansion.cost <= budget);
    if let Some(step) = dearest_step(model, &expansion.graph, divisor) {
        let left = budget - expansion.cost;
        prop_assert!(left < step, "{} is left, one step costs at most {}", left, step);
    }
    Ok(())
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn an_expansion_is_within_the_price_of_one_step_of_the_budget_and_never_above(
        graph in strategies::any_graph(),
        share in 0.3_f64..6.0,
        divisor in 1_usize..4,
    ) {
        for model in [&Flops as &dyn CostModel, &Params] {
            let form = CostForm::of(model, &graph);
            let budget = share * form.at(&graph.widths());
            match expand(&graph, model, budget, divisor) {
                Ok(expansion) => {
                    spends(model, &expansion, budget, divisor)?;
                }
                Err(SurgeryError::Infeasible { lowest, .. }) => {
                    let narrowest = scale(&graph, f64::MIN_POSITIVE, divisor).unwrap();
                    prop_assert_eq!(CostForm::of(model, &narrowest).at(&narrowest.widths()), lowest);
                    prop_assert!(lowest > budget);
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn expansion_is_monotone_in_the_budget(graph in strategies::any_graph(), low in 1.0_f64..2.0, more in 1.0_f64..2.0) {
        let seed = CostForm::of(&Flops, &graph).at(&graph.widths());
        let narrow = expand(&graph, &Flops, low * seed, 1).unwrap();
        let wide = expand(&graph, &Flops, low * more * seed, 1).unwrap();
        prop_assert!(wide.width_multiplier >= narrow.width_multiplier);
        prop_assert!(wide.cost >= narrow.cost);
    }

    #[test]
    fn no_wire_is_narrower_for_a_larger_budget(graph in strategies::any_graph(), low in 1.0_f64..2.0, more in 1.0_f64..2.0) {
        let seed = cost(&Flops, &graph);
        let [narrow, wide] =
            [low, low * more].map(|share| expand(&graph, &Flops, share * seed, 1).unwrap().graph);
        for (id, node) in narrow.nodes() {
            prop_assert!(node.shape.channels <= wide.node(id).shape.channels, "{}", node.name);
        }
    }

    #[test]
    fn a_budget_that_is_the_cost_changes_nothing(graph in strategies::any_graph()) {
        let expansion = expand(&graph, &Params, cost(&Params, &graph), 1).unwrap();
        prop_assert_eq!(expansion.cost, cost(&Params, &graph));
        let free = dearest_step(&Params, &graph, 1).is_some_and(|step| step > 0.0);
        prop_assert!(expansion.graph == graph || !free);
    }

    #[test]
    fn of_several_budgets_none_is_exceeded_and_one_is_spent(
        graph in strategies::any_graph(),
        shares in [1.0_f64..4.0, 1.0_f64..4.0],
    ) {
        let models: [&dyn CostModel; 2] = [&Flops, &Params];
        let budgets: Vec<(&dyn CostModel, f64)> =
            models.iter().zip(shares).map(|(model, share)| (*model, share * cost(*model, &graph))).collect();
        let both = expand_within(&graph, &budgets, 1).unwrap();
        let alone: Vec<Expansion> = budgets
            .iter()
            .map(|(model, budget)| expand(&graph, *model, *budget, 1).unwrap())
            .collect();
        for (model, budget) in &budgets {
            prop_assert!(cost(*model, &both.graph) <= *budget);
        }
        prop_assert!(alone.iter().any(|expansion| expansion.graph == both.graph));
    }
}

#[test]
fn small_networks_of_every_family_spend_their_budgets_to_one_step() {
    for (name, graph) in small_networks() {
        for model in [&Flops as &dyn CostModel, &Params] {
            for share in [0.3, 0.5, 1.0, 1.1, 1.5, 2.3] {
                for divisor in [1, 4] {
                    let budget = share * cost(model, &graph);
                    match expand(&graph, model, budget, divisor) {
                        Ok(expansion) => {
                            spends(model, &expansion, budget, divisor).unwrap_or_else(|error| {
                                panic!("{name} to {share}, by {divisor}: {error}")
                            });
                        }
                        Err(SurgeryError::Infeasible { lowest, .. }) => assert!(lowest > budget),
                        Err(other) => panic!("{name}: {other}"),
                    }
                }
            }
        }
    }
}

/// Eight branches of width 2 would all become 3 wide at multiplier 1.25 if each were rounded for itself.
#[test]
fn equal_branches_widen_one_after_another_in_order_of_their_names() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(8, 8, 3)), &[]).unwrap();
    let branch = |build: &mut Builder, index: usize| {
        build.add(&format!("branch{index}"), Op::Conv2d(Conv2d::square(2, 3)), &[image]).unwrap()
    };
    let branches: Vec<NodeId> = (0..8).rev().map(|index| branch(&mut build, index)).collect();
    let concat = build.add("concat", Op::Concat(Axis::Channels), &branches).unwrap();
    let pool = build.add("pool", Op::GlobalAvgPool, &[concat]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(2)), &[pool]).unwrap();
    let graph = build.finish(&[logits]).unwrap();
    // Parameters: 27 per branch channel, and 2 per channel in the logits.
    let widened = expand(&graph, &Params, (16.0 + 3.5) * 29.0, 1).unwrap();
    assert_eq!(widened.cost, 19.0 * 29.0);
    let width = |index: usize| {
        let id = widened.graph.find(&format!("branch{index}")).unwrap();
        widened.graph.node(id).shape.channels
    };
    assert_eq!((0..8).map(width).collect::<Vec<_>>(), [3, 3, 3, 2, 2, 2, 2, 2]);
    assert!((1.15..1.25).contains(&widened.width_multiplier), "{}", widened.width_multiplier);
}

#[test]
fn an_expansion_without_a_budget_is_refused() {
    assert_eq!(expand_within(&toys::chain(), &[], 1), Err(SurgeryError::NoBudget));
}

#[test]
fn multiplier_one_is_the_seed() {
    for graph in [toys::diamond(), toys::inception_block(), toys::four_conv(), toys::grouped()] {
        assert_eq!(scale(&graph, 1.0, 1).unwrap(), graph);
    }
}

#[test]
fn tied_layers_are_scaled_alike_and_by_multiples_of_the_divisor() {
    let graph = toys::diamond();
    let scaled = scale(&graph, 1.7, 4).unwrap();
    let width = |name: &str| scaled.node(scaled.find(name).unwrap()).shape.channels;
    assert_eq!(width("conv2"), width("conv3"));
    for name in ["conv1", "conv2", "conv4"] {
        assert_eq!(width(name) % 4, 0, "{name}");
    }
}

#[test]
fn multipliers_that_are_not_positive_numbers_are_refused() {
    for multiplier in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = scale(&toys::chain(), multiplier, 1).unwrap_err().to_string();
        assert!(error.starts_with("a width multiplier must be a positive number, is "), "{error}");
    }
    assert_eq!(scale(&toys::chain(), 1.0, 0), Err(SurgeryError::Divisor));
}

#[test]
fn an_absurd_multiplier_is_refused_without_allocating() {
    let error = scale(&toys::chain(), 1e9, 1).unwrap_err();
    assert!(
        error.to_string().contains("too large") || error.to_string().contains("too many weights"),
        "{error}"
    );
}

#[test]
fn a_budget_below_the_narrowest_network_says_what_is_possible() {
    let graph = toys::chain();
    let lowest = scale(&graph, f64::MIN_POSITIVE, 1).unwrap();
    let lowest = CostForm::of(&Flops, &lowest).at(&lowest.widths());
    let error = expand(&graph, &Flops, 10.0, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "a budget of 10 cannot be met: with one channel per group the network still costs {lowest}"
        )
    );
}

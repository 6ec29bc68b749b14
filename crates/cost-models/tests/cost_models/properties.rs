//! What holds for the cost form of every model, on random networks at random widths.

use cost_models::{CostForm, CostModel, Maximum, Resource, Term};
use graph::{Builder, ChannelMap, Channels, Graph, NodeId, Op};
use proptest::prelude::*;
use testkit::strategies;

use crate::support::{
    assert_close, counts, forms, models, models_and_steps, polynomials, weighted,
};

/// A random network and random numbers of groups for its bundles.
fn resized(least: usize) -> impl Strategy<Value = (Graph, Vec<usize>)> {
    strategies::any_graph().prop_flat_map(move |graph| {
        let sizes = strategies::bundle_sizes(&graph, least);
        (Just(graph), sizes)
    })
}

/// The graph with a node that only hands on, behind every node.
fn doubled_outlets(graph: &Graph) -> Graph {
    let mut build = Builder::new();
    let (mut copies, mut wires): (Vec<NodeId>, Vec<NodeId>) = (Vec::new(), Vec::new());
    for (_, node) in graph.nodes() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| wires[input.index()]).collect();
        let copy = match node.shares {
            Some(owner) => build.share(&node.name, copies[owner.index()], &inputs),
            None => build.add(&node.name, node.op.clone(), &inputs),
        };
        copies.push(copy.unwrap());
        let behind = format!("{} behind", node.name);
        wires.push(
            build.add(&behind, Op::Dropout { rate: 0.5 }, &copies[copies.len() - 1..]).unwrap(),
        );
    }
    let outputs: Vec<NodeId> = graph.outputs().iter().map(|id| wires[id.index()]).collect();
    build.finish(&outputs).unwrap()
}

/// Value of a term by its definition, where the width of every wire is chosen freely.
fn term(term: Term, width: &dyn Fn(NodeId) -> f64) -> f64 {
    let rounded = |wire: NodeId, step: usize| (width(wire) / step as f64).ceil() * step as f64;
    match term {
        Term::Constant(coefficient) => coefficient,
        Term::Linear(coefficient, wire) => coefficient * width(wire),
        Term::Bilinear(coefficient, a, b) => coefficient * width(a) * width(b),
        Term::SteppedLinear(coefficient, a) => coefficient * rounded(a.wire, a.step),
        Term::SteppedBilinear(coefficient, a, b) => {
            coefficient * rounded(a.wire, a.step) * rounded(b.wire, b.step)
        }
    }
}

/// Value of a form by its definition, and which alternative of every maximum is the largest.
fn value(graph: &Graph, form: &CostForm, width: &dyn Fn(NodeId) -> f64) -> (f64, Vec<usize>) {
    let mut choices = Vec::new();
    let mut whole = 0.0;
    for maximum in graph.nodes().flat_map(|(id, _)| form.node(id).maxima()) {
        let sums: Vec<f64> = maximum
            .alternatives()
            .iter()
            .map(|terms| terms.iter().map(|one| term(*one, width)).sum())
            .collect();
        let largest = sums.iter().copied().fold(0.0, f64::max);
        choices.push(sums.iter().position(|sum| *sum == largest).unwrap());
        whole += match maximum.smooth() {
            None => largest,
            Some(smooth) => {
                let powers = sums.iter().map(|sum| sum.powf(smooth.power()));
                powers.sum::<f64>().powf(1.0 / smooth.power())
            }
        };
    }
    (whole, choices)
}

proptest! {
    #![proptest_config(strategies::cases(320))]

    #[test]
    fn a_form_at_other_widths_is_the_cost_of_the_rebuilt_network((graph, sizes) in resized(1)) {
        let channels = Channels::of(&graph);
        let map = ChannelMap::of_bundles(&graph, &channels, &channels.bundles(), &sizes);
        prop_assume!(map.is_ok());
        let map = map.unwrap();
        let (widths, rebuilt) = (map.widths(), graph.with_channels(&map).unwrap());
        for model in models_and_steps() {
            let form = CostForm::of(model.as_ref(), &graph);
            let anew = CostForm::of(model.as_ref(), &rebuilt);
            assert_close(form.at(&widths), anew.at(&rebuilt.widths()))?;
        }
    }

    #[test]
    fn a_form_says_the_same_in_the_widths_of_a_graph_with_more_nodes((graph, sizes) in resized(1)) {
        let more = doubled_outlets(&graph);
        let widths_of = |graph: &Graph| {
            graph.widths_of_bundles(&Channels::of(graph).bundles(), &sizes)
        };
        let (widths, other) = (widths_of(&graph), widths_of(&more));
        for form in forms(&models_and_steps(), &graph) {
            let carried = form.carried(&graph, &more).unwrap();
            prop_assert_eq!(form.per_node(&widths).len() + graph.len(), more.len());
            let (prices, carried_prices) = (form.price(&widths), carried.price(&other));
            let (costs, carried_costs) = (form.per_node(&widths), carried.per_node(&other));
            for (id, node) in graph.nodes() {
                let at = more.find(&node.name).unwrap().index();
                prop_assert_eq!(costs[id.index()], carried_costs[at]);
                prop_assert_eq!(prices[id.index()], carried_prices[at]);
            }
            assert_close(form.at(&widths), carried.at(&other))?;
            prop_assert_eq!(form.carried(&more, &graph), None);
        }
    }

    #[test]
    fn a_dead_wire_costs_nothing((graph, sizes) in resized(0)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        for form in forms(&models_and_steps(), &graph) {
            for (id, cost) in graph.nodes().map(|(id, _)| id).zip(form.per_node(&widths)) {
                prop_assert!(widths.on(id) > 0 || cost == 0.0);
            }
        }
    }

    // A join that loses all operands but one is rebuilt as that one, and the form still has it.
    #[test]
    fn a_form_at_the_survivors_is_at_least_the_cost_of_the_rebuilt_network_and_equal_for_counts(
        (graph, keep) in strategies::any_graph().prop_flat_map(|graph| {
            let keeps = strategies::keeps(&graph);
            (Just(graph), keeps)
        })
    ) {
        let map = ChannelMap::of(&graph, &Channels::of(&graph), &keep);
        prop_assume!(map.is_ok());
        let map = map.unwrap();
        let (widths, rebuilt) = (map.widths(), graph.with_channels(&map));
        prop_assume!(rebuilt.is_ok());
        let rebuilt = rebuilt.unwrap();
        let costs = |model: &dyn CostModel| {
            let anew = CostForm::of(model, &rebuilt).at(&rebuilt.widths());
            (CostForm::of(model, &graph).at(&widths), anew)
        };
        for model in counts() {
            let (form, anew) = costs(model.as_ref());
            assert_close(form, anew)?;
        }
        for model in models_and_steps() {
            let (form, anew) = costs(model.as_ref());
            prop_assert!(form >= anew * (1.0 - 1e-12), "{}: {} for {}", model.name(), form, anew);
        }
    }

    #[test]
    fn price_is_the_derivative_of_cost_on_every_wire_where_no_maximum_switches(
        (graph, sizes) in resized(1)
    ) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        let step = 1e-4;
        for form in forms(&models(), &graph) {
            let (cost, choices) = value(&graph, &form, &|wire| widths.on(wire) as f64);
            assert_close(cost, form.at(&widths))?;
            for (id, price) in graph.nodes().map(|(id, _)| id).zip(form.price(&widths)) {
                let moved = |by: f64| {
                    let at = move |wire| if wire == id { by } else { 0.0 };
                    value(&graph, &form, &|wire| widths.on(wire) as f64 + at(wire))
                };
                let ((more, above), (less, below)) = (moved(step), moved(-step));
                if above == choices && below == choices {
                    let slope = (more - less) / (2.0 * step);
                    let tolerance = 1e-6 * (1.0 + price.abs()) + 1e-11 * cost / step;
                    prop_assert!((slope - price).abs() <= tolerance, "{} for {}", price, slope);
                }
            }
        }
    }

    #[test]
    fn the_price_of_a_group_is_the_derivative_of_cost_in_the_size_of_its_bundle(
        (graph, sizes) in resized(2)
    ) {
        let channels = Channels::of(&graph);
        let bundles = channels.bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        for form in forms(&polynomials(), &graph) {
            let prices = form.group_prices(&channels, &widths);
            for (index, bundle) in bundles.iter().enumerate().filter(|(_, bundle)| !bundle.frozen) {
                let moved = |size: usize| {
                    let mut sizes = sizes.clone();
                    sizes[index] = size;
                    form.at(&graph.widths_of_bundles(&bundles, &sizes))
                };
                // The cost is quadratic in one size, so that this difference is exact.
                let slope = (moved(sizes[index] + 1) - moved(sizes[index] - 1)) / 2.0;
                for group in &bundle.groups {
                    let price = prices[group.index()];
                    prop_assert!((price - slope).abs() <= 1e-9 * (1.0 + form.at(&widths)), "{}", graph);
                }
            }
        }
    }

    // Euler's identity; a smooth maximum keeps it because it is homogeneous.
    #[test]
    fn widths_times_prices_are_degree_times_cost((graph, sizes) in resized(1)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        for form in forms(&models(), &graph) {
            let prices = form.price(&widths);
            let ids = || graph.nodes().map(|(id, _)| id);
            let charged: f64 = ids().map(|id| widths.on(id) as f64 * prices[id.index()]).sum();
            let degrees = |terms: &[Term]| -> f64 {
                terms.iter().map(|term| f64::from(term.degree()) * term.at(&widths)).sum()
            };
            let of_maximum = |maximum: &Maximum| match maximum.smooth() {
                None => degrees(maximum.active(&widths)),
                Some(smooth) => {
                    let sums = maximum.alternatives().iter();
                    let sums: Vec<f64> =
                        sums.map(|terms| terms.iter().map(|term| term.at(&widths)).sum()).collect();
                    let slopes = smooth.slopes(&sums).into_iter();
                    slopes.zip(maximum.alternatives()).map(|(slope, terms)| slope * degrees(terms)).sum()
                }
            };
            let expected: f64 = ids().flat_map(|id| form.node(id).maxima()).map(of_maximum).sum();
            assert_close(charged, expected)?;
        }
    }

    #[test]
    fn group_prices_share_out_the_prices_of_all_channels(graph in strategies::any_graph()) {
        let channels = Channels::of(&graph);
        let widths = graph.widths();
        for form in forms(&models_and_steps(), &graph) {
            let prices = form.price(&widths);
            let groups = form.group_prices(&channels, &widths);
            prop_assert_eq!(groups.len(), channels.len());
            let charged: f64 =
                graph.nodes().map(|(id, _)| widths.on(id) as f64 * prices[id.index()]).sum();
            assert_close(groups.iter().sum(), charged)?;
        }
    }

    #[test]
    fn a_weighted_sum_costs_and_charges_the_weighted_sum_of_its_parts((graph, sizes) in resized(1)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        let whole = CostForm::of(&weighted(), &graph);
        let mut cost = 0.0;
        let mut prices = vec![0.0; graph.len()];
        for part in weighted().parts {
            let form = CostForm::of(&part.of, &graph);
            cost += part.coefficient * form.at(&widths);
            for (sum, price) in prices.iter_mut().zip(form.price(&widths)) {
                *sum += part.coefficient * price;
            }
        }
        assert_close(whole.at(&widths), cost)?;
        for (found, expected) in whole.price(&widths).into_iter().zip(prices) {
            assert_close(found, expected)?;
        }
    }

    #[test]
    fn a_smooth_roofline_is_between_the_exact_one_and_a_known_multiple(
        (graph, sizes) in resized(1), power in 1.0..64.0
    ) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        let smooth = cost_models::Smooth::new(power).unwrap();
        let costs = |smooth| CostForm::of(&crate::support::roofline(smooth), &graph).per_node(&widths);
        for (exact, rounded) in costs(None).into_iter().zip(costs(Some(smooth))) {
            prop_assert!(rounded >= exact * (1.0 - 1e-12), "{} for {}", rounded, exact);
            let most = exact * 2.0_f64.powf(1.0 / power);
            prop_assert!(rounded <= most * (1.0 + 1e-12), "{} for {}", rounded, most);
        }
    }

    #[test]
    fn a_resource_is_its_model(graph in strategies::any_graph()) {
        for (resource, model) in Resource::PLAIN.iter().zip(counts()) {
            prop_assert_eq!(CostForm::of(resource, &graph), CostForm::of(model.as_ref(), &graph));
        }
    }
}

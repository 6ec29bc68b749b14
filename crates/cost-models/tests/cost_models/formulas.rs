//! The cost formulas against what networks really do, on random networks, and against published numbers.

#![expect(clippy::unwrap_used, reason = "in helpers, which clippy does not take for tests")]

use cost_models::{
    Activations, CostForm, CostModel, Flops, Macs, NodeCost, Params, Resource, Summary, Term, table,
};
use graph::{ChannelMap, Channels, Graph, NodeId, Op, Role, Widths};
use proptest::prelude::*;
use testkit::{Mode, interpret, random_images, random_parameters, strategies, toys};

/// A random network and random numbers of groups for its bundles.
fn resized(least: usize) -> impl Strategy<Value = (Graph, Vec<usize>)> {
    strategies::graph().prop_flat_map(move |graph| {
        let sizes = strategies::bundle_sizes(&graph, least);
        (Just(graph), sizes)
    })
}

fn forms(graph: &Graph) -> [CostForm; 4] {
    Resource::ALL.map(|resource| CostForm::of(resource.model(), graph))
}

fn assert_close(found: f64, expected: f64) -> Result<(), TestCaseError> {
    let tolerance = 1e-9 * (1.0 + expected.abs());
    prop_assert!((found - expected).abs() <= tolerance, "{} for {}", found, expected);
    Ok(())
}

/// Value of a form by the definition of a term, where the width of every wire is chosen freely.
fn value(graph: &Graph, form: &CostForm, width: impl Fn(NodeId) -> f64) -> f64 {
    let term = |term: &Term| match *term {
        Term::Constant(coefficient) => coefficient,
        Term::Linear(coefficient, wire) => coefficient * width(wire),
        Term::Bilinear(coefficient, a, b) => coefficient * width(a) * width(b),
    };
    let sum = |terms: &Vec<Term>| terms.iter().map(term).sum::<f64>();
    let node = |id| form.node(id).alternatives().iter().map(sum).fold(0.0, f64::max);
    graph.nodes().map(|(id, _)| node(id)).sum()
}

proptest! {
    #![proptest_config(strategies::cases(320))]

    #[test]
    fn macs_are_the_multiplications_performed(graph in strategies::graph(), seed in any::<u64>()) {
        let image = graph.nodes().next().unwrap().1.shape;
        let images = random_images(image, 1, seed);
        let parameters = random_parameters(&graph, seed);
        let performed = interpret(&graph, &parameters, &images, 1, Mode::Infer).multiplications;
        for (row, count) in table(&graph).iter().zip(&performed) {
            prop_assert_eq!(row.macs, *count, "{} of {}", &row.name, graph);
            prop_assert_eq!(row.flops, 2 * count);
        }
        let summary = Summary::of(&graph);
        prop_assert_eq!(summary.macs, performed.iter().sum::<u64>());
        prop_assert_eq!(summary.flops, 2 * summary.macs);
        let form = CostForm::of(&Macs, &graph);
        assert_close(form.at(&graph.widths()), summary.macs as f64)?;
    }

    #[test]
    fn params_are_the_kernel_values_stored(graph in strategies::graph()) {
        let parameters = random_parameters(&graph, 0);
        let mut stored = vec![0; graph.len()];
        for ((node, role), values) in &parameters {
            if *role == Role::Weight {
                stored[node.index()] += values.len() as u64;
            }
        }
        for (row, count) in table(&graph).iter().zip(&stored) {
            prop_assert_eq!(row.params, *count, "{} of {}", &row.name, graph);
        }
        prop_assert_eq!(Summary::of(&graph).params, stored.iter().sum::<u64>());
    }

    #[test]
    fn activations_are_the_channels_that_kernels_make(graph in strategies::graph()) {
        let image = graph.nodes().next().unwrap().1.shape;
        let parameters = random_parameters(&graph, 0);
        let images = random_images(image, 1, 0);
        let evaluation = interpret(&graph, &parameters, &images, 1, Mode::Infer);
        let mut made = 0;
        for (id, node) in graph.nodes() {
            let channels = evaluation.on(id).len() / (node.shape.height * node.shape.width);
            let expected = if evaluation.multiplications[id.index()] > 0 { channels } else { 0 };
            prop_assert_eq!(table(&graph)[id.index()].activations, expected as u64);
            made += expected as u64;
        }
        prop_assert_eq!(Summary::of(&graph).activations, made);
    }

    #[test]
    fn a_form_at_other_widths_is_the_cost_of_the_rebuilt_network((graph, sizes) in resized(1)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        let rebuilt = graph.with_widths(&widths).unwrap();
        let summary = Summary::of(&rebuilt);
        let [flops, macs, params, activations] = forms(&graph).map(|form| form.at(&widths));
        assert_close(flops, summary.flops as f64)?;
        assert_close(macs, summary.macs as f64)?;
        assert_close(params, summary.params as f64)?;
        assert_close(activations, summary.activations as f64)?;
    }

    #[test]
    fn a_dead_wire_costs_nothing((graph, sizes) in resized(0)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        for form in forms(&graph) {
            for (id, cost) in graph.nodes().map(|(id, _)| id).zip(form.per_node(&widths)) {
                prop_assert!(widths.on(id) > 0 || cost == 0.0);
            }
        }
    }

    #[test]
    fn a_form_at_the_survivors_is_the_cost_of_the_rebuilt_network(
        (graph, keep) in strategies::graph().prop_flat_map(|graph| {
            let keeps = strategies::keeps(&graph);
            (Just(graph), keeps)
        })
    ) {
        let survivors = ChannelMap::of(&graph, &Channels::of(&graph), &keep);
        prop_assume!(survivors.is_ok());
        let widths = survivors.unwrap().widths();
        let summary = Summary::of(&graph.with_widths(&widths).unwrap());
        let [flops, macs, params, activations] = forms(&graph).map(|form| form.at(&widths));
        assert_close(flops, summary.flops as f64)?;
        assert_close(macs, summary.macs as f64)?;
        assert_close(params, summary.params as f64)?;
        assert_close(activations, summary.activations as f64)?;
    }

    #[test]
    fn price_is_the_finite_difference_of_cost_on_every_wire((graph, sizes) in resized(1)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        for form in forms(&graph) {
            let cost = form.at(&widths);
            assert_close(value(&graph, &form, |wire| widths.on(wire) as f64), cost)?;
            for (id, price) in graph.nodes().map(|(id, _)| id).zip(form.price(&widths)) {
                let more = |wire| widths.on(wire) as f64 + if wire == id { 1.0 } else { 0.0 };
                let difference = value(&graph, &form, more) - cost;
                prop_assert!((difference - price).abs() <= 1e-9 * (1.0 + cost));
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
        for form in forms(&graph) {
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

    #[test]
    fn widths_times_prices_are_degree_times_cost((graph, sizes) in resized(1)) {
        let bundles = Channels::of(&graph).bundles();
        let widths = graph.widths_of_bundles(&bundles, &sizes);
        for form in forms(&graph) {
            let prices = form.price(&widths);
            let ids = || graph.nodes().map(|(id, _)| id);
            let charged: f64 = ids().map(|id| widths.on(id) as f64 * prices[id.index()]).sum();
            let terms = ids().flat_map(|id| form.node(id).active(&widths));
            let expected: f64 = terms.map(|term| f64::from(term.degree()) * term.at(&widths)).sum();
            assert_close(charged, expected)?;
        }
    }

    #[test]
    fn group_prices_share_out_the_prices_of_all_channels(graph in strategies::graph()) {
        let channels = Channels::of(&graph);
        let widths = graph.widths();
        for form in forms(&graph) {
            let prices = form.price(&widths);
            let groups = form.group_prices(&channels, &widths);
            prop_assert_eq!(groups.len(), channels.len());
            let charged: f64 =
                graph.nodes().map(|(id, _)| widths.on(id) as f64 * prices[id.index()]).sum();
            assert_close(groups.iter().sum(), charged)?;
        }
    }
}

const FOUR_CONVS: [&str; 4] = ["conv1", "conv2", "conv3", "conv4"];
const ALIVE: [usize; 4] = [7, 11, 10, 17];

/// The sum of |gamma| of every convolution of [`toys::four_conv`] in the original's test.
const STRENGTHS: [f64; 4] = [6.8, 8.9, 11.7, 14.1];

/// Widths of [`toys::four_conv`] in which the four convolutions have the given widths.
fn four_conv_widths(graph: &Graph, widths: [usize; 4]) -> Widths {
    graph.widths_from(|id| {
        let name = &graph.node(id).name;
        widths[FOUR_CONVS.iter().position(|conv| conv == name).unwrap()]
    })
}

fn four_conv_costs(form: &CostForm, graph: &Graph, widths: &Widths) -> [f64; 4] {
    let costs = form.per_node(widths);
    FOUR_CONVS.map(|name| costs[graph.find(name).unwrap().index()])
}

/// The penalty of a form: the price of every wire times the strengths of its channels.
fn four_conv_penalty(form: &CostForm, graph: &Graph, widths: &Widths) -> f64 {
    let prices = form.price(widths);
    let price = |name: &str| prices[graph.find(name).unwrap().index()];
    let wires = ["conv1", "conv2", "conv3", "conv4"].iter().zip(STRENGTHS);
    let own: f64 = wires.map(|(name, strength)| price(name) * strength).sum();
    own + price("concat") * (STRENGTHS[0] + STRENGTHS[1])
}

// Numbers of the original library's tests of its FLOP and model size regularizers on this network.
#[test]
fn four_conv_has_the_flops_of_the_original() {
    let graph = toys::four_conv();
    let form = CostForm::of(&Flops, &graph);
    let coefficients = FOUR_CONVS.map(|name| {
        let id = graph.find(name).unwrap();
        let [terms] = form.node(id).alternatives() else { panic!("one sum") };
        let [Term::Bilinear(coefficient, input, output)] = terms[..] else { panic!("one product") };
        assert_eq!((input, output), (graph.node(id).inputs[0], id));
        coefficient
    });
    assert_eq!(coefficients, [22610.0, 646.0, 1620.0, 646.0]);
    let alive = four_conv_widths(&graph, ALIVE);
    let costs = four_conv_costs(&form, &graph, &alive);
    assert_eq!(costs, [474_810.0, 21_318.0, 291_600.0, 197_676.0]);
    assert_eq!(form.at(&alive), 985_404.0);
    assert_eq!(form.at(&graph.widths()), 3_338_580.0);
    assert!((four_conv_penalty(&form, &graph, &alive) - 1_410_376.4).abs() < 0.1);
}

#[test]
fn four_conv_has_the_weights_of_the_original() {
    let graph = toys::four_conv();
    let form = CostForm::of(&Params, &graph);
    let alive = four_conv_widths(&graph, ALIVE);
    assert_eq!(four_conv_costs(&form, &graph, &alive), [735.0, 33.0, 1620.0, 306.0]);
    assert_eq!(form.at(&alive), 2_694.0);
    assert_eq!(form.at(&graph.widths()), 11_946.0);
    assert!((four_conv_penalty(&form, &graph, &alive) - 4_569.8).abs() < 1e-6);
}

#[test]
fn four_conv_has_the_activations_of_the_original() {
    let graph = toys::four_conv();
    let form = CostForm::of(&Activations, &graph);
    let alive = four_conv_widths(&graph, ALIVE);
    assert_eq!(four_conv_costs(&form, &graph, &alive), [7.0, 11.0, 10.0, 17.0]);
    assert!((four_conv_penalty(&form, &graph, &alive) - 41.5).abs() < 1e-9);
}

#[test]
fn a_depthwise_convolution_charges_a_channel_once() {
    let graph = toys::separable();
    let form = CostForm::of(&Macs, &graph);
    let wire = |name: &str| graph.find(name).unwrap();
    let prices = form.price(&graph.widths());
    assert_eq!(prices[wire("depthwise").index()], 64.0 * 9.0);
    let channels = Channels::of(&graph);
    let groups = form.group_prices(&channels, &graph.widths());
    let group = channels.on(wire("conv1"))[0];
    // Its kernel, two channels of the depthwise convolution, two inputs of the pointwise one.
    let expected = 64.0 * (27.0 + 2.0 * 9.0 + 2.0 * 4.0);
    assert_eq!(groups[group.index()], expected);
}

/// A model with a maximum: a constant and traffic against work. Stands in for a roofline.
struct Roofline;

impl CostModel for Roofline {
    fn name(&self) -> &'static str {
        "roofline"
    }

    fn unit(&self) -> &'static str {
        "s"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        let node = graph.node(id);
        if matches!(node.op, Op::Conv2d(_)) {
            let input = node.inputs[0];
            let work = vec![Term::Bilinear(1.0, input, id)];
            let traffic =
                vec![Term::Constant(2.0), Term::Linear(5.0, input), Term::Linear(1.0, id)];
            NodeCost::max(vec![work, traffic])
        } else {
            NodeCost::FREE
        }
    }
}

#[test]
fn a_maximum_costs_and_prices_its_largest_alternative() {
    let graph = toys::chain();
    let form = CostForm::of(&Roofline, &graph);
    let [image, one, two] = ["image", "conv1", "conv2"].map(|name| graph.find(name).unwrap());
    let input_of_two = graph.node(two).inputs[0];
    let at = |first: usize, second: usize| {
        graph.widths_from(|id| {
            [(one, first), (two, second)].iter().find(|w| w.0 == id).map_or(3, |w| w.1)
        })
    };

    // conv1: work 3 * 2 = 6, traffic 2 + 15 + 2 = 19. conv2: work 2 * 30 = 60, traffic 2 + 10 + 30 = 42.
    let widths = at(2, 30);
    assert_eq!(form.at(&widths), 19.0 + 60.0);
    let price = form.price(&widths);
    assert_eq!([image, one, input_of_two, two].map(|id| price[id.index()]), [5.0, 1.0, 30.0, 2.0]);

    // conv1: both 2 + 15 + w = 3 * w at w = 8.5, hence 27 > 26 at 9 and 24 < 25 at 8.
    assert_eq!(form.price(&at(9, 1))[image.index()], 9.0);
    assert_eq!(form.price(&at(8, 1))[image.index()], 5.0);
}

#[test]
fn of_equal_alternatives_the_first_is_priced() {
    let graph = toys::chain();
    let conv = graph.find("conv1").unwrap();
    let tie = |coefficient: f64| {
        vec![Term::Linear(coefficient, conv), Term::Constant(8.0 - 4.0 * coefficient)]
    };
    let cost = NodeCost::max(vec![tie(1.0), tie(2.0), tie(0.5)]);
    assert_eq!(cost.at(&graph.widths()), 8.0);
    assert_eq!(cost.active(&graph.widths()), tie(1.0));
}

#[test]
fn an_absent_node_does_not_cost_its_constant() {
    let graph = toys::residual();
    let form = CostForm::of(&Roofline, &graph);
    let dead = ["conv2", "conv3"].map(|name| graph.find(name).unwrap());
    let widths =
        graph.widths_from(|id| if id == dead[0] { 0 } else { graph.node(id).shape.channels });
    let costs = form.per_node(&widths);
    assert_eq!(dead.map(|id| costs[id.index()]), [0.0, 0.0]);
    assert_eq!(form.at(&widths), 2.0 + 15.0 + 4.0);
}

#[test]
fn a_rescaled_cost_has_other_coefficients_and_the_same_alternatives() {
    let graph = toys::chain();
    let conv = graph.find("conv1").unwrap();
    let cost = NodeCost::max(vec![vec![Term::Constant(1.0)], vec![Term::Linear(2.0, conv)]]);
    let scaled = cost.clone().scaled(3.0);
    assert_eq!(scaled.alternatives(), [vec![Term::Constant(3.0)], vec![Term::Linear(6.0, conv)]]);
    assert_eq!(scaled.at(&graph.widths()), 3.0 * cost.at(&graph.widths()));
}

#[test]
fn resources_are_named_like_their_models() {
    let names = Resource::ALL.map(|resource| resource.to_string());
    assert_eq!(names, ["flops", "macs", "params", "activations"]);
    let units = Resource::ALL.map(|resource| resource.model().unit());
    assert_eq!(units, ["FLOP/image", "MAC/image", "weights", "channels"]);
}

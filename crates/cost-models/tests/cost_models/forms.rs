//! Forms of small networks, by hand.

use cost_models::{CostForm, CostModel, Macs, NodeCost, Smooth, Stepped, Term};
use graph::{Channels, Graph, NodeId, Op};
use testkit::toys;

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

/// A model with a maximum: a constant and traffic against work.
struct Ridge;

impl CostModel for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
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
    let form = CostForm::of(&Ridge, &graph);
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
    assert_eq!(cost.maxima()[0].active(&graph.widths()), tie(1.0));
}

#[test]
fn an_absent_node_does_not_cost_its_constant() {
    let graph = toys::residual();
    let form = CostForm::of(&Ridge, &graph);
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
    assert_eq!(
        scaled.maxima()[0].alternatives(),
        [vec![Term::Constant(3.0)], vec![Term::Linear(6.0, conv)]]
    );
    assert_eq!(scaled.at(&graph.widths()), 3.0 * cost.at(&graph.widths()));
}

#[test]
fn steps_round_widths_up_and_price_the_average() {
    let graph = toys::chain();
    let [one, two] = ["conv1", "conv2"].map(|name| graph.find(name).unwrap());
    let at = |first: usize, second: usize| {
        graph.widths_from(|id| {
            [(one, first), (two, second)].iter().find(|w| w.0 == id).map_or(3, |w| w.1)
        })
    };
    let stepped = |wire, step| Stepped { wire, step };
    let cost = NodeCost::sum(vec![
        Term::SteppedLinear(2.0, stepped(one, 8)),
        Term::SteppedBilinear(0.5, stepped(one, 8), stepped(two, 4)),
    ]);
    for (first, second, rounded) in [(1, 1, (8.0, 4.0)), (8, 4, (8.0, 4.0)), (9, 5, (16.0, 8.0))] {
        let (a, b) = rounded;
        assert_eq!(cost.at(&at(first, second)), 2.0 * a + 0.5 * a * b, "{first}, {second}");
    }
    // From one corner of the staircase to the next, the cost rises by the step times the price.
    let rise = cost.at(&at(16, 5)) - cost.at(&at(8, 5));
    let form = CostForm::of(&Fixed(cost.clone(), two), &graph);
    let price = form.price(&at(8, 5));
    assert_eq!(rise, 8.0 * price[one.index()]);
    assert_eq!(price[two.index()], 0.5 * 8.0);
}

#[test]
fn a_dead_wire_has_no_block() {
    let graph = toys::residual();
    let conv = graph.find("conv2").unwrap();
    let widths = graph.widths_from(|id| if id == conv { 0 } else { 4 });
    let cost = NodeCost::sum(vec![Term::SteppedLinear(1.0, Stepped { wire: conv, step: 8 })]);
    assert_eq!(cost.at(&widths), 0.0);
}

/// A cost at one node; all others are free.
struct Fixed(NodeCost, NodeId);

impl CostModel for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn unit(&self) -> &'static str {
        "1"
    }

    fn node(&self, _: &Graph, id: NodeId) -> NodeCost {
        if id == self.1 { self.0.clone() } else { NodeCost::FREE }
    }
}

#[test]
fn a_smooth_maximum_of_one_number_is_that_number() {
    let smooth = Smooth::new(3.0).unwrap();
    assert_eq!(smooth.maximum(&[0.0, 7.0]), 7.0);
    assert_eq!(smooth.slopes(&[0.0, 7.0]), [0.0, 1.0]);
    assert_eq!(smooth.maximum(&[0.0, 0.0]), 0.0);
    assert_eq!(smooth.slopes(&[0.0, 0.0]), [1.0, 0.0]);
    let large = smooth.maximum(&[3e300, 4e300]);
    assert!((large / 4.497_941_445e300 - 1.0).abs() < 1e-9, "{large}");
}

#[test]
fn powers_of_a_norm_are_in_a_range() {
    for power in [0.0, 0.99, -1.0, f64::NAN, f64::INFINITY, 1000.5] {
        assert_eq!(Smooth::new(power), None, "{power}");
    }
    assert_eq!(Smooth::new(1.0).unwrap().maximum(&[1.0, 2.0]), 3.0);
}

//! Numbers of the original library.

use cost_models::{
    Activations, Bound, Bytes, CostForm, CostModel, Device, Flops, Params, Roofline, Summary, Term,
};
use graph::{
    BatchNorm, Builder, Conv2d, Depthwise, Graph, Linear, NodeId, Op, Padding, Shape, Widths,
    Window,
};
use testkit::toys;

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
        let [maximum] = form.node(id).maxima() else { panic!("one sum") };
        let [terms] = maximum.alternatives() else { panic!("one sum") };
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

/// Wires whose strengths a penalty on [`toys::four_conv`] sums: every convolution with its norm and function, and the
/// concatenation of the first two.
fn four_conv_strength(graph: &Graph, wire: NodeId) -> f64 {
    let name = graph.node(wire).name.as_str();
    if name == "concat" {
        return STRENGTHS[0] + STRENGTHS[1];
    }
    let conv = FOUR_CONVS.iter().position(|conv| name.starts_with(conv));
    conv.map_or(0.0, |conv| STRENGTHS[conv])
}

fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found} for {expected}");
}

#[test]
fn four_conv_has_the_latency_of_the_original() {
    let graph = toys::four_conv();
    let form = CostForm::of(&Roofline::new(Device::named("p100").unwrap(), 1), &graph);
    let alive = four_conv_widths(&graph, ALIVE);
    let costs = four_conv_costs(&form, &graph, &alive);
    let expected = [51.054_840_087_9, 24.890_710_830_7, 45.540_985_107_4, 63.448_085_784_9];
    for (found, expected) in costs.into_iter().zip(expected) {
        close(found, expected, 1e-6);
    }
    close(form.at(&alive), 515.25, 1e-5);
    let prices = form.price(&alive);
    let penalty: f64 =
        graph.nodes().map(|(id, _)| prices[id.index()] * four_conv_strength(&graph, id)).sum();
    close(penalty, 461.267_2, 1e-6);
}

/// One node on an image.
fn single(image: Shape, op: Op) -> (Graph, NodeId) {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(image), &[]).unwrap();
    let node = build.add("node", op, &[image]).unwrap();
    (build.finish(&[node]).unwrap(), node)
}

fn cost(model: &dyn CostModel, image: Shape, op: Op) -> f64 {
    let (graph, _) = single(image, op);
    CostForm::of(model, &graph).at(&graph.widths())
}

// The coefficients of the original's tests: a 7x5 kernel with stride 2 on 11x13 gives 6x7.
#[test]
fn single_operators_have_the_coefficients_of_the_original() {
    let window = Window::new([7, 5]).stride(2);
    let conv = |out| Op::Conv2d(Conv2d::new(out, window));
    for (a, b) in [(17, 19), (4, 9)] {
        let image = Shape::new(11, 13, a);
        assert_eq!(cost(&Flops, image, conv(b)), (2940 * a * b) as f64);
        assert_eq!(cost(&Params, image, conv(b)), (35 * a * b) as f64);
        let bytes = |n: usize| 4 * (n * (11 * 13 * a + 6 * 7 * b) + 35 * a * b);
        assert_eq!(cost(&Bytes::of_batch(32), image, conv(b)), bytes(32) as f64);
        let linear = || Op::Linear(Linear::new(b));
        assert_eq!(cost(&Flops, Shape::new(1, 1, a), linear()), (2 * a * b) as f64);
        let bytes = 4 * (8 * (a + b) + a * b);
        assert_eq!(cost(&Bytes::of_batch(8), Shape::new(1, 1, a), linear()), bytes as f64);
    }
    let depthwise = || {
        let window = Window::new([3, 2]).padding(Padding::Valid);
        Op::Depthwise(Depthwise { multiplier: 2, window, bias: false })
    };
    let image = Shape::new(8, 8, 5);
    assert_eq!(cost(&Flops, image, depthwise()), f64::from(2 * 42 * 6 * 10));
    assert_eq!(cost(&Params, image, depthwise()), f64::from(6 * 10));
    // The kernel is charged once; the original has 6 * 5 * 10.
    let bytes = 4 * (64 * 5 + 42 * 10 + 6 * 10);
    assert_eq!(cost(&Bytes::of_batch(1), image, depthwise()), f64::from(bytes));
    let norm = || Op::BatchNorm(BatchNorm::scaled());
    assert_eq!(cost(&Bytes::of_batch(3), image, norm()), f64::from(3 * 4 * 2 * 64 * 5));
}

// (1, 1), (1000, 2000) and (1000, 20) GFLOP/s and GB/s: bound by computing, computing, memory.
#[test]
fn the_side_that_takes_longer_is_charged() {
    let image = Shape::new(11, 13, 17);
    let conv = || Op::Conv2d(Conv2d::new(19, Window::new([7, 5]).stride(2)));
    let (flops, bytes) = (cost(&Flops, image, conv()), cost(&Bytes::of_batch(1), image, conv()));
    for (peak, bandwidth, bound) in [
        (1.0, 1.0, Bound::Compute),
        (1000.0, 2000.0, Bound::Compute),
        (1000.0, 20.0, Bound::Memory),
    ] {
        let named = Device::named("p100").unwrap();
        let device = Device { peak_gflops: peak, bandwidth_gbs: bandwidth, ..named };
        let roofline = Roofline::new(device, 1);
        close(cost(&roofline, image, conv()), (flops / peak).max(bytes / bandwidth), 1e-12);
        let (graph, _) = single(image, conv());
        assert_eq!(roofline.bounds(&graph), [None, Some(bound)]);
    }
}

#[test]
fn equal_sides_are_charged_for_computing() {
    let (flops, bytes) = (2.0 * 3.0 * 4.0, 4.0 * (3.0 + 4.0 + 12.0));
    let named = Device::named("p100").unwrap();
    let device = Device { peak_gflops: flops, bandwidth_gbs: bytes, ..named };
    let roofline = Roofline::new(device, 1);
    let (graph, linear) = single(Shape::new(1, 1, 3), Op::Linear(Linear::new(4)));
    let form = CostForm::of(&roofline, &graph);
    assert_eq!(form.at(&graph.widths()), 1.0);
    assert_eq!(roofline.bounds(&graph)[linear.index()], Some(Bound::Compute));
    assert_eq!(form.price(&graph.widths())[linear.index()], 2.0 * 3.0 / flops);
}

/// Inception V2 as in the original's tests: 224x224, width 1, 1001 classes. The classifier is counted for one position.
fn inception_v2() -> Graph {
    let architecture =
        architectures::Architecture::InceptionV2(architectures::InceptionV2::default());
    architecture.build(Shape::new(224, 224, 3), 1001).unwrap()
}

#[test]
fn inception_v2_has_the_costs_of_the_original() {
    let graph = inception_v2();
    let summary = Summary::of(&graph);
    close(summary.flops as f64, 3_869_716_500.0, 1e-8);
    assert_eq!((summary.params, summary.activations), (11_168_408, 10_977));

    // The original charges the depthwise kernel of the first layer, 7x7 on 3 channels to 24, for all pairs of channels.
    let surplus = f64::from(4 * 49 * 24 * (3 - 1));
    let latency = |name: &str, batch: usize| {
        let roofline = Roofline::new(Device::named(name).unwrap(), batch);
        let depthwise = graph.nodes().find(|(_, node)| node.op.kind() == "depthwise").unwrap().0;
        let at = |model: &dyn CostModel| CostForm::of(model, &graph).per_node(&graph.widths());
        let own = at(&roofline)[depthwise.index()];
        let flops = batch as f64 * at(&Flops)[depthwise.index()];
        let bytes = at(&Bytes::of_batch(batch))[depthwise.index()] + surplus;
        let device = &roofline.device;
        let original = (flops / device.peak_gflops).max(bytes / device.bandwidth_gbs);
        CostForm::of(&roofline, &graph).at(&graph.widths()) - own + original
    };
    for (name, batch, expected) in [
        ("k80", 1, 600_928.9),
        ("k80", 8, 4_745_163.5),
        ("p4", 1, 1_148_282.6),
        ("p4", 8, 8_765_047.0),
        ("t4", 1, 756_470.5),
        ("t4", 8, 5_811_876.5),
        ("p100", 1, 517_535.72),
        ("p100", 8, 4_101_018.5),
        ("v100", 1, 173_330.45),
        ("v100", 8, 1_078_018.2),
        ("tpu-v2", 1, 547_381.94),
        ("tpu-v2", 8, 3_680_881.2),
        ("flop-latency", 1, 3_869_716_500.0),
        ("flop-latency", 8, 30_957_732_000.0),
        ("memory-latency", 1, 154_651_840.0),
        ("memory-latency", 8, 924_433_400.0),
    ] {
        // Sums in single precision there.
        close(latency(name, batch), expected, 2e-6);
    }
}

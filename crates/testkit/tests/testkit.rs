//! The references themselves, against numbers worked out by hand.

#![expect(clippy::unwrap_used, reason = "in helpers, which clippy does not take for tests")]

use std::collections::BTreeSet;

use graph::{
    Activation, Axis, BatchNorm, Builder, Channels, Conv2d, Depthwise, Graph, Linear, NodeId, Op,
    Padding, Pool, Role, Shape, Window,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use testkit::{
    Evaluation, Mode, Parameters, cross_entropy, finite_difference, interpret, loss, random_images,
    random_parameters, strategies, toys,
};

/// `image` then one operator.
fn single(shape: Shape, op: Op) -> (Graph, NodeId) {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(shape), &[]).unwrap();
    let node = build.add("node", op, &[image]).unwrap();
    (build.finish(&[node]).unwrap(), node)
}

fn run(shape: Shape, op: Op, parameters: &[(Role, &[f64])], images: &[f64]) -> Evaluation {
    let (graph, node) = single(shape, op);
    let parameters: Parameters =
        parameters.iter().map(|(role, values)| ((node, *role), values.to_vec())).collect();
    interpret(&graph, &parameters, images, images.len() / shape.elements(), Mode::Infer)
}

fn values(shape: Shape, op: Op, parameters: &[(Role, &[f64])], images: &[f64]) -> Vec<f64> {
    run(shape, op, parameters, images).wires.pop().unwrap()
}

const ROW: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

fn row_conv(window: Window, kernel: &[f64]) -> Evaluation {
    let conv = Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(1, window) });
    run(Shape::new(1, 5, 1), conv, &[(Role::Weight, kernel), (Role::Bias, &[0.5])], &ROW)
}

#[test]
fn convolution_slides_its_kernel_and_multiplies_padding_too() {
    let same = row_conv(Window::new([1, 3]), &[1.0, 10.0, 100.0]);
    assert_eq!(same.wires[1], [210.5, 321.5, 432.5, 543.5, 54.5]);
    assert_eq!(same.multiplications, [0, 15]);
    let valid = row_conv(Window::new([1, 3]).padding(Padding::Valid), &[1.0, 10.0, 100.0]);
    assert_eq!(valid.wires[1], [321.5, 432.5, 543.5]);
    assert_eq!(valid.multiplications, [0, 9]);
}

#[test]
fn same_padding_puts_the_surplus_at_the_end() {
    let strided = row_conv(Window::new([1, 2]).stride(2), &[1.0, 10.0]);
    assert_eq!(strided.wires[1], [21.5, 43.5, 5.5]);
    let dilated = row_conv(Window::new([1, 2]).dilation(3), &[1.0, 10.0]);
    assert_eq!(dilated.wires[1], [30.5, 41.5, 52.5, 3.5, 4.5]);
}

#[test]
fn explicit_padding_may_differ_on_every_side() {
    let padding = Padding::Explicit { top: 0, bottom: 0, left: 2, right: 1 };
    let padded = row_conv(Window::new([1, 3]).padding(padding), &[1.0, 10.0, 100.0]);
    assert_eq!(padded.wires[1], [100.5, 210.5, 321.5, 432.5, 543.5, 54.5]);
}

#[test]
fn kernels_are_laid_out_height_width_in_out() {
    let shape = Shape::new(1, 1, 2);
    let conv = Op::Conv2d(Conv2d::square(3, 1));
    let kernel = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
    assert_eq!(values(shape, conv, &[(Role::Weight, &kernel)], &[1.0, 1.0]), [11.0, 22.0, 33.0]);
    let linear = Op::Linear(Linear { out: 3, bias: false });
    assert_eq!(values(shape, linear, &[(Role::Weight, &kernel)], &[1.0, 2.0]), [21.0, 42.0, 63.0]);
    let tall = Op::Conv2d(Conv2d::new(1, Window::new([2, 2]).padding(Padding::Valid)));
    let kernel = [1.0, 10.0, 100.0, 1000.0];
    let image = [1.0, 2.0, 3.0, 4.0];
    assert_eq!(values(Shape::new(2, 2, 1), tall, &[(Role::Weight, &kernel)], &image), [4321.0]);
}

#[test]
fn a_block_of_a_grouped_convolution_reads_its_own_channels() {
    let conv = Op::Conv2d(Conv2d { groups: 2, ..Conv2d::square(2, 1) });
    let kernel = [1.0, 100.0, 10.0, 1000.0];
    let image = [1.0, 2.0, 3.0, 4.0];
    let grouped = run(Shape::new(1, 1, 4), conv, &[(Role::Weight, &kernel)], &image);
    assert_eq!(grouped.wires[1], [21.0, 4300.0]);
    assert_eq!(grouped.multiplications[1], 4);
}

#[test]
fn depthwise_output_channel_reads_one_input_channel() {
    let depthwise = Depthwise { multiplier: 2, window: Window::square(1), bias: false };
    let kernel = [1.0, 10.0, 100.0, 1000.0];
    let op = Op::Depthwise(depthwise);
    let evaluation = run(Shape::new(1, 1, 2), op, &[(Role::Weight, &kernel)], &[3.0, 4.0]);
    assert_eq!(evaluation.wires[1], [3.0, 30.0, 400.0, 4000.0]);
    assert_eq!(evaluation.multiplications[1], 4);
}

#[test]
fn batch_normalisation_uses_batch_or_running_statistics() {
    let norm = Op::BatchNorm(BatchNorm { scale: true, epsilon: 0.25 });
    let (graph, node) = single(Shape::new(1, 2, 1), norm);
    let parameters: Parameters = [
        (Role::Gamma, 2.0),
        (Role::Beta, 1.0),
        (Role::RunningMean, 3.0),
        (Role::RunningVariance, 3.75),
    ]
    .map(|(role, value)| ((node, role), vec![value]))
    .into();
    let images = [1.0, 3.0, 5.0, 7.0];
    let infer = interpret(&graph, &parameters, &images, 2, Mode::Infer);
    assert_eq!(infer.on(node), [-1.0, 1.0, 3.0, 5.0]);
    let train = interpret(&graph, &parameters, &images, 2, Mode::Train);
    let deviation = (5.0_f64 + 0.25).sqrt();
    let expected = [-3.0, -1.0, 1.0, 3.0].map(|x: f64| 2.0 * x / deviation + 1.0);
    assert_eq!(train.on(node), expected);
}

#[test]
fn pools_do_not_see_padding() {
    let window = Window::new([1, 3]);
    let negative = ROW.map(|x| -x);
    let shape = Shape::new(1, 5, 1);
    let maximum = values(shape, Op::MaxPool(Pool { window }), &[], &negative);
    assert_eq!(maximum, [-1.0, -1.0, -2.0, -3.0, -4.0]);
    let average = values(shape, Op::AvgPool(Pool { window }), &[], &ROW);
    assert_eq!(average, [1.5, 2.0, 3.0, 4.0, 4.5]);
}

#[test]
fn global_pools_and_flatten_keep_channels_apart() {
    let shape = Shape::new(2, 1, 2);
    let image = [1.0, -2.0, 3.0, -6.0];
    assert_eq!(values(shape, Op::GlobalAvgPool, &[], &image), [2.0, -4.0]);
    assert_eq!(values(shape, Op::GlobalMaxPool, &[], &image), [3.0, -2.0]);
    assert_eq!(values(shape, Op::Flatten, &[], &image), image);
}

#[test]
fn activations_are_what_their_documentation_says() {
    let shape = Shape::new(1, 4, 1);
    let image = [-4.0, -1.0, 2.0, 8.0];
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let cases: [(Activation, [f64; 4]); 9] = [
        (Activation::Relu, [0.0, 0.0, 2.0, 8.0]),
        (Activation::Relu6, [0.0, 0.0, 2.0, 6.0]),
        (Activation::LeakyRelu { slope: 0.25 }, [-1.0, -0.25, 2.0, 8.0]),
        (Activation::Elu, [(-4.0_f64).exp() - 1.0, (-1.0_f64).exp() - 1.0, 2.0, 8.0]),
        (Activation::Sigmoid, image.map(logistic)),
        (Activation::Tanh, image.map(f64::tanh)),
        (Activation::Silu, image.map(|x| x * logistic(x))),
        (Activation::HardSigmoid, [0.0, 1.0 / 3.0, 5.0 / 6.0, 1.0]),
        (Activation::HardSwish, [0.0, -1.0 / 3.0, 5.0 / 3.0, 8.0]),
    ];
    for (activation, expected) in cases {
        let found = values(shape, Op::Activation(activation), &[], &image);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{activation}: {found} for {expected}");
        }
    }
    let zero = values(shape, Op::Dropout { rate: 0.5 }, &[], &image);
    assert_eq!(zero, image, "dropout is the identity");
}

#[test]
fn joins_combine_values_of_equal_positions() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(1, 2, 2)), &[]).unwrap();
    let mean = build.add("mean", Op::GlobalAvgPool, &[image]).unwrap();
    let scaled = build.add("scaled", Op::Mul, &[image, mean]).unwrap();
    let concat = build.add("concat", Op::Concat(Axis::Channels), &[image, scaled]).unwrap();
    let narrow = build.add("narrow", Op::Conv2d(Conv2d::square(1, 1)), &[image]).unwrap();
    let gated = build.add("gated", Op::Mul, &[image, narrow]).unwrap();
    let sum = build.add("sum", Op::Add, &[image, gated, image]).unwrap();
    let graph = build.finish(&[concat, sum]).unwrap();
    let parameters = Parameters::from([((narrow, Role::Weight), vec![1.0, 10.0])]);
    let images = [1.0, 2.0, 3.0, 4.0];
    let evaluation = interpret(&graph, &parameters, &images, 1, Mode::Infer);
    assert_eq!(evaluation.on(scaled), [2.0, 6.0, 6.0, 12.0]);
    assert_eq!(evaluation.on(concat), [1.0, 2.0, 2.0, 6.0, 3.0, 4.0, 6.0, 12.0]);
    assert_eq!(evaluation.on(gated), [21.0, 42.0, 129.0, 172.0]);
    assert_eq!(evaluation.on(sum), [23.0, 46.0, 135.0, 180.0]);
}

#[test]
fn cross_entropy_of_known_probabilities() {
    let logits = [0.25_f64.ln() + 700.0, 0.75_f64.ln() + 700.0, 0.0, 0.0];
    let hard = cross_entropy(&logits, &[1, 0], 2, 0.0);
    assert!((hard + 0.375_f64.ln() / 2.0).abs() < 1e-12);
    let smooth = cross_entropy(&logits[..2], &[1], 2, 0.2);
    assert!((smooth + 0.9 * 0.75_f64.ln() + 0.1 * 0.25_f64.ln()).abs() < 1e-12);
}

#[test]
fn finite_difference_of_a_linear_classifier_is_softmax_minus_target() {
    let (graph, node) = single(Shape::new(1, 1, 2), Op::Linear(Linear::new(2)));
    let parameters = random_parameters(&graph, 5);
    let images = random_images(Shape::new(1, 1, 2), 1, 6);
    let evaluation = interpret(&graph, &parameters, &images, 1, Mode::Train);
    let logits = evaluation.on(node);
    let probability = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
    let found = finite_difference(&graph, &parameters, &images, &[0], 0.1, (node, Role::Bias, 0));
    assert!((found - (probability - 0.95)).abs() < 1e-8);
}

#[test]
fn toys_evaluate_to_finite_logits() {
    let toys = [
        toys::chain(),
        toys::diamond(),
        toys::residual(),
        toys::add_concat(),
        toys::nested_concat(),
        toys::inception_block(),
        toys::four_conv(),
        toys::separable(),
        toys::squeeze_excite(),
        toys::grouped(),
        toys::flattened(),
    ];
    for graph in toys {
        let image = graph.nodes().next().unwrap().1.shape;
        let images = random_images(image, 2, 1);
        let parameters = random_parameters(&graph, 2);
        for mode in [Mode::Train, Mode::Infer] {
            let evaluation = interpret(&graph, &parameters, &images, 2, mode);
            assert!(evaluation.wires.iter().flatten().all(|value| value.is_finite()));
        }
    }
}

fn sample(options: strategies::Options, count: usize) -> Vec<Graph> {
    let mut runner = TestRunner::deterministic();
    let strategy = strategies::graphs(options);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn any_graph_shows_every_operator_and_shared_kernels() {
    let options = strategies::Options { constructs: true, untrained: true, ..Default::default() };
    for prunable in [false, true] {
        let graphs = sample(strategies::Options { prunable, ..options }, 2500);
        let kinds: BTreeSet<&str> =
            graphs.iter().flat_map(|graph| graph.nodes().map(|(_, node)| node.op.kind())).collect();
        // A bias of its own lets no channel be silent.
        let all = if prunable { 30 } else { 31 };
        assert_eq!(kinds.len(), all, "{kinds:?}");
        let shared = |graph: &&Graph| graph.nodes().any(|(_, node)| node.shares.is_some());
        assert!(graphs.iter().filter(shared).count() > 60);
    }
}

#[test]
fn random_networks_show_every_operator_and_many_joins() {
    let graphs = sample(strategies::Options::default(), 400);
    let kinds: BTreeSet<&str> =
        graphs.iter().flat_map(|graph| graph.nodes().map(|(_, node)| node.op.kind())).collect();
    assert_eq!(kinds.len(), 15, "{kinds:?}");
    let ties = |graph: &&Graph| {
        let channels = Channels::of(graph);
        let bundles = channels.bundles();
        bundles.iter().any(|bundle| !bundle.frozen && bundle.producers(graph).len() > 1)
    };
    let tied = graphs.iter().filter(ties).count();
    assert!(tied > 120, "{tied} of 400 tie two producers");
    let longest = graphs.iter().map(Graph::len).max().unwrap();
    assert!(longest <= 28, "{longest} nodes");
}

#[test]
fn prunable_networks_normalise_every_convolution() {
    let options = strategies::Options { prunable: true, ..strategies::Options::default() };
    for graph in sample(options, 300) {
        let consumers = graph.consumers();
        for (id, node) in graph.nodes() {
            if matches!(node.op, Op::Conv2d(_) | Op::Depthwise(_)) {
                let [norm] = consumers[id.index()][..] else { panic!("{graph}") };
                assert!(matches!(graph.node(norm).op, Op::BatchNorm(norm) if norm.scale));
                let [activation] = consumers[norm.index()][..] else { panic!("{graph}") };
                assert!(
                    matches!(graph.node(activation).op, Op::Activation(f) if f.keeps_zero()),
                    "{graph}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(strategies::cases(24))]

    #[test]
    fn smooth_networks_have_a_derivative(
        graph in strategies::graphs(strategies::Options { smooth: true, ..Default::default() }),
        seed in any::<u64>(),
    ) {
        let image = graph.nodes().next().unwrap().1.shape;
        let images = random_images(image, 2, seed);
        let parameters = random_parameters(&graph, seed);
        let (node, role) = *parameters.keys().next().unwrap();
        let slope = finite_difference(&graph, &parameters, &images, &[0, 1], 0.1, (node, role, 0));
        let at = loss(&graph, &parameters, &images, &[0, 1], 0.1);
        let mut moved = parameters;
        moved.get_mut(&(node, role)).unwrap()[0] += 1e-4;
        let step = loss(&graph, &moved, &images, &[0, 1], 0.1) - at;
        prop_assert!((step - slope * 1e-4).abs() < 1e-5 * (1.0 + slope.abs()), "{} {}", step, slope);
    }
}

//! The dfdx tape against derivatives by hand and against finite differences of the interpreter.

use std::collections::BTreeMap;

use graph::{
    Activation, Axis, BatchNorm, Builder, Conv2d, ConvTranspose, Depthwise, Gather, Graph,
    Interpolation, Linear, LocalResponseNorm, NodeId, Op, Pad, Padding, Pool, Resize, Role, Shape,
    Window,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use testkit::{
    GateDraws, Parameters, finite_difference, gated_loss, random_images, random_parameters,
    strategies::{self, Options},
    tape::{self, Gradients},
    toys,
};

const ACTIVATIONS: [Activation; 9] = [
    Activation::Relu,
    Activation::Relu6,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Elu,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Silu,
    Activation::HardSigmoid,
    Activation::HardSwish,
];

/// A graph of nodes that are given one by one; each reads the one before it unless it names its inputs.
fn graph(nodes: &[(&str, Op, &[&str])]) -> Graph {
    let mut build = Builder::new();
    let mut names: Vec<(&str, NodeId)> = Vec::new();
    for (name, op, inputs) in nodes {
        let named =
            |input: &&str| names.iter().find(|(name, _)| name == input).expect("a node above").1;
        let mut inputs: Vec<NodeId> = inputs.iter().map(named).collect();
        if let (Some((_, last)), true) = (names.last(), inputs.is_empty()) {
            inputs.push(*last);
        }
        names.push((name, build.add(name, op.clone(), &inputs).expect("a right node")));
    }
    let output = names.last().expect("a node").1;
    build.finish(&[output]).expect("a right graph")
}

fn image(
    height: usize,
    width: usize,
    channels: usize,
) -> (&'static str, Op, &'static [&'static str]) {
    ("image", Op::Input(Shape::new(height, width, channels)), &[])
}

fn set(graph: &Graph, values: &[(&str, Role, &[f64])]) -> Parameters {
    let entry = |(name, role, values): &(&str, Role, &[f64])| {
        ((graph.find(name).expect("a node"), *role), values.to_vec())
    };
    values.iter().map(entry).collect()
}

fn of<'a>(graph: &Graph, result: &'a Gradients, name: &str, role: Role) -> &'a [f64] {
    &result.gradients[&(graph.find(name).expect("a node"), role)]
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-14 * (1.0 + b.abs());
    assert!(found.iter().zip(expected).all(near), "found {found:?}, expected {expected:?}");
}

mod by_hand {
    use super::*;

    /// Zero logits of two classes: the gradient by a logit is 1/2 minus its target, and by a weight that times the input.
    #[test]
    fn linear_gradient_is_probability_minus_smoothed_target_times_input() {
        let graph = graph(&[image(1, 1, 2), ("fc", Op::Linear(Linear::new(2)), &[])]);
        let parameters =
            set(&graph, &[("fc", Role::Weight, &[0.0; 4]), ("fc", Role::Bias, &[0.0; 2])]);
        let result = tape::gradients(&graph, &parameters, &[3.0, 5.0], &[1], 0.2);
        assert_near(&[result.loss], &[2.0_f64.ln()]);
        assert_near(of(&graph, &result, "fc", Role::Bias), &[0.4, -0.4]);
        assert_near(of(&graph, &result, "fc", Role::Weight), &[1.2, -1.2, 2.0, -2.0]);
    }

    /// The loss is a mean over images: of two images with opposite labels the bias gradients cancel.
    #[test]
    fn loss_is_a_mean_over_the_batch() {
        let graph = graph(&[image(1, 1, 1), ("fc", Op::Linear(Linear::new(2)), &[])]);
        let parameters =
            set(&graph, &[("fc", Role::Weight, &[0.0; 2]), ("fc", Role::Bias, &[0.0; 2])]);
        let result = tape::gradients(&graph, &parameters, &[3.0, 5.0], &[0, 1], 0.0);
        assert_near(of(&graph, &result, "fc", Role::Bias), &[0.0, 0.0]);
        assert_near(of(&graph, &result, "fc", Role::Weight), &[0.5, -0.5]);
    }

    /// The image is (1 2; 3 4) and its four positions are the logits, all zero: their gradients are (-3/4 1/4; 1/4 1/4),
    /// and a tap's is their sum of products with the image moved by the tap.
    #[test]
    fn convolution_gradient_is_correlation_with_the_padded_image() {
        let conv = Op::Conv2d(Conv2d::square(1, 3));
        let graph = graph(&[image(2, 2, 1), ("conv", conv, &[]), ("flat", Op::Flatten, &[])]);
        let parameters = set(&graph, &[("conv", Role::Weight, &[0.0; 9])]);
        let result = tape::gradients(&graph, &parameters, &[1.0, 2.0, 3.0, 4.0], &[0], 0.0);
        let taps = [
            [0.25, 0.25 + 0.5, 0.5],
            [0.25 + 0.75, -0.75 + 0.5 + 0.75 + 1.0, -1.5 + 1.0],
            [0.75, -2.25 + 1.0, -3.0],
        ];
        assert_near(of(&graph, &result, "conv", Role::Weight), taps.as_flattened());
    }

    /// A multiplier of 2 on two channels, one position: channel o of the output reads channel o / 2 of the image.
    #[test]
    fn depthwise_output_reads_input_channel_by_multiplier() {
        let depthwise = Depthwise { multiplier: 2, window: Window::square(1), bias: true };
        let graph = graph(&[image(1, 1, 2), ("depthwise", Op::Depthwise(depthwise), &[])]);
        let parameters = set(
            &graph,
            &[("depthwise", Role::Weight, &[0.0; 4]), ("depthwise", Role::Bias, &[0.0; 4])],
        );
        let result = tape::gradients(&graph, &parameters, &[4.0, 8.0], &[0], 0.0);
        assert_near(of(&graph, &result, "depthwise", Role::Weight), &[-3.0, 1.0, 2.0, 2.0]);
        assert_near(of(&graph, &result, "depthwise", Role::Bias), &[-0.75, 0.25, 0.25, 0.25]);
    }

    /// Windows over (1 2; 3 4) with one row and column of padding below and right have the means 5/2, 3, 7/2, 4.
    #[test]
    fn average_pool_does_not_count_padding() {
        let graph = graph(&[
            image(2, 2, 1),
            ("conv", Op::Conv2d(Conv2d::square(1, 1)), &[]),
            ("pool", Op::AvgPool(Pool { window: Window::square(2) }), &[]),
        ]);
        let parameters = set(&graph, &[("conv", Role::Weight, &[0.0])]);
        let result = tape::gradients(&graph, &parameters, &[1.0, 2.0, 3.0, 4.0], &[0], 0.0);
        assert_near(
            of(&graph, &result, "conv", Role::Weight),
            &[(-0.75 * 2.5) + 0.25 * (3.0 + 3.5 + 4.0)],
        );
    }

    /// Weights a and -a make the logits a * max(image) and -a * min(image), over negative values beside padding.
    #[test]
    fn maximum_passes_its_gradient_to_the_winner_and_padding_never_wins() {
        let window = Window::square(3).padding(Padding::all(1)).stride(2);
        for op in [Op::MaxPool(Pool { window }), Op::GlobalMaxPool] {
            let conv = Op::Conv2d(Conv2d::square(2, 1));
            let graph = graph(&[image(2, 2, 1), ("conv", conv, &[]), ("pool", op, &[])]);
            let parameters = set(&graph, &[("conv", Role::Weight, &[1e-30, -1e-30])]);
            let result = tape::gradients(&graph, &parameters, &[-1.0, -2.0, -3.0, -4.0], &[0], 0.0);
            assert_near(of(&graph, &result, "conv", Role::Weight), &[0.5, -2.0]);
        }
    }

    /// Four equal values: the gradient by the kernel is (p - target) times the value, not four times that.
    #[test]
    fn tied_maxima_pass_the_gradient_once() {
        let conv = Op::Conv2d(Conv2d::square(2, 1));
        let graph = graph(&[image(2, 2, 1), ("conv", conv, &[]), ("max", Op::GlobalMaxPool, &[])]);
        let parameters = set(&graph, &[("conv", Role::Weight, &[0.0; 2])]);
        let result = tape::gradients(&graph, &parameters, &[3.0; 4], &[0], 0.0);
        assert_near(of(&graph, &result, "conv", Role::Weight), &[-1.5, 1.5]);
    }

    /// Values 3 and 1 have mean 2 and biased variance 1. Logits are n * gamma + beta and its negative, the labels differ:
    /// the gradients by the normalised values are -1/2 and 1/2, which beta sums and gamma weighs with 1 and -1 over the
    /// deviation.
    #[test]
    fn batch_norm_uses_mean_and_biased_variance_of_the_batch() {
        let norm = BatchNorm { scale: true, epsilon: 0.25 };
        let fc = Op::Linear(Linear { out: 2, bias: false });
        let graph = graph(&[image(1, 1, 1), ("norm", Op::BatchNorm(norm), &[]), ("fc", fc, &[])]);
        let parameters = set(
            &graph,
            &[
                ("norm", Role::Gamma, &[0.0]),
                ("norm", Role::Beta, &[0.0]),
                ("fc", Role::Weight, &[1.0, -1.0]),
            ],
        );
        let result = tape::gradients(&graph, &parameters, &[3.0, 1.0], &[0, 1], 0.0);
        assert_near(of(&graph, &result, "norm", Role::Beta), &[0.0]);
        assert_near(of(&graph, &result, "norm", Role::Gamma), &[-1.0 / 1.25_f64.sqrt()]);
        assert!(!result.gradients.contains_key(&(graph.find("norm").unwrap(), Role::RunningMean)));
    }

    /// With x = 3 and w = 5, the logit 2wx has slope 2x = 6 by w and the logit (wx)^2 has slope 2wx^2 = 90.
    #[test]
    fn an_operator_may_read_one_wire_twice() {
        let conv = Op::Conv2d(Conv2d::square(2, 1));
        let read = |op| {
            graph(&[image(1, 1, 1), ("conv", conv.clone(), &[]), ("twice", op, &["conv", "conv"])])
        };
        let gradient = |op, weight: f64| {
            let graph = read(op);
            let parameters = set(&graph, &[("conv", Role::Weight, &[weight; 2])]);
            let result = tape::gradients(&graph, &parameters, &[3.0], &[0], 0.0);
            of(&graph, &result, "conv", Role::Weight).to_vec()
        };
        assert_near(&gradient(Op::Add, 5.0), &[-3.0, 3.0]);
        assert_near(&gradient(Op::Mul, 5.0), &[-45.0, 45.0]);
    }

    /// Each logit is the activation of its bias, which is zero: the gradient is 1/2 minus target times the slope.
    #[test]
    fn activations_have_their_slope_from_the_left_at_zero() {
        let slopes = [0.0, 0.0, f64::from(0.1_f32), 1.0, 0.25, 1.0, 0.5, 1.0 / 6.0, 0.5];
        for (activation, slope) in ACTIVATIONS.into_iter().zip(slopes) {
            let conv = Op::Conv2d(Conv2d { bias: true, ..Conv2d::square(2, 1) });
            let graph = graph(&[
                image(1, 1, 1),
                ("conv", conv, &[]),
                ("act", Op::Activation(activation), &[]),
            ]);
            let parameters =
                set(&graph, &[("conv", Role::Weight, &[1.0; 2]), ("conv", Role::Bias, &[0.0; 2])]);
            let result = tape::gradients(&graph, &parameters, &[0.0], &[0], 0.0);
            assert_near(of(&graph, &result, "conv", Role::Bias), &[-0.5 * slope, 0.5 * slope]);
        }
    }

    /// Channels of value 1 and 1 are the logits, times a mask: the derivative by a mask is probability minus target. The
    /// second channel is the strongest; its logit has a derivative if its sample is 1 by itself.
    #[test]
    fn gate_gradient_is_that_of_the_sigmoid_but_for_a_strongest_channel_that_is_held_on() {
        let graph = graph(&[image(1, 1, 2), ("gate", Op::Gate, &[])]);
        let gate = graph.find("gate").expect("a node");
        let slope = |x: f64| 1.0 / (1.0 + (-x).exp()) / (1.0 + x.exp()) / 0.5;
        let mask = |x: f64| 1.0 / (1.0 + (-x).exp());
        let gradient = |straight_through, noise: [f64; 2]| {
            let noise = BTreeMap::from([(gate, noise.to_vec())]);
            let draws = GateDraws { temperature: 0.5, straight_through, noise };
            let parameters = set(&graph, &[("gate", Role::Logit, &[-1.0, -0.5])]);
            let result =
                tape::gated_gradients(&graph, &parameters, &[1.0; 2], &[1], 0.0, Some(&draws));
            of(&graph, &result, "gate", Role::Logit).to_vec()
        };
        // Sums are 0.5 and -0.25, and the mask is 0.73 and 1; or 1 and 1.
        let first = mask(mask(1.0) - 1.0);
        assert_near(&gradient(false, [1.5, 0.25]), &[first * slope(1.0), 0.0]);
        assert_near(&gradient(true, [1.5, 0.25]), &[0.5 * slope(1.0), 0.0]);
        // Sums are -0.25 and 0.25: hard masks are 0 and 1.
        let first = mask(-1.0);
        assert_near(&gradient(true, [0.75, 0.75]), &[first * slope(-0.5), -first * slope(0.5)]);
    }

    #[test]
    fn parameters_that_only_other_outputs_need_have_gradient_zero() {
        let mut build = Builder::new();
        let image = build.add("image", Op::Input(Shape::new(1, 1, 2)), &[]).unwrap();
        let logits = build.add("logits", Op::Linear(Linear::new(2)), &[image]).unwrap();
        let other = build.add("other", Op::Linear(Linear::new(3)), &[image]).unwrap();
        let graph = build.finish(&[logits, other]).unwrap();
        let result = tape::gradients(&graph, &random_parameters(&graph, 0), &[1.0, 2.0], &[0], 0.0);
        assert!(of(&graph, &result, "logits", Role::Weight).iter().all(|value| *value != 0.0));
        assert_eq!(of(&graph, &result, "other", Role::Weight), [0.0; 6]);
    }
}

/// Noise for all gates, if there are any.
fn draws(graph: &Graph, straight_through: bool, seed: u64) -> Option<GateDraws> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let gates = graph.nodes().filter(|(_, node)| matches!(node.op, Op::Gate));
    let mut noise = |channels| (0..channels).map(|_| random.random_range(-2.0..2.0)).collect();
    let noise: BTreeMap<NodeId, Vec<f64>> =
        gates.map(|(id, node)| (id, noise(node.shape.channels))).collect();
    (!noise.is_empty()).then_some(GateDraws { temperature: 0.7, straight_through, noise })
}

/// Loss and the derivative along a random direction in the space of all parameters, against the interpreter. A step may
/// cross a kink of the network, but not at every size; a wrong gradient agrees at none.
#[track_caller]
fn assert_agrees_with_interpreter(graph: &Graph, batch: usize, smoothing: f64, seed: u64) {
    let (_, input) = graph.nodes().next().expect("an image");
    let parameters = random_parameters(graph, seed);
    let images = random_images(input.shape, batch, seed ^ 1);
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 2);
    let classes = graph.node(graph.outputs()[0]).shape.elements();
    let labels: Vec<usize> = (0..batch).map(|_| random.random_range(0..classes)).collect();

    let draws = draws(graph, false, seed ^ 3);
    let result =
        tape::gated_gradients(graph, &parameters, &images, &labels, smoothing, draws.as_ref());
    let expected = gated_loss(graph, &parameters, &images, &labels, smoothing, draws.as_ref());
    assert!(
        (result.loss - expected).abs() <= 1e-11 * (1.0 + expected),
        "{} {expected}",
        result.loss
    );
    let trained = graph.parameters().into_iter().filter(|spec| spec.role.is_trained());
    assert!(trained.map(|spec| (spec.node, spec.role)).eq(result.gradients.keys().copied()));

    let direction: Parameters = result
        .gradients
        .iter()
        .map(|(key, values)| {
            (*key, values.iter().map(|_| random.random_range(-1.0..1.0)).collect())
        })
        .collect();
    let products =
        result.gradients.iter().flat_map(|(key, values)| values.iter().zip(&direction[key]));
    let products: Vec<f64> = products.map(|(a, b)| a * b).collect();
    let slope: f64 = products.iter().sum();
    let scale: f64 = products.iter().map(|product| product.abs()).sum();
    let difference = |step: f64| {
        let moved = |step: f64| {
            let mut parameters = parameters.clone();
            for (key, along) in &direction {
                let values = parameters.get_mut(key).expect("a parameter");
                values.iter_mut().zip(along).for_each(|(value, along)| *value += step * along);
            }
            gated_loss(graph, &parameters, &images, &labels, smoothing, draws.as_ref())
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    };
    let found = [1e-5, 1e-6, 1e-7].map(difference);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1e-2 + scale);
    // Differences that do not agree with each other have a kink of the loss between them and say nothing.
    let settled = found.windows(2).any(|pair| close(pair[0], pair[1]));
    assert!(
        !settled || found.iter().any(|found| close(*found, slope)),
        "differences {found:?}, tape {slope}, sum of magnitudes {scale}"
    );
}

#[test]
fn toys_agree_with_finite_differences() {
    let toys = [
        toys::chain(),
        toys::diamond(),
        toys::residual(),
        toys::add_concat(),
        toys::nested_concat(),
        toys::inception_block(),
        toys::separable(),
        toys::squeeze_excite(),
        toys::grouped(),
        toys::flattened(),
    ];
    for (seed, toy) in (0..).zip(&toys) {
        assert_agrees_with_interpreter(toy, 2, 0.1, seed);
    }
}

/// Every operator, strided, dilated, padded and in groups.
fn every_operator(activation: Activation) -> Graph {
    let wide = Window { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], padding: Padding::Same };
    let odd = Padding::Explicit { top: 0, bottom: 1, left: 1, right: 0 };
    let conv = |out, window, groups, bias| Op::Conv2d(Conv2d { out, window, groups, bias });
    let depthwise = Depthwise { multiplier: 2, window: wide, bias: true };
    let norm = |scale| Op::BatchNorm(BatchNorm { scale, epsilon: 1e-3 });
    let activation = Op::Activation(activation);
    let pool = |window| Pool { window };
    graph(&[
        image(7, 6, 2),
        ("conv", conv(4, Window::square(3).padding(odd), 1, true), &[]),
        ("act", activation.clone(), &[]),
        ("grouped", conv(6, Window::square(2).dilation(2), 2, true), &[]),
        ("norm", norm(true), &[]),
        ("act2", activation.clone(), &[]),
        ("depthwise", Op::Depthwise(depthwise), &["act"]),
        ("norm2", norm(false), &[]),
        ("max", Op::MaxPool(pool(Window::square(3).stride(2))), &["act2"]),
        ("average", Op::AvgPool(pool(wide)), &["max"]),
        ("valid", conv(3, Window::square(2).padding(Padding::Valid), 1, false), &["norm2"]),
        ("gate", Op::GlobalAvgPool, &["average"]),
        ("mask", conv(1, Window::square(1), 1, false), &["average"]),
        ("gated", Op::Mul, &["average", "gate"]),
        ("masked", Op::Mul, &["gated", "mask"]),
        ("product", Op::Mul, &["masked", "average"]),
        ("sum", Op::Add, &["product", "average", "masked"]),
        ("sum/flat", Op::Flatten, &["sum"]),
        ("valid/max", Op::GlobalMaxPool, &["valid"]),
        ("concat", Op::Concat(Axis::Channels), &["valid/max", "sum/flat", "gate"]),
        ("one", Op::Concat(Axis::Channels), &["concat"]),
        ("dropout", Op::Dropout { rate: 0.5 }, &[]),
        ("act3", activation, &[]),
        ("logits", Op::Linear(Linear { out: 3, bias: true }), &[]),
    ])
}

#[test]
fn every_operator_with_every_activation_agrees_with_finite_differences() {
    for (seed, activation) in (0..).zip(ACTIVATIONS) {
        assert_agrees_with_interpreter(&every_operator(activation), 3, 0.1, seed);
    }
}

/// The operators beyond plain networks.
fn every_construct() -> Graph {
    use Axis::{Channels, Height, Width};
    let transpose = |out, window| Op::ConvTranspose(ConvTranspose { out, window, bias: true });
    let odd = Padding::Explicit { top: 0, bottom: 1, left: 1, right: 0 };
    let resize = |height, width, method| Op::Resize(Resize { height, width, method });
    let gather = |channels: &[usize]| Op::Gather(Gather { channels: channels.to_vec() });
    let norm = LocalResponseNorm { size: 4, alpha: 0.5, beta: 0.75, bias: 1.0 };
    let pad = Pad { top: 1, bottom: 2, left: 0, right: 1, channels: [1, 2] };
    graph(&[
        image(5, 4, 2),
        ("conv", Op::Conv2d(Conv2d::square(4, 3)), &[]),
        ("bias", Op::Bias, &[]),
        ("scale", Op::Activation(Activation::Scale { factor: -1.5 }), &[]),
        ("norm", Op::LocalResponseNorm(norm), &[]),
        ("up", transpose(4, Window::square(3).stride(2)), &[]),
        ("explicit", transpose(3, Window::square(3).padding(odd).dilation(2)), &["norm"]),
        ("valid", transpose(3, Window::square(1).padding(Padding::Valid).stride(2)), &["norm"]),
        ("deep", Op::SpaceToDepth { block: 2 }, &["up"]),
        ("some", gather(&[15, 0, 1, 0, 9, 4, 12, 3]), &[]),
        ("softmax", Op::Softmax, &[]),
        ("fine", Op::DepthToSpace { block: 2 }, &["some"]),
        ("nearest", resize(4, 7, Interpolation::Nearest), &["fine"]),
        ("bilinear", resize(4, 7, Interpolation::Bilinear), &["valid"]),
        ("padded", Op::Pad(pad), &["nearest"]),
        ("turned", Op::Permute([Channels, Height, Width]), &["padded"]),
        ("tall", Op::Reshape { height: 7, width: 5 }, &[]),
        ("mean", Op::GlobalAvgPool, &["explicit"]),
        ("channel", gather(&[1]), &["bilinear"]),
        ("sum", Op::Add, &["bilinear", "mean", "channel", "bilinear"]),
        ("difference", Op::Sub, &["sum", "channel"]),
        ("largest", Op::Maximum, &["difference", "mean"]),
        ("smallest", Op::Minimum, &["largest", "bilinear"]),
        ("rows", Op::Concat(Height), &["smallest", "sum"]),
        ("columns", Op::Concat(Width), &["rows", "rows"]),
        ("flat1", Op::Flatten, &["columns"]),
        ("flat2", Op::Flatten, &["tall"]),
        ("flat3", Op::Flatten, &["softmax"]),
        ("all", Op::Concat(Channels), &["flat1", "flat2", "flat3"]),
        ("logits", Op::Linear(Linear::new(3)), &[]),
    ])
}

#[test]
fn every_construct_agrees_with_finite_differences() {
    for seed in 0..4 {
        assert_agrees_with_interpreter(&every_construct(), 2, 0.1, seed);
    }
}

/// The gradient of a shared kernel is the sum over the nodes that use it.
#[test]
fn shared_kernels_agree_with_finite_differences() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(4, 4, 3)), &[]).unwrap();
    let conv = Op::Conv2d(Conv2d { bias: true, ..Conv2d::square(3, 3) });
    let once = build.add("once", conv, &[image]).unwrap();
    let twice = build.share("twice", once, &[once]).unwrap();
    let both = build.add("both", Op::Mul, &[twice, once]).unwrap();
    let flat = build.add("flat", Op::Flatten, &[both]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(3)), &[flat]).unwrap();
    assert_agrees_with_interpreter(&build.finish(&[logits]).unwrap(), 2, 0.1, 0);
}

/// A smooth network, so that every single value can be compared tightly.
#[test]
fn each_parameter_value_agrees_with_its_finite_difference() {
    let graph = graph(&[
        image(4, 4, 2),
        ("conv", Op::Conv2d(Conv2d { bias: true, ..Conv2d::square(3, 3) }), &[]),
        ("norm", Op::BatchNorm(BatchNorm::scaled()), &[]),
        ("tanh", Op::Activation(Activation::Tanh), &[]),
        ("average", Op::AvgPool(Pool { window: Window::square(3).stride(2) }), &[]),
        ("flat", Op::Flatten, &[]),
        ("logits", Op::Linear(Linear::new(3)), &[]),
    ]);
    let parameters = random_parameters(&graph, 5);
    let images = random_images(Shape::new(4, 4, 2), 3, 6);
    let labels = [2, 0, 1];
    let result = tape::gradients(&graph, &parameters, &images, &labels, 0.1);
    for ((node, role), values) in &result.gradients {
        for (index, value) in values.iter().enumerate() {
            let at = (*node, *role, index);
            let found = finite_difference(&graph, &parameters, &images, &labels, 0.1, at);
            assert!((found - value).abs() < 1e-8, "{at:?}: difference {found}, tape {value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_graphs_agree_with_finite_differences(graph in strategies::graph(), seed in any::<u64>()) {
        assert_agrees_with_interpreter(&graph, 2, 0.1, seed);
    }

    #[test]
    fn random_graphs_of_all_operators_agree_with_finite_differences(
        graph in strategies::graphs(Options { constructs: true, ..Options::default() }),
        seed in any::<u64>(),
    ) {
        assert_agrees_with_interpreter(&graph, 2, 0.1, seed);
    }

    #[test]
    fn random_smooth_graphs_agree_with_finite_differences(
        graph in strategies::graphs(Options { smooth: true, constructs: true, ..Options::default() }),
        seed in any::<u64>(),
    ) {
        assert_agrees_with_interpreter(&graph, 3, 0.0, seed);
    }
}

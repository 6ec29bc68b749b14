//! What each strength finds: the dead channels are the useless ones.

use cost_models::{CostForm, Flops};
use datasets::{Bars, Evaluation, ImageSet, Normalization, Streams};
use graph::{Activation, Axis, BatchNorm, Builder, Conv2d, Gather, Graph, Linear, Op, Shape};
use ndarray::Array4;
use rand::RngExt;
use regularizers::{
    Decision, MaskOrProbability, MorphNet, Scope, Settings, StrengthKind, Target, Warning, gated,
};
use surgery::shrink_folding;
use training::{Curve, Evaluator, Network};

use crate::bench::{self, search};

/// Bars in the first channel, noise in the second.
fn with_noise(bars: &ImageSet) -> ImageSet {
    let mut stream = Streams::new(0).stream("noise");
    let mut images = Array4::<u8>::zeros((bars.count(), 8, 8, 2));
    for ((image, y, x, channel), value) in images.indexed_iter_mut() {
        *value = if channel == 0 {
            bars.images()[[image, y, x, 0]]
        } else {
            stream.random_range(0..=255)
        };
    }
    ImageSet::new(images, bars.labels().to_vec(), Bars::CLASSES).unwrap()
}

/// What follows a convolution.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// Batch norm with scale and ReLU.
    Norm,
    /// ReLU alone.
    Relu,
}

/// Channels of every layer; enough for the bars.
const WIDTH: usize = 4;

/// Two layers that read the bars and two that read the noise, equally wide, put together for the classifier: the network is
/// twice as wide as is useful.
fn two_branches(bars: After, noise: After) -> Graph {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(8, 8, 2)), &[]).unwrap();
    let mut ends = Vec::new();
    for (channel, branch, after) in [(0, "bars", bars), (1, "noise", noise)] {
        let only = Op::Gather(Gather::range(channel, 1));
        let mut wire = build.add(&format!("{branch}/only"), only, &[image]).unwrap();
        for layer in 0..2 {
            let name = |part: &str| format!("{branch}/conv{layer}{part}");
            let mut add = |part: &str, op: Op| {
                wire = build.add(&name(part), op, &[wire]).unwrap();
            };
            let mut conv = Conv2d::square(WIDTH, 3);
            conv.bias = after == After::Relu;
            add("", Op::Conv2d(conv));
            if after == After::Norm {
                add("/norm", Op::BatchNorm(BatchNorm::scaled()));
            }
            add("/relu", Op::Activation(Activation::Relu));
        }
        ends.push(wire);
    }
    let both = build.add("both", Op::Concat(Axis::Channels), &ends).unwrap();
    let pool = build.add("pool", Op::GlobalAvgPool, &[both]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(4)), &[pool]).unwrap();
    build.finish(&[logits]).unwrap()
}

/// A strength on a network that has its sources.
struct Case {
    name: &'static str,
    graph: Graph,
    kind: StrengthKind,
    /// A penalty that is enough in so short a run, and leaves the bars alone.
    strength: f64,
}

fn cases() -> Vec<Case> {
    let case = |name, graph, kind, strength| Case { name, graph, kind, strength };
    let norms = two_branches(After::Norm, After::Norm);
    let filters = two_branches(After::Relu, After::Relu);
    let gates = gated(&norms);
    let lasso = |l1_fraction| StrengthKind::GroupLasso { l1_fraction };
    let mask = MaskOrProbability::Mask { temperature: 0.5, seed: 5 };
    let probability = MaskOrProbability::Probability;
    let (mixed, noise) = (StrengthKind::Mixed, two_branches(After::Norm, After::Relu));
    vec![
        case("gamma", norms, StrengthKind::Gamma, 2.0),
        case("group lasso", filters.clone(), lasso(0.0), 6.0),
        case("group lasso with L1", filters, lasso(0.5), 6.0),
        case("probability of gates", gates.clone(), StrengthKind::Gate { on: probability }, 8.0),
        case("mask of gates", gates, StrengthKind::Gate { on: mask }, 8.0),
        case("mixed, noise without norms", noise, mixed, 2.0),
        case("mixed, bars without norms", two_branches(After::Relu, After::Norm), mixed, 2.0),
    ]
}

/// What is left of a search.
#[derive(Debug)]
struct Left {
    /// Channels of the two layers that read the bars.
    bars: [usize; 2],
    /// Channels of the two layers that read the noise.
    noise: [usize; 2],
    /// What looks wrong.
    warnings: Vec<Warning>,
    /// Accuracy on new images without the dead channels, after one epoch of tuning.
    accuracy: f64,
}

impl Left {
    /// Trains with a penalty, and takes out what died.
    fn by(penalty: &mut MorphNet, graph: &Graph, seed: u64) -> Self {
        let parts = Bars { training: 1024, ..Bars::default() }.generate(Streams::new(0)).unwrap();
        let (train, test) = (with_noise(&parts.0), with_noise(&parts.1));
        let recipe = bench::recipe(24, Curve::Cosine { peak: 0.05, last: 0.0005 });
        let start = Network::init(graph.clone(), Streams::new(seed));
        let learned = search(&start, &recipe, &train, penalty);
        let decision = penalty.decide(&learned.parameters).unwrap();
        let small = shrink_folding(&learned, &decision.survivors).unwrap().network;
        let tuning = bench::recipe(1, Curve::Cosine { peak: 0.01, last: 0.0 });
        let small = search(&small, &tuning, &train, &mut ());
        let images = Evaluation::new(&test, &Normalization::of(&train), 64).unwrap();
        let device = testkit::cpu(1);
        let mut evaluator = Evaluator::new(&small.graph, 64, &device).unwrap();
        let accuracy = evaluator.score(&small, &images).unwrap().accuracy;
        let branch = |branch: &str| layers(graph, &decision, branch);
        let warnings = penalty.warnings_after(&decision);
        Self { bars: branch("bars"), noise: branch("noise"), warnings, accuracy }
    }
}

fn layers(graph: &Graph, decision: &Decision, branch: &str) -> [usize; 2] {
    [0, 1].map(|layer| {
        decision.survivors.on(graph.find(&format!("{branch}/conv{layer}")).unwrap()).len()
    })
}

fn settings(case: &Case) -> Settings {
    let (strength, kind) = (case.strength, case.kind);
    Settings { strength, alive_threshold: kind.usual_threshold(), kind, ..Settings::default() }
}

#[test]
fn the_dead_channels_are_the_useless_ones() {
    for case in cases() {
        for seed in 3..7 {
            let form = CostForm::of(&Flops, &case.graph);
            let mut penalty = MorphNet::new(&case.graph, form, settings(&case));
            let left = Left::by(&mut penalty, &case.graph, seed);
            let found = format!("{}, seed {seed}: {left:?}", case.name);
            assert_eq!(left.noise, [0, 0], "{found}");
            assert_eq!(left.warnings, [], "{found}");
            assert!(left.bars.iter().all(|width| *width >= 2) && left.accuracy >= 0.95, "{found}");
        }
    }
}

/// Exactly half is one branch alone. Where the budget is met one channel of the bars earlier, a noise layer of one channel is left:
/// the last that can be without the branch going whole.
#[test]
fn a_budget_of_half_the_network_leaves_the_useful_half() {
    for case in cases() {
        for seed in 3..7 {
            let form = CostForm::of(&Flops, &case.graph);
            let cost = 0.5 * form.at(&case.graph.widths());
            let targets = vec![Target { form, cost }];
            let settings = Settings { strength: 1.0, ..settings(&case) };
            let mut penalty =
                MorphNet::towards(&case.graph, &Scope::default(), targets, settings).unwrap();
            let left = Left::by(&mut penalty, &case.graph, seed);
            let found = format!("{}, seed {seed}: {left:?}", case.name);
            let narrowest = left.noise.into_iter().min().unwrap();
            assert!(narrowest <= 1, "{found}");
            assert!(left.bars.iter().all(|width| *width >= 3) && left.accuracy >= 0.95, "{found}");
        }
    }
}

#[test]
fn a_strength_that_leaves_nothing_useful_is_told_by_its_warnings() {
    for case in cases() {
        let form = CostForm::of(&Flops, &case.graph);
        let strength = 32.0 * case.strength;
        let mut penalty =
            MorphNet::new(&case.graph, form, Settings { strength, ..settings(&case) });
        let left = Left::by(&mut penalty, &case.graph, 3);
        let found = format!("{}: {left:?}", case.name);
        assert!(left.accuracy < 0.3, "{found}");
        let died = |warning: &Warning| matches!(warning, Warning::EverythingDied { .. });
        assert!(left.warnings.iter().any(died), "{found}");
        let overwhelmed = |warning: &Warning| matches!(warning, Warning::PenaltyOverwhelms { .. });
        let by_gates = matches!(case.kind, StrengthKind::Gate { .. });
        assert!(by_gates || left.warnings.iter().any(overwhelmed), "{found}");
    }
}

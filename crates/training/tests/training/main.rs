//! The compiled program against independent references, and the loop.
#![cfg(test)]

use datasets::{Augmentation, Bars, Batches, Evaluation, ImageSet, Normalization, Streams};
use graph::{Graph, NodeId, Op, Role, Shape};
use ndarray::Array4;
use proptest::prelude::*;
use testkit::strategies::{self, Options};
use testkit::{GateDraws, Mode, cross_entropy, interpret, random_parameters, tape, toys};
use training::{
    Control, Curve, EpochEnd, Evaluator, Filters, ForwardPass, GateNoise, GateRecipe, Network,
    Optimizer, Parameters, Penalty, PenaltyStep, Recipe, Schedule, TrainError, Trainer,
};

mod files;
mod filters;
mod gates;
mod multi_label;
mod networks;
mod operators;

const BATCH: usize = 6;

fn recipe(optimizer: Optimizer, rate: f64) -> Recipe {
    Recipe {
        epochs: 1,
        batch_size: BATCH,
        optimizer,
        learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate } },
        weight_decay: 0.0,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        batch_norm_momentum: 0.1,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    }
}

fn plain(rate: f64) -> Recipe {
    recipe(Optimizer::Sgd { momentum: 0.0, nesterov: false }, rate)
}

fn image_shape(graph: &Graph) -> Shape {
    graph.nodes().find(|(_, node)| matches!(node.op, Op::Input(_))).unwrap().1.shape
}

/// As many images of noise as a batch has, with labels of all classes.
fn noise(graph: &Graph, seed: u64) -> (ImageSet, Normalization) {
    let Shape { height, width, channels, .. } = image_shape(graph);
    let classes = graph.node(graph.outputs()[0]).shape.channels;
    let mut state = seed;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let pixels = Array4::from_shape_simple_fn((BATCH, height, width, channels), &mut byte);
    let labels = (0..BATCH).map(|image| (image % classes) as u16).collect();
    let set = ImageSet::new(pixels, labels, classes).unwrap();
    (set, Normalization::new(vec![0.5; channels], vec![0.25; channels]).unwrap())
}

fn network(graph: &Graph, seed: u64) -> Network {
    let mut network = Network::init(graph.clone(), Streams::new(seed));
    for ((node, role), values) in random_parameters(graph, seed) {
        for (slot, value) in
            network.parameters.values_mut(node, role).unwrap().iter_mut().zip(values)
        {
            *slot = value as f32;
        }
    }
    network
}

fn doubles(parameters: &Parameters) -> testkit::Parameters {
    let double =
        |values: &ndarray::ArrayD<f32>| values.iter().map(|value| f64::from(*value)).collect();
    parameters.iter().map(|(node, role, values)| ((node, role), double(values))).collect()
}

/// One batch as the trainer sees it in its first step.
fn first_batch(batches: &Batches) -> (Vec<f64>, Vec<usize>) {
    let mut images = vec![0.0; batches.shape().iter().product()];
    let mut labels = vec![0; BATCH];
    batches.epoch(0).fill(0, &mut images, &mut labels).unwrap();
    (
        images.into_iter().map(f64::from).collect(),
        labels.into_iter().map(|label| label as usize).collect(),
    )
}

/// What the trainer draws for the gates in its first step.
fn draws(graph: &Graph, gates: GateRecipe) -> GateDraws {
    let noise = GateNoise::new(graph, Streams::new(0));
    let of = |gate| {
        let mut values = vec![0.0; graph.node(gate).shape.channels];
        noise.draw(gate, 1, &mut values);
        (gate, values.into_iter().map(f64::from).collect())
    };
    let GateRecipe { temperature, straight_through, .. } = gates;
    GateDraws { temperature, straight_through, noise: noise.gates().map(of).collect() }
}

/// Gradients by the program: with plain descent at rate 1, a step is the gradient.
fn gradients(
    network: &Network,
    batches: &Batches,
    smoothing: f64,
    gates: GateRecipe,
) -> (f64, testkit::Parameters) {
    let device = testkit::cpu(1);
    let recipe = Recipe { label_smoothing: smoothing, gates, ..plain(1.0) };
    let mut trainer = Trainer::new(network, &recipe, Streams::new(0), &device).unwrap();
    let mut loss = 0.0;
    trainer
        .epoch(batches, &mut (), &mut |step| {
            loss = step.loss;
            Control::Continue
        })
        .unwrap();
    let after = doubles(&trainer.network().parameters);
    let before = doubles(&network.parameters);
    let difference = |(key, before): ((NodeId, Role), Vec<f64>)| {
        let step = before.iter().zip(&after[&key]).map(|(before, after)| before - after).collect();
        (key, step)
    };
    (loss, before.into_iter().filter(|((_, role), _)| role.is_trained()).map(difference).collect())
}

fn largest(gradients: &testkit::Parameters) -> f64 {
    gradients.values().flatten().fold(0.0, |largest, value| value.abs().max(largest))
}

fn check_gradients(graph: &Graph, seed: u64, smoothing: f64) -> Result<(), TestCaseError> {
    let network = network(graph, seed);
    let (set, normalization) = noise(graph, seed);
    let batches =
        Batches::new(&set, &normalization, BATCH, Augmentation::default(), Streams::new(0))
            .unwrap();
    let (images, labels) = first_batch(&batches);
    let gates = GateRecipe {
        temperature: 0.7,
        straight_through: seed.is_multiple_of(2),
        ..GateRecipe::default()
    };
    let parameters = doubles(&network.parameters);
    let draws = draws(graph, gates);
    let reference =
        tape::gated_gradients(graph, &parameters, &images, &labels, smoothing, Some(&draws));
    let (loss, ours) = gradients(&network, &batches, smoothing, gates);
    prop_assert!(
        (loss - reference.loss).abs() <= 1e-4 * (1.0 + reference.loss.abs()),
        "{} {}",
        loss,
        reference.loss
    );
    let scale = largest(&reference.gradients).max(1e-3);
    for (key, values) in &ours {
        for (index, (a, b)) in values.iter().zip(&reference.gradients[key]).enumerate() {
            let name = &graph.node(key.0).name;
            prop_assert!(
                (a - b).abs() <= 2e-3 * scale,
                "{name} {:?} [{index}]: {a}, reference {b}\n{graph}",
                key.1
            );
        }
    }
    Ok(())
}

/// The mean loss of an evaluation against that of the interpreter's logits.
fn check_inference(graph: &Graph, seed: u64) -> Result<(), TestCaseError> {
    let network = network(graph, seed);
    let (set, normalization) = noise(graph, seed);
    let device = testkit::cpu(1);
    // Four at a time, so that the last batch is partial.
    let mut evaluator = Evaluator::new(graph, 4, &device).unwrap();
    let images = Evaluation::new(&set, &normalization, 4).unwrap();
    let score = evaluator.score(&network, &images).unwrap();
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for batch in 0..images.batches() {
        let (mut values, mut found) = (vec![0.0; images.shape().iter().product()], vec![0; 4]);
        let valid = images.fill(batch, &mut values, &mut found).unwrap();
        let image = values.len() / 4;
        pixels.extend(values[..valid * image].iter().map(|value| f64::from(*value)));
        labels.extend(found[..valid].iter().map(|label| *label as usize));
    }
    let evaluation = interpret(graph, &doubles(&network.parameters), &pixels, BATCH, Mode::Infer);
    let logits = &evaluation.wires[graph.outputs()[0].index()];
    let loss = cross_entropy(logits, &labels, set.classes(), 0.0);
    prop_assert_eq!(score.images, BATCH as u64);
    prop_assert!(
        (score.loss - loss).abs() <= 1e-4 * (1.0 + loss.abs()),
        "{} {}\n{}",
        score.loss,
        loss,
        graph
    );
    Ok(())
}

/// Random networks of every operator that can be trained.
fn trained_graph() -> impl Strategy<Value = Graph> {
    let all = Options { constructs: true, ..Options::default() };
    prop_oneof![1 => strategies::graph(), 3 => strategies::graphs(all)]
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn every_gradient_agrees_with_the_dfdx_tape(graph in trained_graph(), seed in 0_u64..1000) {
        check_gradients(&graph, seed, 0.0)?;
    }

    #[test]
    fn inference_agrees_with_the_interpreter(graph in trained_graph(), seed in 0_u64..1000) {
        check_inference(&graph, seed)?;
    }
}

#[test]
fn gradients_of_the_toys_agree_with_the_tape_also_with_label_smoothing() {
    let toys = [
        toys::diamond(),
        toys::residual(),
        toys::inception_block(),
        toys::separable(),
        toys::squeeze_excite(),
        toys::grouped(),
        toys::flattened(),
    ];
    for graph in toys {
        check_gradients(&graph, 3, 0.1).unwrap();
    }
}

fn bars() -> (ImageSet, ImageSet) {
    Bars::default().generate(Streams::new(1)).unwrap()
}

fn toy_for_bars() -> Graph {
    use graph::{BatchNorm, Builder, Conv2d, Linear};
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(8, 8, 1)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(8, 3)), &[image]).unwrap();
    let norm = build.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[conv]).unwrap();
    let relu = build.add("relu", Op::Activation(graph::Activation::Relu), &[norm]).unwrap();
    let drop = build.add("drop", Op::Dropout { rate: 0.1 }, &[relu]).unwrap();
    let flat = build.add("flat", Op::Flatten, &[drop]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(Bars::CLASSES)), &[flat]).unwrap();
    build.finish(&[logits]).unwrap()
}

const OPTIMIZERS: [Optimizer; 4] = [
    Optimizer::Sgd { momentum: 0.9, nesterov: false },
    Optimizer::Sgd { momentum: 0.9, nesterov: true },
    Optimizer::RmsProp { decay: 0.9, momentum: 0.5, epsilon: 1e-3 },
    Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
];

fn bars_recipe(optimizer: Optimizer) -> Recipe {
    let rate = match optimizer {
        Optimizer::Sgd { .. } => 0.05,
        Optimizer::RmsProp { .. } | Optimizer::Adam { .. } => 0.005,
    };
    let augmentation = Augmentation { flip: true, crop: 1 };
    Recipe {
        epochs: 3,
        batch_size: 32,
        weight_decay: 1e-4,
        augmentation,
        ..recipe(optimizer, rate)
    }
}

fn bars_batches(recipe: &Recipe, train: &ImageSet) -> Batches {
    let normalization = Normalization::of(train);
    Batches::new(train, &normalization, recipe.batch_size, recipe.augmentation, Streams::new(5))
        .unwrap()
}

#[test]
fn every_optimizer_learns_the_bars() {
    let (train, test) = bars();
    let device = testkit::cpu(1);
    for optimizer in OPTIMIZERS {
        let recipe = bars_recipe(optimizer);
        let network = Network::init(toy_for_bars(), Streams::new(0));
        let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
        while !trainer.is_finished() {
            trainer
                .epoch(&bars_batches(&recipe, &train), &mut (), &mut |_| Control::Continue)
                .unwrap();
        }
        let images = Evaluation::new(&test, &Normalization::of(&train), 100).unwrap();
        let mut evaluator = Evaluator::new(&network.graph, 100, &device).unwrap();
        let untrained = evaluator.score(&network, &images).unwrap();
        let score = evaluator.score(&trainer.network(), &images).unwrap();
        assert!(
            score.accuracy > 0.9 && untrained.accuracy < 0.6,
            "{optimizer:?}: {untrained:?} to {score:?}"
        );
    }
}

#[test]
fn a_run_saved_at_any_step_goes_on_as_if_it_had_never_stopped() {
    let (train, _) = bars();
    let device = testkit::cpu(1);
    for optimizer in OPTIMIZERS {
        let recipe = bars_recipe(optimizer);
        let batches = bars_batches(&recipe, &train);
        let network = Network::init(toy_for_bars(), Streams::new(0));
        let start = || Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
        let mut whole = start();
        while !whole.is_finished() {
            whole.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
        }
        let mut pieces = start();
        let mut steps = 0;
        while !pieces.is_finished() {
            let stop = &mut |_| {
                steps += 1;
                if steps % 7 == 0 { Control::Stop } else { Control::Continue }
            };
            let end = pieces.epoch(&batches, &mut (), stop).unwrap();
            let saved = pieces.save(&());
            assert!(matches!(end, EpochEnd::Stopped | EpochEnd::Completed(_)));
            pieces = start();
            pieces.load(&saved, &mut ()).unwrap();
        }
        assert_eq!(whole.save(&()), pieces.save(&()), "{optimizer:?}");
        assert_eq!(whole.history(), pieces.history());
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (train, _) = bars();
    let recipe = bars_recipe(OPTIMIZERS[1]);
    let batches = bars_batches(&recipe, &train);
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let run = |threads| {
        let device = testkit::cpu(threads);
        let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
        while !trainer.is_finished() {
            trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
        }
        trainer.save(&())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

/// Halves the scales of a norm and counts the steps that it sees.
struct Halve {
    norm: NodeId,
    steps: Vec<PenaltyStep>,
    count: u64,
}

impl Penalty for Halve {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        vec![(self.norm, Role::Gamma)]
    }

    fn filters(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn apply(&mut self, parameters: &mut Parameters, _: &mut Filters, step: PenaltyStep) -> f64 {
        for gamma in parameters.values_mut(self.norm, Role::Gamma).unwrap() {
            *gamma *= 0.5;
        }
        self.steps.push(step);
        self.count += 1;
        1.25
    }

    fn state(&self) -> Vec<u8> {
        self.count.to_le_bytes().to_vec()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let bytes = state.try_into().map_err(|_| "not a count".to_owned())?;
        self.count = u64::from_le_bytes(bytes);
        Ok(())
    }
}

#[test]
fn a_penalty_changes_its_parameters_after_every_step_and_knows_where_it_is() {
    let (train, _) = bars();
    let recipe = Recipe { epochs: 1, ..bars_recipe(OPTIMIZERS[0]) };
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let device = testkit::cpu(1);
    let norm = network.graph.find("norm").unwrap();
    let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
    let mut halve = Halve { norm, steps: Vec::new(), count: 0 };
    let batches = bars_batches(&recipe, &train);
    let end = trainer.epoch(&batches, &mut halve, &mut |_| Control::Continue).unwrap();
    let EpochEnd::Completed(record) = end else { panic!("{end:?}") };
    assert_eq!(record.penalty, 1.25);
    let network = trainer.network();
    let gammas = network.parameters.values(norm, Role::Gamma).unwrap();
    assert!(gammas.iter().all(|gamma| gamma.abs() < 0.1), "{gammas:?}");
    let steps = batches.per_epoch() as u64;
    assert!(halve.steps.iter().all(|step| step.steps == steps && step.learning_rate > 0.0));
    assert!(halve.steps.iter().map(|step| step.step).eq(1..=steps));
}

#[test]
fn a_checkpoint_has_what_the_penalty_remembers_and_fits_no_other_penalty() {
    let (train, _) = bars();
    let recipe = Recipe { epochs: 1, ..bars_recipe(OPTIMIZERS[0]) };
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let device = testkit::cpu(1);
    let norm = network.graph.find("norm").unwrap();
    let trainer = || Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
    let mut first = trainer();
    let mut halve = Halve { norm, steps: Vec::new(), count: 0 };
    let batches = bars_batches(&recipe, &train);
    first.epoch(&batches, &mut halve, &mut |_| Control::Continue).unwrap();
    let saved = first.save(&halve);
    let mut second = trainer();
    let mut other = Halve { norm, steps: Vec::new(), count: 0 };
    second.load(&saved, &mut other).unwrap();
    assert_eq!(other.count, batches.per_epoch() as u64);

    let mut third = trainer();
    let error = third.load(&saved, &mut ()).unwrap_err().to_string();
    assert!(error.contains("8 bytes of a penalty's state, expected none"), "{error}");
    assert_eq!(third.save(&()), trainer().save(&()));
}

#[test]
fn divergence_is_an_error_that_names_the_step() {
    let (train, _) = bars();
    let recipe =
        Recipe { epochs: 2, ..recipe(Optimizer::Sgd { momentum: 0.9, nesterov: false }, 1e30) };
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let device = testkit::cpu(1);
    let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
    let error = trainer
        .epoch(&bars_batches(&recipe, &train), &mut (), &mut |_| Control::Continue)
        .unwrap_err();
    assert!(matches!(error, TrainError::Diverged { epoch: 1, .. }), "{error}");
}

#[test]
fn images_of_another_shape_are_refused() {
    let (train, _) = Bars { side: 12, ..Bars::default() }.generate(Streams::new(1)).unwrap();
    let recipe = bars_recipe(OPTIMIZERS[0]);
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let device = testkit::cpu(1);
    let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
    let error = trainer
        .epoch(&bars_batches(&recipe, &train), &mut (), &mut |_| Control::Continue)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "images are 32 images of 12x12x1 at a time, the network expects 32 images of 8x8x1 at a time"
    );
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let recipe = bars_recipe(OPTIMIZERS[0]);
    let device = testkit::cpu(1);
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let saved = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap().save(&());
    let other = Network::init(toys::chain(), Streams::new(0));
    let mut trainer = Trainer::new(&other, &recipe, Streams::new(0), &device).unwrap();
    let error = trainer.load(&saved, &mut ()).unwrap_err().to_string();
    assert!(error.contains("it is of another run"), "{error}");
    let error = trainer.load(&saved[..saved.len() / 2], &mut ()).unwrap_err().to_string();
    assert!(error.starts_with("checkpoint cannot be used: "), "{error}");
}

#[test]
fn schedules_follow_their_formulas() {
    let at =
        |curve, warmup_epochs: f64, time: f64| Schedule { warmup_epochs, curve }.rate(time, 10.0);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    close(at(Curve::Constant { rate: 0.1 }, 0.0, 7.0), 0.1);
    close(at(Curve::Constant { rate: 0.1 }, 2.0, 0.5), 0.025);
    close(at(Curve::Step { rate: 0.1, factor: 0.5, every: 2.0 }, 0.0, 5.0), 0.025);
    close(at(Curve::Exponential { rate: 0.1, factor: 0.25, every: 2.0 }, 0.0, 1.0), 0.05);
    close(at(Curve::Cosine { peak: 0.1, last: 0.02 }, 0.0, 0.0), 0.1);
    close(at(Curve::Cosine { peak: 0.1, last: 0.02 }, 0.0, 5.0), 0.06);
    close(at(Curve::Cosine { peak: 0.1, last: 0.02 }, 2.0, 6.0), 0.06);
    close(at(Curve::Cosine { peak: 0.1, last: 0.02 }, 2.0, 10.0), 0.02);
}

#[test]
fn the_steps_of_a_forward_pass_do_what_the_whole_does_and_name_their_nodes() {
    let graph = toys::inception_block();
    let network = Network::init(graph.clone(), Streams::new(5));
    let device = testkit::cpu(2);
    let mut whole = ForwardPass::new(&network, 3, &device).unwrap();
    let mut steps = ForwardPass::new(&network, 3, &device).unwrap();
    whole.run();
    for step in 0..steps.nodes().len() {
        steps.run_step(step);
    }
    assert_eq!(whole.losses(), steps.losses());
    assert!(whole.losses().iter().all(|loss| *loss > 0.0));
    assert_eq!(whole.images(), steps.images());
    assert_eq!(whole.logits(), steps.logits());
    for (logits, loss) in whole.logits().chunks(whole.logits().len() / 3).zip(whole.losses()) {
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        assert!((sum.ln() - logits[0] - loss).abs() < 1e-5, "{logits:?}: {loss}");
    }
    for (id, node) in graph.nodes().filter(|(_, node)| node.op.is_producer()) {
        let own = steps.nodes().iter().filter(|node| **node == Some(id));
        assert_eq!(own.count(), 1, "{}", node.name);
    }
    assert_eq!(steps.nodes().last(), Some(&None));
}

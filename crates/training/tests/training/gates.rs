//! Networks with gates: masks from step to step, checkpoints, threads, and what does not change without gates.

use std::collections::BTreeMap;

use datasets::{Evaluation, Normalization, Streams};
use graph::{Activation, Axis, BatchNorm, Builder, Conv2d, Graph, NodeId, Op, Role, Shape};
use tensor_ops::Instruction;
use testkit::{Mode, cross_entropy, interpret};
use training::{
    Control, EpochEnd, Evaluator, GateRecipe, Network, Program, Recipe, TrainError, Trainer,
};

use crate::operators::Net;
use crate::{OPTIMIZERS, bars, bars_batches, bars_recipe, doubles, network};

/// Gates behind a norm, behind an activation, in a branch, and on channels that others read as well.
fn gated_net() -> Graph {
    let (mut net, image) = Net::new(Shape::new(8, 8, 1));
    let conv = net.conv(Conv2d::square(12, 3), image);
    let norm = net.add(Op::BatchNorm(BatchNorm::scaled()), &[conv]);
    let relu = net.add(Op::Activation(Activation::Relu), &[norm]);
    let trunk = net.add(Op::Gate, &[relu]);
    let left = net.conv(Conv2d::square(8, 3), trunk);
    let left = net.add(Op::BatchNorm(BatchNorm::scaled()), &[left]);
    let left = net.add(Op::Gate, &[left]);
    let right = net.conv(Conv2d { bias: true, ..Conv2d::square(8, 1) }, trunk);
    let gated = net.add(Op::Gate, &[right]);
    let both = net.add(Op::Concat(Axis::Channels), &[left, gated, right]);
    let both = net.add(Op::Activation(Activation::Relu), &[both]);
    let mean = net.add(Op::GlobalAvgPool, &[both]);
    let logits = net.add(Op::Linear(graph::Linear::new(datasets::Bars::CLASSES)), &[mean]);
    net.finish(logits)
}

fn recipe(gates: GateRecipe) -> Recipe {
    Recipe { epochs: 4, gates, ..bars_recipe(OPTIMIZERS[3]) }
}

const SOFT: GateRecipe = GateRecipe {
    temperature: 0.5,
    straight_through: false,
    annealing_epochs: Some(2.0),
    soft_inference: true,
};

const HARD: GateRecipe = GateRecipe {
    temperature: 1.0,
    straight_through: true,
    annealing_epochs: None,
    soft_inference: false,
};

#[test]
fn gated_networks_learn_go_on_from_any_step_and_threads_change_no_bit() {
    let (train, _) = bars();
    for gates in [SOFT, HARD] {
        let recipe = recipe(gates);
        let batches = bars_batches(&recipe, &train);
        let network = Network::init(gated_net(), Streams::new(0));
        let run = |threads: usize, every: usize| {
            let device = testkit::cpu(threads);
            let start = || Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
            let (mut trainer, mut steps) = (start(), 0);
            while !trainer.is_finished() {
                let stop = &mut |_| {
                    steps += 1;
                    if steps % every == 0 { Control::Stop } else { Control::Continue }
                };
                if trainer.epoch(&batches, &mut (), stop).unwrap() == EpochEnd::Stopped {
                    let saved = trainer.save(&());
                    trainer = start();
                    trainer.load(&saved, &mut ()).unwrap();
                }
            }
            let losses: Vec<f64> = trainer.history().iter().map(|record| record.loss).collect();
            (trainer.save(&()), losses)
        };
        let (saved, losses) = run(1, usize::MAX);
        assert!(losses[3] < 0.8 * losses[0], "{gates:?}: {losses:?}");
        assert!(saved == run(3, usize::MAX).0, "{gates:?}: 3 threads differ");
        assert!(saved == run(1, 7).0, "{gates:?}: stopping changes something");
    }
}

/// The loss of an evaluation is the interpreter's, which knows soft masks; hard ones are those of logits so large that their
/// probability is 1.
#[test]
fn evaluation_takes_soft_or_hard_masks_and_closed_channels_are_silent() {
    let (train, test) = bars();
    let graph = gated_net();
    let soft = network(&graph, 1);
    let mut certain = soft.clone();
    let gates: Vec<NodeId> =
        graph.nodes().filter(|(_, node)| matches!(node.op, Op::Gate)).map(|(id, _)| id).collect();
    for gate in &gates {
        for logit in certain.parameters.values_mut(*gate, Role::Logit).unwrap() {
            *logit = logit.signum() * 50.0;
        }
    }
    let device = testkit::cpu(1);
    let test = test.take(50).unwrap();
    let images = Evaluation::new(&test, &Normalization::of(&train), 50).unwrap();
    let (mut pixels, mut labels) = (vec![0.0; images.shape().iter().product()], vec![0; 50]);
    images.fill(0, &mut pixels, &mut labels).unwrap();
    let pixels: Vec<f64> = pixels.into_iter().map(f64::from).collect();
    let labels: Vec<usize> = labels.into_iter().map(|label| label as usize).collect();
    for (recipe, reference) in [(SOFT, &soft), (HARD, &certain)] {
        let mut evaluator = Evaluator::with_gates(&graph, 50, recipe, &device).unwrap();
        let score = evaluator.score(&soft, &images).unwrap();
        let parameters = doubles(&reference.parameters);
        let evaluation = interpret(&graph, &parameters, &pixels, 50, Mode::Infer);
        let loss = cross_entropy(evaluation.on(graph.outputs()[0]), &labels, test.classes(), 0.0);
        assert!((score.loss - loss).abs() < 1e-5, "{recipe:?}: {} {loss}", score.loss);
        for gate in &gates {
            let logits = soft.parameters.values(*gate, Role::Logit).unwrap();
            let closed = logits.iter().filter(|logit| **logit <= 0.0).count();
            assert!(closed > 0 && closed < logits.len(), "{logits:?}");
        }
    }
    let default = Evaluator::new(&graph, 50, &device).unwrap().score(&soft, &images).unwrap();
    let with_soft =
        Evaluator::with_gates(&graph, 50, SOFT, &device).unwrap().score(&soft, &images).unwrap();
    assert_eq!(default, with_soft);
}

/// A gate behind a norm and an activation; with something between them that does nothing, if `apart`.
fn gate_behind_norm(apart: bool, activation: Option<Activation>) -> Graph {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(8, 8, 1)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(12, 3)), &[image]).unwrap();
    let mut wire = build.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[conv]).unwrap();
    if let Some(function) = activation {
        wire = build.add("activation", Op::Activation(function), &[wire]).unwrap();
    }
    if apart {
        wire = build.add("nothing", Op::Dropout { rate: 0.0 }, &[wire]).unwrap();
    }
    let gate = build.add("gate", Op::Gate, &[wire]).unwrap();
    let second = build.add("second", Op::Conv2d(Conv2d::square(6, 3)), &[gate]).unwrap();
    let mean = build.add("mean", Op::GlobalAvgPool, &[second]).unwrap();
    let classes = graph::Linear::new(datasets::Bars::CLASSES);
    let logits = build.add("logits", Op::Linear(classes), &[mean]).unwrap();
    build.finish(&[logits]).unwrap()
}

#[test]
fn a_gate_computed_with_the_norm_before_it_is_the_same_gate() {
    let (train, _) = bars();
    let functions = [
        (None, true),
        (Some(Activation::Relu), true),
        (Some(Activation::LeakyRelu { slope: 0.1 }), true),
        (Some(Activation::Relu6), false),
    ];
    for (gates, (function, fused)) in
        [SOFT, HARD].into_iter().flat_map(|gates| functions.map(|it| (gates, it)))
    {
        let recipe = Recipe { gates, ..bars_recipe(OPTIMIZERS[0]) };
        let batches = bars_batches(&recipe, &train);
        let after = |apart: bool| {
            let graph = gate_behind_norm(apart, function);
            let program = Program::training(&graph, &recipe).unwrap();
            let is_gate = |it: &&Instruction| matches!(it, Instruction::Gate { .. });
            let alone = program.instructions().iter().filter(is_gate).count();
            assert_eq!(alone, usize::from(apart || !fused), "{function:?}");
            let network = Network::init(graph, Streams::new(0));
            let device = testkit::cpu(1);
            let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
            let mut steps = 0;
            let stop = &mut |_| {
                steps += 1;
                if steps == 3 { Control::Stop } else { Control::Continue }
            };
            trainer.epoch(&batches, &mut (), stop).unwrap();
            let trained = trainer.network();
            let name = |node: NodeId| trained.graph.node(node).name.clone();
            let tensors = trained.parameters.iter().map(|(node, role, tensor)| {
                ((name(node), role), tensor.iter().copied().collect::<Vec<f32>>())
            });
            tensors.collect::<BTreeMap<_, _>>()
        };
        let (found, expected) = (after(false), after(true));
        assert_eq!(found.len(), expected.len());
        for (parameter, expected) in expected {
            for (found, expected) in found[&parameter].iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4, "{parameter:?}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn a_recipe_of_gates_without_a_mask_is_refused() {
    let graph = gated_net();
    let of = |gates| Program::training(&graph, &recipe(gates)).unwrap_err();
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = of(GateRecipe { temperature, ..SOFT });
        assert!(matches!(error, TrainError::Gates { what: "temperature", .. }), "{error}");
    }
    let error = of(GateRecipe { annealing_epochs: Some(0.0), ..SOFT });
    assert_eq!(error.to_string(), "`gates.annealing_epochs` is 0, expected a number above 0");
}

#[test]
fn a_recipe_without_a_word_of_gates_is_the_default_and_is_written_without_one() {
    let plain = recipe(GateRecipe::default());
    let text = serde_json::to_string(&plain).unwrap();
    assert!(!text.contains("gates"), "{text}");
    assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), plain);
    let other = recipe(HARD);
    let text = serde_json::to_string(&other).unwrap();
    assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), other);
}

#[test]
fn logits_do_not_decay() {
    let (train, _) = bars();
    let recipe = Recipe {
        epochs: 1,
        weight_decay: 0.5,
        decay_batch_norm: true,
        gates: GateRecipe { straight_through: false, temperature: 1e-30, ..HARD },
        ..bars_recipe(OPTIMIZERS[0])
    };
    let network = Network::init(gated_net(), Streams::new(0));
    let device = testkit::cpu(1);
    let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
    let batches = bars_batches(&recipe, &train);
    // At this temperature masks are hard and have no gradient, so that only decay could move a logit.
    trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
    for (node, role, values) in trainer.network().parameters.iter() {
        match role {
            Role::Logit => assert!(values.iter().all(|logit| *logit == 2.5)),
            Role::Gamma => assert!(values.iter().any(|gamma| *gamma < 0.5), "{node:?}"),
            Role::Weight | Role::Bias | Role::Beta | Role::RunningMean | Role::RunningVariance => {}
        }
    }
}

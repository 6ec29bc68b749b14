//! Images with several labels at once.

use datasets::{Bars, Batches, Evaluation, LabelSets, Normalization, Streams};
use graph::{Graph, NodeId, Role};
use testkit::{Mode, interpret, toys};
use training::{Control, Evaluator, Network, Recipe, TrainError, Trainer, average_precision};

use crate::{
    BATCH, OPTIMIZERS, bars, bars_batches, bars_recipe, doubles, first_batch, network, noise,
    plain, toy_for_bars,
};

/// The definition: mean over images and classes of the cross entropy of sigmoid(logit).
fn loss(logits: &[f64], classes: usize, labels: &[usize], sets: &LabelSets) -> f64 {
    let mut sum = 0.0;
    for (row, label) in logits.chunks(classes).zip(labels) {
        let members = sets.set(*label as u32).unwrap();
        for (class, logit) in row.iter().enumerate() {
            let signed = if members.contains(&(class as u32)) { *logit } else { -logit };
            sum -= (1.0 / (1.0 + (-signed).exp())).ln();
        }
    }
    sum / logits.len() as f64
}

/// Set `n` has the classes that are bits of `n + 1`, but only those that there are.
fn bits(classes: usize, count: usize) -> LabelSets {
    let members =
        |set: usize| (0..classes as u32).filter(|bit| (set + 1) >> bit & 1 == 1).collect();
    LabelSets::new(classes, (0..count).map(members).collect()).unwrap()
}

#[test]
fn loss_and_gradients_are_those_of_the_definition() {
    let device = testkit::cpu(1);
    for graph in [toys::residual(), toys::squeeze_excite(), toys::flattened()] {
        let network = network(&graph, 3);
        let (set, normalization) = noise(&graph, 3);
        let sets = bits(set.classes(), set.classes());
        let recipe = plain(1.0);
        let batches =
            Batches::new(&set, &normalization, BATCH, recipe.augmentation, Streams::new(0))
                .unwrap();
        let (images, labels) = first_batch(&batches);
        let reference = |parameters: &testkit::Parameters| {
            let evaluation = interpret(&graph, parameters, &images, BATCH, Mode::Train);
            loss(evaluation.on(graph.outputs()[0]), set.classes(), &labels, &sets)
        };

        let streams = Streams::new(0);
        let mut trainer = Trainer::multi_label(&network, &recipe, &sets, streams, &device).unwrap();
        let mut found = f64::NAN;
        let observe = &mut |step: training::Step| {
            found = step.loss;
            Control::Continue
        };
        trainer.epoch(&batches, &mut (), observe).unwrap();
        let before = doubles(&network.parameters);
        let after = doubles(&trainer.network().parameters);
        let expected = reference(&before);
        assert!((found - expected).abs() < 1e-5 * expected, "{found} {expected}\n{graph}");

        for (key, index) in last_layer(&graph, &before) {
            // A step of plain descent at rate 1 is the gradient.
            let gradient = before[&key][index] - after[&key][index];
            let moved = |step: f64| {
                let mut parameters = before.clone();
                parameters.get_mut(&key).unwrap()[index] += step;
                reference(&parameters)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((gradient - expected).abs() < 1e-5, "{key:?} {index}: {gradient} {expected}");
        }
    }
}

/// Every value of the layer that makes the logits, which no kink of an activation follows.
fn last_layer(
    graph: &Graph,
    parameters: &testkit::Parameters,
) -> impl Iterator<Item = ((NodeId, Role), usize)> {
    let logits = graph.outputs()[0];
    let of_layer = parameters.iter().filter(move |((node, _), _)| *node == logits);
    let all: Vec<_> = of_layer
        .flat_map(|(key, values)| (0..values.len()).map(move |index| (*key, index)))
        .collect();
    assert!(!all.is_empty(), "the logits have no layer\n{graph}");
    all.into_iter()
}

/// Whether there is a horizontal bar, and whether there is a vertical one; the last two classes of the network never are.
fn of_bars() -> LabelSets {
    LabelSets::new(Bars::CLASSES, vec![vec![0], vec![1], vec![0, 1], vec![]]).unwrap()
}

#[test]
fn labels_that_occur_together_are_learned() {
    let (train, test) = bars();
    let device = testkit::cpu(1);
    let recipe = Recipe { epochs: 6, ..bars_recipe(OPTIMIZERS[3]) };
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let streams = Streams::new(0);
    let mut trainer =
        Trainer::multi_label(&network, &recipe, &of_bars(), streams, &device).unwrap();
    while !trainer.is_finished() {
        let batches = bars_batches(&recipe, &train);
        trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
    }
    let images = Evaluation::new(&test, &Normalization::of(&train), 100).unwrap();
    let mut evaluator = Evaluator::multi_label(&network.graph, 100, &of_bars(), &device).unwrap();
    let untrained = evaluator.precision(&network, &images).unwrap();
    let precision = evaluator.precision(&trainer.network(), &images).unwrap();
    let means = [&untrained, &precision].map(|it| it.mean_average_precision.unwrap());
    assert!(means[0] < 0.8 && means[1] > 0.95, "{means:?}");
    assert_eq!(precision.of_classes.len(), Bars::CLASSES);
    assert!(precision.of_classes[2..].iter().all(Option::is_none), "{precision:?}");
    assert_eq!(precision.score, evaluator.score(&trainer.network(), &images).unwrap());
    // A quarter of the images has no label that could be met.
    assert!((0.65..=0.75).contains(&precision.score.accuracy), "{precision:?}");
}

#[test]
fn precision_with_one_label_is_that_of_the_class() {
    let (train, test) = bars();
    let device = testkit::cpu(1);
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let images = Evaluation::new(&test, &Normalization::of(&train), 60).unwrap();
    let single = (0..Bars::CLASSES as u32).map(|class| vec![class]).collect();
    let sets = LabelSets::new(Bars::CLASSES, single).unwrap();
    let mut one = Evaluator::new(&network.graph, 60, &device).unwrap();
    let mut several = Evaluator::multi_label(&network.graph, 60, &sets, &device).unwrap();
    let [one, several] =
        [&mut one, &mut several].map(|evaluator| evaluator.precision(&network, &images).unwrap());
    assert_eq!(one.of_classes, several.of_classes);
    assert_eq!(one.score.accuracy, several.score.accuracy);
}

#[test]
fn average_precision_is_that_of_scikit_learn() {
    let cases: Vec<&str> = include_str!("../golden/average_precision.txt").lines().collect();
    assert_eq!(cases.len(), 36);
    for case in cases.chunks(3) {
        let scores: Vec<f32> = case[0].split(' ').map(|score| score.parse().unwrap()).collect();
        let of_class: Vec<bool> = case[1].split(' ').map(|mark| mark == "1").collect();
        let expected: f64 = case[2].parse().unwrap();
        let found = average_precision(&scores, &of_class).unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}\n{case:?}");
    }
}

#[test]
fn no_precision_is_made_up() {
    assert_eq!(average_precision(&[], &[]), None);
    assert_eq!(average_precision(&[1.0, 2.0], &[false, false]), None);
    assert_eq!(average_precision(&[1.0, f32::NAN], &[true, false]), None);
}

#[test]
fn label_sets_of_other_classes_are_refused() {
    let device = testkit::cpu(1);
    let sets = LabelSets::new(3, vec![]).unwrap();
    let refused = Evaluator::multi_label(&toy_for_bars(), 4, &sets, &device).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "the label sets are of 3 classes, but the network has 4 logits: use the sets of its data"
    );
}

#[test]
fn a_label_without_a_set_is_no_loss() {
    let (train, _) = bars();
    let device = testkit::cpu(1);
    let recipe = bars_recipe(OPTIMIZERS[0]);
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let sets = LabelSets::new(Bars::CLASSES, vec![vec![0], vec![1]]).unwrap();
    let mut trainer =
        Trainer::multi_label(&network, &recipe, &sets, Streams::new(0), &device).unwrap();
    let end = trainer.epoch(&bars_batches(&recipe, &train), &mut (), &mut |_| Control::Continue);
    assert!(matches!(end, Err(TrainError::Diverged { epoch: 1, step: 1, .. })), "{end:?}");
}

//! Running statistics measured anew.

use datasets::{Augmentation, Batches, ImageSet, Normalization, Streams};
use graph::{Op, Role};
use surgery::recalibrate;
use testkit::{Mode, interpret};

use crate::{as_reference, families::small_networks, grow::images, random_network};

pub(crate) fn batches(images: &ImageSet, size: usize) -> Batches {
    let normalization = Normalization::of(images);
    Batches::new(images, &normalization, size, Augmentation::default(), Streams::new(0)).unwrap()
}

/// A single batch: running statistics are its statistics, so that inference on it is what training computes.
#[test]
fn inference_then_is_what_training_computes() {
    let batches = batches(&images(), 16);
    let mut pixels = vec![0.0_f32; 16 * 32 * 32 * 3];
    batches.epoch(0).fill(0, &mut pixels, &mut [0; 16]).unwrap();
    let pixels: Vec<f64> = pixels.into_iter().map(f64::from).collect();
    let chosen = ["cifar-resnet", "lenet", "mobilenet-v1"];
    let networks =
        small_networks().filter(|(name, _)| chosen.iter().any(|part| name.contains(part)));
    for (name, graph) in networks {
        let mut network = random_network(&graph, 0);
        let before = network.clone();
        recalibrate(&mut network, &batches, &testkit::cpu(1)).unwrap();
        let logits = |mode| {
            let evaluation = interpret(&graph, &as_reference(&network), &pixels, 16, mode);
            evaluation.on(graph.outputs()[0]).to_vec()
        };
        let trained = logits(Mode::Train);
        let largest = trained.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
        for (infer, train) in logits(Mode::Infer).iter().zip(&trained) {
            assert!((infer - train).abs() <= 1e-3 * largest, "{name}: {infer} and {train}");
        }
        for (node, role, tensor) in before.parameters.iter() {
            if role.is_trained() {
                assert_eq!(network.parameters.get(node, role), Some(tensor), "{name}");
            }
        }
    }
}

/// The first norm of a network has the mean and the variance over all images, whatever the batches.
#[test]
fn statistics_are_those_of_all_batches_together() {
    let images = images();
    let (_, graph) = small_networks().find(|(name, _)| name.contains("cifar-resnet")).unwrap();
    let (norm, _) = graph.nodes().find(|(_, node)| matches!(node.op, Op::BatchNorm(_))).unwrap();
    let statistics = [16, 4].map(|size| {
        let mut network = random_network(&graph, 0);
        recalibrate(&mut network, &batches(&images, size), &testkit::cpu(1)).unwrap();
        [Role::RunningMean, Role::RunningVariance]
            .map(|role| network.parameters.values(norm, role).unwrap().to_vec())
    });
    for (one, four) in statistics[0].iter().flatten().zip(statistics[1].iter().flatten()) {
        assert!((one - four).abs() <= 1e-4 * (1.0 + one.abs()), "{one} and {four}");
    }
}

//! Batch norms put into networks that have been trained without.

use graph::{Channels, Op};
use surgery::{add_batch_norms, with_batch_norms};
use testkit::{Mode, interpret};

use crate::{
    as_reference, families::small_networks, grow::images, random_network, recalibrate::batches,
};

/// On a single batch the statistics of training are those measured.
#[test]
fn no_logit_changes_at_inference_nor_in_training() {
    let batches = batches(&images(), 16);
    let mut pixels = vec![0.0_f32; 16 * 32 * 32 * 3];
    batches.epoch(0).fill(0, &mut pixels, &mut [0; 16]).unwrap();
    let pixels: Vec<f64> = pixels.into_iter().map(f64::from).collect();
    let mut seen = 0;
    for (name, graph) in small_networks() {
        if graph.nodes().any(|(_, node)| matches!(node.op, Op::BatchNorm(_))) {
            continue;
        }
        seen += 1;
        let network = random_network(&graph, 0);
        let normed = add_batch_norms(&network, &batches, &testkit::cpu(1)).unwrap();
        assert_eq!(normed.graph, with_batch_norms(&graph));
        let logits = |network: &training::Network, mode| {
            let graph = &network.graph;
            let evaluation = interpret(graph, &as_reference(network), &pixels, 16, mode);
            evaluation.on(graph.outputs()[0]).to_vec()
        };
        let expected = logits(&network, Mode::Infer);
        let largest = expected.iter().fold(1e-3_f64, |a, b| a.max(b.abs()));
        for mode in [Mode::Infer, Mode::Train] {
            for (found, expected) in logits(&normed, mode).iter().zip(&expected) {
                let close = (found - expected).abs() <= 1e-3 * largest;
                assert!(close, "{name}: {found}, expected {expected}");
            }
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn every_convolution_has_one_afterwards_but_those_whose_channels_cannot_go() {
    for (name, graph) in small_networks() {
        let normed = with_batch_norms(&graph);
        let (channels, consumers) = (Channels::of(&normed), normed.consumers());
        for (id, node) in normed.nodes() {
            if matches!(node.op, Op::Conv2d(_) | Op::Depthwise(_))
                && channels.on(id).iter().any(|group| !channels.is_frozen(*group))
            {
                let reader = normed.node(consumers[id.index()][0]);
                assert!(matches!(reader.op, Op::BatchNorm(_)), "{name}: {}", node.name);
            }
        }
        assert_eq!(with_batch_norms(&normed), normed, "{name}");
    }
}

//! Where the narrowest network that suffices is known, a search finds it.

use cost_models::{CostForm, Flops};
use datasets::{Evaluation, ImageSet, Normalization, Shades, Streams};
use graph::{Conv2d, Graph};
use regularizers::{MorphNet, Settings};
use surgery::shrink;
use training::{Curve, Evaluator, Network, Penalty};

use crate::bench::{self, BATCH, Layers};

/// One layer that sees the shade, and the classes.
fn layer(width: usize) -> Graph {
    let (mut layers, image) = Layers::image(4);
    let seen = layers.unit("seen", Conv2d::square(width, 1), image);
    layers.classify_as(seen, Shades::CLASSES)
}

fn train(graph: Graph, seed: u64, images: &ImageSet, penalty: &mut dyn Penalty) -> Network {
    let recipe = bench::recipe(40, Curve::Cosine { peak: 0.1, last: 0.001 });
    bench::search(&Network::init(graph, Streams::new(seed)), &recipe, images, penalty)
}

/// Accuracy on `test`, whose pixels are normalised like those of `train`.
fn accuracy(network: &Network, train: &ImageSet, test: &ImageSet) -> f64 {
    let images = Evaluation::new(test, &Normalization::of(train), BATCH).unwrap();
    let device = testkit::cpu(1);
    let mut evaluator = Evaluator::new(&network.graph, BATCH, &device).unwrap();
    evaluator.score(network, &images).unwrap().accuracy
}

#[test]
fn a_search_finds_the_narrowest_layer_that_tells_all_shades() {
    let set = Shades::default();
    let (images, test) = set.generate(Streams::new(0)).unwrap();
    for seed in 0..4 {
        let graph = layer(8);
        let settings = Settings { strength: 6.0, ..Settings::default() };
        let mut penalty = MorphNet::new(&graph, CostForm::of(&Flops, &graph), settings);
        let learned = train(graph, seed, &images, &mut penalty);
        let decision = penalty.decide(&learned.parameters).unwrap();
        let small = shrink(&learned, &decision.survivors).unwrap();
        let width = small.graph.widths().on(small.graph.find("seen").unwrap());
        assert_eq!(width, set.best_width(), "seed {seed}");
        assert_eq!(accuracy(&small, &images, &test), 1.0, "seed {seed}");
    }
}

#[test]
fn a_narrower_layer_cannot_tell_all_shades() {
    let (images, test) = Shades::default().generate(Streams::new(0)).unwrap();
    for seed in 0..4 {
        let learned = train(layer(1), seed, &images, &mut ());
        let found = accuracy(&learned, &images, &test);
        // A quarter of the images, give or take what is drawn.
        assert!(found < 0.8, "seed {seed}: {found}");
    }
}

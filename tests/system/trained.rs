//! A small network of every family after a few steps of training.

use architectures::Architecture;
use datasets::{Augmentation, Bars, Batches, Normalization, Streams};
use graph::Shape;
use training::{
    Control, Curve, ForwardPass, GateRecipe, Network, Optimizer, Recipe, Schedule, Trainer,
};

/// Side and channels of the image, and the network as in a plan. Every family, and the options that change operators.
const NETWORKS: [(usize, usize, &str); 20] = [
    (32, 3, r#"{"inception-v1": {"stem": "small", "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"inception-v2": {"stem": "small", "width_multiplier": 0.25}}"#),
    (75, 3, r#"{"inception-v3": {"width_multiplier": 0.125}}"#),
    (32, 3, r#"{"resnet": {"depth": 18, "stem": "small", "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"resnet": {"depth": 50, "version": "v2", "width_multiplier": 0.125}}"#),
    (32, 3, r#"{"cifar-resnet": {"depth": 20}}"#),
    (32, 3, r#"{"cifar-resnet": {"depth": 20, "shortcut": "pad", "version": "v2"}}"#),
    (64, 1, r#"{"audio-resnet": {"depth": 18, "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"mobilenet-v1": {"stem": "small", "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"mobilenet-v2": {"stem": "small", "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"mobilenet-v3": {"variant": "small", "stem": "small", "width_multiplier": 0.5}}"#),
    (32, 3, r#"{"efficientnet-b0": {"stem": "small", "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"shufflenet-v2": {"size": "x0.5", "stem": "small"}}"#),
    (32, 3, r#"{"squeezenet": {"stem": "small", "width_multiplier": 0.25}}"#),
    (32, 3, r#"{"densenet": {"depth": 40, "width_multiplier": 0.5}}"#),
    (32, 3, r#"{"xception": {"stem": "small", "width_multiplier": 0.125}}"#),
    (32, 3, r#"{"vgg": {"depth": 11, "stem": "small", "width_multiplier": 0.25}}"#),
    (32, 1, r#"{"vgg": {"depth": 13, "batch_norm": false, "width_multiplier": 0.0625}}"#),
    (28, 1, r#"{"lenet-5": {}}"#),
    (28, 1, r#"{"lenet-5": {"batch_norm": true}}"#),
];

/// Images of a step.
const BATCH: usize = 8;

/// Steps of training.
const STEPS: usize = 3;

/// Families and their networks, trained on bars in noise, each with its text.
pub(crate) fn networks() -> impl Iterator<Item = (&'static str, &'static str, Network)> {
    NETWORKS.iter().map(|(side, channels, text)| {
        let architecture: Architecture = serde_json::from_str(text).expect("a network");
        let image = Shape::new(*side, *side, *channels);
        let graph = architecture.build(image, Bars::CLASSES).expect("it fits the image");
        (architecture.family(), *text, trained(&Network::init(graph, Streams::new(3)), image))
    })
}

fn trained(network: &Network, image: Shape) -> Network {
    let streams = Streams::new(4);
    let bars =
        Bars { training: BATCH * STEPS, test: 4, side: image.height, channels: image.channels };
    let (train, _) = bars.generate(streams).expect("images");
    let recipe = Recipe {
        epochs: 1,
        batch_size: BATCH,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: true },
        learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate: 0.01 } },
        weight_decay: 1e-4,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        batch_norm_momentum: 0.3,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    };
    let normalization = Normalization::of(&train);
    let batches = Batches::new(&train, &normalization, BATCH, recipe.augmentation, streams)
        .expect("whole batches");
    let device = testkit::cpu(2);
    let mut trainer = Trainer::new(network, &recipe, streams, &device).expect("a program");
    trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).expect("an epoch");
    assert_eq!(trainer.history().len(), 1);
    trainer.network()
}

/// Two images and what the engine makes of them, `[image, class]`.
pub(crate) fn logits(network: &Network) -> (Vec<f32>, Vec<f32>) {
    let device = testkit::cpu(2);
    let mut pass = ForwardPass::new(network, 2, &device).expect("a program");
    pass.run();
    (pass.images(), pass.logits())
}

/// The network as an ONNX file, with batch norms as they are or folded.
pub(crate) fn file(network: &Network, fold_batch_norm: bool) -> Vec<u8> {
    let tensors = network.parameters.iter();
    let weights = tensors.map(|(node, role, tensor)| ((node, role), tensor.clone())).collect();
    let options = onnx::ExportOptions { fold_batch_norm, batch: None };
    onnx::export(&network.graph, &weights, &options).expect("a file")
}

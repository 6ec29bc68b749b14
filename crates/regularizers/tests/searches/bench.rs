//! Small networks for the bars, and their training.

use datasets::{Augmentation, Bars, Batches, ImageSet, Normalization, Streams};
use graph::{Activation, Axis, BatchNorm, Builder, Conv2d, Graph, Linear, NodeId, Op, Shape};
use training::{
    Control, Curve, GateRecipe, Network, Optimizer, Penalty, Recipe, Schedule, Trainer,
};

pub(crate) const BATCH: usize = 32;

pub(crate) fn recipe(epochs: u32, curve: Curve) -> Recipe {
    Recipe {
        epochs,
        batch_size: BATCH,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: true },
        learning_rate: Schedule { warmup_epochs: 0.0, curve },
        weight_decay: 0.0,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        batch_norm_momentum: 0.1,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    }
}

pub(crate) fn bars(training: usize) -> ImageSet {
    Bars { training, ..Bars::default() }.generate(Streams::new(0)).unwrap().0
}

pub(crate) fn batches(train: &ImageSet) -> Batches {
    let normalization = Normalization::of(train);
    Batches::new(train, &normalization, BATCH, Augmentation::default(), Streams::new(0)).unwrap()
}

/// Trains to the end; the network that was learned.
pub(crate) fn search(
    network: &Network,
    recipe: &Recipe,
    train: &ImageSet,
    penalty: &mut dyn Penalty,
) -> Network {
    let device = testkit::cpu(1);
    let batches = batches(train);
    let mut trainer = Trainer::new(network, recipe, Streams::new(0), &device).unwrap();
    while !trainer.is_finished() {
        trainer.epoch(&batches, penalty, &mut |_| Control::Continue).unwrap();
    }
    trainer.network()
}

pub(crate) struct Layers(pub(crate) Builder);

impl Layers {
    pub(crate) fn image(side: usize) -> (Self, NodeId) {
        let mut build = Builder::new();
        let image = build.add("image", Op::Input(Shape::new(side, side, 1)), &[]).unwrap();
        (Self(build), image)
    }

    /// Convolution, batch norm and ReLU.
    pub(crate) fn unit(&mut self, name: &str, conv: Conv2d, from: NodeId) -> NodeId {
        let conv = self.0.add(name, Op::Conv2d(conv), &[from]).unwrap();
        let norm = Op::BatchNorm(BatchNorm::scaled());
        let norm = self.0.add(&format!("{name}/norm"), norm, &[conv]).unwrap();
        let relu = Op::Activation(Activation::Relu);
        self.0.add(&format!("{name}/relu"), relu, &[norm]).unwrap()
    }

    pub(crate) fn classify(self, from: NodeId) -> Graph {
        self.classify_as(from, Bars::CLASSES)
    }

    pub(crate) fn classify_as(mut self, from: NodeId, classes: usize) -> Graph {
        let pool = self.0.add("pool", Op::GlobalAvgPool, &[from]).unwrap();
        let logits = self.0.add("logits", Op::Linear(Linear::new(classes)), &[pool]).unwrap();
        self.0.finish(&[logits]).unwrap()
    }
}

/// Two stages of two residual blocks each; the convolutions in the blocks may vanish.
pub(crate) fn residual(width: usize) -> Graph {
    let (mut layers, image) = Layers::image(8);
    let mut trunk = layers.unit("stem", Conv2d::square(width, 3), image);
    for (stage, width) in [width, 2 * width].into_iter().enumerate() {
        if stage > 0 {
            let mut conv = Conv2d::square(width, 1);
            conv.window = conv.window.stride(2);
            trunk = layers.unit(&format!("stage{stage}/down"), conv, trunk);
        }
        for block in 0..2 {
            let name = |end: &str| format!("stage{stage}/block{block}/{end}");
            let inner = layers.unit(&name("conv1"), Conv2d::square(width, 3), trunk);
            let outer = layers.unit(&name("conv2"), Conv2d::square(width, 3), inner);
            trunk = layers.0.add(&name("add"), Op::Add, &[trunk, outer]).unwrap();
        }
    }
    layers.classify(trunk)
}

/// Three Inception blocks of three branches.
pub(crate) fn inception(width: usize) -> Graph {
    let (mut layers, image) = Layers::image(8);
    let mut trunk = layers.unit("stem", Conv2d::square(2 * width, 3), image);
    for block in 0..3 {
        let name = |end: &str| format!("block{block}/{end}");
        let one = layers.unit(&name("one"), Conv2d::square(width, 1), trunk);
        let reduce = layers.unit(&name("reduce"), Conv2d::square(width, 1), trunk);
        let three = layers.unit(&name("three"), Conv2d::square(width, 3), reduce);
        let five = layers.unit(&name("five"), Conv2d::square(width / 2, 5), trunk);
        let concat = Op::Concat(Axis::Channels);
        trunk = layers.0.add(&name("concat"), concat, &[one, three, five]).unwrap();
    }
    layers.classify(trunk)
}

/// Three layers that each read all before them.
pub(crate) fn dense(width: usize) -> Graph {
    let (mut layers, image) = Layers::image(8);
    let mut trunk = layers.unit("stem", Conv2d::square(2 * width, 3), image);
    for layer in 0..4 {
        let grown = layers.unit(&format!("layer{layer}"), Conv2d::square(width, 3), trunk);
        let concat = Op::Concat(Axis::Channels);
        trunk = layers.0.add(&format!("layer{layer}/concat"), concat, &[trunk, grown]).unwrap();
    }
    layers.classify(trunk)
}

/// A plain chain.
pub(crate) fn chain(widths: &[usize]) -> Graph {
    let (mut layers, mut trunk) = Layers::image(8);
    for (index, width) in widths.iter().enumerate() {
        trunk = layers.unit(&format!("conv{index}"), Conv2d::square(*width, 3), trunk);
    }
    layers.classify(trunk)
}

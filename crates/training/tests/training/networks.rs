//! Small networks of modern kinds: trained for some steps, the loss falls, and any number of threads gives the same bytes.

use datasets::{Batches, ImageSet, Streams};
use graph::{
    Activation, Axis, BatchNorm, Conv2d, ConvTranspose, Depthwise, Gather, Graph, Interpolation,
    Linear, NodeId, Op, Pad, Resize, Shape, Window,
};
use training::{Control, Network, Program, Recipe, Trainer};

use crate::operators::Net;
use crate::{OPTIMIZERS, bars, bars_batches, bars_recipe};

impl Net {
    fn unit(&mut self, op: Op, input: NodeId) -> NodeId {
        let end = self.add(op, &[input]);
        let norm = self.add(Op::BatchNorm(BatchNorm::scaled()), &[end]);
        self.add(Op::Activation(Activation::Relu), &[norm])
    }

    fn classify(mut self, input: NodeId) -> Graph {
        let mean = self.add(Op::GlobalAvgPool, &[input]);
        let logits = self.add(Op::Linear(Linear::new(datasets::Bars::CLASSES)), &[mean]);
        self.finish(logits)
    }
}

/// Blocks in which half of the channels pass by and the others are convolved, then all are shuffled.
fn shuffle_net() -> Graph {
    let (mut net, image) = Net::new(Shape::new(8, 8, 1));
    let mut trunk = net.unit(Op::Conv2d(Conv2d::square(8, 3)), image);
    for _ in 0..2 {
        let left = net.add(Op::Gather(Gather::range(0, 4)), &[trunk]);
        let right = net.add(Op::Gather(Gather::range(4, 4)), &[trunk]);
        let right = net.unit(Op::Conv2d(Conv2d::square(4, 1)), right);
        let depthwise = Depthwise { multiplier: 1, window: Window::square(3), bias: false };
        let right = net.add(Op::Depthwise(depthwise), &[right]);
        let right = net.unit(Op::Conv2d(Conv2d::square(4, 1)), right);
        let whole = net.add(Op::Concat(Axis::Channels), &[left, right]);
        trunk = net.add(Op::Gather(Gather::shuffle(2, 8)), &[whole]);
    }
    net.classify(trunk)
}

/// Down by strides and up again, once by a transposed convolution and once by interpolation, joined at equal size.
fn u_net() -> Graph {
    let (mut net, image) = Net::new(Shape::new(8, 8, 1));
    let whole = net.unit(Op::Conv2d(Conv2d::square(4, 3)), image);
    let half = net.unit(Op::Conv2d(Conv2d::new(6, Window::square(3).stride(2))), whole);
    let quarter = net.unit(Op::Conv2d(Conv2d::new(8, Window::square(3).stride(2))), half);
    let up = ConvTranspose { bias: true, ..ConvTranspose::new(6, Window::square(2).stride(2)) };
    let up = net.add(Op::ConvTranspose(up), &[quarter]);
    let half = net.add(Op::Concat(Axis::Channels), &[half, up]);
    let half = net.unit(Op::Conv2d(Conv2d::square(6, 3)), half);
    let up = Resize { height: 7, width: 7, method: Interpolation::Bilinear };
    let up = net.add(Op::Resize(up), &[half]);
    let up = net.add(Op::Pad(Pad { bottom: 1, right: 1, ..Pad::default() }), &[up]);
    let whole = net.add(Op::Concat(Axis::Channels), &[up, whole]);
    let whole = net.unit(Op::Conv2d(Conv2d::square(4, 3)), whole);
    net.classify(whole)
}

/// Two views of the image through the same kernels, compared by difference and maximum.
fn siamese() -> Graph {
    let (mut net, image) = Net::new(Shape::new(8, 8, 1));
    let turned = net.add(Op::Permute([Axis::Width, Axis::Height, Axis::Channels]), &[image]);
    let first = net.conv(Conv2d { bias: true, ..Conv2d::square(6, 3) }, image);
    let views = [first, net.share(first, turned)];
    let views = views.map(|view| net.add(Op::Activation(Activation::Relu), &[view]));
    let second = net.conv(Conv2d { bias: true, ..Conv2d::square(6, 3) }, views[0]);
    let views = [second, net.share(second, views[1])];
    let difference = net.add(Op::Sub, &views);
    let largest = net.add(Op::Maximum, &views);
    let both = net.add(Op::Concat(Axis::Channels), &[difference, largest]);
    let both = net.add(Op::Activation(Activation::Relu), &[both]);
    net.classify(both)
}

/// What a run of some epochs saves, and the mean loss of its first and last epoch.
fn run(graph: &Graph, train: &ImageSet, threads: usize) -> (Vec<u8>, [f64; 2]) {
    let recipe = Recipe { epochs: 8, ..bars_recipe(OPTIMIZERS[3]) };
    let batches: Batches = bars_batches(&recipe, train);
    let device = testkit::cpu(threads);
    let network = Network::init(graph.clone(), Streams::new(0));
    let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
    while !trainer.is_finished() {
        trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
    }
    let losses: Vec<f64> = trainer.history().iter().map(|record| record.loss).collect();
    (trainer.save(&()), [losses[0], losses[losses.len() - 1]])
}

#[test]
fn small_networks_of_modern_kinds_learn_and_threads_change_no_bit() {
    let (train, _) = bars();
    for (name, graph) in [("shuffle", shuffle_net()), ("u", u_net()), ("siamese", siamese())] {
        let (saved, [first, last]) = run(&graph, &train, 1);
        assert!(last < 0.7 * first, "{name}: {first} to {last}");
        let (other, _) = run(&graph, &train, 3);
        assert!(saved == other, "{name}: 3 threads differ");
    }
}

#[test]
fn a_sums_gradient_is_not_copied_to_its_operands() {
    let (mut net, image) = Net::new(Shape::new(8, 8, 1));
    let mut trunk = net.unit(Op::Conv2d(Conv2d::square(4, 3)), image);
    for _ in 0..2 {
        let inner = net.unit(Op::Conv2d(Conv2d::square(4, 3)), trunk);
        let outer = net.add(Op::Conv2d(Conv2d::square(4, 3)), &[inner]);
        let outer = net.add(Op::BatchNorm(BatchNorm::scaled()), &[outer]);
        let sum = net.add(Op::Add, &[outer, trunk]);
        trunk = net.add(Op::Activation(Activation::Relu), &[sum]);
    }
    let program = Program::training(&net.classify(trunk), &bars_recipe(OPTIMIZERS[0])).unwrap();
    let sums = program.instructions().iter().filter(|instruction| instruction.kind() == "Sum");
    assert_eq!(sums.count(), 2, "one of each block's forward pass");
}

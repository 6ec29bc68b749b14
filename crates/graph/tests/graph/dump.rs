//! The text form of a graph.

use graph::{Activation, Axis, BatchNorm, Conv2d, Depthwise, Linear, Op, Padding, Pool, Window};
use testkit::toys;

use crate::Sketch;

#[test]
fn a_node_is_a_line() {
    let expected = "\
image = input -> 8x8x3
conv1 = conv2d 3x3 same of image -> 8x8x4
conv1/norm = batch-norm scale epsilon 0.001 of conv1 -> 8x8x4
conv1/relu = activation relu of conv1/norm -> 8x8x4
conv2 = conv2d 1x1 same of conv1/relu -> 8x8x3
conv2/norm = batch-norm scale epsilon 0.001 of conv2 -> 8x8x3
conv2/relu = activation relu of conv2/norm -> 8x8x3
conv3 = conv2d 3x3 same of conv2/relu -> 8x8x4
conv3/norm = batch-norm scale epsilon 0.001 of conv3 -> 8x8x4
conv3/relu = activation relu of conv3/norm -> 8x8x4
add = add of conv1/relu, conv3/relu -> 8x8x4
mean = global-avg-pool of add -> 1x1x4
logits = linear bias of mean -> 1x1x3 (output)
";
    assert_eq!(toys::residual().to_string(), expected);
}

#[test]
fn every_attribute_is_written() {
    let (mut sketch, image) = Sketch::new(9, 9, 4);
    let window =
        Window { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], padding: Padding::Valid };
    let conv = Conv2d { out: 6, window, groups: 2, bias: true };
    let conv = sketch.add("conv", Op::Conv2d(conv), &[image]);
    let padding = Padding::Explicit { top: 1, bottom: 0, left: 2, right: 1 };
    let window = Window::square(3).padding(padding);
    let depthwise = Depthwise { multiplier: 2, window, bias: true };
    let depthwise = sketch.add("depthwise", Op::Depthwise(depthwise), &[conv]);
    let norm = BatchNorm { scale: false, epsilon: 1e-5 };
    let norm = sketch.add("norm", Op::BatchNorm(norm), &[depthwise]);
    let leaky = Activation::LeakyRelu { slope: 0.1 };
    let leaky = sketch.add("leaky", Op::Activation(leaky), &[norm]);
    let swish = sketch.add("swish", Op::Activation(Activation::HardSwish), &[leaky]);
    let pool = Op::MaxPool(Pool { window: Window::square(2).stride(2) });
    let pool = sketch.add("pool", pool, &[swish]);
    let dropout = sketch.add("dropout", Op::Dropout { rate: 0.25 }, &[pool]);
    let concat = sketch.add("concat", Op::Concat(Axis::Channels), &[dropout, pool]);
    let flatten = sketch.add("flatten", Op::Flatten, &[concat]);
    let logits = sketch.add("logits", Op::Linear(Linear { out: 2, bias: false }), &[flatten]);
    let graph = sketch.finish(&[logits, norm]);
    let expected = "\
image = input -> 9x9x4
conv = conv2d 3x2 stride 2x1 dilation 1x2 valid bias groups 2 of image -> 4x7x6
depthwise = depthwise 3x3 pad 1,0,2,1 multiplier 2 bias of conv -> 3x8x12
norm = batch-norm epsilon 0.00001 of depthwise -> 3x8x12 (output)
leaky = activation leaky-relu 0.1 of norm -> 3x8x12
swish = activation hard-swish of leaky -> 3x8x12
pool = max-pool 2x2 stride 2x2 same of swish -> 2x4x12
dropout = dropout 0.25 of pool -> 2x4x12
concat = concat of dropout, pool -> 2x4x24
flatten = flatten of concat -> 1x1x192
logits = linear of flatten -> 1x1x2 (output)
";
    assert_eq!(graph.to_string(), expected);
}

//! Every operator in a small network of its own, where others read its operands too.

use graph::{
    Activation, Axis, Builder, Conv2d, Conv3d, ConvTranspose, Depthwise, Gather, Graph,
    Interpolation, Linear, LocalResponseNorm, NodeId, Op, Pad, Padding, Resize, Shape, Window,
};
use training::{Evaluator, TrainError, Trainer};

use crate::{check_gradients, check_inference, network, plain};

/// A network under construction.
pub(crate) struct Net {
    build: Builder,
    count: usize,
}

impl Net {
    pub(crate) fn new(image: Shape) -> (Self, NodeId) {
        let mut net = Self { build: Builder::new(), count: 0 };
        let image = net.add(Op::Input(image), &[]);
        (net, image)
    }

    pub(crate) fn add(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.count += 1;
        self.build.add(&format!("{}{}", op.kind(), self.count), op, inputs).unwrap()
    }

    pub(crate) fn share(&mut self, owner: NodeId, input: NodeId) -> NodeId {
        self.count += 1;
        self.build.share(&format!("shared{}", self.count), owner, &[input]).unwrap()
    }

    pub(crate) fn conv(&mut self, conv: Conv2d, input: NodeId) -> NodeId {
        self.add(Op::Conv2d(conv), &[input])
    }

    pub(crate) fn shape(&self, wire: NodeId) -> Shape {
        self.build.shape(wire)
    }

    pub(crate) fn finish(self, logits: NodeId) -> Graph {
        self.build.finish(&[logits]).unwrap()
    }
}

/// Who reads the operands of a block besides the block.
#[derive(Clone, Copy, Debug)]
enum Readers {
    Nobody,
    /// A node before the block, which writes its gradient after it.
    Before,
    /// A node behind the block, which writes its gradient before it.
    Behind,
}

/// The block on two wires of 4 x 6 x 6 values; every value of its end and of the readers has its own weight in the logits.
fn around(block: &dyn Fn(&mut Net, [NodeId; 2]) -> NodeId, readers: Readers) -> Graph {
    let (mut net, image) = Net::new(Shape::new(4, 6, 2));
    let wires = [0; 2].map(|_| net.conv(Conv2d { bias: true, ..Conv2d::square(6, 3) }, image));
    let read = |net: &mut Net| wires.map(|wire| net.conv(Conv2d::square(1, 2), wire)).to_vec();
    let mut ends = Vec::new();
    if matches!(readers, Readers::Before) {
        ends.extend(read(&mut net));
    }
    ends.push(block(&mut net, wires));
    if matches!(readers, Readers::Behind) {
        ends.extend(read(&mut net));
    }
    let flat: Vec<NodeId> = ends.iter().map(|end| net.add(Op::Flatten, &[*end])).collect();
    let flat = net.add(Op::Concat(Axis::Channels), &flat);
    let logits = net.add(Op::Linear(Linear::new(3)), &[flat]);
    net.finish(logits)
}

#[track_caller]
fn assert_right(name: &str, block: &dyn Fn(&mut Net, [NodeId; 2]) -> NodeId) {
    for readers in [Readers::Nobody, Readers::Before, Readers::Behind] {
        let graph = around(block, readers);
        for seed in 0..3 {
            let checked = check_gradients(&graph, seed, 0.0).and(check_inference(&graph, seed));
            if let Err(problem) = checked {
                panic!("{name}, {readers:?}: {problem}");
            }
        }
    }
}

/// Joins the block's end with the wire that it does not read.
fn with_other(net: &mut Net, end: NodeId, other: NodeId) -> NodeId {
    let [end, other] = [end, other].map(|wire| net.add(Op::Flatten, &[wire]));
    net.add(Op::Concat(Axis::Channels), &[end, other])
}

#[track_caller]
fn assert_unary_right(op: &Op) {
    assert_right(&format!("{op:?}"), &|net, [first, second]| {
        let end = net.add(op.clone(), &[first]);
        with_other(net, end, second)
    });
    // At the end of a norm, and in the place that a concatenation gives.
    assert_right(&format!("{op:?} in place"), &|net, [first, second]| {
        let norm = net.add(Op::BatchNorm(graph::BatchNorm::scaled()), &[first]);
        let end = net.add(op.clone(), &[norm]);
        let shape = net.shape(end);
        let other = net.add(
            Op::Resize(Resize {
                height: shape.height,
                width: shape.width,
                method: Interpolation::Bilinear,
            }),
            &[second],
        );
        net.add(Op::Concat(Axis::Channels), &[other, end])
    });
}

#[test]
fn transposed_convolutions() {
    let odd = Padding::Explicit { top: 1, bottom: 0, left: 0, right: 1 };
    let wide = Window { kernel: [2, 3], stride: [2, 1], dilation: [2, 1], padding: Padding::Valid };
    for window in [
        Window::square(2).stride(2),
        Window::square(3).stride(2),
        Window::square(1).stride(3),
        Window::square(3).padding(odd).stride(2),
        Window::square(1).padding(Padding::Valid).stride(2),
        wide,
    ] {
        for bias in [false, true] {
            assert_unary_right(&Op::ConvTranspose(ConvTranspose { out: 3, window, bias }));
        }
    }
}

#[test]
fn selections_of_channels() {
    let of = |channels: &[usize]| Op::Gather(Gather { channels: channels.to_vec() });
    for op in [
        Op::Gather(Gather::range(0, 6)),
        Op::Gather(Gather::range(0, 2)),
        Op::Gather(Gather::range(2, 3)),
        Op::Gather(Gather::range(5, 1)),
        Op::Gather(Gather::shuffle(2, 6)),
        Op::Gather(Gather::shuffle(3, 6)),
        of(&[5, 4, 3, 2, 1, 0]),
        of(&[0, 1, 2, 0, 1, 2]),
        of(&[4, 5, 0, 1]),
        of(&[3, 3, 3]),
        of(&[1, 3, 5, 1, 3, 5, 0, 0]),
    ] {
        assert_unary_right(&op);
    }
}

#[test]
fn moves_of_positions() {
    use Axis::{Channels, Height, Width};
    let resize = |height, width, method| Op::Resize(Resize { height, width, method });
    let pad = Pad { top: 1, bottom: 0, left: 2, right: 1, channels: [0, 0] };
    for op in [
        resize(8, 12, Interpolation::Nearest),
        resize(8, 12, Interpolation::Bilinear),
        resize(3, 7, Interpolation::Nearest),
        resize(3, 7, Interpolation::Bilinear),
        resize(1, 1, Interpolation::Bilinear),
        Op::Pad(Pad::default()),
        Op::Pad(pad),
        Op::Pad(Pad { channels: [2, 1], ..Pad::default() }),
        Op::Pad(Pad { channels: [0, 3], ..pad }),
        Op::SpaceToDepth { block: 2 },
        Op::SpaceToDepth { block: 1 },
        Op::Reshape { height: 6, width: 4 },
        Op::Reshape { height: 2, width: 1 },
        Op::Reshape { height: 8, width: 9 },
        Op::Permute([Height, Width, Channels]),
        Op::Permute([Width, Height, Channels]),
        Op::Permute([Channels, Width, Height]),
        Op::Permute([Width, Channels, Height]),
        Op::Permute([Channels, Height, Width]),
    ] {
        assert_unary_right(&op);
    }
    assert_right("depth to space", &|net, [first, second]| {
        let deep = net.conv(Conv2d::square(8, 1), first);
        let end = net.add(Op::DepthToSpace { block: 2 }, &[deep]);
        with_other(net, end, second)
    });
}

#[test]
fn functions_of_values_and_channels() {
    let norm = |size| LocalResponseNorm { size, alpha: 0.5, beta: 0.75, bias: 1.0 };
    for op in [
        Op::Bias,
        Op::Gate,
        Op::Softmax,
        Op::LocalResponseNorm(norm(1)),
        Op::LocalResponseNorm(norm(3)),
        Op::LocalResponseNorm(norm(4)),
        Op::LocalResponseNorm(norm(20)),
        Op::Activation(Activation::Scale { factor: -1.5 }),
    ] {
        assert_unary_right(&op);
    }
}

#[test]
fn joins() {
    for op in [
        Op::Add,
        Op::Sub,
        Op::Mul,
        Op::Maximum,
        Op::Minimum,
        Op::Concat(Axis::Height),
        Op::Concat(Axis::Width),
        Op::Concat(Axis::Channels),
    ] {
        assert_right(&format!("{op:?}"), &|net, wires| net.add(op.clone(), &wires));
        assert_right(&format!("{op:?} of one wire"), &|net, [first, second]| {
            let end = net.add(op.clone(), &[first, first]);
            with_other(net, end, second)
        });
    }
    for op in [Op::Add, Op::Sub, Op::Mul, Op::Maximum, Op::Minimum] {
        assert_right(&format!("{op:?} with one position"), &|net, [first, second]| {
            let second = net.add(Op::GlobalAvgPool, &[second]);
            net.add(op.clone(), &[first, second])
        });
        assert_right(&format!("{op:?} with one channel"), &|net, [first, second]| {
            let second = net.conv(Conv2d::square(1, 1), second);
            net.add(op.clone(), &[first, second])
        });
        assert_right(&format!("{op:?} with what is made of it"), &|net, [first, second]| {
            let mean = net.add(Op::GlobalAvgPool, &[first]);
            let end = net.add(op.clone(), &[first, mean]);
            with_other(net, end, second)
        });
    }
    assert_right("sum of all kinds", &|net, [first, second]| {
        let mean = net.add(Op::GlobalAvgPool, &[second]);
        let channel = net.conv(Conv2d::square(1, 1), second);
        net.add(Op::Add, &[first, mean, second, channel, first])
    });
}

/// A slice has gaps between its rows, so that flattening it is a copy; behind it, a concatenation gives the copy a place.
#[test]
fn views_of_views() {
    assert_right("flattened slice", &|net, [first, second]| {
        let slice = net.add(Op::Gather(Gather::range(1, 3)), &[first]);
        let flat = net.add(Op::Flatten, &[slice]);
        let other = net.add(Op::GlobalAvgPool, &[second]);
        net.add(Op::Concat(Axis::Channels), &[other, flat])
    });
    assert_right("slices of slices and of reshapes", &|net, [first, second]| {
        let slice = net.add(Op::Gather(Gather::range(1, 4)), &[first]);
        let dropped = net.add(Op::Dropout { rate: 0.0 }, &[slice]);
        let inner = net.add(Op::Gather(Gather::range(1, 2)), &[dropped]);
        let tall = net.add(Op::Reshape { height: 6, width: 4 }, &[second]);
        let part = net.add(Op::Gather(Gather::range(3, 2)), &[tall]);
        let turned = net.add(Op::Permute([Axis::Width, Axis::Height, Axis::Channels]), &[part]);
        let joined = net.add(Op::Concat(Axis::Channels), &[inner, turned]);
        let norm = net.add(Op::BatchNorm(graph::BatchNorm::scaled()), &[joined]);
        with_other(net, norm, slice)
    });
}

#[test]
fn shared_kernels() {
    let conv = Conv2d { bias: true, ..Conv2d::square(6, 3) };
    let transposed = ConvTranspose { out: 6, window: Window::square(3), bias: true };
    let depthwise = Depthwise { multiplier: 1, window: Window::square(3), bias: true };
    for op in [
        Op::Conv2d(conv),
        Op::Conv2d(Conv2d { groups: 2, bias: false, ..conv }),
        Op::ConvTranspose(transposed),
        Op::Depthwise(depthwise),
    ] {
        assert_right(&format!("{op:?} side by side"), &|net, [first, second]| {
            let owner = net.add(op.clone(), &[first]);
            let shared = net.share(owner, second);
            net.add(Op::Sub, &[owner, shared])
        });
        assert_right(&format!("{op:?} three times in a row"), &|net, [first, second]| {
            let once = net.add(op.clone(), &[first]);
            let twice = net.share(once, once);
            let thrice = net.share(twice, twice);
            net.add(Op::Sub, &[thrice, second])
        });
        assert_right(&format!("{op:?} by others only"), &|net, [first, second]| {
            let owner = net.add(op.clone(), &[first]);
            let [a, b] = [first, second].map(|wire| net.share(owner, wire));
            net.add(Op::Sub, &[a, b])
        });
    }
    assert_right("linear layers", &|net, wires| {
        let [a, b] = wires.map(|wire| net.add(Op::GlobalMaxPool, &[wire]));
        let owner = net.add(Op::Linear(Linear::new(4)), &[a]);
        let shared = net.share(owner, b);
        net.add(Op::Mul, &[owner, shared])
    });
}

#[test]
fn volumes_are_refused_with_the_node_named() {
    let (mut net, image) = Net::new(Shape::new(4, 4, 2));
    let conv = net.add(Op::Conv3d(Conv3d::new(3, [1, 3, 3])), &[image]);
    let flat = net.add(Op::GlobalAvgPool, &[conv]);
    assert_refused(&net.finish(flat), "conv3d2", "conv3d");
    let (mut net, image) = Net::new(Shape::volume(2, 4, 4, 2));
    let flat = net.add(Op::GlobalAvgPool, &[image]);
    let logits = net.add(Op::Linear(Linear::new(2)), &[flat]);
    assert_refused(&net.finish(logits), "input1", "input");
}

#[track_caller]
fn assert_refused(graph: &Graph, name: &str, kind: &str) {
    let (network, device) = (network(graph, 0), testkit::cpu(1));
    let trained = Trainer::new(&network, &plain(0.1), datasets::Streams::new(0), &device).err();
    let evaluated = Evaluator::new(graph, 4, &device).err();
    for error in [trained, evaluated] {
        let error = error.unwrap_or_else(|| panic!("{name} is accepted"));
        assert!(
            matches!(&error, TrainError::Unsupported { node, op } if node == name && *op == kind)
        );
        let start = format!("node `{name}` ({kind}) cannot be trained or evaluated: ");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

//! What the graph says when something is wrong.

use graph::{
    Axis, BatchNorm, Builder, Conv2d, Depthwise, GraphError, Linear, NodeId, Op, Padding, Pool,
    Shape, Window,
};

use crate::Sketch;

/// The message for an operator on a 6x6 image of 4 channels, given `count` times as input.
fn message(op: Op, count: usize) -> String {
    let (mut sketch, image) = Sketch::new(6, 6, 4);
    sketch.0.add("node", op, &vec![image; count]).unwrap_err().to_string()
}

#[test]
fn operators_that_do_not_fit_are_explained() {
    let conv = |window| Op::Conv2d(Conv2d::new(8, window));
    let pool = |window| Op::MaxPool(Pool { window });
    let depthwise = |multiplier| {
        Op::Depthwise(Depthwise { multiplier, window: Window::square(1), bias: false })
    };
    let valid = Window::square(7).padding(Padding::Valid);
    let norm = BatchNorm { scale: true, epsilon: 0.0 };
    let cases = [
        (
            conv(valid),
            1,
            "node `node` (conv2d): a 7x7 window (dilation 1x1) does not fit an input of 6x6x4: use a larger image or a smaller kernel",
        ),
        (
            pool(Window::square(2).dilation(7)),
            1,
            "node `node` (max-pool): a 2x2 window (dilation 7x7) does not fit an input of 6x6x4: use a larger image or a smaller kernel",
        ),
        (
            conv(Window::square(3).stride(0)),
            1,
            "node `node` (conv2d): kernel, stride and dilation must be at least 1",
        ),
        (
            conv(Window::square(3).padding(Padding::all(3))),
            1,
            "node `node` (conv2d): padding must be smaller than the extent of the kernel, or some windows see nothing of the image",
        ),
        (
            Op::Conv2d(Conv2d { groups: 3, ..Conv2d::square(6, 1) }),
            1,
            "node `node` (conv2d): 3 groups must divide 4 input and 6 output channels",
        ),
        (
            Op::Conv2d(Conv2d::square(0, 1)),
            1,
            "node `node` (conv2d): shape 6x6x0 has a dimension of zero",
        ),
        (
            Op::Conv2d(Conv2d::square(1_000_000_000, 1)),
            1,
            "node `node` (conv2d): too many weights: at most 2147483648 are allowed in one tensor",
        ),
        (
            depthwise(1 << 20),
            1,
            "node `node` (depthwise): shape 6x6x4194304 is too large: at most 1048576 channels and 2147483648 values are allowed",
        ),
        (
            Op::Linear(Linear::new(10)),
            1,
            "node `node` (linear): input of shape 6x6x4 has several positions: put `flatten` or a global pool before it",
        ),
        (Op::Add, 1, "node `node` (add): 1 inputs given, expected two or more"),
        (Op::Mul, 3, "node `node` (mul): 3 inputs given, expected two"),
        (
            Op::Concat(Axis::Channels),
            0,
            "node `node` (concat): 0 inputs given, expected one or more",
        ),
        (Op::Flatten, 2, "node `node` (flatten): 2 inputs given, expected one"),
        (Op::Input(Shape::new(1, 1, 1)), 1, "node `node` (input): 1 inputs given, expected none"),
        (Op::Dropout { rate: 1.0 }, 1, "node `node` (dropout): rate must be in [0, 1), is 1"),
        (
            Op::BatchNorm(norm),
            1,
            "node `node` (batch-norm): epsilon must be positive and finite, is 0",
        ),
    ];
    for (op, count, expected) in cases {
        assert_eq!(message(op, count), expected);
    }
}

#[test]
fn joins_that_do_not_fit_are_explained() {
    let (mut sketch, image) = Sketch::new(6, 6, 4);
    let narrow = sketch.conv("narrow", 3, image);
    let pool = sketch.add("pool", Op::GlobalAvgPool, &[image]);
    let cases = [
        (Op::Add, [image, narrow], "shapes 6x6x4 and 6x6x3 do not fit together"),
        (Op::Concat(Axis::Channels), [image, pool], "shapes 6x6x4 and 1x1x4 do not fit together"),
        (Op::Mul, [image, narrow], "shapes 6x6x4 and 6x6x3 do not fit together"),
        (Op::Mul, [pool, image], "shapes 1x1x4 and 6x6x4 do not fit together"),
        (Op::Mul, [narrow, pool], "shapes 6x6x3 and 1x1x4 do not fit together"),
    ];
    for (op, inputs, expected) in cases {
        let kind = op.kind();
        let found = sketch.0.add("join", op, &inputs).unwrap_err().to_string();
        assert_eq!(found, format!("node `join` ({kind}): {expected}"));
    }
}

#[test]
fn a_failed_insertion_leaves_the_builder_as_it_was() {
    let (mut sketch, image) = Sketch::new(6, 6, 4);
    assert!(sketch.0.add("node", Op::Add, &[image]).is_err());
    let node = sketch.add("node", Op::Flatten, &[image]);
    assert_eq!(sketch.finish(&[node]).len(), 2);
}

#[test]
fn names_inputs_and_outputs_are_checked() {
    let (mut sketch, image) = Sketch::new(6, 6, 4);
    let twice = sketch.0.add("image", Op::Flatten, &[image]).unwrap_err();
    assert_eq!(twice.to_string(), "node `image` is there already: names must be unique");

    let (mut larger, image) = Sketch::new(6, 6, 4);
    let foreign: NodeId = larger.conv("conv", 2, image);
    let unknown = sketch.0.add("node", Op::Flatten, &[foreign]).unwrap_err();
    assert_eq!(unknown.to_string(), "node `node`: input 1 is not a node of this graph");
    let unknown = sketch.0.finish(&[foreign]).unwrap_err();
    assert_eq!(unknown.to_string(), "node `output`: input 1 is not a node of this graph");

    let unused = larger.0.finish(&[image]).unwrap_err();
    assert_eq!(unused.to_string(), "node `conv` reaches no output: connect it or leave it out");
    let nothing = Builder::new().finish(&[]).unwrap_err();
    assert_eq!(nothing.to_string(), "a graph needs at least one output");
}

#[test]
fn refused_rewrites_are_explained() {
    let messages = [
        GraphError::Cut("logits".to_owned()),
        GraphError::PartialLoss { node: "sum".to_owned(), op: "add" },
        GraphError::WrongWidths { expected: 9, found: 16 },
    ]
    .map(|error| error.to_string());
    let expected = [
        "nothing is left of output `logits`: the widths cut every path from the image to it",
        "node `sum` (add) would lose part of an input: keep a channel of every producer that feeds it",
        "widths of 16 wires given for a graph of 9",
    ];
    assert_eq!(messages, expected);
}

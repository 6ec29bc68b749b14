//! Small networks that each show one construct.

use graph::{
    Activation, Axis, BatchNorm, Builder, Conv2d, Depthwise, Graph, Linear, NodeId, Op, Padding,
    Pool, Shape, Window,
};

/// Adds nodes that are right by construction.
struct Toy(Builder);

impl Toy {
    fn new(height: usize, width: usize, channels: usize) -> (Self, NodeId) {
        let mut toy = Self(Builder::new());
        let image = toy.add("image", Op::Input(Shape::new(height, width, channels)), &[]);
        (toy, image)
    }

    fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.0.add(name, op, inputs).expect("a toy is right by construction")
    }

    fn conv(&mut self, name: &str, conv: Conv2d, input: NodeId) -> NodeId {
        self.add(name, Op::Conv2d(conv), &[input])
    }

    /// Convolution `name`, then `name/norm` with scale, then `name/relu`, which is returned.
    fn conv_norm_relu(&mut self, name: &str, conv: Conv2d, input: NodeId) -> NodeId {
        let conv = self.conv(name, conv, input);
        self.norm_relu(name, conv)
    }

    fn norm_relu(&mut self, name: &str, input: NodeId) -> NodeId {
        let norm = Op::BatchNorm(BatchNorm::scaled());
        let norm = self.add(&format!("{name}/norm"), norm, &[input]);
        self.add(&format!("{name}/relu"), Op::Activation(Activation::Relu), &[norm])
    }

    /// Global average, then `logits` with the given number of classes.
    fn classify(mut self, classes: usize, input: NodeId) -> Graph {
        let mean = self.add("mean", Op::GlobalAvgPool, &[input]);
        let logits = self.add("logits", Op::Linear(Linear::new(classes)), &[mean]);
        self.finish(&[logits])
    }

    fn finish(self, outputs: &[NodeId]) -> Graph {
        self.0.finish(outputs).expect("a toy is right by construction")
    }
}

/// ```text
/// image ── conv1 ── conv2 ── mean ── logits
/// ```
/// 8x8x3, widths 4 and 5, batch norm and ReLU after every convolution, 3 classes.
pub fn chain() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::square(4, 3), image);
    let two = toy.conv_norm_relu("conv2", Conv2d::square(5, 3), one);
    toy.classify(3, two)
}

/// ```text
/// image ── conv1 ──┬── conv2 ──┐
///                  │          add ── conv4 ── mean ── logits
///                  └── conv3 ──┘
/// ```
/// 8x8x3, widths 4, 6, 6, 5, batch norm and ReLU after every convolution, 3 classes.
pub fn diamond() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::square(4, 3), image);
    let two = toy.conv_norm_relu("conv2", Conv2d::square(6, 3), one);
    let three = toy.conv_norm_relu("conv3", Conv2d::square(6, 1), one);
    let add = toy.add("add", Op::Add, &[two, three]);
    let four = toy.conv_norm_relu("conv4", Conv2d::square(5, 3), add);
    toy.classify(3, four)
}

/// ```text
/// image ── conv1 ──┬── conv2 ── conv3 ──┐
///                  └────────────────────add ── mean ── logits
/// ```
/// 8x8x3, widths 4, 3, 4, batch norm and ReLU after every convolution, 3 classes. `conv2` may die wholly: its branch
/// vanishes, and the sum is its other input.
pub fn residual() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::square(4, 3), image);
    let two = toy.conv_norm_relu("conv2", Conv2d::square(3, 1), one);
    let three = toy.conv_norm_relu("conv3", Conv2d::square(4, 3), two);
    let add = toy.add("add", Op::Add, &[one, three]);
    toy.classify(3, add)
}

/// ```text
/// image ──┬── conv1 ──┐
///         └── conv2 ──concat ──┬── conv3 ── conv4 ──┐
///                              └────────────────────add ── conv5
/// ```
/// 10x10x3, widths 7, 5, 4, 12, 3; `conv5` has stride 2 and is the output. The convolutions stand alone.
pub fn add_concat() -> Graph {
    let (mut toy, image) = Toy::new(10, 10, 3);
    let one = toy.conv("conv1", Conv2d::square(7, 3), image);
    let two = toy.conv("conv2", Conv2d::square(5, 1), image);
    let concat = toy.add("concat", Op::Concat(Axis::Channels), &[one, two]);
    let three = toy.conv("conv3", Conv2d::square(4, 3), concat);
    let four = toy.conv("conv4", Conv2d::square(12, 3), three);
    let add = toy.add("add", Op::Add, &[concat, four]);
    let five = toy.conv("conv5", Conv2d::new(3, Window::square(3).stride(2)), add);
    toy.finish(&[five])
}

/// ```text
/// image ──┬── conv1 ──┐
///         ├── conv2 ──left ─────────────┐
///         ├── conv3 ──┐                add ── mean ── logits
///         ├── conv4 ──inner ──┐         │
///         └── conv5 ──────────right ────┘
/// ```
/// 6x6x2; `left` is conv1 and conv2 end to end (3 + 5), `right` is conv3, conv4 and conv5 (4 + 2 + 2, nested): the pieces
/// overlap, so that channel `k` of `left` lives with channel `k` of `right`. The convolutions stand alone, 2 classes.
pub fn nested_concat() -> Graph {
    let (mut toy, image) = Toy::new(6, 6, 2);
    let one = toy.conv("conv1", Conv2d::square(3, 3), image);
    let two = toy.conv("conv2", Conv2d::square(5, 1), image);
    let left = toy.add("left", Op::Concat(Axis::Channels), &[one, two]);
    let three = toy.conv("conv3", Conv2d::square(4, 1), image);
    let four = toy.conv("conv4", Conv2d::square(2, 1), image);
    let inner = toy.add("inner", Op::Concat(Axis::Channels), &[three, four]);
    let five = toy.conv("conv5", Conv2d::square(2, 3), image);
    let right = toy.add("right", Op::Concat(Axis::Channels), &[inner, five]);
    let add = toy.add("add", Op::Add, &[left, right]);
    toy.classify(2, add)
}

/// ```text
///          ┌── 1x1 ─────────────────┐
///          ├── 1x1 ── 3x3 ──────────┤
/// image ── stem ── 1x1 ── 3x3 ── 3x3 ── concat ── mean ── logits
///          └── average pool ── 1x1 ─┘
/// ```
/// 8x8x3, stem of width 6, branches named `branch0` to `branch3` as in Inception V2, batch norm and ReLU after every
/// convolution, 4 classes.
pub fn inception_block() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let stem = toy.conv_norm_relu("stem", Conv2d::square(6, 3), image);
    let zero = toy.conv_norm_relu("branch0/1x1", Conv2d::square(4, 1), stem);
    let one = toy.conv_norm_relu("branch1/1x1", Conv2d::square(3, 1), stem);
    let one = toy.conv_norm_relu("branch1/3x3", Conv2d::square(5, 3), one);
    let two = toy.conv_norm_relu("branch2/1x1", Conv2d::square(2, 1), stem);
    let two = toy.conv_norm_relu("branch2/3x3a", Conv2d::square(3, 3), two);
    let two = toy.conv_norm_relu("branch2/3x3b", Conv2d::square(3, 3), two);
    let pool = Op::AvgPool(Pool { window: Window::square(3) });
    let three = toy.add("branch3/pool", pool, &[stem]);
    let three = toy.conv_norm_relu("branch3/1x1", Conv2d::square(2, 1), three);
    let concat = toy.add("concat", Op::Concat(Axis::Channels), &[zero, one, two, three]);
    toy.classify(4, concat)
}

/// ```text
/// image ──┬── conv1 ──┐
///         └── conv2 ──concat ──┬── conv3
///                              └── conv4
/// ```
/// The network of the golden numbers of the original library: 17x19x3; 7x5 to 13, 1x1 to 23, 3x3 stride 2 to 29, 1x1 to
/// 31; batch norm and ReLU after every convolution; `conv3/relu` and `conv4/relu` are the outputs.
pub fn four_conv() -> Graph {
    let (mut toy, image) = Toy::new(17, 19, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::new(13, Window::new([7, 5])), image);
    let two = toy.conv_norm_relu("conv2", Conv2d::square(23, 1), image);
    let concat = toy.add("concat", Op::Concat(Axis::Channels), &[one, two]);
    let three = toy.conv_norm_relu("conv3", Conv2d::new(29, Window::square(3).stride(2)), concat);
    let four = toy.conv_norm_relu("conv4", Conv2d::square(31, 1), concat);
    toy.finish(&[three, four])
}

/// ```text
/// image ── conv1 ── depthwise (multiplier 2) ── pointwise ── mean ── logits
/// ```
/// 8x8x3, widths 3, 6, 4, batch norm and ReLU after each, 3 classes.
pub fn separable() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::square(3, 3), image);
    let depthwise = Depthwise { multiplier: 2, window: Window::square(3), bias: false };
    let two = toy.add("depthwise", Op::Depthwise(depthwise), &[one]);
    let two = toy.norm_relu("depthwise", two);
    let three = toy.conv_norm_relu("pointwise", Conv2d::square(4, 1), two);
    toy.classify(3, three)
}

/// ```text
/// image ── conv1 ──┬───────────────────────────────── scale ── mean ── logits
///                  └── squeeze ── down ── up ── gate ──┘
/// ```
/// 8x8x3, widths 4, 2, 4: squeeze and excitation. The gate is a sigmoid and multiplies every position.
pub fn squeeze_excite() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::square(4, 3), image);
    let squeeze = toy.add("squeeze", Op::GlobalAvgPool, &[one]);
    let down = toy.add("down", Op::Linear(Linear::new(2)), &[squeeze]);
    let down = toy.add("down/relu", Op::Activation(Activation::Relu), &[down]);
    let up = toy.add("up", Op::Linear(Linear::new(4)), &[down]);
    let gate = toy.add("gate", Op::Activation(Activation::Sigmoid), &[up]);
    let scale = toy.add("scale", Op::Mul, &[one, gate]);
    toy.classify(3, scale)
}

/// ```text
/// image ── conv1 ── grouped (2 blocks) ── conv3 ── mean ── logits
/// ```
/// 8x8x3, widths 6, 4, 5, batch norm and ReLU after every convolution, 3 classes.
pub fn grouped() -> Graph {
    let (mut toy, image) = Toy::new(8, 8, 3);
    let one = toy.conv_norm_relu("conv1", Conv2d::square(6, 3), image);
    let two = toy.conv_norm_relu("grouped", Conv2d { groups: 2, ..Conv2d::square(4, 3) }, one);
    let three = toy.conv_norm_relu("conv3", Conv2d::square(5, 1), two);
    toy.classify(3, three)
}

/// ```text
/// image ── conv ── pool ── flatten ── hidden ── logits
/// ```
/// 6x6x1, widths 3 and 4, a 3x3 wire flattened to 27 channels, explicit padding, 2 classes.
pub fn flattened() -> Graph {
    let (mut toy, image) = Toy::new(6, 6, 1);
    let padding = Padding::all(1);
    let one = toy.conv_norm_relu("conv", Conv2d::new(3, Window::square(3).padding(padding)), image);
    let pool = Op::MaxPool(Pool { window: Window::square(2).stride(2) });
    let pool = toy.add("pool", pool, &[one]);
    let flat = toy.add("flatten", Op::Flatten, &[pool]);
    let hidden = toy.add("hidden", Op::Linear(Linear::new(4)), &[flat]);
    let hidden = toy.add("hidden/relu", Op::Activation(Activation::Relu), &[hidden]);
    let logits = toy.add("logits", Op::Linear(Linear::new(2)), &[hidden]);
    toy.finish(&[logits])
}

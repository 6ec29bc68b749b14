//! A network evaluated by naive loops in `f64`, counting the multiplications of its kernels as they happen.
//!
//! This is the definition that fast kernels, cost formulas and gradients are checked against. It is written to be
//! evidently right: one closure per operator says what one output value is.

use graph::{Activation, Axis, BatchNorm, Graph, NodeId, Op, Padding, Role, Shape};

use crate::{
    GateDraws, Parameters,
    gates::expected,
    images::{Images, Position, maximum, mean},
};

/// Which statistics batch normalisation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Mean and biased variance of the batch.
    Train,
    /// The running ones.
    Infer,
}

/// What the interpreter saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Values of every wire, by [`NodeId::index`], each with the layout `[batch, depth, height, width, channels]`.
    pub wires: Vec<Vec<f64>>,
    /// Multiplications by a kernel value that every node performs for one image, taps over padding included. Only
    /// convolutions, depthwise convolutions and linear layers have kernels.
    pub multiplications: Vec<u64>,
}

impl Evaluation {
    /// Values of one wire.
    pub fn on(&self, wire: NodeId) -> &[f64] {
        &self.wires[wire.index()]
    }
}

/// Evaluates every wire of a graph; every input of the graph reads `images`, `[batch, depth, height, width, channels]`.
///
/// Dropout is the identity in both modes, and the masks of gates are those of inference, `[logit > 0] * sigmoid(logit)`.
///
/// # Panics
///
/// If `images` does not hold `batch` images of the graph's input shape, or a parameter is missing.
pub fn interpret(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    batch: usize,
    mode: Mode,
) -> Evaluation {
    interpret_gated(graph, parameters, images, batch, mode, None)
}

/// As [`interpret`], with masks of gates that were drawn.
///
/// # Panics
///
/// As [`interpret`], and if there are draws but none for a gate.
pub fn interpret_gated(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    batch: usize,
    mode: Mode,
    draws: Option<&GateDraws>,
) -> Evaluation {
    let mut wires: Vec<Images> = Vec::with_capacity(graph.len());
    let mut multiplications = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let mut count = 0;
        let mut times = |value: f64, kernel: f64| {
            count += 1;
            value * kernel
        };
        let input = |position: usize| &wires[node.inputs[position].index()];
        let parameter = |role: Role| {
            let values = parameters.get(&(graph.owner(id), role));
            values.unwrap_or_else(|| panic!("`{}` has no parameter {role:?}", node.name)).as_slice()
        };
        let bias =
            |present: bool, out: usize| if present { parameter(Role::Bias)[out] } else { 0.0 };
        let wire = |value: &mut dyn FnMut(Position) -> f64| Images::new(batch, node.shape, value);
        let each = |function: &dyn Fn(f64) -> f64| wire(&mut |at| function(input(0).at(at)));

        let output = match &node.op {
            Op::Input(shape) => {
                assert_eq!(images.len(), batch * shape.elements(), "images of another shape");
                Images { shape: *shape, values: images.to_vec() }
            }
            Op::Conv2d(conv) => {
                let [height, width] = conv.window.kernel;
                let kernel = parameter(Role::Weight);
                let depth = input(0).shape.channels / conv.groups;
                let padded = input(0).padded(conv.window, node.shape);
                wire(&mut |at| {
                    let block = at.channel / (conv.out / conv.groups);
                    let mut sum = bias(conv.bias, at.channel);
                    for i in 0..height {
                        for j in 0..width {
                            for c in 0..depth {
                                let tap = at.tap(conv.window, i, j).channel(block * depth + c);
                                let index = ((i * width + j) * depth + c) * conv.out + at.channel;
                                sum += times(padded.at(tap), kernel[index]);
                            }
                        }
                    }
                    sum
                })
            }
            Op::Conv3d(conv) => {
                let kernel = parameter(Role::Weight);
                let shape = input(0).shape;
                let sizes = [shape.depth, shape.height, shape.width];
                let outputs = [node.shape.depth, node.shape.height, node.shape.width];
                // Positions before the first one along every axis: SAME splits the surplus, VALID has none.
                let before = [0, 1, 2].map(|axis| {
                    let reach = (outputs[axis] - 1) * conv.stride[axis] + conv.kernel[axis];
                    match conv.padding {
                        Padding::Same => reach.saturating_sub(sizes[axis]) / 2,
                        Padding::Valid | Padding::Explicit { .. } => 0,
                    }
                });
                wire(&mut |at| {
                    let mut sum = bias(conv.bias, at.channel);
                    let place = [at.slice, at.row, at.column];
                    for tap in 0..conv.taps() {
                        let offset = [
                            tap / (conv.kernel[1] * conv.kernel[2]),
                            tap / conv.kernel[2] % conv.kernel[1],
                            tap % conv.kernel[2],
                        ];
                        let [slice, row, column] = [0, 1, 2].map(|axis| {
                            (place[axis] * conv.stride[axis] + offset[axis])
                                .checked_sub(before[axis])
                                .filter(|at| *at < sizes[axis])
                        });
                        for c in 0..shape.channels {
                            let value = match (slice, row, column) {
                                (Some(slice), Some(row), Some(column)) => {
                                    input(0).at(Position { slice, row, column, channel: c, ..at })
                                }
                                _ => 0.0,
                            };
                            let index = (tap * shape.channels + c) * conv.out + at.channel;
                            sum += times(value, kernel[index]);
                        }
                    }
                    sum
                })
            }
            Op::ConvTranspose(conv) => {
                let [height, width] = conv.window.kernel;
                let kernel = parameter(Role::Weight);
                let shape = input(0).shape;
                let before = [0, 1].map(|axis| {
                    let size = [node.shape.height, node.shape.width][axis];
                    conv.window
                        .along(axis, size)
                        .expect("the builder proved that the window fits")
                        .1
                });
                let mut sums =
                    Images::new(batch, node.shape, &mut |at| bias(conv.bias, at.channel));
                Images::new(batch, shape, &mut |at| {
                    for i in 0..height {
                        for j in 0..width {
                            let tap = at.tap(conv.window, i, j);
                            let row = tap.row.checked_sub(before[0]);
                            let column = tap.column.checked_sub(before[1]);
                            for out in 0..conv.out {
                                let index = ((i * width + j) * conv.out + out) * shape.channels
                                    + at.channel;
                                let value = times(input(0).at(at), kernel[index]);
                                if let (Some(row), Some(column)) = (row, column)
                                    && row < node.shape.height
                                    && column < node.shape.width
                                {
                                    sums.add(Position { row, column, channel: out, ..at }, value);
                                }
                            }
                        }
                    }
                    0.0
                });
                sums
            }
            Op::Depthwise(depthwise) => {
                let [height, width] = depthwise.window.kernel;
                let kernel = parameter(Role::Weight);
                let padded = input(0).padded(depthwise.window, node.shape);
                wire(&mut |at| {
                    let mut sum = bias(depthwise.bias, at.channel);
                    for i in 0..height {
                        for j in 0..width {
                            let tap = at
                                .tap(depthwise.window, i, j)
                                .channel(at.channel / depthwise.multiplier);
                            let index = (i * width + j) * node.shape.channels + at.channel;
                            sum += times(padded.at(tap), kernel[index]);
                        }
                    }
                    sum
                })
            }
            Op::Linear(linear) => {
                let kernel = parameter(Role::Weight);
                wire(&mut |at| {
                    let mut sum = bias(linear.bias, at.channel);
                    for c in 0..input(0).shape.channels {
                        sum +=
                            times(input(0).at(at.channel(c)), kernel[c * linear.out + at.channel]);
                    }
                    sum
                })
            }
            Op::BatchNorm(norm) => {
                let statistics = match mode {
                    Mode::Train => input(0).statistics(batch),
                    Mode::Infer => {
                        let mean = parameter(Role::RunningMean).iter().copied();
                        mean.zip(parameter(Role::RunningVariance).iter().copied()).collect()
                    }
                };
                let BatchNorm { scale, epsilon } = *norm;
                wire(&mut |at| {
                    let (mean, variance) = statistics[at.channel];
                    let gamma = if scale { parameter(Role::Gamma)[at.channel] } else { 1.0 };
                    let deviation = (variance + f64::from(epsilon)).sqrt();
                    gamma * (input(0).at(at) - mean) / deviation + parameter(Role::Beta)[at.channel]
                })
            }
            Op::Activation(activation) => each(&|value| activate(*activation, value)),
            Op::Bias => wire(&mut |at| input(0).at(at) + parameter(Role::Bias)[at.channel]),
            Op::Gate => {
                let logits = parameter(Role::Logit);
                let mask = draws.map_or_else(|| expected(logits), |draws| draws.mask(id, logits));
                wire(&mut |at| input(0).at(at) * mask[at.channel])
            }
            Op::Softmax => wire(&mut |at| {
                let channels = 0..node.shape.channels;
                let sum: f64 = channels.map(|c| input(0).at(at.channel(c)).exp()).sum();
                input(0).at(at).exp() / sum
            }),
            Op::LocalResponseNorm(norm) => wire(&mut |at| {
                let first = at.channel.saturating_sub((norm.size - 1) / 2);
                let last = (at.channel + norm.size / 2).min(node.shape.channels - 1);
                let squares: f64 = (first..=last).map(|c| input(0).at(at.channel(c)).powi(2)).sum();
                let mean = f64::from(norm.alpha) * squares / norm.size as f64;
                input(0).at(at) / (f64::from(norm.bias) + mean).powf(f64::from(norm.beta))
            }),
            Op::Add => wire(&mut |at| {
                (0..node.inputs.len()).map(|position| input(position).broadcast(at)).sum()
            }),
            Op::Sub => wire(&mut |at| input(0).at(at) - input(1).broadcast(at)),
            Op::Mul => wire(&mut |at| input(0).at(at) * input(1).broadcast(at)),
            Op::Maximum => wire(&mut |at| input(0).at(at).max(input(1).broadcast(at))),
            Op::Minimum => wire(&mut |at| input(0).at(at).min(input(1).broadcast(at))),
            Op::Concat(axis) => wire(&mut |mut at| {
                let size = |shape: Shape| match axis {
                    Axis::Height => shape.height,
                    Axis::Width => shape.width,
                    Axis::Channels => shape.channels,
                };
                let index = match axis {
                    Axis::Height => &mut at.row,
                    Axis::Width => &mut at.column,
                    Axis::Channels => &mut at.channel,
                };
                let mut position = 0;
                while *index >= size(input(position).shape) {
                    *index -= size(input(position).shape);
                    position += 1;
                }
                input(position).at(at)
            }),
            Op::Gather(gather) => {
                wire(&mut |at| input(0).at(at.channel(gather.channels[at.channel])))
            }
            Op::DepthToSpace { block } => wire(&mut |at| {
                let offset = at.row % block * block + at.column % block;
                let channel = offset * node.shape.channels + at.channel;
                input(0).at(Position {
                    row: at.row / block,
                    column: at.column / block,
                    channel,
                    ..at
                })
            }),
            Op::SpaceToDepth { block } => wire(&mut |at| {
                let channels = input(0).shape.channels;
                let (offset, channel) = (at.channel / channels, at.channel % channels);
                let (row, column) = (offset / block, offset % block);
                input(0).at(Position {
                    row: at.row * block + row,
                    column: at.column * block + column,
                    channel,
                    ..at
                })
            }),
            Op::Resize(resize) => {
                let Shape { height, width, .. } = input(0).shape;
                wire(&mut |at| {
                    let rows = resize.method.taps(at.row, resize.height, height);
                    let columns = resize.method.taps(at.column, resize.width, width);
                    let mut sum = 0.0;
                    for (row, by_row) in rows {
                        for (column, by_column) in columns {
                            let value = input(0).at(Position { row, column, ..at });
                            sum += by_row * by_column * value;
                        }
                    }
                    sum
                })
            }
            Op::Pad(pad) => {
                let shape = input(0).shape;
                wire(&mut |at| {
                    let row = at.row.checked_sub(pad.top).filter(|row| *row < shape.height);
                    let column = at.column.checked_sub(pad.left).filter(|at| *at < shape.width);
                    let channel = at.channel.checked_sub(pad.channels[0]);
                    match (row, column, channel.filter(|at| *at < shape.channels)) {
                        (Some(row), Some(column), Some(channel)) => {
                            input(0).at(Position { row, column, channel, ..at })
                        }
                        _ => 0.0,
                    }
                })
            }
            Op::Permute(permutation) => wire(&mut |at| {
                let mut from = at;
                for (axis, index) in permutation.iter().zip([at.row, at.column, at.channel]) {
                    match axis {
                        Axis::Height => from.row = index,
                        Axis::Width => from.column = index,
                        Axis::Channels => from.channel = index,
                    }
                }
                input(0).at(from)
            }),
            Op::MaxPool(pool) => {
                wire(&mut |at| maximum(&input(0).window(pool.window, node.shape, at)))
            }
            Op::AvgPool(pool) => {
                wire(&mut |at| mean(&input(0).window(pool.window, node.shape, at)))
            }
            Op::GlobalAvgPool => wire(&mut |at| mean(&input(0).positions(at))),
            Op::GlobalMaxPool => wire(&mut |at| maximum(&input(0).positions(at))),
            Op::Flatten | Op::Reshape { .. } => {
                Images { shape: node.shape, values: input(0).values.clone() }
            }
            Op::Dropout { rate: _ } => each(&|value| value),
        };
        wires.push(output);
        assert!(count % batch as u64 == 0, "every image takes the same work");
        multiplications.push(count / batch as u64);
    }
    Evaluation { wires: wires.into_iter().map(|wire| wire.values).collect(), multiplications }
}

/// An element-wise function.
fn activate(activation: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let hard_sigmoid = |x: f64| (x + 3.0).clamp(0.0, 6.0) / 6.0;
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x * sigmoid(x),
        Activation::HardSigmoid => hard_sigmoid(x),
        Activation::HardSwish => x * hard_sigmoid(x),
        Activation::Scale { factor } => x * f64::from(factor),
    }
}

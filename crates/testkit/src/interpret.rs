//! A network evaluated by naive loops in `f64`, counting the multiplications of its kernels as they happen.
//!
//! This is the definition that fast kernels, cost formulas and gradients are checked against. It is written to be
//! evidently right: one closure per operator says what one output value is.

use graph::{Activation, BatchNorm, Graph, NodeId, Op, Role, Shape};

use crate::{
    Parameters,
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
    /// Values of every wire, by [`NodeId::index`], each with the layout `[batch, height, width, channels]`.
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

/// Evaluates every wire of a graph; every input of the graph reads `images`, `[batch, height, width, channels]`.
///
/// Dropout is the identity in both modes.
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
            let values = parameters.get(&(id, role));
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
            Op::Add => {
                wire(&mut |at| (0..node.inputs.len()).map(|position| input(position).at(at)).sum())
            }
            Op::Mul => wire(&mut |at| input(0).at(at) * input(1).broadcast(at)),
            Op::Concat => wire(&mut |at| {
                let mut channel = at.channel;
                let mut position = 0;
                while channel >= input(position).shape.channels {
                    channel -= input(position).shape.channels;
                    position += 1;
                }
                input(position).at(at.channel(channel))
            }),
            Op::MaxPool(pool) => {
                wire(&mut |at| maximum(&input(0).window(pool.window, node.shape, at)))
            }
            Op::AvgPool(pool) => {
                wire(&mut |at| mean(&input(0).window(pool.window, node.shape, at)))
            }
            Op::GlobalAvgPool => wire(&mut |at| mean(&input(0).positions(at))),
            Op::GlobalMaxPool => wire(&mut |at| maximum(&input(0).positions(at))),
            Op::Flatten => {
                let Shape { width, channels, .. } = input(0).shape;
                wire(&mut |at| {
                    let (position, channel) = (at.channel / channels, at.channel % channels);
                    let (row, column) = (position / width, position % width);
                    input(0).at(Position { row, column, channel, ..at })
                })
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
    }
}

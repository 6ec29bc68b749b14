//! From a list of layers to a graph.

use std::collections::BTreeMap;

use graph::{Activation, Axis, Graph, GraphError, NodeId, Op, Padding, Shape, Window};

use super::{Border, Entry, Layer, Layers, Pair, Pool};
use crate::{
    ArchitectureError,
    assembly::{Assembly, Names, norm_of_torch},
    scaling::{Rounding, Scaling},
};

/// Most layers of a network.
const MOST_LAYERS: usize = 10_000;

/// Where a layer stands, as `[2].add[0][1]`, and what is wrong with it.
struct Fault {
    at: String,
    source: GraphError,
}

pub(super) fn graph(
    layers: &Layers,
    input: Shape,
    classes: usize,
) -> Result<Graph, ArchitectureError> {
    let found = count(&layers.0);
    if found > MOST_LAYERS {
        return Err(ArchitectureError::TooManyLayers { found, most: MOST_LAYERS });
    }
    let scaling = Scaling { multiplier: 1.0, rounding: Rounding::Nearest };
    let assembly = Assembly::new(scaling, norm_of_torch(), Names::PLAIN, None, classes);
    let mut build = Build { assembly, numbers: BTreeMap::new() };
    let of_classifier = |source| ArchitectureError::Classifier { source: Box::new(source) };
    let image = build.assembly.image(input).map_err(of_classifier)?;
    let last = build.list(&layers.0, "", image).map_err(|Fault { at, source }| {
        ArchitectureError::Layer { at, source: Box::new(source) }
    })?;
    let shape = build.assembly.shape(last);
    if shape.area() != 1 {
        return Err(ArchitectureError::SeveralPositions { found: shape });
    }
    let logits = build.assembly.logits(last).map_err(of_classifier)?;
    build.assembly.finish(logits).map_err(of_classifier)
}

fn count(layers: &[Entry]) -> usize {
    let inside = layers.iter().map(|Entry(layer)| match parts(layer).1 {
        Part::Join(_, branches) => branches.iter().map(|branch| count(branch)).sum(),
        Part::Node(_) | Part::SqueezeExcite(_) => 0_usize,
    });
    layers.len() + inside.sum::<usize>()
}

/// What a layer becomes.
enum Part<'a> {
    Node(Op),
    SqueezeExcite(usize),
    Join(Op, &'a [Vec<Entry>]),
}

/// A layer's name in a list, and what it becomes.
fn parts(layer: &Layer) -> (&'static str, Part<'_>) {
    let act = |activation| Part::Node(Op::Activation(activation));
    match layer {
        Layer::Conv(it) => {
            let window = window(it.kernel, it.stride, it.dilation, it.padding);
            let (out, groups, bias) = (it.channels, it.groups, it.bias);
            ("conv", Part::Node(Op::Conv2d(graph::Conv2d { out, window, groups, bias })))
        }
        Layer::Depthwise(it) => {
            let window = window(it.kernel, it.stride, it.dilation, it.padding);
            let (multiplier, bias) = (it.multiplier, it.bias);
            let op = Op::Depthwise(graph::Depthwise { multiplier, window, bias });
            ("depthwise", Part::Node(op))
        }
        Layer::Linear(it) => {
            let linear = graph::Linear { out: it.channels, bias: it.bias };
            ("linear", Part::Node(Op::Linear(linear)))
        }
        Layer::BatchNorm => ("batch-norm", Part::Node(Op::BatchNorm(norm_of_torch()))),
        Layer::Relu => ("relu", act(Activation::Relu)),
        Layer::Relu6 => ("relu6", act(Activation::Relu6)),
        Layer::Elu => ("elu", act(Activation::Elu)),
        Layer::Silu => ("silu", act(Activation::Silu)),
        Layer::Tanh => ("tanh", act(Activation::Tanh)),
        Layer::Sigmoid => ("sigmoid", act(Activation::Sigmoid)),
        Layer::HardSwish => ("hard-swish", act(Activation::HardSwish)),
        Layer::HardSigmoid => ("hard-sigmoid", act(Activation::HardSigmoid)),
        Layer::LeakyRelu(it) => ("leaky-relu", act(Activation::LeakyRelu { slope: it.slope })),
        Layer::MaxPool(it) => ("max-pool", Part::Node(Op::MaxPool(pool(it)))),
        Layer::AvgPool(it) => ("avg-pool", Part::Node(Op::AvgPool(pool(it)))),
        Layer::GlobalAvgPool => ("global-avg-pool", Part::Node(Op::GlobalAvgPool)),
        Layer::GlobalMaxPool => ("global-max-pool", Part::Node(Op::GlobalMaxPool)),
        Layer::Flatten => ("flatten", Part::Node(Op::Flatten)),
        Layer::Dropout(rate) => ("dropout", Part::Node(Op::Dropout { rate: *rate })),
        Layer::SqueezeExcite(it) => ("squeeze-excite", Part::SqueezeExcite(it.channels)),
        Layer::Add(branches) => ("add", Part::Join(Op::Add, branches)),
        Layer::Concat(branches) => ("concat", Part::Join(Op::Concat(Axis::Channels), branches)),
    }
}

fn window(kernel: Pair, stride: Pair, dilation: Pair, padding: Border) -> Window {
    let padding = match padding {
        Border::Same => Padding::Same,
        Border::Valid => Padding::Valid,
        Border::Positions(Pair([rows, columns])) => {
            Padding::Explicit { top: rows, bottom: rows, left: columns, right: columns }
        }
    };
    Window { kernel: kernel.0, stride: stride.0, dilation: dilation.0, padding }
}

fn pool(it: &Pool) -> graph::Pool {
    let window = window(it.kernel, it.stride.unwrap_or(it.kernel), Pair([1, 1]), it.padding);
    graph::Pool { window }
}

struct Build {
    assembly: Assembly,
    /// How many layers of a kind there are so far.
    numbers: BTreeMap<&'static str, usize>,
}

impl Build {
    fn list(&mut self, layers: &[Entry], at: &str, input: NodeId) -> Result<NodeId, Fault> {
        let mut wire = input;
        for (index, Entry(layer)) in layers.iter().enumerate() {
            wire = self.layer(layer, &format!("{at}[{index}]"), wire)?;
        }
        Ok(wire)
    }

    fn layer(&mut self, layer: &Layer, at: &str, input: NodeId) -> Result<NodeId, Fault> {
        let (kind, part) = parts(layer);
        let number = self.numbers.entry(kind).or_default();
        *number += 1;
        let name = format!("{kind}{number}");
        let made = match part {
            Part::Node(op) => self.assembly.node(&name, op, input),
            Part::SqueezeExcite(squeezed) => {
                let functions = [Activation::Relu, Activation::Sigmoid];
                self.assembly.squeeze_excite(&name, squeezed, functions, input)
            }
            Part::Join(op, branches) => {
                let mut wires = Vec::with_capacity(branches.len());
                for (index, branch) in branches.iter().enumerate() {
                    wires.push(self.list(branch, &format!("{at}.{kind}[{index}]"), input)?);
                }
                self.assembly.join(&name, op, &wires)
            }
        };
        made.map_err(|source| Fault { at: at.to_owned(), source })
    }
}

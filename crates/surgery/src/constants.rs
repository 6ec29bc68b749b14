//! Channels that have the same value at every position of every image.

use graph::{Activation, Axis, Graph, Node, NodeId, Op, Role, Shape, Window};
use ndarray::{ArrayD, ArrayViewD, Axis as Dimension};
use training::{Network, Parameters};

use crate::kernel::Mixing;

/// For every channel of every wire its value at inference, if that is the same everywhere.
pub(crate) struct Constants {
    wires: Vec<Vec<Option<f64>>>,
}

impl Constants {
    /// Follows zero scales and zero kernels through the network. Parameters that are missing make nothing constant.
    pub(crate) fn of(network: &Network) -> Self {
        let mut constants = Self { wires: Vec::with_capacity(network.graph.len()) };
        for (id, node) in network.graph.nodes() {
            let wire =
                (0..node.shape.channels).map(|channel| constants.value(network, id, channel));
            let wire = wire.collect();
            constants.wires.push(wire);
        }
        constants
    }

    /// The value of a channel.
    pub(crate) fn on(&self, wire: NodeId, channel: usize) -> Option<f64> {
        self.wires[wire.index()][channel]
    }

    fn value(&self, network: &Network, id: NodeId, channel: usize) -> Option<f64> {
        let Network { graph, parameters } = network;
        let node = graph.node(id);
        let input = |position: usize| &self.wires[node.inputs[position].index()];
        let parameter = |role: Role| {
            parameters.values(graph.owner(id), role)?.get(channel).copied().map(f64::from)
        };
        let same = || input(0)[channel];
        let equal = |mut values: Box<dyn Iterator<Item = Option<f64>> + '_>| {
            let first = values.next()??;
            values.all(|value| value == Some(first)).then_some(first)
        };
        let merged = || {
            let width = node.shape.channels;
            equal(Box::new(input(0).iter().skip(channel).step_by(width).copied()))
        };
        match &node.op {
            Op::Conv2d(_) | Op::Conv3d(_) | Op::ConvTranspose(_) | Op::Linear(_) => {
                let reads = Reads::of(graph, parameters, id, channel)?;
                let parts = reads.inputs().map(|(source, kernel)| match input(0)[source] {
                    Some(value) => reads.constant(value, &kernel),
                    None => kernel.iter().all(|weight| *weight == 0.0).then_some(0.0),
                });
                Some(parts.sum::<Option<f64>>()? + parameter(Role::Bias).unwrap_or(0.0))
            }
            Op::Depthwise(depthwise) => {
                let kernel = parameters.get(graph.owner(id), Role::Weight)?;
                let kernel = kernel.index_axis(Dimension(2), channel);
                let source = graph.node(node.inputs[0]).shape;
                let sum: f64 = kernel.iter().map(|weight| f64::from(*weight)).sum();
                let zero = kernel.iter().all(|weight| *weight == 0.0);
                let made = match input(0)[channel / depthwise.multiplier] {
                    _ if zero => 0.0,
                    Some(0.0) => 0.0,
                    Some(value) if is_unpadded(&depthwise.window, source) => value * sum,
                    Some(_) | None => return None,
                };
                Some(made + parameter(Role::Bias).unwrap_or(0.0))
            }
            Op::BatchNorm(norm) => {
                let gamma = if norm.scale { parameter(Role::Gamma)? } else { 1.0 };
                let beta = parameter(Role::Beta)?;
                if gamma == 0.0 {
                    return Some(beta);
                }
                let variance = parameter(Role::RunningVariance)? + f64::from(norm.epsilon);
                let centred = same()? - parameter(Role::RunningMean)?;
                Some(gamma * centred / variance.sqrt() + beta)
            }
            Op::Bias => Some(same()? + parameter(Role::Bias)?),
            Op::Gate if parameter(Role::Logit)? <= 0.0 => Some(0.0),
            // What an open gate lets through depends on how it is drawn.
            Op::Gate => same().filter(|value| *value == 0.0),
            Op::Activation(activation) => Some(activated(*activation, same()?)),
            Op::Add => self.joined(node, channel, |left, right| left + right),
            Op::Sub => self.joined(node, channel, |left, right| left - right),
            Op::Maximum => self.joined(node, channel, f64::max),
            Op::Minimum => self.joined(node, channel, f64::min),
            Op::Mul if self.operands(node, channel).any(|value| value == Some(0.0)) => Some(0.0),
            Op::Mul => self.joined(node, channel, |left, right| left * right),
            Op::Concat(Axis::Channels) => {
                let mut channel = channel;
                for wire in node.inputs.iter().map(|wire| &self.wires[wire.index()]) {
                    if let Some(value) = wire.get(channel) {
                        return *value;
                    }
                    channel -= wire.len();
                }
                None
            }
            Op::Concat(Axis::Height | Axis::Width) => {
                equal(Box::new((0..node.inputs.len()).map(|position| input(position)[channel])))
            }
            Op::Flatten | Op::SpaceToDepth { .. } => input(0)[channel % input(0).len()],
            Op::DepthToSpace { .. } => merged(),
            Op::Reshape { .. } if node.shape.channels.is_multiple_of(input(0).len()) => {
                input(0)[channel % input(0).len()]
            }
            Op::Reshape { .. } if input(0).len().is_multiple_of(node.shape.channels) => merged(),
            Op::Input(_)
            | Op::Softmax
            | Op::LocalResponseNorm(_)
            | Op::Reshape { .. }
            | Op::Permute([.., Axis::Height | Axis::Width]) => None,
            Op::Gather(gather) => input(0)[gather.channels[channel]],
            Op::Pad(pad) => {
                let [before, _] = pad.channels;
                let carried = channel.checked_sub(before).and_then(|at| input(0).get(at));
                let spaced = [pad.top, pad.bottom, pad.left, pad.right] != [0; 4];
                carried.copied().unwrap_or(Some(0.0)).filter(|value| *value == 0.0 || !spaced)
            }
            Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Resize(_)
            | Op::Permute([.., Axis::Channels])
            | Op::Dropout { .. } => same(),
        }
    }

    fn operands(&self, node: &Node, channel: usize) -> impl Iterator<Item = Option<f64>> {
        node.inputs.iter().map(move |input| {
            let wire = &self.wires[input.index()];
            wire[if wire.len() == node.shape.channels { channel } else { 0 }]
        })
    }

    fn joined(&self, node: &Node, channel: usize, join: fn(f64, f64) -> f64) -> Option<f64> {
        let mut operands = self.operands(node, channel);
        let first = operands.next()??;
        operands.try_fold(first, |left, right| Some(join(left, right?)))
    }
}

/// The kernel with which one output channel of a layer reads its inputs.
pub(crate) struct Reads<'a> {
    kernel: ArrayViewD<'a, f32>,
    inputs: usize,
    first: usize,
    exact: bool,
}

impl<'a> Reads<'a> {
    /// Nothing if the kernel is missing or the node does not mix channels.
    pub(crate) fn of(
        graph: &Graph,
        parameters: &'a Parameters,
        id: NodeId,
        channel: usize,
    ) -> Option<Self> {
        let (node, owner) = (graph.node(id), graph.owner(id));
        let Mixing { inputs, blocks } = Mixing::of_kernel(&node.op)?;
        let tensor: &ArrayD<f32> = parameters.get(owner, Role::Weight)?;
        let outputs = tensor.ndim() - if matches!(node.op, Op::ConvTranspose(_)) { 2 } else { 1 };
        let kernel = tensor.index_axis(Dimension(outputs), channel);
        let block = channel / (node.shape.channels / blocks);
        let first = block * kernel.len_of(Dimension(inputs));
        Some(Self { kernel, inputs, first, exact: sees_no_padding(graph, node) })
    }

    /// Every input channel with the part of the kernel that reads it.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (usize, ArrayViewD<'_, f32>)> {
        let parts = self.kernel.axis_iter(Dimension(self.inputs)).enumerate();
        parts.map(|(at, part)| (self.first + at, part))
    }

    /// What an input channel of this value at all positions adds, if it adds the same everywhere.
    pub(crate) fn constant(&self, value: f64, kernel: &ArrayViewD<'_, f32>) -> Option<f64> {
        if value == 0.0 || kernel.iter().all(|weight| *weight == 0.0) {
            return Some(0.0);
        }
        let sum: f64 = kernel.iter().map(|weight| f64::from(*weight)).sum();
        self.exact.then_some(value * sum)
    }
}

/// Whether every output position reads the same number of input positions through every tap.
fn sees_no_padding(graph: &Graph, node: &Node) -> bool {
    let input = graph.node(node.inputs[0]).shape;
    if let Op::Conv2d(conv) = &node.op {
        return is_unpadded(&conv.window, input);
    }
    if let Op::Conv3d(conv) = &node.op {
        // No tap is off the image if neither end is.
        let sizes = [input.depth, input.height, input.width];
        let outputs = [node.shape.depth, node.shape.height, node.shape.width];
        let reach = |axis: usize| (outputs[axis] - 1) * conv.stride[axis] + conv.kernel[axis];
        return (0..3).all(|axis| reach(axis) <= sizes[axis]);
    }
    // Positions of a transposed convolution are reached by different numbers of taps.
    matches!(node.op, Op::Linear(_))
}

fn is_unpadded(window: &Window, input: Shape) -> bool {
    [input.height, input.width].into_iter().enumerate().all(|(axis, size)| {
        window.along(axis, size).is_some_and(|(outputs, before)| {
            let extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
            before == 0 && (outputs - 1) * window.stride[axis] + extent <= size
        })
    })
}

fn activated(activation: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let hard_sigmoid = |x: f64| (x + 3.0).clamp(0.0, 6.0) / 6.0;
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { slope } if x < 0.0 => f64::from(slope) * x,
        Activation::Elu if x < 0.0 => x.exp_m1(),
        Activation::LeakyRelu { .. } | Activation::Elu => x,
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x * sigmoid(x),
        Activation::HardSigmoid => hard_sigmoid(x),
        Activation::HardSwish => x * hard_sigmoid(x),
        Activation::Scale { factor } => x * f64::from(factor),
    }
}

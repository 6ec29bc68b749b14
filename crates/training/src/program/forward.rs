//! What every operator does forward.

use graph::{NodeId, Op, Role};
use tensor_ops::{Activation, BinaryFunction, Broadcast, Geometry, Instruction, Tensor};

use super::convert::{activation, geometry, whole};
use super::emit::Emitter;
use super::wires::Mode;

/// How the second operand of a product node is spread over the first.
pub(crate) fn broadcast(first: graph::Shape, second: graph::Shape) -> Broadcast {
    if first == second {
        Broadcast::None
    } else if second.area() == 1 && second.channels == first.channels {
        Broadcast::Positions { area: first.area() }
    } else {
        Broadcast::Channels
    }
}

impl Emitter<'_> {
    /// Appends the instructions of a node's forward pass.
    pub(crate) fn forward(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        let layout = self.layout;
        let (weight, bias) = (|| layout.span(id, Role::Weight), layout.find(id, Role::Bias));
        let input_shape = node.inputs.first().map(|input| graph.node(*input).shape);
        let shape = || input_shape.expect("the builder proved that there is an input");
        match &node.op {
            Op::Input(_) => {}
            Op::Conv2d(conv) => {
                let geometry = geometry(&conv.window, self.batch, shape(), node.shape);
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::Conv {
                    geometry,
                    groups: conv.groups,
                    input,
                    weight: weight(),
                    bias,
                    output,
                });
            }
            Op::Linear(_) => {
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                let geometry = Geometry::pointwise(self.batch);
                self.push(Instruction::Conv {
                    geometry,
                    groups: 1,
                    input,
                    weight: weight(),
                    bias,
                    output,
                });
            }
            Op::Depthwise(depthwise) => {
                let geometry = geometry(&depthwise.window, self.batch, shape(), node.shape);
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                let multiplier = depthwise.multiplier;
                self.push(Instruction::Depthwise {
                    geometry,
                    multiplier,
                    input,
                    weight: weight(),
                    bias,
                    output,
                });
            }
            Op::BatchNorm(norm) => self.batch_norm(id, norm.epsilon),
            Op::Activation(function) => {
                if !self.wires.is_fused(node) {
                    let (input, output) = (self.value(node.inputs[0]), self.value(id));
                    self.push(Instruction::Activate {
                        activation: activation(*function),
                        input,
                        output,
                    });
                }
            }
            Op::Add => {
                let inputs = node.inputs.iter().map(|input| self.value(*input)).collect();
                let output = self.value(id);
                self.push(Instruction::Sum { inputs, output, accumulate: false });
            }
            Op::Mul => {
                let broadcast = broadcast(shape(), graph.node(node.inputs[1]).shape);
                let (first, second) = (self.value(node.inputs[0]), self.value(node.inputs[1]));
                let output = self.value(id);
                let function = BinaryFunction::Multiply;
                self.push(Instruction::Binary { function, first, second, broadcast, output });
            }
            Op::Concat(_) => {
                let mut start = 0;
                for input in &node.inputs {
                    let channels = graph.node(*input).shape.channels;
                    let slot = self.wires.value(id).slice(start, channels);
                    let value = self.wires.value(*input);
                    if value != slot {
                        let (input, output) = (self.tensor(value), self.tensor(slot));
                        self.copy(input, output, false);
                    }
                    start += channels;
                }
            }
            Op::MaxPool(pool) => {
                let geometry = geometry(&pool.window, self.batch, shape(), node.shape);
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::MaxPool { geometry, input, output });
            }
            Op::AvgPool(pool) => {
                let geometry = geometry(&pool.window, self.batch, shape(), node.shape);
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::AvgPool { geometry, input, output });
            }
            Op::GlobalAvgPool => {
                let geometry = whole(self.batch, shape());
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::AvgPool { geometry, input, output });
            }
            Op::GlobalMaxPool => {
                let geometry = whole(self.batch, shape());
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::MaxPool { geometry, input, output });
            }
            Op::Flatten => {
                if self.wires.root(id) == id {
                    let value = self.wires.value(node.inputs[0]);
                    let (input, output) =
                        (self.tensor(value), self.tensor(self.wires.value(id).reshape(value.rows)));
                    self.copy(input, output, false);
                }
            }
            // Refused by `Program::plan`.
            Op::Conv3d(_)
            | Op::ConvTranspose(_)
            | Op::Bias
            | Op::Gate
            | Op::Softmax
            | Op::LocalResponseNorm(_)
            | Op::Sub
            | Op::Maximum
            | Op::Minimum
            | Op::Gather(_)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Reshape { .. }
            | Op::Permute(_) => {}
            Op::Dropout { rate } => {
                if self.wires.root(id) == id {
                    let (input, output) = (self.value(node.inputs[0]), self.value(id));
                    self.push(Instruction::Dropout {
                        rate: *rate,
                        stream: id.index() as u64,
                        input,
                        output,
                    });
                }
            }
        }
    }

    /// Appends a copy.
    pub(crate) fn copy(&mut self, input: Tensor, output: Tensor, accumulate: bool) {
        self.push(Instruction::Sum { inputs: vec![input], output, accumulate });
    }

    fn batch_norm(&mut self, id: NodeId, epsilon: f32) {
        let (graph, layout) = (self.graph, self.layout);
        let fused = self.wires.fused_activation(id).map(|node| &graph.node(node).op);
        let activation = match fused {
            Some(Op::Activation(function)) => activation(*function),
            Some(_) | None => Activation::Identity,
        };
        let (input, output) = (self.value(graph.node(id).inputs[0]), self.value(id));
        let (gamma, beta) = (layout.find(id, Role::Gamma), layout.span(id, Role::Beta));
        let (running_mean, running_variance) =
            (layout.span(id, Role::RunningMean), layout.span(id, Role::RunningVariance));
        self.push(match self.mode {
            Mode::Train => {
                let (mean, inv_std) = layout.batch_statistics(id);
                Instruction::BatchNormTrain {
                    input,
                    gamma,
                    beta,
                    mean,
                    inv_std,
                    running_mean,
                    running_variance,
                    epsilon,
                    momentum: self.momentum,
                    activation,
                    output,
                }
            }
            Mode::Infer => Instruction::BatchNormInfer {
                input,
                gamma,
                beta,
                mean: running_mean,
                variance: running_variance,
                epsilon,
                activation,
                output,
            },
        });
    }
}

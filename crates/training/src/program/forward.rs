//! What every operator does forward.

use graph::{Axis, NodeId, Op, Role};
use tensor_ops::{Activation, BinaryFunction, Geometry, Instruction, Tensor};

use super::convert::{activation, geometry, response_norm, whole};
use super::emit::Emitter;
use super::rearrange::consecutive;
use super::wires::Mode;

impl Emitter<'_> {
    /// Appends the instructions of a node's forward pass.
    pub(crate) fn forward(&mut self, id: NodeId) {
        if self.wires.is_in_a_tail(id) {
            return;
        }
        let graph = self.graph;
        let node = graph.node(id);
        let input_shape = node.inputs.first().map(|input| graph.node(*input).shape);
        let shape = || input_shape.expect("the builder proved that there is an input");
        match &node.op {
            Op::Input(_) => {}
            Op::Conv2d(conv) => {
                let geometry = geometry(&conv.window, self.batch, shape(), node.shape);
                self.conv(id, geometry, conv.groups);
            }
            Op::Linear(_) => self.conv(id, Geometry::pointwise(self.batch), 1),
            Op::ConvTranspose(conv) => self.conv_transpose(id, conv),
            Op::Depthwise(depthwise) => self.depthwise(id, depthwise),
            Op::Bias => {
                let bias = self.parameter(id, Role::Bias);
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::AddBias { bias, input, output });
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
            Op::Softmax => {
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::Softmax { input, output });
            }
            Op::LocalResponseNorm(norm) => {
                let norm = response_norm(norm);
                let (input, output) = (self.value(node.inputs[0]), self.value(id));
                self.push(Instruction::LocalResponseNorm { norm, input, output });
            }
            Op::Add => self.add(id),
            Op::Sub => self.binary(id, BinaryFunction::Subtract),
            Op::Mul => self.binary(id, BinaryFunction::Multiply),
            Op::Maximum => self.binary(id, BinaryFunction::Maximum),
            Op::Minimum => self.binary(id, BinaryFunction::Minimum),
            Op::Concat(Axis::Channels) => self.concat(id),
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
            Op::Flatten | Op::Reshape { .. } => {
                if self.wires.root(id) == id {
                    let value = self.wires.value(node.inputs[0]);
                    let (input, output) =
                        (self.tensor(value), self.tensor(self.wires.value(id).reshape(value.rows)));
                    self.copy(input, output, false);
                }
            }
            Op::Gather(gather) => {
                // Channels that follow each other are a view.
                if consecutive(gather).is_none() {
                    self.rearrange(id);
                }
            }
            Op::Concat(Axis::Height | Axis::Width)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Permute(_) => self.rearrange(id),
            Op::Gate => self.gate(id),
            Op::Conv3d(_) => unreachable!("refused by `executable`"),
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
                    gate: self.wires.fused_gate(id).map(|gate| self.norm_gate(gate)),
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

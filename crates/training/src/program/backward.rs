//! What every operator does backward.

use graph::{Axis, NodeId, Op, Role};
use tensor_ops::{Activation, BinaryFunction, Geometry, Instruction};

use super::convert::{activation, geometry, response_norm, whole};
use super::emit::Emitter;

impl Emitter<'_> {
    /// Appends the instructions of a node's backward pass: the gradients of its parameters and of its inputs.
    pub(crate) fn backward(&mut self, id: NodeId) {
        if !self.wires.needs_gradient(id) {
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
                self.conv_gradients(id, geometry, conv.groups);
            }
            Op::Linear(_) => self.conv_gradients(id, Geometry::pointwise(self.batch), 1),
            Op::ConvTranspose(conv) => self.conv_transpose_gradients(id, conv),
            Op::Depthwise(depthwise) => self.depthwise_gradients(id, depthwise),
            Op::Bias => self.bias_gradients(id),
            Op::BatchNorm(_) => self.batch_norm_gradients(id),
            Op::Activation(function) => {
                if self.wires.is_fused(node) {
                    return;
                }
                if let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0]) {
                    let (input, output, grad_output) =
                        (self.value(node.inputs[0]), self.value(id), self.gradient(id));
                    let activation = activation(*function);
                    self.push(Instruction::ActivateGrad {
                        activation,
                        input,
                        output,
                        grad_output,
                        grad_input,
                        accumulate,
                    });
                }
            }
            Op::Softmax => {
                if let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0]) {
                    let (output, grad_output) = (self.value(id), self.gradient(id));
                    self.push(Instruction::SoftmaxGrad {
                        output,
                        grad_output,
                        grad_input,
                        accumulate,
                    });
                }
            }
            Op::LocalResponseNorm(norm) => {
                if let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0]) {
                    let (input, grad_output) = (self.value(node.inputs[0]), self.gradient(id));
                    self.push(Instruction::LocalResponseNormGrad {
                        norm: response_norm(norm),
                        input,
                        grad_output,
                        grad_input,
                        accumulate,
                    });
                }
            }
            Op::Add => self.add_gradients(id),
            Op::Sub => self.binary_gradients(id, BinaryFunction::Subtract),
            Op::Mul => self.binary_gradients(id, BinaryFunction::Multiply),
            Op::Maximum => self.binary_gradients(id, BinaryFunction::Maximum),
            Op::Minimum => self.binary_gradients(id, BinaryFunction::Minimum),
            Op::Concat(Axis::Channels) => self.concat_gradients(id),
            Op::MaxPool(pool) => {
                self.max_pool_gradient(id, geometry(&pool.window, self.batch, shape(), node.shape));
            }
            Op::GlobalMaxPool => self.max_pool_gradient(id, whole(self.batch, shape())),
            Op::AvgPool(pool) => {
                self.avg_pool_gradient(id, geometry(&pool.window, self.batch, shape(), node.shape));
            }
            Op::GlobalAvgPool => self.avg_pool_gradient(id, whole(self.batch, shape())),
            Op::Flatten | Op::Reshape { .. } => {
                if self.wires.root(id) == id
                    && let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0])
                {
                    let view = self.wires.gradient(id).expect("needed, as checked above");
                    let grad_output = self.tensor(view.reshape(grad_input.rows));
                    self.copy(grad_output, grad_input, accumulate);
                }
            }
            Op::Concat(Axis::Height | Axis::Width)
            | Op::Gather(_)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Permute(_) => self.rearrange_gradients(id),
            Op::Gate => self.gate_gradients(id),
            Op::Conv3d(_) => unreachable!("refused by `executable`"),
            Op::Dropout { rate } => {
                if self.wires.root(id) == id
                    && let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0])
                {
                    let grad_output = self.gradient(id);
                    let stream = id.index() as u64;
                    self.push(Instruction::DropoutGrad {
                        rate: *rate,
                        stream,
                        grad_output,
                        grad_input,
                        accumulate,
                    });
                }
            }
        }
    }

    fn bias_gradients(&mut self, id: NodeId) {
        let source = self.graph.node(id).inputs[0];
        let grad_output = self.gradient(id);
        let grad_bias = self.parameter_gradient(id, Role::Bias).expect("a bias is trained");
        self.push(Instruction::SumRows { grad_output, grad_bias });
        if self.wires.gradient(source) != self.wires.gradient(id)
            && let Some((grad_input, accumulate)) = self.gradient_to_write(source)
        {
            let grad_output = self.gradient(id);
            self.copy(grad_output, grad_input, accumulate);
        }
    }

    fn batch_norm_gradients(&mut self, id: NodeId) {
        let graph = self.graph;
        let source = graph.node(id).inputs[0];
        let fused = self.wires.fused_activation(id);
        let activation = match fused.map(|node| &graph.node(node).op) {
            Some(Op::Activation(function)) => activation(*function),
            Some(_) | None => Activation::Identity,
        };
        let (mean, inv_std) = self.layout.batch_statistics(id);
        let target = self.gradient_to_write(source);
        let input = self.value(source);
        let gate = self.wires.fused_gate(id);
        let grad_output = self.gradient(gate.or(fused).unwrap_or(id));
        let gate = gate.map(|gate| {
            let grad_logits = self.parameter_gradient(gate, Role::Logit);
            (self.norm_gate(gate), grad_logits.expect("logits are trained"))
        });
        // Without anything trained before it the input's gradient goes where the output's was: nobody reads it.
        let (grad_input, accumulate) = target.unwrap_or((grad_output, false));
        self.push(Instruction::BatchNormGrad {
            input,
            grad_output,
            gamma: self.layout.find(id, Role::Gamma),
            beta: self.layout.span(id, Role::Beta),
            mean,
            inv_std,
            activation,
            gate,
            grad_gamma: self.layout.gradient(id, Role::Gamma),
            grad_beta: self.layout.gradient(id, Role::Beta).expect("a shift is trained"),
            grad_input,
            accumulate,
        });
    }

    fn max_pool_gradient(&mut self, id: NodeId, geometry: Geometry) {
        let source = self.graph.node(id).inputs[0];
        if let Some((grad_input, accumulate)) = self.gradient_to_write(source) {
            let (input, output, grad_output) =
                (self.value(source), self.value(id), self.gradient(id));
            self.push(Instruction::MaxPoolGrad {
                geometry,
                input,
                output,
                grad_output,
                grad_input,
                accumulate,
            });
        }
    }

    fn avg_pool_gradient(&mut self, id: NodeId, geometry: Geometry) {
        let source = self.graph.node(id).inputs[0];
        if let Some((grad_input, accumulate)) = self.gradient_to_write(source) {
            let grad_output = self.gradient(id);
            self.push(Instruction::AvgPoolGrad { geometry, grad_output, grad_input, accumulate });
        }
    }
}

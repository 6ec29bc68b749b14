//! What every operator does backward.

use graph::{NodeId, Op, Role};
use tensor_ops::{Activation, BinaryFunction, Geometry, Instruction};

use super::convert::{activation, geometry, whole};
use super::emit::Emitter;
use super::forward::broadcast;

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
            Op::Depthwise(depthwise) => {
                let geometry = geometry(&depthwise.window, self.batch, shape(), node.shape);
                let multiplier = depthwise.multiplier;
                let (input, grad_output) = (self.value(node.inputs[0]), self.gradient(id));
                self.push(Instruction::DepthwiseGradWeight {
                    geometry,
                    multiplier,
                    input,
                    grad_output,
                    grad_weight: self
                        .layout
                        .gradient(id, Role::Weight)
                        .expect("a depthwise kernel is trained"),
                    grad_bias: self.layout.gradient(id, Role::Bias),
                });
                if let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0]) {
                    let (grad_output, weight) =
                        (self.gradient(id), self.layout.span(id, Role::Weight));
                    self.push(Instruction::DepthwiseGradInput {
                        geometry,
                        multiplier,
                        grad_output,
                        weight,
                        grad_input,
                        accumulate,
                    });
                }
            }
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
            Op::Add => {
                for input in &node.inputs {
                    if let Some((grad_input, accumulate)) = self.gradient_to_write(*input) {
                        let grad_output = self.gradient(id);
                        self.copy(grad_output, grad_input, accumulate);
                    }
                }
            }
            Op::Mul => self.product_gradients(id),
            Op::Concat(_) => {
                let mut start = 0;
                for input in &node.inputs {
                    let channels = graph.node(*input).shape.channels;
                    let whole = self.wires.gradient(id).expect("needed, as checked above");
                    let slot = whole.slice(start, channels);
                    if self.wires.gradient(*input) != Some(slot)
                        && let Some((grad_input, accumulate)) = self.gradient_to_write(*input)
                    {
                        let grad_output = self.tensor(slot);
                        self.copy(grad_output, grad_input, accumulate);
                    }
                    start += channels;
                }
            }
            Op::MaxPool(pool) => {
                self.max_pool_gradient(id, geometry(&pool.window, self.batch, shape(), node.shape));
            }
            Op::GlobalMaxPool => self.max_pool_gradient(id, whole(self.batch, shape())),
            Op::AvgPool(pool) => {
                self.avg_pool_gradient(id, geometry(&pool.window, self.batch, shape(), node.shape));
            }
            Op::GlobalAvgPool => self.avg_pool_gradient(id, whole(self.batch, shape())),
            Op::Flatten => {
                if self.wires.root(id) == id
                    && let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0])
                {
                    let view = self.wires.gradient(id).expect("needed, as checked above");
                    let grad_output = self.tensor(view.reshape(grad_input.rows));
                    self.copy(grad_output, grad_input, accumulate);
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

    fn conv_gradients(&mut self, id: NodeId, geometry: Geometry, groups: usize) {
        let source = self.graph.node(id).inputs[0];
        let (input, grad_output) = (self.value(source), self.gradient(id));
        self.push(Instruction::ConvGradWeight {
            geometry,
            groups,
            input,
            grad_output,
            grad_weight: self.layout.gradient(id, Role::Weight).expect("a kernel is trained"),
            grad_bias: self.layout.gradient(id, Role::Bias),
        });
        if let Some((grad_input, accumulate)) = self.gradient_to_write(source) {
            let (grad_output, weight) = (self.gradient(id), self.layout.span(id, Role::Weight));
            self.push(Instruction::ConvGradInput {
                geometry,
                groups,
                grad_output,
                weight,
                grad_input,
                accumulate,
            });
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
        let (input, output) = (self.value(source), self.value(id));
        let grad_output = self.gradient(fused.unwrap_or(id));
        // Without anything trained before it the input's gradient goes where the output's was: nobody reads it.
        let (grad_input, accumulate) = target.unwrap_or((grad_output, false));
        self.push(Instruction::BatchNormGrad {
            input,
            output,
            grad_output,
            gamma: self.layout.find(id, Role::Gamma),
            mean,
            inv_std,
            activation,
            grad_gamma: self.layout.gradient(id, Role::Gamma),
            grad_beta: self.layout.gradient(id, Role::Beta).expect("a shift is trained"),
            grad_input,
            accumulate,
        });
    }

    fn product_gradients(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let shapes = [0, 1].map(|position: usize| self.graph.node(node.inputs[position]).shape);
        let (first, second) = (self.value(node.inputs[0]), self.value(node.inputs[1]));
        let grad_output = self.gradient(id);
        let grad_first = self.gradient_to_write(node.inputs[0]);
        let grad_second = self.gradient_to_write(node.inputs[1]);
        self.push(Instruction::BinaryGrad {
            function: BinaryFunction::Multiply,
            first,
            second,
            broadcast: broadcast(shapes[0], shapes[1]),
            grad_output,
            grad_first,
            grad_second,
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

//! Operators with a kernel: forward, and the gradients of kernel, bias and input.

use graph::{ConvTranspose, Depthwise, NodeId, Role, Shape};
use tensor_ops::{Epilogue, Geometry, Instruction, Norm};

use super::convert::geometry;
use super::emit::Emitter;
use super::epilogues::Tail;

impl Emitter<'_> {
    fn input_shape(&self, id: NodeId) -> Shape {
        self.graph.node(self.graph.node(id).inputs[0]).shape
    }

    /// A convolution or linear layer.
    pub(crate) fn conv(&mut self, id: NodeId, geometry: Geometry, groups: usize) {
        let (input, output) = (self.value(self.graph.node(id).inputs[0]), self.value(id));
        self.push(Instruction::Conv {
            geometry,
            groups,
            input,
            weight: self.parameter(id, Role::Weight),
            bias: self.find(id, Role::Bias),
            output,
            accumulate: false,
            epilogue: self.epilogue(id),
        });
    }

    /// What a convolution does besides.
    fn epilogue(&self, id: NodeId) -> Epilogue {
        let Some(Tail { norm, clamp, .. }) = self.wires.tail(id) else { return Epilogue::NONE };
        let norm = norm.map(|(id, epsilon)| Norm {
            gamma: self.layout.find(id, Role::Gamma),
            beta: self.layout.span(id, Role::Beta),
            mean: self.layout.span(id, Role::RunningMean),
            variance: self.layout.span(id, Role::RunningVariance),
            epsilon,
        });
        Epilogue { norm, clamp }
    }

    /// Gradients of a convolution or linear layer.
    pub(crate) fn conv_gradients(&mut self, id: NodeId, geometry: Geometry, groups: usize) {
        let source = self.graph.node(id).inputs[0];
        let (input, grad_output) = (self.value(source), self.gradient(id));
        self.push(Instruction::ConvGradWeight {
            geometry,
            groups,
            input,
            grad_output,
            grad_weight: self.kernel_gradient(id),
            grad_bias: self.parameter_gradient(id, Role::Bias),
        });
        self.end_of_gradients(id);
        if let Some((grad_input, accumulate)) = self.gradient_to_write(source) {
            let (grad_output, weight) = (self.gradient(id), self.parameter(id, Role::Weight));
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

    /// A depthwise convolution.
    pub(crate) fn depthwise(&mut self, id: NodeId, depthwise: &Depthwise) {
        let node = self.graph.node(id);
        let geometry = geometry(&depthwise.window, self.batch, self.input_shape(id), node.shape);
        let (input, output) = (self.value(node.inputs[0]), self.value(id));
        self.push(Instruction::Depthwise {
            geometry,
            multiplier: depthwise.multiplier,
            input,
            weight: self.parameter(id, Role::Weight),
            bias: self.find(id, Role::Bias),
            output,
            epilogue: self.epilogue(id),
        });
    }

    /// Gradients of a depthwise convolution.
    pub(crate) fn depthwise_gradients(&mut self, id: NodeId, depthwise: &Depthwise) {
        let node = self.graph.node(id);
        let geometry = geometry(&depthwise.window, self.batch, self.input_shape(id), node.shape);
        let multiplier = depthwise.multiplier;
        let (input, grad_output) = (self.value(node.inputs[0]), self.gradient(id));
        self.push(Instruction::DepthwiseGradWeight {
            geometry,
            multiplier,
            input,
            grad_output,
            grad_weight: self.kernel_gradient(id),
            grad_bias: self.parameter_gradient(id, Role::Bias),
        });
        self.end_of_gradients(id);
        if let Some((grad_input, accumulate)) = self.gradient_to_write(node.inputs[0]) {
            let (grad_output, weight) = (self.gradient(id), self.parameter(id, Role::Weight));
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

    /// Window of the convolution that a transposed one is the adjoint of: it leads from the output back to the input.
    fn adjoint(&self, id: NodeId, conv: &ConvTranspose) -> Geometry {
        let node = self.graph.node(id);
        geometry(&conv.window, self.batch, node.shape, self.input_shape(id))
    }

    /// A transposed convolution: the input gradient of the convolution that it is the adjoint of, then the bias.
    pub(crate) fn conv_transpose(&mut self, id: NodeId, conv: &ConvTranspose) {
        let geometry = self.adjoint(id, conv);
        let (input, output) = (self.value(self.graph.node(id).inputs[0]), self.value(id));
        self.push(Instruction::ConvGradInput {
            geometry,
            groups: 1,
            grad_output: input,
            weight: self.parameter(id, Role::Weight),
            grad_input: output,
            accumulate: false,
        });
        if let Some(bias) = self.find(id, Role::Bias) {
            let output = self.value(id);
            self.push(Instruction::AddBias { bias, input: output, output });
        }
    }

    /// Gradients of a transposed convolution: those of its adjoint with input and gradient exchanged.
    pub(crate) fn conv_transpose_gradients(&mut self, id: NodeId, conv: &ConvTranspose) {
        let geometry = self.adjoint(id, conv);
        let source = self.graph.node(id).inputs[0];
        let (input, grad_output) = (self.value(source), self.gradient(id));
        self.push(Instruction::ConvGradWeight {
            geometry,
            groups: 1,
            input: grad_output,
            grad_output: input,
            grad_weight: self.kernel_gradient(id),
            grad_bias: None,
        });
        if let Some(grad_bias) = self.parameter_gradient(id, Role::Bias) {
            let grad_output = self.gradient(id);
            self.push(Instruction::SumRows { grad_output, grad_bias });
        }
        self.end_of_gradients(id);
        if let Some((grad_input, accumulate)) = self.gradient_to_write(source) {
            let (grad_output, weight) = (self.gradient(id), self.parameter(id, Role::Weight));
            self.push(Instruction::Conv {
                geometry,
                groups: 1,
                input: grad_output,
                weight,
                bias: None,
                output: grad_input,
                accumulate,
                epilogue: Epilogue::NONE,
            });
        }
    }

    fn kernel_gradient(&self, id: NodeId) -> tensor_ops::Span {
        self.parameter_gradient(id, Role::Weight).expect("a kernel is trained")
    }
}

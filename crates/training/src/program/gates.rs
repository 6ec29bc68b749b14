//! Gates: forward, and the gradients of input and logits.

use graph::{NodeId, Role};
use tensor_ops::{GateMask, Instruction};

use super::emit::Emitter;

impl Emitter<'_> {
    /// The input times the mask.
    pub(crate) fn gate(&mut self, id: NodeId) {
        let (logits, mask) = (self.parameter(id, Role::Logit), self.layout.gate(id));
        let (input, output) = (self.value(self.graph.node(id).inputs[0]), self.value(id));
        self.push(Instruction::Gate { logits, mask, input, output });
    }

    /// Gradients of the input and the logits, by the mask that was drawn.
    pub(crate) fn gate_gradients(&mut self, id: NodeId) {
        let GateMask::Sampled(sample) = self.layout.gate(id) else {
            unreachable!("in training, masks are drawn")
        };
        let source = self.graph.node(id).inputs[0];
        let logits = self.parameter(id, Role::Logit);
        let grad_logits = self.parameter_gradient(id, Role::Logit).expect("logits are trained");
        let grad_input = self.gradient_to_write(source);
        let (input, grad_output) = (self.value(source), self.gradient(id));
        self.push(Instruction::GateGrad {
            logits,
            sample,
            input,
            grad_output,
            grad_logits,
            grad_input,
        });
    }
}

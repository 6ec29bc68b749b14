//! Gates: forward, and the gradients of input and logits.

use graph::{NodeId, Role};
use tensor_ops::{GateMask, Instruction, NormGate};

use super::emit::Emitter;

impl Emitter<'_> {
    /// The input times the mask.
    pub(crate) fn gate(&mut self, id: NodeId) {
        if self.wires.is_gate_fused(id) {
            return;
        }
        let (logits, mask) = (self.parameter(id, Role::Logit), self.layout.gate(id));
        let (input, output) = (self.value(self.graph.node(id).inputs[0]), self.value(id));
        self.push(Instruction::Gate { logits, mask, input, output });
    }

    /// What a gate is, computed with the norm before it or by itself, in training.
    pub(crate) fn norm_gate(&self, id: NodeId) -> NormGate {
        let GateMask::Sampled(sample) = self.layout.gate(id) else {
            unreachable!("in training, masks are drawn")
        };
        NormGate { logits: self.parameter(id, Role::Logit), sample }
    }

    /// Gradients of the input and the logits, by the mask that was drawn.
    pub(crate) fn gate_gradients(&mut self, id: NodeId) {
        if self.wires.is_gate_fused(id) {
            return;
        }
        let NormGate { logits, sample } = self.norm_gate(id);
        let source = self.graph.node(id).inputs[0];
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

//! Operators on two or more wires, of which all but the first may be spread over the first.

use graph::NodeId;
use tensor_ops::{BinaryFunction, Broadcast, Instruction, Tensor};

use super::convert::broadcast;
use super::emit::Emitter;
use super::loans::Loan;

impl Emitter<'_> {
    fn spread(&self, id: NodeId, input: NodeId) -> Broadcast {
        broadcast(self.graph.node(id).shape, self.graph.node(input).shape)
    }

    /// A function of two wires.
    pub(crate) fn binary(&mut self, id: NodeId, function: BinaryFunction) {
        let inputs = &self.graph.node(id).inputs;
        let broadcast = self.spread(id, inputs[1]);
        let (first, second) = (self.value(inputs[0]), self.value(inputs[1]));
        let output = self.value(id);
        self.push(Instruction::Binary { function, first, second, broadcast, output });
    }

    /// Gradients of a function of two wires, one after the other: both may be the same wire.
    pub(crate) fn binary_gradients(&mut self, id: NodeId, function: BinaryFunction) {
        let inputs = &self.graph.node(id).inputs;
        for (position, input) in inputs.iter().enumerate() {
            if let Some(target) = self.gradient_to_write(*input) {
                let first = match function {
                    // The values have no part in these gradients, and need not be kept for them.
                    BinaryFunction::Add | BinaryFunction::Subtract => self.gradient(id),
                    BinaryFunction::Multiply
                    | BinaryFunction::Maximum
                    | BinaryFunction::Minimum => self.value(inputs[0]),
                };
                self.binary_gradient(id, function, first, (position, target));
            }
        }
    }

    fn binary_gradient(
        &mut self,
        id: NodeId,
        function: BinaryFunction,
        first: Tensor,
        (position, target): (usize, (Tensor, bool)),
    ) {
        let other = self.graph.node(id).inputs[position.max(1)];
        let broadcast = self.spread(id, other);
        let (second, grad_output) = (self.value(other), self.gradient(id));
        self.push(Instruction::BinaryGrad {
            function,
            first,
            second,
            broadcast,
            grad_output,
            grad_first: (position == 0).then_some(target),
            grad_second: (position > 0).then_some(target),
        });
    }

    /// Wires of equal shape in one sum, then the spread ones one by one.
    pub(crate) fn add(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let is_equal = |input: &&NodeId| self.graph.node(**input).shape == node.shape;
        let (equal, spread): (Vec<NodeId>, Vec<NodeId>) = node.inputs.iter().partition(is_equal);
        let mut first = match equal.as_slice() {
            [only] => *only,
            several => {
                let inputs = several.iter().map(|input| self.value(*input)).collect();
                let output = self.value(id);
                self.push(Instruction::Sum { inputs, output, accumulate: false });
                id
            }
        };
        for input in spread {
            let broadcast = self.spread(id, input);
            let (first, second) =
                (self.value(std::mem::replace(&mut first, id)), self.value(input));
            let (function, output) = (BinaryFunction::Add, self.value(id));
            self.push(Instruction::Binary { function, first, second, broadcast, output });
        }
    }

    /// Gradients of a sum.
    pub(crate) fn add_gradients(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        for (position, input) in node.inputs.iter().enumerate() {
            if self.wires.loan(*input) == Some(Loan::Reads) {
                continue;
            }
            let Some((grad_input, accumulate)) = self.gradient_to_write(*input) else { continue };
            if self.wires.loan(*input) == Some(Loan::Keeps) {
                continue;
            }
            let grad_output = self.gradient(id);
            if self.graph.node(*input).shape == node.shape {
                self.copy(grad_output, grad_input, accumulate);
            } else {
                let target = (grad_input, accumulate);
                self.binary_gradient(id, BinaryFunction::Add, grad_output, (position, target));
            }
        }
    }

    /// Wires laid end to end along channels, except those that were written there.
    pub(crate) fn concat(&mut self, id: NodeId) {
        let mut start = 0;
        for input in &self.graph.node(id).inputs {
            let channels = self.graph.node(*input).shape.channels;
            let slot = self.wires.value(id).slice(start, channels);
            let value = self.wires.value(*input);
            if value != slot {
                let (input, output) = (self.tensor(value), self.tensor(slot));
                self.copy(input, output, false);
            }
            start += channels;
        }
    }

    /// Gradients of wires laid end to end along channels, except those that are read there.
    pub(crate) fn concat_gradients(&mut self, id: NodeId) {
        let mut start = 0;
        for input in &self.graph.node(id).inputs {
            let channels = self.graph.node(*input).shape.channels;
            let whole = self.wires.gradient(id).expect("needed, as checked by the caller");
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
}

//! The list of instructions under construction.

use std::collections::BTreeSet;

use graph::{Graph, NodeId, Role};
use tensor_ops::{Instruction, Span, Tensor};

use super::buffers::{Buffers, View};
use super::layout::Layout;
use super::wires::{Mode, Wires};

/// Everything that forward and backward emission need.
pub(crate) struct Emitter<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) batch: usize,
    pub(crate) mode: Mode,
    pub(crate) layout: &'a Layout,
    pub(crate) wires: &'a Wires,
    /// Weight of a batch in running statistics.
    pub(crate) momentum: f32,
    buffers: &'a mut Buffers,
    instructions: Vec<Instruction>,
    /// The node that is emitted; none for the loss and the optimizer.
    node: Option<NodeId>,
    nodes: Vec<Option<NodeId>>,
    written: Vec<bool>,
    /// Owners of parameters of which a use has written its gradient.
    begun: BTreeSet<NodeId>,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        batch: usize,
        mode: Mode,
        layout: &'a Layout,
        wires: &'a Wires,
        momentum: f32,
        buffers: &'a mut Buffers,
    ) -> Self {
        let written = vec![false; graph.len()];
        Self {
            graph,
            batch,
            mode,
            layout,
            wires,
            momentum,
            buffers,
            instructions: Vec::new(),
            node: None,
            nodes: Vec::new(),
            written,
            begun: BTreeSet::new(),
        }
    }

    /// Appends an instruction whose tensors were made since the last one.
    pub(crate) fn push(&mut self, instruction: Instruction) {
        self.instructions.push(instruction);
        self.nodes.push(self.node);
    }

    /// Says which node the next instructions belong to.
    pub(crate) fn begin(&mut self, node: Option<NodeId>) {
        self.node = node;
    }

    /// The tensor of a view, used by the next instruction.
    pub(crate) fn tensor(&mut self, view: View) -> Tensor {
        self.buffers.tensor(view, self.instructions.len())
    }

    /// The value of a wire, used by the next instruction.
    pub(crate) fn value(&mut self, id: NodeId) -> Tensor {
        self.tensor(self.wires.value(id))
    }

    /// The gradient of a wire, read by the next instruction.
    pub(crate) fn gradient(&mut self, id: NodeId) -> Tensor {
        let view = self.wires.gradient(id).expect("a node that is emitted backward has a gradient");
        self.tensor(view)
    }

    /// The gradient of a wire, written by the next instruction, and whether to add to it; none if nothing needs it.
    pub(crate) fn gradient_to_write(&mut self, id: NodeId) -> Option<(Tensor, bool)> {
        if !self.wires.needs_gradient(id) {
            return None;
        }
        let written = &mut self.written[self.wires.root(id).index()];
        let accumulate = std::mem::replace(written, true);
        Some((self.gradient(id), accumulate))
    }

    /// Where a parameter lies that a node uses, if it uses one.
    pub(crate) fn find(&self, id: NodeId, role: Role) -> Option<Span> {
        self.layout.find(self.graph.owner(id), role)
    }

    /// Where a parameter lies that a node's operator uses.
    pub(crate) fn parameter(&self, id: NodeId, role: Role) -> Span {
        self.find(id, role).expect("the operator has this parameter")
    }

    /// Where the next instructions write the gradient of a parameter that the node uses, if it uses one. Once all of the
    /// node's are written, `end_of_gradients` has to follow.
    pub(crate) fn parameter_gradient(&self, id: NodeId, role: Role) -> Option<Span> {
        let owner = self.graph.owner(id);
        if self.begun.contains(&owner) {
            self.layout.partial(owner, role)
        } else {
            self.layout.gradient(owner, role)
        }
    }

    /// Adds the gradients of this use of parameters to those of the uses before it.
    pub(crate) fn end_of_gradients(&mut self, id: NodeId) {
        let owner = self.graph.owner(id);
        if self.begun.insert(owner) {
            return;
        }
        for role in [Role::Weight, Role::Bias] {
            if let (Some(partial), Some(whole)) =
                (self.layout.partial(owner, role), self.layout.gradient(owner, role))
            {
                let columns = self.layout.columns(owner, role);
                let [input, output] = [partial, whole]
                    .map(|span| Tensor::dense(span.offset, span.len / columns, columns));
                self.push(Instruction::Sum { inputs: vec![input], output, accumulate: true });
            }
        }
    }

    /// The finished list, with the node of every instruction.
    pub(crate) fn finish(self) -> (Vec<Instruction>, Vec<Option<NodeId>>) {
        (self.instructions, self.nodes)
    }
}

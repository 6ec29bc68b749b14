//! The list of instructions under construction.

use graph::{Graph, NodeId};
use tensor_ops::{Instruction, Tensor};

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

    /// The finished list, with the node of every instruction.
    pub(crate) fn finish(self) -> (Vec<Instruction>, Vec<Option<NodeId>>) {
        (self.instructions, self.nodes)
    }
}

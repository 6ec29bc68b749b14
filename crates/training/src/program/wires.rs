//! Where the value and the gradient of every wire lie.
//!
//! Branches write straight into their slice of a concatenation; an activation and a gate are computed with the batch norm
//! before it; flattening, neighbouring channels and inactive dropout are other views of the same memory; the gradient of a
//! batch norm's input overwrites that of its output; operands of a sum share its gradient.

use graph::{Axis, Graph, Node, NodeId, Op};

use super::buffers::{Buffers, Home, View};
use super::convert::activation;
use super::epilogues::{Tail, tails};
use super::loans::{Loan, loans};
use super::rearrange::consecutive;

/// Whether a program trains or only infers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Train,
    Infer,
}

/// Values and gradients of all wires.
#[derive(Clone, Debug)]
pub(crate) struct Wires {
    values: Vec<View>,
    gradients: Vec<Option<View>>,
    /// For a batch norm, the activation that is computed with it.
    fused: Vec<Option<NodeId>>,
    /// For a batch norm that trains, the gate that is computed with it, behind the activation if there is one.
    gates: Vec<Option<NodeId>>,
    /// For a convolution that only infers, what it does besides.
    tails: Vec<Option<Tail>>,
    needs_gradient: Vec<bool>,
    loans: Vec<Option<Loan>>,
    /// The node whose gradient a wire shares; itself for most.
    roots: Vec<NodeId>,
}

impl Wires {
    pub(crate) fn new(
        graph: &Graph,
        batch: usize,
        mode: Mode,
        images: usize,
        buffers: &mut Buffers,
    ) -> Self {
        let plan = Planner { graph, batch, mode, consumers: graph.consumers() };
        let tails = match mode {
            Mode::Train => vec![None; graph.len()],
            Mode::Infer => tails(graph, |id| plan.sole_consumer(id)),
        };
        let fused = plan.fused(&tails);
        let gates = plan.gates(&fused);
        let values = plan.values((&fused, &gates), &tails, images, buffers);
        let needs_gradient = needs_gradient(graph);
        let loans = loans(graph, &needs_gradient);
        let gradients = match mode {
            Mode::Train => plan.gradients(&fused, &values, &needs_gradient, &loans, buffers),
            Mode::Infer => vec![None; graph.len()],
        };
        let mut roots: Vec<NodeId> = Vec::with_capacity(graph.len());
        for (id, node) in graph.nodes() {
            let root =
                if plan.shares_gradient(&values, id) { roots[node.inputs[0].index()] } else { id };
            roots.push(root);
        }
        Self { values, gradients, fused, gates, tails, needs_gradient, loans, roots }
    }

    /// The value of a wire.
    pub(crate) fn value(&self, id: NodeId) -> View {
        self.values[id.index()]
    }

    /// The gradient of a wire, if anything needs it.
    pub(crate) fn gradient(&self, id: NodeId) -> Option<View> {
        self.gradients[id.index()]
    }

    /// The node whose gradient this wire shares.
    pub(crate) fn root(&self, id: NodeId) -> NodeId {
        self.roots[id.index()]
    }

    /// What the wire does with the gradient of the sum that reads it, if that is its own.
    pub(crate) fn loan(&self, id: NodeId) -> Option<Loan> {
        self.loans[id.index()]
    }

    /// Whether a trained parameter lies before or at this node and the loss behind it.
    pub(crate) fn needs_gradient(&self, id: NodeId) -> bool {
        self.needs_gradient[id.index()]
    }

    /// The activation computed together with a batch norm.
    pub(crate) fn fused_activation(&self, batch_norm: NodeId) -> Option<NodeId> {
        self.fused[batch_norm.index()]
    }

    /// The gate computed together with a batch norm.
    pub(crate) fn fused_gate(&self, batch_norm: NodeId) -> Option<NodeId> {
        self.gates[batch_norm.index()]
    }

    /// Whether a gate is computed together with a batch norm.
    pub(crate) fn is_gate_fused(&self, gate: NodeId) -> bool {
        self.gates.contains(&Some(gate))
    }

    /// What a convolution does besides.
    pub(crate) fn tail(&self, id: NodeId) -> Option<Tail> {
        self.tails[id.index()]
    }

    /// Whether the node is done by a convolution before it.
    pub(crate) fn is_in_a_tail(&self, id: NodeId) -> bool {
        in_tails(&self.tails, id)
    }

    /// Whether an activation is computed together with the batch norm before it.
    pub(crate) fn is_fused(&self, activation: &Node) -> bool {
        activation.inputs.first().is_some_and(|input| self.fused[input.index()].is_some())
    }
}

fn in_tails(tails: &[Option<Tail>], id: NodeId) -> bool {
    tails
        .iter()
        .flatten()
        .any(|tail| tail.end == id || tail.norm.is_some_and(|(norm, _)| norm == id))
}

fn needs_gradient(graph: &Graph) -> Vec<bool> {
    let mut trained = vec![false; graph.len()];
    for spec in graph.parameters() {
        trained[spec.node.index()] |= spec.role.is_trained();
    }
    let mut needs = vec![false; graph.len()];
    for (id, node) in graph.nodes() {
        needs[id.index()] = trained[graph.owner(id).index()]
            || node.inputs.iter().any(|input| needs[input.index()]);
    }
    // A node may be there for its parameters only, which others share.
    let mut reaches = vec![false; graph.len()];
    for output in graph.outputs() {
        reaches[output.index()] = true;
    }
    for (id, node) in graph.nodes().rev() {
        if reaches[id.index()] {
            for input in &node.inputs {
                reaches[input.index()] = true;
            }
        }
    }
    needs.into_iter().zip(reaches).map(|(needs, reaches)| needs && reaches).collect()
}

/// How a node is a view of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The same rows and channels.
    Same,
    /// The same values in other rows; a copy if the input has gaps between its rows.
    Reshaped,
    /// The channels from here on. The gradient has a place of its own: other channels have other readers.
    Channels(usize),
}

struct Planner<'a> {
    graph: &'a Graph,
    batch: usize,
    mode: Mode,
    consumers: Vec<Vec<NodeId>>,
}

impl Planner<'_> {
    fn sole_consumer(&self, id: NodeId) -> Option<NodeId> {
        match self.consumers[id.index()].as_slice() {
            [consumer] if !self.graph.outputs().contains(&id) => Some(*consumer),
            [] | [_] | [_, _, ..] => None,
        }
    }

    fn op(&self, id: NodeId) -> &Op {
        &self.graph.node(id).op
    }

    fn rows(&self, id: NodeId) -> usize {
        self.batch * self.graph.node(id).shape.area()
    }

    fn fused(&self, tails: &[Option<Tail>]) -> Vec<Option<NodeId>> {
        let fuse = |(id, node): (NodeId, &Node)| {
            if in_tails(tails, id) {
                return None;
            }
            let consumer = self.sole_consumer(id)?;
            let Op::Activation(function) = self.op(consumer) else { return None };
            let possible =
                self.mode == Mode::Infer || activation(*function).derivative_from_output();
            (matches!(node.op, Op::BatchNorm(_)) && possible).then_some(consumer)
        };
        self.graph.nodes().map(fuse).collect()
    }

    fn gates(&self, fused: &[Option<NodeId>]) -> Vec<Option<NodeId>> {
        let gate = |(id, node): (NodeId, &Node)| {
            if self.mode == Mode::Infer || !matches!(node.op, Op::BatchNorm(_)) {
                return None;
            }
            let end = fused[id.index()].unwrap_or(id);
            let gate = self.sole_consumer(end).filter(|next| *self.op(*next) == Op::Gate)?;
            if let Op::Activation(function) = self.op(end)
                && !activation(*function).is_homogeneous()
            {
                return None;
            }
            Some(gate)
        };
        self.graph.nodes().map(gate).collect()
    }

    /// How the node only looks at its input, if it does nothing else.
    fn look(&self, id: NodeId) -> Option<Look> {
        match self.op(id) {
            Op::Dropout { rate } => {
                (self.mode == Mode::Infer || *rate == 0.0).then_some(Look::Same)
            }
            Op::Flatten | Op::Reshape { .. } => Some(Look::Reshaped),
            Op::Gather(gather) => consecutive(gather).map(Look::Channels),
            Op::Input(_)
            | Op::Conv2d(_)
            | Op::Conv3d(_)
            | Op::ConvTranspose(_)
            | Op::Depthwise(_)
            | Op::Linear(_)
            | Op::BatchNorm(_)
            | Op::Bias
            | Op::Gate
            | Op::Activation(_)
            | Op::Softmax
            | Op::LocalResponseNorm(_)
            | Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Maximum
            | Op::Minimum
            | Op::Concat(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Permute(_) => None,
        }
    }

    /// Whether the node may write its value wherever it is told to.
    fn is_free(&self, values: &[Option<View>], id: NodeId) -> bool {
        let given = values[id.index()].is_some() || matches!(self.op(id), Op::Input(_));
        !given && self.look(id).is_none()
    }

    /// Whether the gradient of the node is that of its input.
    fn shares_gradient(&self, values: &[View], id: NodeId) -> bool {
        let input = self.graph.node(id).inputs.first();
        matches!(self.look(id), Some(Look::Same | Look::Reshaped))
            && input.is_some_and(|input| values[input.index()].home == values[id.index()].home)
    }

    fn values(
        &self,
        (fused, gates): (&[Option<NodeId>], &[Option<NodeId>]),
        tails: &[Option<Tail>],
        images: usize,
        buffers: &mut Buffers,
    ) -> Vec<View> {
        let mut values: Vec<Option<View>> = vec![None; self.graph.len()];
        for (id, node) in self.graph.nodes().rev() {
            if self.look(id).is_some() {
                continue;
            }
            let (rows, channels) = (self.rows(id), node.shape.channels);
            let value = *values[id.index()].get_or_insert_with(|| {
                if matches!(node.op, Op::Input(_)) {
                    View { home: Home::Fixed(images), start: 0, rows, channels, pitch: channels }
                } else {
                    buffers.matrix(rows, channels)
                }
            });
            if let Op::Concat(Axis::Channels) = node.op {
                let mut start = 0;
                for input in &node.inputs {
                    let channels = self.graph.node(*input).shape.channels;
                    if self.is_free(&values, *input) {
                        values[input.index()] = Some(value.slice(start, channels));
                    }
                    start += channels;
                }
            }
            if gates.contains(&Some(id)) {
                values[node.inputs[0].index()] = Some(value);
            }
            if let Op::Activation(_) = node.op
                && fused[node.inputs[0].index()].is_some()
            {
                values[node.inputs[0].index()] = Some(value);
            }
            if in_tails(tails, id) {
                values[node.inputs[0].index()] = Some(value);
            }
            if let Op::BatchNorm(_) = node.op
                && self.mode == Mode::Infer
                && self.is_free(&values, node.inputs[0])
                && self.sole_consumer(node.inputs[0]).is_some()
            {
                values[node.inputs[0].index()] = Some(value);
            }
        }
        let mut placed: Vec<View> = Vec::with_capacity(self.graph.len());
        for (id, node) in self.graph.nodes() {
            let view = values[id.index()].unwrap_or_else(|| {
                let input = placed[node.inputs[0].index()];
                match self.look(id) {
                    Some(Look::Reshaped) if input.is_dense() => input.reshape(self.rows(id)),
                    Some(Look::Reshaped) => buffers.matrix(self.rows(id), node.shape.channels),
                    Some(Look::Channels(start)) => input.slice(start, node.shape.channels),
                    Some(Look::Same) | None => input,
                }
            });
            placed.push(view);
        }
        placed
    }

    /// Gradients. Views share the gradient of what they look at; there, their consumers count too.
    fn gradients(
        &self,
        fused: &[Option<NodeId>],
        values: &[View],
        needs: &[bool],
        loans: &[Option<Loan>],
        buffers: &mut Buffers,
    ) -> Vec<Option<View>> {
        let mut gradients: Vec<Option<View>> = vec![None; self.graph.len()];
        for (id, node) in self.graph.nodes().rev() {
            if needs[id.index()] && !self.shares_gradient(values, id) {
                let inherited = if loans[id.index()].is_some() {
                    // The sum is the last reader, see `loans`.
                    self.consumers[id.index()].last().and_then(|sum| gradients[sum.index()])
                } else {
                    self.inherited(fused, loans, &gradients, id)
                };
                let fresh = || buffers.matrix(self.rows(id), node.shape.channels);
                gradients[id.index()] = Some(inherited.unwrap_or_else(fresh));
            }
        }
        for (id, node) in self.graph.nodes() {
            if needs[id.index()] && self.shares_gradient(values, id) {
                let input = gradients[node.inputs[0].index()];
                let reshaped = self.look(id) == Some(Look::Reshaped);
                gradients[id.index()] =
                    input.map(|view| if reshaped { view.reshape(self.rows(id)) } else { view });
            }
        }
        gradients
    }

    /// The gradient of the node's only reader, if that of the node is a part of it or may take its place.
    fn inherited(
        &self,
        fused: &[Option<NodeId>],
        loans: &[Option<Loan>],
        gradients: &[Option<View>],
        id: NodeId,
    ) -> Option<View> {
        if self.look(id) == Some(Look::Reshaped) {
            // A copy back to other rows must have no gaps.
            return None;
        }
        let consumer = self.sole_consumer(id)?;
        if loans[consumer.index()] == Some(Loan::Reads) {
            return None;
        }
        match self.op(consumer) {
            Op::Concat(Axis::Channels) => {
                let inputs = &self.graph.node(consumer).inputs;
                let before = inputs.iter().take_while(|input| **input != id);
                let start = before.map(|input| self.graph.node(*input).shape.channels).sum();
                let channels = self.graph.node(id).shape.channels;
                gradients[consumer.index()].map(|view| view.slice(start, channels))
            }
            Op::BatchNorm(_) => gradients[fused[consumer.index()].unwrap_or(consumer).index()],
            Op::Activation(_) | Op::Softmax | Op::Bias | Op::Gate => gradients[consumer.index()],
            Op::Input(_)
            | Op::Conv2d(_)
            | Op::Conv3d(_)
            | Op::ConvTranspose(_)
            | Op::Depthwise(_)
            | Op::Linear(_)
            | Op::LocalResponseNorm(_)
            | Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Maximum
            | Op::Minimum
            | Op::Concat(Axis::Height | Axis::Width)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Flatten
            | Op::Gather(_)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Reshape { .. }
            | Op::Permute(_)
            | Op::Dropout { .. } => None,
        }
    }
}

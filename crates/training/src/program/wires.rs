//! Where the value and the gradient of every wire lie.
//!
//! Branches write straight into their slice of a concatenation; an activation is computed together with the batch norm
//! before it; flattening and inactive dropout are other views of the same memory; the gradient of a batch norm's input
//! overwrites that of its output.

use graph::{Graph, Node, NodeId, Op};

use super::buffers::{Buffers, Home, View};
use super::convert::activation;

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
    needs_gradient: Vec<bool>,
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
        let fused = plan.fused();
        let values = plan.values(&fused, images, buffers);
        let needs_gradient = needs_gradient(graph);
        let gradients = match mode {
            Mode::Train => plan.gradients(&fused, &values, &needs_gradient, buffers),
            Mode::Infer => vec![None; graph.len()],
        };
        let mut roots: Vec<NodeId> = Vec::with_capacity(graph.len());
        for (id, node) in graph.nodes() {
            let root =
                if plan.shares_input(&values, id) { roots[node.inputs[0].index()] } else { id };
            roots.push(root);
        }
        Self { values, gradients, fused, needs_gradient, roots }
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

    /// Whether a trained parameter lies before or at this node.
    pub(crate) fn needs_gradient(&self, id: NodeId) -> bool {
        self.needs_gradient[id.index()]
    }

    /// The activation computed together with a batch norm.
    pub(crate) fn fused_activation(&self, batch_norm: NodeId) -> Option<NodeId> {
        self.fused[batch_norm.index()]
    }

    /// Whether an activation is computed together with the batch norm before it.
    pub(crate) fn is_fused(&self, activation: &Node) -> bool {
        activation.inputs.first().is_some_and(|input| self.fused[input.index()].is_some())
    }
}

fn needs_gradient(graph: &Graph) -> Vec<bool> {
    let mut needs = vec![false; graph.len()];
    for spec in graph.parameters() {
        needs[spec.node.index()] |= spec.role.is_trained();
    }
    for (id, node) in graph.nodes() {
        needs[id.index()] |= node.inputs.iter().any(|input| needs[input.index()]);
    }
    needs
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

    fn fused(&self) -> Vec<Option<NodeId>> {
        let fuse = |(id, node): (NodeId, &Node)| {
            let consumer = self.sole_consumer(id)?;
            let Op::Activation(function) = self.op(consumer) else { return None };
            let possible =
                self.mode == Mode::Infer || activation(*function).derivative_from_output();
            (matches!(node.op, Op::BatchNorm(_)) && possible).then_some(consumer)
        };
        self.graph.nodes().map(fuse).collect()
    }

    /// Whether the node only looks at its input in another way.
    fn is_view(&self, id: NodeId) -> bool {
        match self.op(id) {
            Op::Dropout { rate } => self.mode == Mode::Infer || *rate == 0.0,
            Op::Flatten => true,
            Op::Input(_)
            | Op::Conv2d(_)
            | Op::Depthwise(_)
            | Op::Linear(_)
            | Op::BatchNorm(_)
            | Op::Activation(_)
            | Op::Add
            | Op::Mul
            | Op::Concat(_)
            | Op::Conv3d(_)
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
            | Op::Permute(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool => false,
        }
    }

    /// Whether the node is a view of its input's very memory.
    fn shares_input(&self, values: &[View], id: NodeId) -> bool {
        let input = self.graph.node(id).inputs.first();
        self.is_view(id)
            && input.is_some_and(|input| values[input.index()].home == values[id.index()].home)
    }

    fn values(&self, fused: &[Option<NodeId>], images: usize, buffers: &mut Buffers) -> Vec<View> {
        let mut values: Vec<Option<View>> = vec![None; self.graph.len()];
        for (id, node) in self.graph.nodes().rev() {
            if self.is_view(id) {
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
            match &node.op {
                Op::Concat(_) => {
                    let mut start = 0;
                    for input in &node.inputs {
                        let channels = self.graph.node(*input).shape.channels;
                        let slot = &mut values[input.index()];
                        let free = slot.is_none() && !self.is_view(*input);
                        if free && !matches!(self.op(*input), Op::Input(_)) {
                            *slot = Some(value.slice(start, channels));
                        }
                        start += channels;
                    }
                }
                Op::Activation(_) => {
                    if fused[node.inputs[0].index()].is_some() {
                        values[node.inputs[0].index()] = Some(value);
                    }
                }
                Op::BatchNorm(_) => {
                    let input = node.inputs[0];
                    let free = values[input.index()].is_none() && !self.is_view(input);
                    let ours = self.sole_consumer(input).is_some()
                        && !matches!(self.op(input), Op::Input(_));
                    if self.mode == Mode::Infer && free && ours {
                        values[input.index()] = Some(value);
                    }
                }
                Op::Input(_)
                | Op::Conv2d(_)
                | Op::Depthwise(_)
                | Op::Linear(_)
                | Op::Add
                | Op::Mul
                | Op::Conv3d(_)
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
                | Op::Permute(_)
                | Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Flatten
                | Op::Dropout { .. } => {}
            }
        }
        let mut placed: Vec<View> = Vec::with_capacity(self.graph.len());
        for (id, node) in self.graph.nodes() {
            let view = values[id.index()].unwrap_or_else(|| {
                let input = placed[node.inputs[0].index()];
                match &node.op {
                    Op::Flatten if input.is_dense() => input.reshape(self.batch),
                    Op::Flatten => buffers.matrix(self.batch, node.shape.channels),
                    Op::Input(_)
                    | Op::Conv2d(_)
                    | Op::Depthwise(_)
                    | Op::Linear(_)
                    | Op::BatchNorm(_)
                    | Op::Activation(_)
                    | Op::Add
                    | Op::Mul
                    | Op::Concat(_)
                    | Op::Conv3d(_)
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
                    | Op::Permute(_)
                    | Op::MaxPool(_)
                    | Op::AvgPool(_)
                    | Op::GlobalAvgPool
                    | Op::GlobalMaxPool
                    | Op::Dropout { .. } => input,
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
        buffers: &mut Buffers,
    ) -> Vec<Option<View>> {
        let shares_input = |id: NodeId| self.shares_input(values, id);
        let mut gradients: Vec<Option<View>> = vec![None; self.graph.len()];
        for (id, node) in self.graph.nodes().rev() {
            if !needs[id.index()] || shares_input(id) {
                continue;
            }
            let inherited = self.sole_consumer(id).and_then(|consumer| match self.op(consumer) {
                Op::Concat(_) => {
                    let inputs = &self.graph.node(consumer).inputs;
                    let before = inputs.iter().take_while(|input| **input != id);
                    let start = before.map(|input| self.graph.node(*input).shape.channels).sum();
                    gradients[consumer.index()].map(|view| view.slice(start, node.shape.channels))
                }
                Op::BatchNorm(_) => gradients[fused[consumer.index()].unwrap_or(consumer).index()],
                Op::Activation(_) => gradients[consumer.index()],
                Op::Input(_)
                | Op::Conv2d(_)
                | Op::Depthwise(_)
                | Op::Linear(_)
                | Op::Add
                | Op::Mul
                | Op::Conv3d(_)
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
                | Op::Permute(_)
                | Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Flatten
                | Op::Dropout { .. } => None,
            });
            let fresh = || buffers.matrix(self.rows(id), node.shape.channels);
            gradients[id.index()] = Some(inherited.unwrap_or_else(fresh));
        }
        for (id, node) in self.graph.nodes() {
            if needs[id.index()] && shares_input(id) {
                let input = gradients[node.inputs[0].index()];
                let flat = matches!(node.op, Op::Flatten);
                gradients[id.index()] =
                    input.map(|view| if flat { view.reshape(self.batch) } else { view });
            }
        }
        gradients
    }
}

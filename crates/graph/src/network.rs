//! The graph and its checking builder.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{GraphError, Op, Shape, shape::output_shape};

/// Index of a node in evaluation order; also names the wire that the node's output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// Position in evaluation order.
    pub fn index(self) -> usize {
        self.0
    }
}

/// A node: an operator on the outputs of earlier nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique name; widths and weights are kept by it.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Where its inputs come from, in order.
    pub inputs: Vec<NodeId>,
    /// Shape of its output for one image.
    pub shape: Shape,
    /// The earlier node whose parameters it uses instead of its own; nothing for almost all nodes.
    pub shares: Option<NodeId>,
}

/// An immutable network without weights, in evaluation order.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<NodeId>,
}

impl Graph {
    /// All nodes with their ids, in evaluation order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> + ExactSizeIterator {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The node of an id of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Always false: a graph has an output.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The outputs, in the order given to [`Builder::finish`].
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// The node with this name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(NodeId)
    }

    /// The node whose parameters this one uses: itself unless it shares.
    pub fn owner(&self, id: NodeId) -> NodeId {
        self.nodes[id.0].shares.unwrap_or(id)
    }

    /// For every node, the nodes that read its output, in evaluation order; one that reads it twice is listed twice.
    pub fn consumers(&self) -> Vec<Vec<NodeId>> {
        let mut consumers = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.nodes() {
            for input in &node.inputs {
                consumers[input.0].push(id);
            }
        }
        consumers
    }

    /// Which wires an output still needs when only those for which `present` holds are left.
    pub(crate) fn needed(&self, present: impl Fn(NodeId) -> bool) -> Vec<bool> {
        let mut needed = vec![false; self.len()];
        for output in &self.outputs {
            needed[output.0] = true;
        }
        for (id, node) in self.nodes().rev() {
            if needed[id.0] && present(id) {
                for input in node.inputs.iter().chain(&node.shares) {
                    needed[input.0] = true;
                }
            }
        }
        needed
    }
}

/// Builds a [`Graph`]; every shape, name and number of inputs is proved at insertion.
#[derive(Debug, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    names: BTreeSet<String>,
}

impl Builder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node on the outputs of earlier ones.
    pub fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        if let Some(input) = inputs.iter().find(|input| input.0 >= self.nodes.len()) {
            return Err(GraphError::UnknownInput { node: name.to_owned(), input: input.0 });
        }
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.nodes[input.0].shape).collect();
        let shape = output_shape(&op, &shapes).map_err(|problem| GraphError::Shape {
            node: name.to_owned(),
            op: op.kind(),
            problem: Box::new(problem),
        })?;
        if !self.names.insert(name.to_owned()) {
            return Err(GraphError::DuplicateName(name.to_owned()));
        }
        let shares = None;
        self.nodes.push(Node { name: name.to_owned(), op, inputs: inputs.to_vec(), shape, shares });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Adds a node with the operator and the parameters of an earlier convolution or linear layer.
    pub fn share(
        &mut self,
        name: &str,
        owner: NodeId,
        inputs: &[NodeId],
    ) -> Result<NodeId, GraphError> {
        let unknown = || GraphError::UnknownInput { node: name.to_owned(), input: owner.0 };
        let owner = self.nodes.get(owner.0).ok_or_else(unknown)?.shares.unwrap_or(owner);
        let Node { name: owner_name, op, inputs: owner_inputs, .. } = self.nodes[owner.0].clone();
        if !(op.is_producer() || matches!(op, Op::Depthwise(_))) {
            let (node, op) = (name.to_owned(), op.kind());
            return Err(GraphError::CannotShare { node, owner: owner_name, op });
        }
        let id = self.add(name, op, inputs)?;
        let [expected, found] = [&owner_inputs, &self.nodes[id.0].inputs]
            .map(|inputs| self.nodes[inputs[0].0].shape.channels);
        if expected != found {
            let node = name.to_owned();
            return Err(GraphError::SharedWidth { node, owner: owner_name, expected, found });
        }
        self.nodes[id.0].shares = Some(owner);
        Ok(id)
    }

    /// Shape of a node added before.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.0].shape
    }

    /// The finished graph. Every node must reach an output.
    pub fn finish(self, outputs: &[NodeId]) -> Result<Graph, GraphError> {
        let needed = self.needed(outputs)?;
        match needed.iter().position(|needed| !needed) {
            Some(unused) => Err(GraphError::Unused(self.nodes[unused].name.clone())),
            None => Ok(Graph { nodes: self.nodes, outputs: outputs.to_vec() }),
        }
    }

    /// The finished graph without the nodes that reach no output.
    pub(crate) fn finish_needed(self, outputs: &[NodeId]) -> Result<Graph, GraphError> {
        let needed = self.needed(outputs)?;
        let mut renumbered = vec![None; self.nodes.len()];
        let mut nodes = Vec::new();
        for (index, mut node) in
            self.nodes.into_iter().enumerate().filter(|(index, _)| needed[*index])
        {
            for input in node.inputs.iter_mut().chain(&mut node.shares) {
                *input = renumbered[input.0]
                    .expect("inputs and owners of a needed node are needed and come before it");
            }
            renumbered[index] = Some(NodeId(nodes.len()));
            nodes.push(node);
        }
        let outputs =
            outputs.iter().map(|id| renumbered[id.0].expect("outputs are needed")).collect();
        Ok(Graph { nodes, outputs })
    }

    fn needed(&self, outputs: &[NodeId]) -> Result<Vec<bool>, GraphError> {
        if outputs.is_empty() {
            return Err(GraphError::NoOutput);
        }
        let mut needed = vec![false; self.nodes.len()];
        for output in outputs {
            let slot = needed.get_mut(output.0);
            *slot.ok_or_else(|| GraphError::UnknownInput {
                node: "output".to_owned(),
                input: output.0,
            })? = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                let Node { inputs, shares, .. } = &self.nodes[index];
                for input in inputs.iter().chain(shares) {
                    needed[input.0] = true;
                }
            }
        }
        Ok(needed)
    }
}

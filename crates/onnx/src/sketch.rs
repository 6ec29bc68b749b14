//! Nodes of the graph to be, which may still change, with their weights.

use std::collections::BTreeMap;

use graph::{Builder, Graph, GraphError, NodeId, Op, Role, Shape};
use ndarray::ArrayD;

use crate::error::Trouble;

/// Weights by node and role, in the layouts of [`Graph::parameters`].
pub type Weights = BTreeMap<(NodeId, Role), ArrayD<f32>>;

/// Weights of one node.
pub(crate) type Own = Vec<(Role, ArrayD<f32>)>;

/// One node.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<NodeId>,
    pub(crate) shares: Option<NodeId>,
    pub(crate) weights: Own,
}

/// A growing graph. The builder in it proves shapes; ids are its own.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    builder: Builder,
    drafts: Vec<Draft>,
    /// Names in use, with how often each was asked for.
    names: BTreeMap<String, usize>,
}

impl Sketch {
    pub(crate) fn shape(&self, wire: NodeId) -> Shape {
        self.builder.shape(wire)
    }

    pub(crate) fn draft(&self, wire: NodeId) -> &Draft {
        &self.drafts[wire.index()]
    }

    /// A node to be changed; its shape must stay.
    pub(crate) fn draft_mut(&mut self, wire: NodeId) -> &mut Draft {
        &mut self.drafts[wire.index()]
    }

    pub(crate) fn add(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
        weights: Own,
    ) -> Result<NodeId, Trouble> {
        let name = self.unique(name);
        let wire = self.builder.add(&name, op.clone(), inputs)?;
        self.drafts.push(Draft { name, op, inputs: inputs.to_vec(), shares: None, weights });
        Ok(wire)
    }

    pub(crate) fn share(
        &mut self,
        name: &str,
        owner: NodeId,
        inputs: &[NodeId],
    ) -> Result<NodeId, Trouble> {
        let name = self.unique(name);
        let wire = self.builder.share(&name, owner, inputs)?;
        let (op, shares) = (self.draft(owner).op.clone(), Some(owner));
        let inputs = inputs.to_vec();
        self.drafts.push(Draft { name, op, inputs, shares, weights: Vec::new() });
        Ok(wire)
    }

    /// Whether no node has this name.
    pub(crate) fn is_free(&self, name: &str) -> bool {
        !self.names.contains_key(name)
    }

    /// The name, with a number behind it if it is taken.
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        while let Some(count) = self.names.get_mut(&unique) {
            *count += 1;
            unique = format!("{name}~{count}");
        }
        self.names.insert(unique.clone(), 1);
        unique
    }

    /// The graph of the nodes that reach an output, with their weights.
    pub(crate) fn finish(self, outputs: &[NodeId]) -> Result<(Graph, Weights), GraphError> {
        let mut needed = vec![false; self.drafts.len()];
        for output in outputs {
            needed[output.index()] = true;
        }
        for (index, draft) in self.drafts.iter().enumerate().rev() {
            if needed[index] {
                for input in draft.inputs.iter().chain(&draft.shares) {
                    needed[input.index()] = true;
                }
            }
        }
        let mut builder = Builder::new();
        let mut weights = Weights::new();
        let mut ids = Vec::with_capacity(needed.len());
        for (draft, needed) in self.drafts.into_iter().zip(needed) {
            if !needed {
                ids.push(None);
                continue;
            }
            let new = |id: &NodeId| renamed_id(&ids, *id);
            let inputs: Vec<NodeId> = draft.inputs.iter().map(new).collect();
            let id = match &draft.shares {
                Some(owner) => builder.share(&draft.name, new(owner), &inputs)?,
                None => builder.add(&draft.name, draft.op, &inputs)?,
            };
            ids.push(Some(id));
            for (role, tensor) in draft.weights {
                weights.insert((id, role), tensor);
            }
        }
        let outputs: Vec<NodeId> = outputs.iter().map(|id| renamed_id(&ids, *id)).collect();
        Ok((builder.finish(&outputs)?, weights))
    }
}

fn renamed_id(ids: &[Option<NodeId>], id: NodeId) -> NodeId {
    ids[id.index()].expect("inputs of a needed node are needed and come before it")
}

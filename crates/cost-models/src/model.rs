//! What a cost model is.

use graph::{Graph, NodeId};

use crate::NodeCost;

/// Something that a network uses up, stated node by node as a function of widths.
///
/// A model is a match over [`crate::Work`] that names what is free one by one; it needs no knowledge of
/// regularization, pruning or expansion, which all read the [`crate::CostForm`] made of it.
pub trait CostModel: Sync {
    /// Name in kebab case.
    fn name(&self) -> &'static str;

    /// Unit of the cost of a network.
    fn unit(&self) -> &'static str;

    /// Cost of one node. No default: what is free is said to be.
    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost;
}

impl<M: CostModel + ?Sized> CostModel for &M {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn unit(&self) -> &'static str {
        (**self).unit()
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        (**self).node(graph, id)
    }
}

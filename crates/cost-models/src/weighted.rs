//! Several resources at once.

use graph::{Graph, NodeId};
use serde::{Deserialize, Serialize};

use crate::{CostModel, NodeCost};

/// A weighted sum of models, which is a model: its cost, and so its price, is the sum of `coefficient * cost`.
///
/// A coefficient of `weight / cost(seed)` makes resources of different units comparable: the cost of the seed is then the
/// sum of the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeightedSum<M> {
    /// The models with their coefficients, which are positive.
    pub parts: Vec<Weighted<M>>,
}

/// A model with its coefficient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted<M> {
    /// What a unit of the model's cost counts.
    pub coefficient: f64,
    /// The model.
    pub of: M,
}

impl<M: CostModel> CostModel for WeightedSum<M> {
    fn name(&self) -> &'static str {
        "weighted"
    }

    fn unit(&self) -> &'static str {
        "weighted units"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        self.parts.iter().fold(NodeCost::FREE, |sum, part| {
            sum.plus(part.of.node(graph, id).scaled(part.coefficient))
        })
    }
}

//! The seed at every width multiplier, which many points and budgets need.

use cost_models::{CostForm, Summary};
use graph::Graph;
use surgery::structure_hash;

use crate::plan::Plan;

/// A network with what points say of it.
#[derive(Clone, Debug)]
pub(crate) struct Priced {
    /// The network.
    pub(crate) graph: Graph,
    /// Its costs.
    pub(crate) cost: Summary,
    /// Its hash.
    pub(crate) structure: String,
}

/// The seed at one width multiplier.
#[derive(Clone, Debug)]
pub(crate) struct Uniform {
    pub(super) width_multiplier: f64,
    /// The network.
    pub(crate) network: Priced,
    /// What the regularizer charges for it: what an expanded network may cost.
    pub(crate) budget: f64,
}

impl Priced {
    /// Prices a network.
    pub(crate) fn of(graph: Graph) -> Self {
        Self { cost: Summary::of(&graph), structure: structure_hash(&graph), graph }
    }
}

/// The seed at every width multiplier of the sweep, and as it is.
pub(super) fn all(plan: &Plan, seed: &Graph) -> Vec<Uniform> {
    let priced = |width_multiplier: f64| {
        let graph = plan.uniform_graph(seed, width_multiplier).ok()?;
        let budget = CostForm::of(&plan.regularizer.cost, &graph).at(&graph.widths());
        Some(Uniform { width_multiplier, network: Priced::of(graph), budget })
    };
    let swept = plan.sweep.width_multipliers.iter().copied();
    swept.chain([1.0]).filter_map(priced).collect()
}

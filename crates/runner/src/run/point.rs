//! What the points of a plan are once structures have been learned.

use std::fmt;

use cost_models::Summary;
use graph::{ChannelMap, Channels, Graph};
use report::Arm;
use surgery::Structure;

use crate::plan::{Plan, PointPlan, Search};

/// A point whose network is known.
#[derive(Clone, Debug)]
pub(crate) struct ReadyPoint {
    /// The point as planned.
    pub(crate) plan: PointPlan,
    /// The network to train from scratch.
    pub(crate) graph: Graph,
    /// Its costs.
    pub(crate) cost: Summary,
    /// Its hash; points of one hash and seed are trained once.
    pub(crate) structure: String,
    /// What the widths were multiplied with.
    pub(crate) width_multiplier: f64,
    /// Channels that the search removed.
    pub(crate) dead_channels: u64,
}

/// The network of a uniform point.
pub(crate) fn uniform(plan: &Plan, seed: &Graph, point: PointPlan) -> anyhow::Result<ReadyPoint> {
    let graph = plan.uniform_graph(seed, point.width_multiplier)?;
    let width_multiplier = point.width_multiplier;
    Ok(ready(point, graph, width_multiplier, 0))
}

/// The network of a learned point. None for an expansion that has nothing to add, because the learned network costs as much
/// as the budget already.
pub(crate) fn learned(
    plan: &Plan,
    seed: &Graph,
    structure: &Structure,
    point: PointPlan,
) -> anyhow::Result<Option<ReadyPoint>> {
    let shrunk = rebuild(seed, structure)?;
    let dead = structure.dead_channels();
    Ok(match point.arm {
        Arm::Uniform | Arm::Shrink => Some(ready(point, shrunk, 1.0, dead)),
        Arm::Expand => {
            let model = &plan.regularizer.cost;
            let price = |graph: &Graph| cost_models::CostForm::of(model, graph).at(&graph.widths());
            let divisor = plan.sweep.channel_divisor;
            let budget = price(&plan.uniform_graph(seed, point.width_multiplier)?);
            if price(&shrunk) >= budget {
                return Ok(None);
            }
            let expansion = surgery::expand(&shrunk, model, budget, divisor)?;
            let multiplier = expansion.width_multiplier;
            (expansion.graph != shrunk && multiplier > 1.0)
                .then(|| ready(point, expansion.graph, multiplier, dead))
        }
    })
}

/// The network that a structure describes.
pub(crate) fn rebuild(seed: &Graph, structure: &Structure) -> anyhow::Result<Graph> {
    let channels = Channels::of(seed);
    let keep = structure.keep(seed, &channels);
    Ok(seed.with_channels(&ChannelMap::of(seed, &channels, &keep)?)?)
}

fn ready(plan: PointPlan, graph: Graph, width_multiplier: f64, dead_channels: u64) -> ReadyPoint {
    let (cost, structure) = (Summary::of(&graph), surgery::structure_hash(&graph));
    ReadyPoint { plan, graph, cost, structure, width_multiplier, dead_channels }
}

impl fmt::Display for ReadyPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PointPlan { arm, strength, width_multiplier, seed, .. } = &self.plan;
        write!(f, "{arm}")?;
        match (arm, strength) {
            (Arm::Uniform, _) => write!(f, " x{width_multiplier}")?,
            (Arm::Shrink, Some(strength)) => write!(f, " strength {strength}")?,
            (Arm::Expand, Some(strength)) => {
                write!(f, " strength {strength} to x{width_multiplier}")?;
            }
            (Arm::Shrink | Arm::Expand, None) => {}
        }
        write!(f, " seed {seed}")
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strength {} seed {}", self.strength, self.seed)
    }
}

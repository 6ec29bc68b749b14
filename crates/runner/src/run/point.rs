//! What the points of a plan are once structures have been learned.

use cost_models::{CostForm, Summary};
use graph::{ChannelMap, Channels, Graph};
use report::{Arm, Mode};
use surgery::{Expansion, Structure};

use super::chain::Found;
use super::uniform::{Priced, Uniform};
use crate::plan::{Plan, PointPlan};

/// A point whose network is known.
#[derive(Clone, Debug)]
pub(crate) struct ReadyPoint {
    /// The point as planned.
    pub(crate) plan: PointPlan,
    /// Name for people.
    pub(crate) name: String,
    /// The network to train.
    pub(crate) graph: Graph,
    /// Its costs.
    pub(crate) cost: Summary,
    /// Its hash.
    pub(crate) structure: String,
    /// What its retraining is known by; points of one key are trained once.
    pub(crate) key: String,
    /// What the widths were multiplied with.
    pub(crate) width_multiplier: f64,
    /// Channels that are removed, by the search or by what is compared with it.
    pub(crate) dead_channels: u64,
}

/// The network of a uniform point.
pub(crate) fn uniform(plan: &Plan, uniform: &Uniform, point: PointPlan) -> ReadyPoint {
    ready(plan, point, uniform.network.clone(), point.width_multiplier, 0)
}

/// The network of a learned point, whose budget is what `uniform` costs. None for an expansion that has nothing to add, because the learned network costs as much
/// as the budget already.
pub(crate) fn learned(
    plan: &Plan,
    uniform: &Uniform,
    found: &Found,
    point: PointPlan,
) -> anyhow::Result<Option<ReadyPoint>> {
    match point.arm {
        Arm::Uniform | Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
            of_structure(plan, &found.start, &found.structure, point).map(Some)
        }
        Arm::Expand => {
            let dead = found.structure.dead_channels();
            let shrunk = rebuild(&found.start, &found.structure)?;
            let expansion = expanded(plan, &shrunk, uniform.budget)?;
            Ok(expansion.map(|Expansion { graph, width_multiplier, .. }| {
                ready(plan, point, Priced::of(graph), width_multiplier, dead)
            }))
        }
    }
}

/// The network of a point that is what a structure leaves of another network.
pub(crate) fn of_structure(
    plan: &Plan,
    whole: &Graph,
    structure: &Structure,
    point: PointPlan,
) -> anyhow::Result<ReadyPoint> {
    let graph = rebuild(whole, structure)?;
    Ok(ready(plan, point, Priced::of(graph), 1.0, structure.dead_channels()))
}

/// A network expanded to a budget of the regularizer's cost. None if there is nothing to add.
pub(crate) fn expanded(
    plan: &Plan,
    shrunk: &Graph,
    budget: f64,
) -> anyhow::Result<Option<Expansion>> {
    let model = &plan.regularizer.cost;
    if CostForm::of(model, shrunk).at(&shrunk.widths()) >= budget {
        return Ok(None);
    }
    let expansion = surgery::expand(shrunk, model, budget, plan.sweep.channel_divisor)?;
    Ok(Some(expansion).filter(|it| it.graph != *shrunk && it.width_multiplier > 1.0))
}

/// The network that a structure describes, of the one that it was learned on.
pub(crate) fn rebuild(start: &Graph, structure: &Structure) -> anyhow::Result<Graph> {
    let channels = Channels::of(start);
    let keep = structure.keep(start, &channels);
    Ok(start.with_channels(&ChannelMap::of(start, &channels, &keep)?)?)
}

fn ready(
    plan: &Plan,
    point: PointPlan,
    network: Priced,
    width_multiplier: f64,
    dead_channels: u64,
) -> ReadyPoint {
    let Priced { graph, cost, structure } = network;
    let (name, key) = (plan.point_words(&point), key(plan, &point, &structure, cost.flops));
    ReadyPoint { plan: point, name, graph, cost, structure, key, width_multiplier, dead_channels }
}

/// What a retraining from scratch is known by.
pub(crate) fn key_from_scratch(structure: &str, seed: u64) -> String {
    format!("{structure}-seed-{seed}")
}

/// What a retraining is known by: network, seed and mode; and where its weights come from, if they are not fresh.
fn key(plan: &Plan, point: &PointPlan, structure: &str, flops: u64) -> String {
    let PointPlan { seed, mode, arm, .. } = point;
    let fresh = key_from_scratch(structure, *seed);
    let origin = || match arm {
        Arm::L1Norm | Arm::GroupNorm => arm.to_string(),
        Arm::Uniform | Arm::Shrink | Arm::Expand | Arm::Shuffled | Arm::Random => {
            point.search().map(|search| plan.search_file(search)).unwrap_or_default()
        }
    };
    match mode {
        Mode::Scratch => fresh,
        Mode::ScratchB if plan.retraining(*mode, flops) == plan.retrain => fresh,
        Mode::ScratchB => format!("{fresh}-{mode}"),
        Mode::FineTune | Mode::Grow => format!("{fresh}-{mode}-{}", origin()),
    }
}

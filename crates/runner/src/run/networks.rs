//! The networks of a plan, as far as they follow from the structures that are known.

use graph::Graph;
use report::Arm;
use surgery::Structure;

use super::Run;
use super::chain::Found;
use super::point::{self, ReadyPoint};
use crate::plan::{Plan, PointPlan, Search, reads_weights};

/// Where structures are looked up; none is returned that is not known yet.
pub(crate) trait Structures {
    /// What a search found.
    fn found(&self, search: Search) -> anyhow::Result<Option<Structure>>;

    /// What was chosen for a point beside a learned one.
    fn arm(&self, point: PointPlan, search: Search) -> anyhow::Result<Option<Structure>>;
}

/// The networks that follow from some structures.
pub(crate) struct Networks<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) seed: &'a Graph,
    pub(crate) structures: &'a dyn Structures,
}

impl Networks<'_> {
    /// The network that a search begins with: the seed, or what the cycle before left. None while that is not known.
    pub(crate) fn start(&self, search: Search) -> anyhow::Result<Option<Graph>> {
        let Some(before) = search.before() else { return Ok(Some(self.seed.clone())) };
        let Some(found) = self.search_done(before)? else { return Ok(None) };
        let shrunk = point::rebuild(&found.start, &found.structure)?;
        if self.plan.stop_after.is_some() {
            return Ok(Some(shrunk));
        }
        let expansion = point::expanded(self.plan, self.seed, &shrunk, 1.0)?;
        Ok(Some(expansion.map_or(shrunk, |expansion| expansion.graph)))
    }

    /// A search that is finished, with the network that it began with.
    pub(crate) fn search_done(&self, search: Search) -> anyhow::Result<Option<Found>> {
        let Some(structure) = self.structures.found(search)? else { return Ok(None) };
        Ok(self.start(search)?.map(|start| Found { start, structure }))
    }

    /// The network of a point. None while it is not known, and for an expansion with nothing to add.
    pub(crate) fn point(&self, point: PointPlan) -> anyhow::Result<Option<ReadyPoint>> {
        let Some(search) = point.search() else {
            return point::uniform(self.plan, self.seed, point).map(Some);
        };
        let Some(found) = self.search_done(search)? else { return Ok(None) };
        match point.arm {
            Arm::Uniform | Arm::Shrink | Arm::Expand => {
                point::learned(self.plan, self.seed, &found, point)
            }
            Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
                let Some(structure) = self.structures.arm(point, search)? else { return Ok(None) };
                let whole = arm_whole(self.seed, point.arm, &found);
                point::of_structure(self.plan, whole, &structure, point).map(Some)
            }
        }
    }
}

/// The network that the structure of an arm is a part of: the trained seed, or what the search began with.
pub(crate) fn arm_whole<'a>(seed: &'a Graph, arm: Arm, found: &'a Found) -> &'a Graph {
    if reads_weights(arm) { seed } else { &found.start }
}

impl Structures for Run<'_> {
    fn found(&self, search: Search) -> anyhow::Result<Option<Structure>> {
        Run::found(self, search)
    }

    fn arm(&self, point: PointPlan, search: Search) -> anyhow::Result<Option<Structure>> {
        Run::arm(self, point, search)
    }
}

impl Run<'_> {
    /// The networks that follow from what is finished.
    pub(crate) fn networks(&self) -> Networks<'_> {
        Networks { plan: self.plan, seed: &self.seed, structures: self }
    }
}

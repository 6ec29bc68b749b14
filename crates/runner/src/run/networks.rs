//! The networks of a plan, as far as they follow from the structures that are known.

use anyhow::Context;
use graph::Graph;
use report::{Arm, Mode};
use surgery::Structure;

use super::Run;
use super::chain::Found;
use super::outline::Outline;
use super::point::{self, ReadyPoint};
use super::uniform::Uniform;
use crate::plan::{PointPlan, Scope, Search, reads_weights};

/// Where structures are looked up; none is returned that is not known yet.
pub(crate) trait Structures {
    /// What a search found.
    fn found(&self, search: Search) -> anyhow::Result<Option<Structure>>;

    /// What was chosen for a point beside a learned one.
    fn arm(&self, point: PointPlan, search: Search) -> anyhow::Result<Option<Structure>>;
}

/// The networks of a variant that follow from some structures.
pub(crate) struct Networks<'a> {
    pub(crate) outline: &'a Outline<'a>,
    pub(crate) structures: &'a dyn Structures,
}

impl Networks<'_> {
    /// Words, with what distinguishes the variant.
    pub(crate) fn words(&self, words: &str) -> String {
        let label = self.outline.label;
        if label.is_empty() { words.to_owned() } else { format!("{words}, {label}") }
    }

    /// What a search is called among those of all variants.
    pub(crate) fn search_name(&self, search: Search) -> String {
        in_folder(&self.outline.scope.search, &self.outline.plan.search_file(search))
    }

    /// What a retraining is called among those of all variants.
    pub(crate) fn retraining_name(&self, key: &str) -> String {
        in_folder(&self.outline.scope.retrain, key)
    }

    /// Where the structure of a search lies in the results folder.
    pub(crate) fn structure_file(&self, search: Search) -> String {
        format!("structures/{}.json", self.search_name(search))
    }

    /// Where the structure of an arm lies below `structures`, and its record below `state/arms`: what is chosen by weights follows
    /// from how the seed was trained as well.
    pub(crate) fn arm_file(&self, arm: Arm, search: Search) -> String {
        let Scope { search: searches, retrain } = &self.outline.scope;
        let file = format!("{arm}-{}.json", self.outline.plan.search_file(search));
        let file = if reads_weights(arm) { in_folder(retrain, &file) } else { file };
        in_folder(searches, &file)
    }

    /// The seed at a width multiplier of the sweep, or at 1.
    pub(crate) fn uniform(&self, width_multiplier: f64) -> anyhow::Result<&Uniform> {
        let mut found = self.outline.uniform.iter();
        found.find(|uniform| uniform.width_multiplier == width_multiplier).with_context(|| {
            format!("there is no network at {width_multiplier} times the widths of the seed")
        })
    }

    /// The network that a search begins with: the seed, or what the cycle before left. None while that is not known.
    pub(crate) fn start(&self, search: Search) -> anyhow::Result<Option<Graph>> {
        let Some(before) = search.before() else { return Ok(Some(self.outline.seed.clone())) };
        let Some(found) = self.search_done(before)? else { return Ok(None) };
        let shrunk = point::rebuild(&found.start, &found.structure)?;
        if self.outline.plan.stop_after.is_some() {
            return Ok(Some(shrunk));
        }
        let expansion = point::expanded(self.outline.plan, &shrunk, self.uniform(1.0)?.budget)?;
        Ok(Some(expansion.map_or(shrunk, |expansion| expansion.graph)))
    }

    /// A search that is finished, with the network that it began with.
    pub(crate) fn search_done(&self, search: Search) -> anyhow::Result<Option<Found>> {
        let Some(structure) = self.structures.found(search)? else { return Ok(None) };
        Ok(self.start(search)?.map(|start| Found { start, structure }))
    }

    /// The network of a point. None while it is not known, and for an expansion with nothing to add. Its retraining has a name that
    /// no variant uses for another one.
    pub(crate) fn point(&self, point: PointPlan) -> anyhow::Result<Option<ReadyPoint>> {
        let mut ready = self.of_variant(point)?;
        if let Some(ready) = &mut ready {
            ready.name = self.words(&ready.name);
            let begins_with_search = match point.mode {
                Mode::Scratch | Mode::ScratchB => false,
                Mode::FineTune | Mode::Grow => !self.outline.scope.search.is_empty(),
            };
            if begins_with_search {
                ready.key = format!("{}-{}", ready.key, self.outline.scope.search);
            }
        }
        Ok(ready)
    }

    fn of_variant(&self, point: PointPlan) -> anyhow::Result<Option<ReadyPoint>> {
        let Some(search) = point.search() else {
            let uniform = self.uniform(point.width_multiplier)?;
            return Ok(Some(point::uniform(self.outline.plan, uniform, point)));
        };
        let Some(found) = self.search_done(search)? else { return Ok(None) };
        match point.arm {
            Arm::Uniform | Arm::Shrink | Arm::Expand => point::learned(
                self.outline.plan,
                self.uniform(point.width_multiplier)?,
                &found,
                point,
            ),
            Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
                let Some(structure) = self.structures.arm(point, search)? else { return Ok(None) };
                let whole = arm_whole(&self.outline.seed, point.arm, &found);
                point::of_structure(self.outline.plan, whole, &structure, point).map(Some)
            }
        }
    }
}

/// A name below a folder, if that has one.
fn in_folder(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
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
        self.outline.networks(self)
    }
}

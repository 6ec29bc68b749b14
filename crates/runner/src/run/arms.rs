//! The networks that learned ones are compared with at equal cost.

use std::path::PathBuf;

use anyhow::Context;
use cost_models::{CostForm, CostModel, Resource, Summary};
use datasets::Streams;
use graph::{ChannelMap, Channels, Graph};
use report::Arm;
use serde::{Deserialize, Serialize};
use surgery::{Costs, Structure, SurgeryError, structure_hash};
use tensor_ops::Cpu;
use training::Network;

use super::Run;
use super::chain::Found;
use super::networks::arm_whole;
use super::point::rebuild;
use crate::plan::{PointPlan, Pressure, Search, reads_weights};
use crate::store;

/// What is left beside the structure of an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// SHA-256 of the structure file; none if there is no network at the cost.
    structure: Option<String>,
}

impl Run<'_> {
    /// The structure of a point beside a learned one, if it is chosen.
    pub(crate) fn arm(
        &self,
        point: PointPlan,
        search: Search,
    ) -> anyhow::Result<Option<Structure>> {
        match self.arm_record(point.arm, search)? {
            Some(Record { structure: Some(recorded) }) => {
                store::read_recorded(&self.arm_path(point.arm, search), &recorded)
            }
            Some(Record { structure: None }) | None => Ok(None),
        }
    }

    /// Chooses the structure of a point beside a learned one, if it is not chosen yet and all is there that decides it.
    pub(crate) fn choose(&self, device: &Cpu, point: PointPlan) -> anyhow::Result<()> {
        let Some(search) = point.search() else { return Ok(()) };
        if matches!(point.arm, Arm::Uniform | Arm::Shrink | Arm::Expand)
            || self.has_no_arm(point.arm, search)?
            || self.arm(point, search)?.is_some()
        {
            return Ok(());
        }
        let Some(found) = self.search_done(search)? else { return Ok(()) };
        let (whole, arm) = (arm_whole(&self.outline.seed, point.arm, &found), point.arm);
        let mut trained = None;
        if reads_weights(arm) {
            trained = self.trained_seed(device, point.seed)?;
            if trained.is_none() {
                return Ok(());
            }
        }
        let map = self.at_equal_cost(arm, search, &found, trained.as_ref())?;
        let record = if let Some(map) = map {
            let structure = structure(whole, &map, &found.structure)?;
            let recorded = store::write_recorded(&self.arm_path(arm, search), &structure)?;
            Record { structure: Some(recorded) }
        } else {
            let search = self.plan.search_words(search);
            self.progress.say(&format!(
                "warning: {arm} {search}: no network with a channel in every layer costs as little as the shrunk one; the point is left out"
            ));
            Record { structure: None }
        };
        store::write_json(&self.arm_record_path(arm, search), &record)
    }

    /// Channels at no more than the cost of the shrunk network, of every resource that decided it. None if there are none.
    fn at_equal_cost(
        &self,
        arm: Arm,
        search: Search,
        found: &Found,
        trained: Option<&Network>,
    ) -> anyhow::Result<Option<ChannelMap>> {
        let shrunk = rebuild(&found.start, &found.structure)?;
        let whole = arm_whole(&self.outline.seed, arm, found);
        let streams = Streams::new(search.seed).derive(&self.plan.search_file(search));
        let trained = || trained.context("the seed is not trained");
        let limits: Vec<(&Resource, f64)> = match search.pressure {
            Pressure::Strength(_) => vec![&self.plan.regularizer.cost],
            Pressure::Target(target) => {
                let limits = &self.plan.sweep.targets[target].limits;
                limits.iter().map(|limit| &limit.resource).collect()
            }
        }
        .into_iter()
        .map(|resource| (resource, cost(resource, &shrunk)))
        .collect();
        // With the cost every layer narrows, so that the narrowest network fits all resources.
        for (model, most) in &limits {
            let (model, most) = (*model as &dyn CostModel, *most);
            let chosen = match arm {
                Arm::Shuffled => {
                    let channels = Channels::of(&found.start);
                    let keep = found.structure.keep(&found.start, &channels);
                    let learned = ChannelMap::of(&found.start, &channels, &keep)?;
                    surgery::shuffled(whole, &learned, model, most, streams)
                }
                Arm::Random => surgery::random_at_cost(whole, model, most, streams),
                Arm::L1Norm => surgery::l1_norm(trained()?, model, most),
                Arm::GroupNorm => surgery::group_norm(trained()?, model, most),
                Arm::Uniform | Arm::Shrink | Arm::Expand => return Ok(None),
            };
            let map = match chosen {
                Ok(map) => map,
                Err(SurgeryError::Infeasible { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let graph = whole.with_channels(&map)?;
            if limits.iter().all(|(resource, most)| cost(resource, &graph) <= *most) {
                return Ok(Some(map));
            }
        }
        Ok(None)
    }

    /// Whether it is known that there is no network of this arm at the cost.
    pub(crate) fn has_no_arm(&self, arm: Arm, search: Search) -> anyhow::Result<bool> {
        Ok(self.arm_record(arm, search)?.is_some_and(|record| record.structure.is_none()))
    }

    fn arm_record(&self, arm: Arm, search: Search) -> anyhow::Result<Option<Record>> {
        store::read_json(&self.arm_record_path(arm, search))
    }

    fn arm_record_path(&self, arm: Arm, search: Search) -> PathBuf {
        self.state_folder().join("arms").join(self.networks().arm_file(arm, search))
    }

    fn arm_path(&self, arm: Arm, search: Search) -> PathBuf {
        self.folder.join("structures").join(self.networks().arm_file(arm, search))
    }
}

fn cost(resource: &Resource, graph: &Graph) -> f64 {
    CostForm::of(resource, graph).at(&graph.widths())
}

/// What is kept, with the search that it has the cost of.
fn structure(whole: &Graph, map: &ChannelMap, beside: &Structure) -> anyhow::Result<Structure> {
    let after = whole.with_channels(map)?;
    Ok(Structure {
        schema: Structure::SCHEMA,
        hash: structure_hash(&after),
        regularization_strength: beside.regularization_strength,
        cost: beside.cost.clone(),
        alive_threshold: beside.alive_threshold,
        seed: beside.seed,
        costs: Costs { before: Summary::of(whole), after: Summary::of(&after) },
        layers: Structure::layers(whole, &Channels::of(whole), map),
    })
}

//! The searches and the points of a plan, in their order.

use report::Arm;
use serde::Serialize;

use super::{Baseline, Plan};

/// One search for widths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Search {
    /// Seed of its random streams.
    pub seed: u64,
    /// Regularization strength, in units of `1 / cost` of the network that it begins with.
    pub strength: f64,
    /// Cycle, from 1.
    #[serde(skip_serializing_if = "is_first")]
    pub cycle: u32,
}

impl Search {
    /// The search whose network this one begins with; none if it begins with the seed.
    pub fn before(self) -> Option<Self> {
        (self.cycle > 1).then(|| Self { cycle: self.cycle - 1, ..self })
    }

    /// The search that begins with the network of this one, if there are so many cycles.
    pub fn next(self, plan: &Plan) -> Option<Self> {
        (self.cycle < plan.cycles.most()).then(|| Self { cycle: self.cycle + 1, ..self })
    }
}

/// One network that is trained from scratch and scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PointPlan {
    /// Position among all points, from 0.
    pub index: usize,
    /// Where its widths come from.
    pub arm: Arm,
    /// Regularization strength of the search for its widths; none of a uniform network.
    pub strength: Option<f64>,
    /// Of a uniform network, what the widths of the seed are multiplied with. Of a shrunk one 1. Of an expanded one, the
    /// budget: it may cost as much as the seed at this multiplier.
    pub width_multiplier: f64,
    /// Seed of its random streams.
    pub seed: u64,
    /// Cycle of the search, from 1; 1 of a uniform network.
    #[serde(skip_serializing_if = "is_first")]
    pub cycle: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(cycle: &u32) -> bool {
    *cycle == 1
}

impl PointPlan {
    /// The search for its widths.
    pub fn search(&self) -> Option<Search> {
        let Self { seed, cycle, .. } = *self;
        self.strength.map(|strength| Search { seed, strength, cycle })
    }
}

impl Plan {
    /// Every search, by strength, then by seed, then by cycle.
    pub fn searches(&self) -> Vec<Search> {
        let mut searches = Vec::new();
        for strength in &self.sweep.strengths {
            for seed in &self.seeds {
                let of = |cycle| Search { seed: *seed, strength: *strength, cycle };
                searches.extend((1..=self.cycles.most()).map(of));
            }
        }
        searches
    }

    /// Every point: uniform, then of each cycle shrunk and expanded; of each by strength, then by multiplier, then by seed,
    /// all in the order in which the experiment file lists them.
    pub fn points(&self) -> Vec<PointPlan> {
        let mut points = Vec::new();
        let mut add = |arm, strength, width_multiplier, cycle| {
            for seed in &self.seeds {
                let (index, seed) = (points.len(), *seed);
                points.push(PointPlan { index, arm, strength, width_multiplier, seed, cycle });
            }
        };
        let multipliers = &self.sweep.width_multipliers;
        for baseline in &self.baselines {
            match baseline {
                Baseline::Uniform => {
                    for multiplier in multipliers {
                        add(Arm::Uniform, None, *multiplier, 1);
                    }
                }
            }
        }
        for cycle in 1..=self.cycles.most() {
            for strength in &self.sweep.strengths {
                add(Arm::Shrink, Some(*strength), 1.0, cycle);
            }
            if self.stop_after.is_some() {
                continue;
            }
            for strength in &self.sweep.strengths {
                for multiplier in multipliers {
                    add(Arm::Expand, Some(*strength), *multiplier, cycle);
                }
            }
        }
        points
    }
}

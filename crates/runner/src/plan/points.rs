//! The searches and the points of a plan, in their order.

use report::Arm;
use serde::Serialize;

use super::{Baseline, Plan};

/// One search for widths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Search {
    /// Seed of its random streams.
    pub seed: u64,
    /// Regularization strength, in units of `1 / cost(seed)`.
    pub strength: f64,
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
}

impl Plan {
    /// Every search, by strength and then by seed.
    pub fn searches(&self) -> Vec<Search> {
        let of = |strength: &f64| {
            let strength = *strength;
            self.seeds.iter().map(move |seed| Search { seed: *seed, strength })
        };
        self.sweep.strengths.iter().flat_map(of).collect()
    }

    /// Every point: uniform, shrunk, expanded; of each by strength, then by multiplier, then by seed, all in the order in
    /// which the experiment file lists them.
    pub fn points(&self) -> Vec<PointPlan> {
        let mut points = Vec::new();
        let mut add = |arm, strength, width_multiplier| {
            for seed in &self.seeds {
                let index = points.len();
                points.push(PointPlan { index, arm, strength, width_multiplier, seed: *seed });
            }
        };
        let multipliers = &self.sweep.width_multipliers;
        for baseline in &self.baselines {
            match baseline {
                Baseline::Uniform => {
                    for multiplier in multipliers {
                        add(Arm::Uniform, None, *multiplier);
                    }
                }
            }
        }
        for strength in &self.sweep.strengths {
            add(Arm::Shrink, Some(*strength), 1.0);
        }
        for strength in &self.sweep.strengths {
            for multiplier in multipliers {
                add(Arm::Expand, Some(*strength), *multiplier);
            }
        }
        points
    }
}

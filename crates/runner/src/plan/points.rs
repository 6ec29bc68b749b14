//! The searches and the points of a plan, in their order.

use report::{Arm, Mode};
use serde::Serialize;

use super::{Baseline, Plan, modes};

/// What drives a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pressure {
    /// A regularization strength, in units of `1 / cost` of the network that it begins with.
    Strength(f64),
    /// The target at this position of [`super::Sweep::targets`].
    Target(usize),
}

/// One search for widths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Seed of its random streams.
    pub seed: u64,
    /// What drives it.
    pub pressure: Pressure,
    /// Cycle, from 1.
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

/// One network that is trained and scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PointPlan {
    /// Position among all points, from 0.
    pub index: usize,
    /// Where its widths come from.
    pub arm: Arm,
    /// Regularization strength of the search for its widths or its cost, if one drives it.
    pub strength: Option<f64>,
    /// Of a uniform network, what the widths of the seed are multiplied with. Of an expanded one, the budget: it may cost as
    /// much as the seed at this multiplier. 1 of all others.
    pub width_multiplier: f64,
    /// Seed of its random streams.
    pub seed: u64,
    /// Cycle of the search, from 1; 1 of a uniform network.
    #[serde(skip_serializing_if = "is_first")]
    pub cycle: u32,
    /// Position of the target of the search for its widths or its cost, if one drives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<usize>,
    /// What its training begins with, and for how long.
    #[serde(skip_serializing_if = "is_scratch")]
    pub mode: Mode,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_scratch(mode: &Mode) -> bool {
    *mode == Mode::Scratch
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(cycle: &u32) -> bool {
    *cycle == 1
}

impl PointPlan {
    /// The search for its widths, or for the network whose cost it has; none of a uniform network.
    pub fn search(&self) -> Option<Search> {
        let Self { seed, cycle, .. } = *self;
        let strength = self.strength.map(Pressure::Strength);
        let pressure = strength.or(self.target.map(Pressure::Target))?;
        Some(Search { seed, pressure, cycle })
    }
}

impl Plan {
    /// Everything that drives searches: strengths, then targets.
    fn pressures(&self) -> Vec<Pressure> {
        let strengths = self.sweep.strengths.iter().copied().map(Pressure::Strength);
        strengths.chain((0..self.sweep.targets.len()).map(Pressure::Target)).collect()
    }

    /// What drives a search, in words: `strength 4`, `target 50% flops`.
    pub fn pressure_words(&self, pressure: Pressure) -> String {
        match pressure {
            Pressure::Strength(strength) => format!("strength {strength}"),
            Pressure::Target(target) => format!("target {}", self.sweep.targets[target]),
        }
    }

    /// A search in words: `strength 4 seed 0 cycle 2`.
    pub fn search_words(&self, search: Search) -> String {
        let Search { seed, pressure, cycle } = search;
        let cycle = if cycle > 1 { format!(" cycle {cycle}") } else { String::new() };
        format!("{} seed {seed}{cycle}", self.pressure_words(pressure))
    }

    /// What the files of a search are called: `strength-4-seed-0`.
    pub fn search_file(&self, search: Search) -> String {
        let Search { seed, pressure, cycle } = search;
        let pressure = match pressure {
            Pressure::Strength(strength) => format!("strength-{strength}"),
            Pressure::Target(target) => {
                format!("target-{}", self.sweep.targets[target].file_name())
            }
        };
        let cycle = if cycle > 1 { format!("-cycle-{cycle}") } else { String::new() };
        format!("{pressure}-seed-{seed}{cycle}")
    }

    /// A point in words: `expand strength 4 to x0.5 seed 0`.
    pub fn point_words(&self, point: &PointPlan) -> String {
        let PointPlan { arm, width_multiplier, seed, .. } = point;
        let multiplier = match arm {
            Arm::Uniform => format!(" x{width_multiplier}"),
            Arm::Expand => format!(" to x{width_multiplier}"),
            Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
                String::new()
            }
        };
        let mode = match point.mode {
            Mode::Scratch => String::new(),
            Mode::ScratchB | Mode::FineTune | Mode::Grow => format!(" {}", point.mode),
        };
        match point.search() {
            None => format!("{arm}{multiplier} seed {seed}{mode}"),
            Some(search) => {
                let pressure = self.pressure_words(search.pressure);
                let cycle = if search.cycle > 1 {
                    format!(" cycle {}", search.cycle)
                } else {
                    String::new()
                };
                format!("{arm} {pressure}{multiplier} seed {seed}{cycle}{mode}")
            }
        }
    }

    /// Every search, by strength or target, then by seed, then by cycle.
    pub fn searches(&self) -> Vec<Search> {
        let mut searches = Vec::new();
        for pressure in self.pressures() {
            for seed in &self.seeds {
                let of = |cycle| Search { seed: *seed, pressure, cycle };
                searches.extend((1..=self.cycles.most()).map(of));
            }
        }
        searches
    }

    /// Every point: uniform, then of each cycle shrunk, expanded, and each of the other baselines; of each by strength and target,
    /// then by multiplier, then by mode, then by seed, all in the order in which the experiment file lists them.
    pub fn points(&self) -> Vec<PointPlan> {
        let mut points = Vec::new();
        let mut add = |arm, pressure, width_multiplier, cycle| {
            let (strength, target) = match pressure {
                None => (None, None),
                Some(Pressure::Strength(strength)) => (Some(strength), None),
                Some(Pressure::Target(target)) => (None, Some(target)),
            };
            for mode in modes::of_arm(&self.modes, arm) {
                for seed in &self.seeds {
                    let (index, seed) = (points.len(), *seed);
                    points.push(PointPlan {
                        index,
                        arm,
                        strength,
                        width_multiplier,
                        seed,
                        cycle,
                        target,
                        mode,
                    });
                }
            }
        };
        let multipliers = &self.sweep.width_multipliers;
        if self.baselines.contains(&Baseline::Uniform) {
            for multiplier in multipliers {
                add(Arm::Uniform, None, *multiplier, 1);
            }
        }
        let pressures = self.pressures();
        for cycle in 1..=self.cycles.most() {
            for pressure in &pressures {
                add(Arm::Shrink, Some(*pressure), 1.0, cycle);
            }
            let budgets = if self.stop_after.is_some() { &[][..] } else { multipliers };
            for pressure in &pressures {
                for multiplier in budgets {
                    add(Arm::Expand, Some(*pressure), *multiplier, cycle);
                }
            }
            let beside = self.baselines.iter().map(|it| it.arm()).filter(|arm| arm.has_search());
            for arm in beside {
                for pressure in &pressures {
                    add(arm, Some(*pressure), 1.0, cycle);
                }
            }
        }
        points
    }
}

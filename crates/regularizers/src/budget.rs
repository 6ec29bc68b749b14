//! Costs that a search must end with, and the strengths that get it there.

use cost_models::CostForm;
use graph::{Channels, GroupId, Widths};

/// A cost that the network must not exceed in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The cost as an expression in the graph's widths.
    pub form: CostForm,
    /// The most that it may be, in the form's unit.
    pub cost: f64,
}

/// Nothing dies before this part of the run.
const START: f64 = 0.1;
/// At this part of the run the floor is at the target.
const ARRIVE: f64 = 0.6;
/// How far a forecast of deaths looks ahead, as a part of the run.
const LEAD: f64 = 0.04;
/// From [`ARRIVE`] on what is still above the target is removed outright, at first only if it is little, after this part of the
/// run in any case.
const FORCE: f64 = 0.7;
/// How far below the target a landing may be as a share of it, if there is a choice.
const MISS: f64 = 0.01;
/// Over a run a strength can grow or fall by `exp(RANGE)`.
const RANGE: f64 = 40.0;
/// The largest change of a strength's logarithm in one step.
const FASTEST: f64 = 0.1;
/// A strength changes at full speed if the cost is this share of the seed's away from its course.
const FULL_SPEED: f64 = 0.02;

/// One resource.
#[derive(Clone, Debug)]
struct Dual {
    form: CostForm,
    seed: f64,
    target: f64,
    /// In units of `1 / seed`.
    strength: f64,
}

/// Several resources with the strength of the penalty on each (their dual variables).
///
/// The cost may fall no faster than a floor, which goes from the seed's cost to the target in a straight line. A strength
/// grows while its cost is above the floor, or would be soon by a forecast of deaths, and falls while more channels than needed
/// are about to die (dual ascent with multiplicative steps). A resource that is at its target costs nothing any more.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    duals: Vec<Dual>,
}

/// What to do about the distance to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All targets are reached.
    Landed,
    /// Press, and let those die that are ready, down to the floor.
    Falling,
    /// Remove the weakest until the targets are reached.
    Removing,
}

impl Budget {
    pub(crate) fn new(targets: Vec<Target>, seed: &Widths, strength: f64) -> Self {
        let share = strength / targets.len() as f64;
        let dual = |Target { form, cost }: Target| {
            let seed = form.at(seed);
            Dual { form, seed, target: cost, strength: share }
        };
        Self { duals: targets.into_iter().map(dual).collect() }
    }

    /// Cost of every resource.
    pub(crate) fn costs(&self, widths: &Widths) -> Vec<f64> {
        self.duals.iter().map(|dual| dual.form.at(widths)).collect()
    }

    /// The targets.
    pub(crate) fn targets(&self) -> Vec<f64> {
        self.duals.iter().map(|dual| dual.target).collect()
    }

    /// The costs as expressions in the graph's widths.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &CostForm> {
        self.duals.iter().map(|dual| &dual.form)
    }

    /// The strengths, each in units of `1 / cost(seed)`.
    pub(crate) fn strengths(&self) -> Vec<f64> {
        self.duals.iter().map(|dual| dual.strength).collect()
    }

    pub(crate) fn set_strengths(&mut self, strengths: &[f64]) {
        for (dual, strength) in self.duals.iter_mut().zip(strengths) {
            dual.strength = *strength;
        }
    }

    /// What one unit of every group's strength costs in units of loss; nothing for resources at their targets.
    pub(crate) fn charges(&self, channels: &Channels, widths: &Widths, costs: &[f64]) -> Vec<f64> {
        self.weighted(channels, widths, costs, |dual| dual.strength / dual.seed)
    }

    /// How much nearer to the targets the death of each group brings, as a share of them; for resources above them only.
    pub(crate) fn gains(&self, channels: &Channels, widths: &Widths, costs: &[f64]) -> Vec<f64> {
        self.weighted(channels, widths, costs, |dual| 1.0 / dual.target.max(f64::MIN_POSITIVE))
    }

    fn weighted(
        &self,
        channels: &Channels,
        widths: &Widths,
        costs: &[f64],
        weight: impl Fn(&Dual) -> f64,
    ) -> Vec<f64> {
        let mut sum = vec![0.0; channels.len()];
        for (dual, _) in self.above(costs) {
            let prices = dual.form.group_prices(channels, widths);
            for (sum, price) in sum.iter_mut().zip(prices) {
                *sum += weight(dual) * price;
            }
        }
        sum
    }

    /// The resources above their targets, with their costs.
    fn above<'a>(&'a self, costs: &'a [f64]) -> impl Iterator<Item = (&'a Dual, f64)> {
        let pairs = self.duals.iter().zip(costs.iter().copied());
        pairs.filter(|(dual, cost)| *cost > dual.target)
    }

    /// What is to be done at a part of the run, from 0 to 1.
    pub(crate) fn phase(&self, costs: &[f64], progress: f64) -> Phase {
        let Some(most) = self
            .above(costs)
            .map(|(dual, cost)| (cost - dual.target) / (dual.seed - dual.target))
            .reduce(f64::max)
        else {
            return Phase::Landed;
        };
        if most * (FORCE - ARRIVE) <= progress - ARRIVE { Phase::Removing } else { Phase::Falling }
    }

    /// Whether some cost is above its floor, so that one more may die.
    pub(crate) fn may_fall(&self, costs: &[f64], progress: f64) -> bool {
        self.above(costs).any(|(dual, cost)| cost > dual.floor(progress))
    }

    /// Whether a death with these costs after it is no waste: some cost that was above its target is not far below it.
    pub(crate) fn fits(&self, costs: &[f64], after: &[f64]) -> bool {
        let pairs = self.duals.iter().zip(costs.iter().zip(after));
        pairs.into_iter().any(|(dual, (before, after))| {
            *before > dual.target && *after >= (1.0 - MISS) * dual.target
        })
    }

    /// How far the best of the costs that were above their targets ends below, as a share of it.
    pub(crate) fn miss(&self, costs: &[f64], after: &[f64]) -> f64 {
        let pairs = self.duals.iter().zip(costs.iter().zip(after));
        let misses = pairs
            .filter(|(dual, (before, _))| **before > dual.target)
            .map(|(dual, (_, after))| (dual.target - after) / dual.target.max(f64::MIN_POSITIVE));
        misses.reduce(f64::min).unwrap_or(0.0)
    }

    /// What the death of each of some groups would save of every resource, all together.
    pub(crate) fn savings(
        &self,
        channels: &Channels,
        widths: &Widths,
        dying: impl Fn(GroupId) -> bool,
    ) -> Vec<f64> {
        let saving = |dual: &Dual| {
            let prices = dual.form.group_prices(channels, widths);
            channels.groups().filter(|group| dying(*group)).map(|group| prices[group.index()]).sum()
        };
        self.duals.iter().map(saving).collect()
    }

    /// How many steps a forecast looks ahead.
    pub(crate) fn horizon(steps: u64) -> f64 {
        LEAD * steps as f64
    }

    /// Moves the strengths after a step. `savings` is what will be saved within the [`Budget::horizon`] if nothing changes.
    pub(crate) fn drive(&mut self, costs: &[f64], savings: &[f64], progress: f64, steps: u64) {
        let speed = (RANGE / steps as f64).min(FASTEST);
        for (dual, (cost, saving)) in self.duals.iter_mut().zip(costs.iter().zip(savings)) {
            let full = FULL_SPEED * dual.seed;
            let behind = ((cost - dual.floor(progress)) / full).clamp(0.0, 1.0);
            let soon = ((cost - saving - dual.floor(progress + LEAD)) / full).clamp(-1.0, 1.0);
            let direction = if *cost <= dual.target {
                -1.0
            } else if behind > 0.0 {
                behind.max(soon)
            } else {
                soon
            };
            dual.strength *= (speed * direction).exp();
        }
    }
}

impl Dual {
    fn floor(&self, progress: f64) -> f64 {
        let fallen = ((progress - START) / (ARRIVE - START)).clamp(0.0, 1.0);
        self.target + (self.seed - self.target).max(0.0) * (1.0 - fallen)
    }
}

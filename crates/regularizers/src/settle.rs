//! Who dies.

use std::collections::BTreeSet;

use graph::GroupId;
use training::PenaltyStep;

use crate::{
    MorphNet,
    budget::{Budget, Phase},
    guard::{Fate, Removal},
    morphnet::Charge,
};

impl MorphNet {
    /// Lets those die of the groups that are ready whom nothing holds, weakest for their price first. Those that did.
    pub(crate) fn settle(
        &mut self,
        (before, strengths): (&[f32], &[f32]),
        ready: Vec<GroupId>,
        step: PenaltyStep,
    ) -> Vec<GroupId> {
        let mut buried = Vec::new();
        let Charge::Budget(mut budget) = self.charge.clone() else {
            self.settle_all(strengths, ready, &mut buried);
            return buried;
        };
        let progress = step.step as f64 / step.steps.max(1) as f64;
        let costs = self.costs(&budget);
        match budget.phase(&costs, progress) {
            Phase::Landed => {}
            Phase::Falling => {
                let ready: BTreeSet<GroupId> = ready.into_iter().collect();
                let held = self.fall(strengths, &budget, ready, progress, &mut buried);
                let horizon = Budget::horizon(step.steps);
                let dying = |group: GroupId| {
                    let (before, after) = (before[group.index()], strengths[group.index()]);
                    let (left, speed) = (self.above_threshold(group, after), before - after);
                    self.guard().is_open(group)
                        && (held.contains(&group) || f64::from(left) <= horizon * f64::from(speed))
                };
                let widths = self.guard().survivors().widths();
                let savings = budget.savings(&self.channels, &widths, dying);
                budget.drive(&budget.costs(&widths), &savings, progress, step.steps);
            }
            Phase::Removing => self.remove(strengths, &budget, &mut buried),
        }
        self.charge = Charge::Budget(budget);
        buried
    }

    /// Cost of what is alive, of every resource of a budget.
    pub(crate) fn costs(&self, budget: &Budget) -> Vec<f64> {
        budget.costs(&self.guard().survivors().widths())
    }

    fn guard(&self) -> &crate::guard::Guard {
        self.guard.as_ref().expect("a budget is guarded")
    }

    /// Without a budget: all that the network can spare.
    fn settle_all(
        &mut self,
        strengths: &[f32],
        mut ready: Vec<GroupId>,
        buried: &mut Vec<GroupId>,
    ) {
        ready.sort_by(|a, b| strengths[a.index()].total_cmp(&strengths[b.index()]));
        for group in ready {
            if !self.guard().is_open(group) {
                continue;
            }
            match self.guard().removal(self.guarded(), group) {
                Some(removal) => self.bury(removal, Fate::Faded, buried),
                None => self.guard.as_mut().expect("guarded").spare(group),
            }
        }
    }

    /// Lets groups that are ready die, down to the floor. Those that were held back.
    fn fall(
        &mut self,
        strengths: &[f32],
        budget: &Budget,
        mut ready: BTreeSet<GroupId>,
        progress: f64,
        buried: &mut Vec<GroupId>,
    ) -> BTreeSet<GroupId> {
        let mut held = BTreeSet::new();
        while !ready.is_empty() {
            let costs = self.costs(budget);
            if !budget.may_fall(&costs, progress) {
                break;
            }
            let Some(group) = self.weakest(strengths, budget, &ready) else { break };
            ready.remove(&group);
            match self.guard().removal(self.guarded(), group) {
                Some(removal) => {
                    if budget.fits(&costs, &budget.costs(&removal.survivors.widths())) {
                        self.bury(removal, Fate::Faded, buried);
                    } else {
                        held.insert(group);
                    }
                }
                None => self.guard.as_mut().expect("guarded").spare(group),
            }
        }
        held.extend(ready);
        held
    }

    /// Removes the weakest until the targets are reached, or nothing can be removed. Deaths that end far below a target are the
    /// last resort.
    fn remove(&mut self, strengths: &[f32], budget: &Budget, buried: &mut Vec<GroupId>) {
        let mut open: BTreeSet<GroupId> = self.open_groups().collect();
        let mut wasteful: BTreeSet<usize> = BTreeSet::new();
        let mut least: Option<(f64, Removal)> = None;
        while budget.phase(&self.costs(budget), 1.0) == Phase::Removing {
            let costs = self.costs(budget);
            let Some(group) = self.weakest(strengths, budget, &open) else {
                let Some((_, removal)) = least.take() else { return };
                self.bury(removal, Fate::Removed, buried);
                open = self.open_groups().collect();
                wasteful.clear();
                continue;
            };
            open.remove(&group);
            let bundle = self.bundles[group.index()];
            if wasteful.contains(&bundle) {
                continue;
            }
            let Some(removal) = self.guard().removal(self.guarded(), group) else {
                self.guard.as_mut().expect("guarded").spare(group);
                continue;
            };
            let after = budget.costs(&removal.survivors.widths());
            if budget.fits(&costs, &after) {
                self.bury(removal, Fate::Removed, buried);
                least = None;
                wasteful.clear();
                open = self.open_groups().collect();
            } else {
                wasteful.insert(bundle);
                let miss = budget.miss(&costs, &after);
                if least.as_ref().is_none_or(|(least, _)| miss < *least) {
                    least = Some((miss, removal));
                }
            }
        }
    }

    /// Of some groups the one of least strength for what its death brings, among those that may die and whose death brings
    /// anything.
    fn weakest(
        &self,
        strengths: &[f32],
        budget: &Budget,
        among: &BTreeSet<GroupId>,
    ) -> Option<GroupId> {
        if among.is_empty() {
            return None;
        }
        let widths = self.guard().survivors().widths();
        let gains = budget.gains(&self.channels, &widths, &budget.costs(&widths));
        let score = |group: &GroupId| {
            let (at, gain) = (group.index(), gains[group.index()]);
            f64::from(strengths[at]) * self.scales[at] / (gain * self.weights[at])
        };
        let open = among.iter().filter(|group| self.guard().is_open(**group));
        let useful = open.filter(|group| gains[group.index()] * self.weights[group.index()] > 0.0);
        useful.map(|group| (score(group), *group)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|it| it.1)
    }

    /// Lets a removal happen, and notes whom it is for the penalty to make silent.
    fn bury(&mut self, removal: Removal, fate: Fate, buried: &mut Vec<GroupId>) {
        let dead = removal.dead.iter().copied();
        buried.extend(dead.filter(|group| self.prunable.contains(*group)));
        self.guard.as_mut().expect("guarded").commit(removal, fate);
    }
}

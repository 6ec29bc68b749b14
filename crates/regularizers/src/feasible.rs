//! The lowest cost that a graph allows.

use cost_models::CostForm;
use graph::{Graph, GroupId};

use crate::{
    MorphNet, PenaltyError, Scope, Settings,
    guard::{Fate, Guard},
    morphnet::Charge,
};

/// The lowest cost that a search on a graph can reach by these settings: every layer as narrow as may be, and without the
/// branches that can go.
///
/// The branches are tried one by one, those that bring most first, so a network whose branches exclude each other might allow a
/// little less; what is found can be reached.
pub fn feasible(
    graph: &Graph,
    scope: &Scope,
    form: &CostForm,
    settings: Settings,
) -> Result<f64, PenaltyError> {
    let penalty = MorphNet::scoped(
        graph,
        scope,
        form.clone(),
        Settings { min_width: settings.min_width.max(1), ..settings },
    )?;
    Ok(form.at(&penalty.narrowest(form)?.survivors().widths()))
}

impl MorphNet {
    /// An error if a target is below what the graph allows.
    pub(crate) fn check_targets(&self) -> Result<(), PenaltyError> {
        let Charge::Budget(budget) = &self.charge else { return Ok(()) };
        let seed = budget.costs(&self.graph.widths());
        for (at, form) in budget.forms().enumerate() {
            let (target, lowest) =
                (budget.targets()[at], form.at(&self.narrowest(form)?.survivors().widths()));
            if target.is_nan() || target < lowest {
                return Err(PenaltyError::Infeasible {
                    number: at + 1,
                    target,
                    lowest,
                    seed: seed[at],
                });
            }
        }
        Ok(())
    }

    /// Everything dead that can be, if the only aim is a low cost.
    fn narrowest(&self, form: &CostForm) -> Result<Guard, PenaltyError> {
        let mut guard = Guard::new(self.guarded(), self.settings.min_width)?;
        let whole = form.at(&self.graph.widths());
        let mut bundles: Vec<(f64, Vec<GroupId>)> = Vec::new();
        for bundle in self.channels.bundles() {
            let groups: Vec<GroupId> =
                bundle.groups.into_iter().filter(|group| self.prunable.contains(*group)).collect();
            if !groups.is_empty() {
                let saved = guard
                    .removal_of(self.guarded(), &groups[1..])
                    .map_or(0.0, |removal| whole - form.at(&removal.survivors.widths()));
                bundles.push((saved, groups));
            }
        }
        bundles.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, groups) in bundles {
            // As many as possible: all, else all but the fewest.
            let spared = (0..groups.len())
                .find_map(|spared| guard.removal_of(self.guarded(), &groups[spared..]));
            if let Some(removal) = spared {
                guard.commit(removal, Fate::Removed);
            }
        }
        Ok(guard)
    }
}

//! What searches can reach, known before anything is trained.

use std::fmt;

use cost_models::Resource;

use super::Plan;
use super::target::FIRST_STRENGTH;

/// The lowest cost that a search can reach beside what the seed costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Feasibility {
    /// The resource.
    pub resource: Resource,
    /// What the seed costs.
    pub seed: f64,
    /// The lowest cost of any search.
    pub lowest: f64,
}

impl fmt::Display for Feasibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, seed, lowest } = self;
        let share = 100.0 * lowest / seed;
        write!(f, "{resource}: a search can reach {lowest} of {seed} ({share:.2} %)")
    }
}

impl Plan {
    /// For every resource that has a target, in order of appearance, the lowest cost that a search on the seed can reach.
    pub fn feasibility(&self) -> Vec<Feasibility> {
        let graph = self.seed_graph();
        let trained = self.regularizer.trained(&graph);
        let scope = self.regularizer.scope(&trained).unwrap_or_default();
        let settings = self.regularizer.settings(FIRST_STRENGTH, 0);
        let mut found: Vec<Feasibility> = Vec::new();
        for limit in self.sweep.targets.iter().flat_map(|target| &target.limits) {
            let form = self.regularizer.form(&limit.resource, &graph);
            if found.iter().all(|known| known.resource != limit.resource)
                && let Ok(lowest) = regularizers::feasible(&trained, &scope, &form, settings)
            {
                let (resource, seed) = (limit.resource.clone(), limit.cost_of(&graph));
                found.push(Feasibility { resource, seed, lowest });
            }
        }
        found
    }
}

//! Work that several points need, so that it is done once, before them.

use super::{Plan, Search, reads_weights};

/// Work that several points need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shared {
    /// The seed of this number trained, because points are chosen by its weights.
    TrainedSeed(u64),
    /// This search, which begins with the seed, and those of later cycles that only wait for it.
    Searches(Search),
}

impl Plan {
    /// All work that several points need: trained seeds, then searches.
    pub fn shared(&self) -> Vec<Shared> {
        let by_weights = self.baselines.iter().any(|baseline| reads_weights(baseline.arm()));
        let seeds = self.seeds.iter().copied().filter(|_| by_weights);
        let first = self.searches().into_iter().filter(|search| search.before().is_none());
        seeds.map(Shared::TrainedSeed).chain(first.map(Shared::Searches)).collect()
    }

    /// Shared work in words: `search strength 4 seed 0`.
    pub fn shared_words(&self, shared: Shared) -> String {
        match shared {
            Shared::TrainedSeed(seed) => format!("uniform x1 seed {seed}"),
            Shared::Searches(search) => format!("search {}", self.search_words(search)),
        }
    }
}

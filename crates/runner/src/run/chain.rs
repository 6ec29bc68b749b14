//! What a cycle hands on to the next: the network that a search begins with, and whether it is worth beginning.

use graph::Graph;
use surgery::{Structure, structure_hash};

use super::{Run, point};
use crate::plan::{Cycles, Search};

/// A finished search: the network that it began with, and what it found there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The network that it began with.
    pub(crate) start: Graph,
    /// What it found.
    pub(crate) structure: Structure,
}

impl Run<'_> {
    /// The network that a search begins with: the seed, or what the cycle before left. None while that is not known.
    pub(crate) fn start(&self, search: Search) -> anyhow::Result<Option<Graph>> {
        self.networks().start(search)
    }

    /// A search that is finished, with the network that it began with.
    pub(crate) fn search_done(&self, search: Search) -> anyhow::Result<Option<Found>> {
        self.networks().search_done(search)
    }

    /// Whether a search of a later cycle is to be done: its network is known, and the cycles go on for as long. None while
    /// networks have yet to be trained to tell.
    pub(crate) fn goes_on(&self, search: Search) -> anyhow::Result<Option<bool>> {
        let Some(before) = search.before() else { return Ok(Some(true)) };
        match self.plan.cycles {
            Cycles::Count(_) => Ok(Some(true)),
            Cycles::UntilNoGain { at_most: _ } => {
                let Some(last) = self.start(search)? else { return Ok(None) };
                let last = self.validation_score(&last, search.seed)?;
                let earlier = match before.before() {
                    None => self.networks().uniform(1.0)?.network.graph.clone(),
                    Some(_) => match self.start(before)? {
                        None => return Ok(None),
                        Some(graph) => graph,
                    },
                };
                let earlier = self.validation_score(&earlier, search.seed)?;
                Ok(last.zip(earlier).map(|(last, earlier)| last > earlier))
            }
        }
    }

    fn validation_score(&self, graph: &Graph, seed: u64) -> anyhow::Result<Option<f64>> {
        let result = self.retrained(&point::key_from_scratch(&structure_hash(graph), seed))?;
        Ok(result.map(|result| result.validation_score))
    }
}

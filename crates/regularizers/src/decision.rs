//! Which channels stay after a search.

use graph::{ChannelMap, GraphError, GroupId, Keep};
use training::Parameters;

use crate::MorphNet;

/// The outcome of a search: what stays, and how strong every group was.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The groups that stay.
    pub keep: Keep,
    /// What remains of every wire.
    pub survivors: ChannelMap,
    /// Strength of every group; infinite for those that cannot die.
    pub strengths: Vec<f32>,
    /// Groups that were below the threshold and stay all the same, because the network would have been cut without them.
    pub revived: Vec<GroupId>,
}

impl MorphNet {
    /// Keeps the groups above the threshold.
    ///
    /// Where that would cut the network or leave a join half empty, the strongest group of a wire without any alive channel
    /// is kept too, one after the other, until it does not. Where deaths are guarded (by a budget or a smallest width) the groups
    /// that live are kept, whatever their strength.
    pub fn decide(&self, parameters: &Parameters) -> Result<Decision, GraphError> {
        let strengths = self.strengths(parameters);
        let mut alive = self.alive(&strengths);
        let mut revived = Vec::new();
        loop {
            let keep = self.channels.keep_where(|group| alive[group.index()]);
            match ChannelMap::of(&self.graph, &self.channels, &keep) {
                Ok(survivors) => return Ok(Decision { keep, survivors, strengths, revived }),
                Err(error) => {
                    let group = self.strongest_of_empty_wires(&keep, &strengths).ok_or(error)?;
                    alive[group.index()] = true;
                    revived.push(group);
                }
            }
        }
    }

    /// The first of the strongest groups that lie on a producer's wire without any alive channel.
    fn strongest_of_empty_wires(&self, keep: &Keep, strengths: &[f32]) -> Option<GroupId> {
        let producers = self.graph.nodes().filter(|(_, node)| node.op.is_producer());
        let wires = producers.map(|(id, _)| self.channels.on(id));
        let empty = wires.filter(|wire| !wire.iter().any(|group| keep.is_alive(*group)));
        let stronger = |best: Option<GroupId>, group: &GroupId| match best {
            Some(best) if strengths[best.index()] >= strengths[group.index()] => Some(best),
            Some(_) | None => Some(*group),
        };
        empty.flatten().fold(None, stronger)
    }
}

//! What looks wrong with a search.

use graph::{Graph, GroupId, Op};

use crate::{
    Decision, Grouping, MorphNet, StrengthKind, bimodality,
    guard::{Fate, Guard},
    morphnet::Charge,
};

/// Something that a person should look at, with its numbers. A search with warnings may still be as it was meant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Warning {
    /// Channels that the graph would let die have no strength.
    #[error(
        "{channels} channels have no source of strength and are never pruned: those of {}",
        some(layers)
    )]
    NoSource {
        /// The convolutions and linear layers concerned.
        layers: Vec<String>,
        /// How many channels they have together.
        channels: usize,
    },
    /// Batch norms that could be sources and are none.
    #[error(
        "without a scale a batch norm gives no strength: {}; give it one, or choose a strength by filters",
        some(norms)
    )]
    NormWithoutScale {
        /// The norms.
        norms: Vec<String>,
    },
    /// No group died.
    #[error(
        "none of {groups} channel groups died: the weakest strength is {weakest}, the threshold {threshold}; use a larger \
         regularization strength or train longer"
    )]
    NothingDied {
        /// Groups that can die.
        groups: usize,
        /// The weakest of them.
        weakest: f32,
        /// What it is compared with.
        threshold: f64,
    },
    /// So much died that the network would have been cut, or all that could.
    #[error(
        "{dead} of {groups} channel groups fell below the threshold, and {revived} of them stay only because the network would have \
         been cut; use a smaller regularization strength"
    )]
    EverythingDied {
        /// Groups that can die.
        groups: usize,
        /// Those below the threshold.
        dead: usize,
        /// Those kept all the same.
        revived: usize,
    },
    /// The penalty moved the strengths much more than the data did.
    #[error(
        "the penalty moved the strengths {ratio:.1} times as far as the data did: prices alone decide what dies; use a smaller \
         regularization strength"
    )]
    PenaltyOverwhelms {
        /// [`MorphNet::pressure`].
        ratio: f64,
    },
    /// Strengths lie in two heaps, and the threshold is not between them.
    #[error(
        "the threshold {threshold} does not part the strengths where they part: {below} are at most {low}, {above} at least {high}; \
         {suggested:.2e} would"
    )]
    ThresholdOutsideGap {
        /// The threshold in use.
        threshold: f64,
        /// How many are below the gap.
        below: usize,
        /// The largest of them.
        low: f32,
        /// How many are above it.
        above: usize,
        /// The smallest of them.
        high: f32,
        /// [`crate::Bimodality::suggested_threshold`].
        suggested: f64,
    },
    /// Most deaths came too late to be decided by training.
    #[error(
        "{removed} of {dead} dead channel groups were still above the threshold when the target was due, and were removed by price; \
         train longer"
    )]
    RemovedByPrice {
        /// Groups that were removed whatever their strength was.
        removed: usize,
        /// All groups that died.
        dead: usize,
    },
    /// A target was not reached, because the network needs all that is left.
    #[error(
        "target {number} was not reached: the cost is {reached}, asked for is {target}, and no other group may die"
    )]
    TargetMissed {
        /// Which target, from 1.
        number: usize,
        /// The cost.
        reached: f64,
        /// What was asked for.
        target: f64,
    },
}

/// The first names of a list in backquotes, and how many there are beside.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// From this ratio on the penalty overwhelms the data. In the tests, searches that keep what is useful stay below, and those by scales
/// or filters that lose everything are above. By gates they are not: shut gates no longer move.
const OVERWHELMING: f64 = 10.0;

impl MorphNet {
    /// What can be seen before training.
    pub fn warnings_before(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let (layers, channels) = self.without_source();
        if channels > 0 {
            warnings.push(Warning::NoSource { layers, channels });
        }
        let norms = norms_without_scale(&self.graph);
        if self.settings.kind == StrengthKind::Gamma && !norms.is_empty() {
            warnings.push(Warning::NormWithoutScale { norms });
        }
        warnings
    }

    /// The layers with channels that are neither frozen nor, if the scope did not leave them out, have a strength; and how many
    /// such channels there are.
    fn without_source(&self) -> (Vec<String>, usize) {
        let sources = self.strength.sources(&self.graph, &self.channels);
        let is_without = |group: &&GroupId| {
            sources.members(**group).is_empty() && !self.channels.is_frozen(**group)
        };
        let (mut layers, mut all) = (Vec::new(), 0);
        for (id, node) in self.graph.nodes().filter(|(_, node)| node.op.is_producer()) {
            let channels = self.channels.on(id).iter().filter(is_without).count();
            if channels > 0 {
                layers.push(node.name.clone());
                all += channels;
            }
        }
        (layers, all)
    }

    /// What can be seen once a decision is made.
    pub fn warnings_after(&self, decision: &Decision) -> Vec<Warning> {
        let strengths = &decision.strengths;
        let (groups, revived) = (self.open_groups().count(), decision.revived.len());
        let is_dead =
            |group: &GroupId| !decision.keep.is_alive(*group) || decision.revived.contains(group);
        let dead = self.open_groups().filter(is_dead).count();
        let threshold = self.settings.alive_threshold;
        let mut warnings = Vec::new();
        if groups > 0 && dead == 0 {
            let open = self.open_groups().map(|group| strengths[group.index()]);
            let weakest = open.fold(f32::INFINITY, f32::min);
            warnings.push(Warning::NothingDied { groups, weakest, threshold });
        }
        if revived > 0 || (groups > 0 && dead == groups) {
            warnings.push(Warning::EverythingDied { groups, dead, revived });
        }
        if let Some(ratio) = self.pressure().filter(|ratio| *ratio >= OVERWHELMING) {
            warnings.push(Warning::PenaltyOverwhelms { ratio });
        }
        warnings.extend(self.misplaced_threshold(strengths));
        warnings.extend(self.late_deaths());
        warnings.extend(self.missed_targets());
        warnings
    }

    /// Nothing where the threshold is not all that decides: with a budget, and with the L2 grouping.
    fn misplaced_threshold(&self, strengths: &[f32]) -> Option<Warning> {
        let threshold = self.settings.alive_threshold;
        let decides = !matches!(self.settings.grouping, Grouping::L2 { .. })
            && matches!(self.charge, Charge::Constant { .. });
        let gap = bimodality(strengths).filter(|gap| decides && gap.is_clear())?;
        (!gap.contains(threshold)).then_some(Warning::ThresholdOutsideGap {
            threshold,
            below: gap.below,
            low: gap.low,
            above: gap.above,
            high: gap.high,
            suggested: gap.suggested_threshold,
        })
    }

    fn late_deaths(&self) -> Option<Warning> {
        let fates = || self.guard.iter().flat_map(Guard::fates);
        let removed = fates().filter(|fate| *fate == Fate::Removed).count();
        let dead = removed + fates().filter(|fate| *fate == Fate::Faded).count();
        (2 * removed > dead).then_some(Warning::RemovedByPrice { removed, dead })
    }

    fn missed_targets(&self) -> Vec<Warning> {
        let Charge::Budget(budget) = &self.charge else { return Vec::new() };
        let pairs = self.costs(budget).into_iter().zip(budget.targets()).enumerate();
        let missed = pairs.filter(|(_, (reached, target))| reached > target);
        missed
            .map(|(at, (reached, target))| Warning::TargetMissed {
                number: at + 1,
                reached,
                target,
            })
            .collect()
    }
}

fn norms_without_scale(graph: &Graph) -> Vec<String> {
    let without = |op: &Op| matches!(op, Op::BatchNorm(norm) if !norm.scale);
    let norms = graph.nodes().filter(|(_, node)| without(&node.op));
    norms.map(|(_, node)| node.name.clone()).collect()
}

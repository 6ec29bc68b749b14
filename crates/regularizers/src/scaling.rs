//! Steps that follow from strengths alone, done to all parameters at once: one pass over every tensor in the order of its memory.

use graph::{GroupId, NodeId, Role};
use training::{Filters, Parameters};

use crate::{
    Grouping, MorphNet, StrengthKind, Strengths,
    proximal::{Filter, shares, shrink_maximum},
    slots::Slots,
};

/// What happens to the parameters of every channel.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    /// By node what filters are multiplied with; empty if all stay.
    factors: Vec<Vec<f64>>,
    /// By node the new absolute values of scales, not a number where they stay; empty if all do.
    magnitudes: Vec<Vec<f32>>,
}

/// What a step makes of the members of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pressed {
    /// Strengths of the members.
    strengths: Vec<f32>,
    /// Factors that lead there; empty if the strengths are absolute values to be taken as they are.
    factors: Vec<f64>,
}

impl Changes {
    /// None, for so many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { factors: vec![Vec::new(); nodes], magnitudes: vec![Vec::new(); nodes] }
    }

    fn multiply(&mut self, node: NodeId, slots: Slots, channel: usize, factor: f64) {
        let factors = &mut self.factors[node.index()];
        if factors.is_empty() {
            factors.resize(slots.channels(), 1.0);
        }
        factors[channel] = factor;
    }

    fn cut(&mut self, node: NodeId, slots: Slots, channel: usize, magnitude: f32) {
        let magnitudes = &mut self.magnitudes[node.index()];
        if magnitudes.is_empty() {
            magnitudes.resize(slots.channels(), f32::NAN);
        }
        magnitudes[channel] = magnitude;
    }

    /// Does it. What is multiplied by 0 becomes 0, whatever it was.
    pub(crate) fn apply(
        &self,
        nodes: &[NodeId],
        slots: &[Option<Slots>],
        parameters: &mut Parameters,
        filters: &mut Filters,
    ) {
        for node in nodes {
            let (factors, magnitudes) =
                (&self.factors[node.index()], &self.magnitudes[node.index()]);
            let stays = factors.iter().all(|factor| *factor == 1.0);
            if stays && magnitudes.is_empty() {
                continue;
            }
            if let Some(shares) = filters.shares_mut(*node) {
                for (share, factor) in shares.iter_mut().zip(factors) {
                    *share = share_off(*factor);
                }
                continue;
            }
            let slots = slots[node.index()].expect("a source has slots");
            let values =
                parameters.values_mut(*node, slots.role).expect("asked for by `parameters`");
            if !stays {
                multiply_all(values, factors, slots.inner());
            }
            for (value, magnitude) in values.iter_mut().zip(magnitudes) {
                if *magnitude == 0.0 {
                    *value = 0.0;
                } else if !magnitude.is_nan() {
                    *value = magnitude.copysign(*value);
                }
            }
        }
    }
}

/// What a factor takes off, which is all of it only if the factor is 0.
fn share_off(factor: f64) -> f32 {
    let share = (1.0 - factor) as f32;
    if factor == 0.0 { 1.0 } else { share.min(1.0 - f32::EPSILON / 2.0) }
}

fn multiply_all(values: &mut [f32], factors: &[f64], inner: usize) {
    for row in values.chunks_exact_mut(factors.len() * inner) {
        if inner == 1 {
            for (value, factor) in row.iter_mut().zip(factors) {
                multiply(value, *factor);
            }
            continue;
        }
        for (filter, factor) in row.chunks_exact_mut(inner).zip(factors) {
            for value in filter {
                multiply(value, *factor);
            }
        }
    }
}

fn multiply(value: &mut f32, factor: f64) {
    *value = if factor == 0.0 { 0.0 } else { (factor * f64::from(*value)) as f32 };
}

impl MorphNet {
    /// Whether steps follow from strengths: those on gates and on mean absolute values need the parameters one by one.
    pub(crate) fn steps_follow_from_strengths(&self) -> bool {
        match self.settings.kind {
            StrengthKind::Gamma | StrengthKind::Mixed => true,
            StrengthKind::GroupLasso { l1_fraction } => l1_fraction == 0.0,
            StrengthKind::Gate { .. } => false,
        }
    }

    fn slots_of(&self, node: NodeId) -> Slots {
        self.slots[node.index()].expect("a source has slots")
    }

    /// Notes what a step made of a group.
    pub(crate) fn note(&self, group: GroupId, pressed: &Pressed, changes: &mut Changes) {
        let members = self.sources.members(group).iter();
        if pressed.factors.is_empty() {
            for ((node, channel), strength) in members.zip(&pressed.strengths) {
                changes.cut(*node, self.slots_of(*node), *channel, *strength);
            }
        } else {
            for ((node, channel), factor) in members.zip(&pressed.factors) {
                changes.multiply(*node, self.slots_of(*node), *channel, *factor);
            }
        }
    }

    /// Notes that a group is to be zero.
    pub(crate) fn note_zero(&self, group: GroupId, changes: &mut Changes) {
        for (node, channel) in self.sources.members(group) {
            changes.multiply(*node, self.slots_of(*node), *channel, 0.0);
        }
    }

    /// A step of size `threshold` on a group, whose strength after it is returned.
    pub(crate) fn pressed(
        &self,
        group: GroupId,
        channels: &Strengths,
        threshold: f64,
        into: &mut Pressed,
    ) -> f32 {
        let members = self.sources.members(group);
        let strengths = members.iter().map(|(node, channel)| channels.of_channel(*node, *channel));
        into.strengths.clear();
        into.strengths.extend(strengths);
        into.factors.clear();
        let scales = members.iter().all(|(node, _)| self.slots_of(*node).role == Role::Gamma);
        if scales && self.settings.grouping == Grouping::Max {
            shrink_maximum(&mut into.strengths, threshold);
        } else {
            self.factors(members, threshold, into);
        }
        self.settings.grouping.combine(&into.strengths)
    }

    fn factors(
        &self,
        members: &[(NodeId, usize)],
        threshold: f64,
        Pressed { strengths, factors }: &mut Pressed,
    ) {
        if threshold <= 0.0 {
            factors.resize(members.len(), 1.0);
            return;
        }
        let filter = |((node, _), strength): (&(NodeId, usize), &f32)| {
            let unit = self.units[node.index()];
            let count = self.counts[node.index()] / (unit * unit);
            Filter { strength: f64::from(*strength), count }
        };
        let filters: Vec<Filter> = members.iter().zip(strengths.iter()).map(filter).collect();
        let Some(shares) = shares(&filters, threshold, self.settings.grouping) else {
            factors.resize(members.len(), 0.0);
            strengths.fill(0.0);
            return;
        };
        for ((strength, filter), share) in strengths.iter_mut().zip(&filters).zip(shares) {
            // A step of some size takes that over the count off the strength.
            let left = (filter.strength - share / filter.count).max(0.0);
            factors.push(if left > 0.0 { left / filter.strength } else { 0.0 });
            *strength = left as f32;
        }
    }
}

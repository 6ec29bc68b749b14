//! The step on the parameters of one group.

use datasets::Streams;
use graph::{GroupId, NodeId, Role};
use rand::RngExt;
use training::{Filters, Parameters, PenaltyStep};

use crate::{
    Grouping, MaskOrProbability, MorphNet, Relaxation, StrengthKind, Strengths,
    proximal::{Filter, shares, shrink_filter, shrink_maximum},
    scaling::{Changes, Pressed},
};

/// Logit of a dead gate: its probability is below 1e-13, so that no noise opens it.
const SHUT: f32 = -30.0;

/// The values of all members of a group, end to end.
#[derive(Default)]
struct Values {
    all: Vec<f32>,
    lengths: Vec<usize>,
    /// What the norm of each member is multiplied with.
    units: Vec<f64>,
}

impl Values {
    fn parts(&self) -> impl Iterator<Item = &[f32]> {
        self.lengths.iter().scan(0, |start, length| {
            let part = &self.all[*start..*start + length];
            *start += length;
            Some(part)
        })
    }

    fn parts_and_units(&self) -> impl Iterator<Item = (&[f32], f64)> {
        self.parts().zip(self.units.iter().copied())
    }
}

impl MorphNet {
    /// Presses all groups. Gives the value of the penalty, the groups that are ready to die where deaths are guarded (these
    /// are left as they were), and the strengths after.
    pub(crate) fn press(
        &self,
        (parameters, filters): (&mut Parameters, &mut Filters),
        channels: &Strengths,
        before: &[f32],
        step: PenaltyStep,
    ) -> (f64, Vec<GroupId>, Vec<f32>) {
        let (lambda, prices) = (self.lambda(), self.prices(before));
        let (mut penalty, mut ready, mut after) = (0.0, Vec::new(), before.to_vec());
        let mut values = Values::default();
        let (mut changes, mut pressed) = (Changes::new(self.graph.len()), Pressed::default());
        let from_strengths = self.steps_follow_from_strengths();
        for group in self.open_groups() {
            let (price, strength) = (prices[group.index()], before[group.index()]);
            if let Some(guard) = &self.guard {
                if !guard.alive()[group.index()] {
                    if from_strengths {
                        self.note_zero(group, &mut changes);
                        self.zero_shifts(parameters, group);
                    } else {
                        self.silence_group(parameters, filters, group);
                    }
                    continue;
                }
                if guard.spared()[group.index()] {
                    continue;
                }
            }
            penalty += lambda * price * f64::from(strength);
            let size = step.learning_rate * lambda * price;
            if from_strengths {
                let left = self.pressed(group, channels, size, &mut pressed);
                if self.guard.is_some() && !self.is_group_alive(group, left) {
                    ready.push(group);
                    continue;
                }
                after[group.index()] = left;
                self.note(group, &pressed, &mut changes);
                if left == 0.0 {
                    self.zero_shifts(parameters, group);
                }
                continue;
            }
            self.read(parameters, group, &mut values);
            self.shrink(group, &mut values, size, step.step);
            let left = self.combined(&values);
            if self.guard.is_some() && !self.is_group_alive(group, left) {
                ready.push(group);
                continue;
            }
            after[group.index()] = left;
            self.write(parameters, group, &values);
            if !self.has_gates() && values.all.iter().all(|value| *value == 0.0) {
                self.zero_shifts(parameters, group);
            }
        }
        changes.apply(self.sources.nodes(), &self.slots, parameters, filters);
        (penalty, ready, after)
    }

    fn has_gates(&self) -> bool {
        matches!(self.settings.kind, StrengthKind::Gate { .. })
    }

    /// The step of size `threshold` on a group's values.
    fn shrink(&self, group: GroupId, values: &mut Values, threshold: f64, step: u64) {
        if let StrengthKind::Gate { on } = self.settings.kind {
            self.shut(group, &mut values.all, threshold, on, step);
            return;
        }
        let scales = values.parts_and_units().all(|(part, unit)| part.len() == 1 && unit == 1.0);
        if scales && self.settings.grouping == Grouping::Max {
            shrink_maximum(&mut values.all, threshold);
            return;
        }
        if threshold <= 0.0 {
            return;
        }
        let filters: Vec<Filter> = values
            .parts_and_units()
            .map(|(part, unit)| Filter {
                strength: self.filter_strength(part, unit),
                count: part.len() as f64 / (unit * unit),
            })
            .collect();
        let Some(shares) = shares(&filters, threshold, self.settings.grouping) else {
            values.all.fill(0.0);
            return;
        };
        let mut rest = &mut values.all[..];
        for ((length, unit), share) in values.lengths.iter().zip(&values.units).zip(shares) {
            let (part, others) = rest.split_at_mut(*length);
            shrink_filter(part, unit * share, self.l1_of(*length));
            rest = others;
        }
    }

    /// Share of the mean absolute value; for one value it makes no difference.
    fn l1_of(&self, length: usize) -> f64 {
        match self.settings.kind {
            StrengthKind::GroupLasso { l1_fraction } if length > 1 => f64::from(l1_fraction),
            StrengthKind::GroupLasso { .. }
            | StrengthKind::Gamma
            | StrengthKind::Gate { .. }
            | StrengthKind::Mixed => 0.0,
        }
    }

    fn filter_strength(&self, values: &[f32], unit: f64) -> f64 {
        let (fraction, count) = (self.l1_of(values.len()), values.len() as f64);
        let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        let absolute: f64 = values.iter().map(|value| f64::from(value.abs())).sum();
        unit * ((1.0 - fraction) * (squares / count).sqrt() + fraction * absolute / count)
    }

    /// Strength of a group with these values.
    fn combined(&self, values: &Values) -> f32 {
        let strength = |(part, unit): (&[f32], f64)| {
            if self.has_gates() {
                sigmoid(part[0]) as f32
            } else {
                self.filter_strength(part, unit) as f32
            }
        };
        let members: Vec<f32> = values.parts_and_units().map(strength).collect();
        self.settings.grouping.combine(&members)
    }

    /// A gradient step on logits.
    fn shut(
        &self,
        group: GroupId,
        logits: &mut [f32],
        size: f64,
        on: MaskOrProbability,
        step: u64,
    ) {
        let (strengths, slopes): (Vec<f32>, Vec<f64>) = match on {
            MaskOrProbability::Probability => {
                let on = logits.iter().map(|logit| sigmoid(*logit));
                on.map(|on| (on as f32, on * (1.0 - on))).unzip()
            }
            MaskOrProbability::Mask { temperature, seed } => {
                let noise: Vec<f32> = self
                    .sources
                    .members(group)
                    .iter()
                    .map(|(node, channel)| self.noise(*node, *channel, seed, step))
                    .collect();
                let relaxation = Relaxation::new(temperature, false, false)
                    .expect("checked when the penalty was made");
                let slopes = relaxation.gradient(logits, &noise, &vec![1.0; logits.len()]);
                (relaxation.mask(logits, &noise), slopes)
            }
        };
        let weights = self.settings.grouping.gradient(&strengths);
        for ((logit, slope), weight) in logits.iter_mut().zip(slopes).zip(weights) {
            *logit = (f64::from(*logit) - size * weight * slope) as f32;
        }
    }

    /// Logistic noise of one channel of a gate.
    fn noise(&self, node: NodeId, channel: usize, seed: u64, step: u64) -> f32 {
        let name = &self.graph.node(node).name;
        let mut stream = Streams::new(seed).stream(&format!("penalty/{step}/{name}"));
        stream.set_stream(channel as u64);
        let uniform: f64 = stream.random_range(f64::EPSILON..1.0);
        (uniform.ln() - (-uniform).ln_1p()) as f32
    }

    fn read(&self, parameters: &Parameters, group: GroupId, into: &mut Values) {
        into.all.clear();
        into.lengths.clear();
        into.units.clear();
        for (node, channel) in self.sources.members(group) {
            let slots = self.slots[node.index()].expect("a source has slots");
            let values = parameters.values(*node, slots.role).expect("asked for by `parameters`");
            let before = into.all.len();
            into.all.extend(slots.positions(values.len(), *channel).map(|at| values[at]));
            into.lengths.push(into.all.len() - before);
            into.units.push(self.units[node.index()]);
        }
    }

    fn write(&self, parameters: &mut Parameters, group: GroupId, from: &Values) {
        for ((node, channel), part) in self.sources.members(group).iter().zip(from.parts()) {
            let slots = self.slots[node.index()].expect("a source has slots");
            let values =
                parameters.values_mut(*node, slots.role).expect("asked for by `parameters`");
            for (at, value) in slots.positions(values.len(), *channel).zip(part) {
                values[at] = *value;
            }
        }
    }

    /// Zeroes whatever is added to the channels of a dead group.
    fn zero_shifts(&self, parameters: &mut Parameters, group: GroupId) {
        for (node, role, channel) in self.silence.shifts(group) {
            zero(parameters, *node, *role, *channel);
        }
    }

    /// Makes a group exactly silent.
    pub(crate) fn silence_group(
        &self,
        parameters: &mut Parameters,
        filters: &mut Filters,
        group: GroupId,
    ) {
        let dead = if self.has_gates() { SHUT } else { 0.0 };
        for (node, channel) in self.sources.members(group) {
            if let Some(shares) = filters.shares_mut(*node) {
                shares[*channel] = 1.0;
                continue;
            }
            let slots = self.slots[node.index()].expect("a source has slots");
            let values =
                parameters.values_mut(*node, slots.role).expect("asked for by `parameters`");
            for at in slots.positions(values.len(), *channel) {
                values[at] = dead;
            }
        }
        self.zero_shifts(parameters, group);
    }
}

fn zero(parameters: &mut Parameters, node: NodeId, role: Role, channel: usize) {
    parameters.values_mut(node, role).expect("asked for by `parameters`")[channel] = 0.0;
}

fn sigmoid(x: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(x)).exp())
}

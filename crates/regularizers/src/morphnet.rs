//! The penalty.

use std::collections::BTreeSet;

use cost_models::CostForm;
use graph::{Channels, Graph, GroupId, NodeId, Role, Widths};
use training::{Filters, Parameters, Penalty, PenaltyStep};

use crate::{
    Blend, Grouping, PenaltyError, Prunable, Regularizer, Scope, Settings, Sources, Strength,
    StrengthError, StrengthKind, Strengths, Target,
    budget::Budget,
    guard::{Guard, Guarded},
    silence::Silence,
    slots::Slots,
    watch::Watch,
};

/// `lambda * sum of price * strength` over the channel groups of a graph, as a proximal step on the parameters behind the
/// strengths (of gates, as a gradient step on their logits).
///
/// With a budget ([`MorphNet::towards`]) lambda is driven so that the cost of what is alive falls to the targets by about two
/// thirds of the run; the groups of least strength for their price die, only as many as needed, and never one that the network
/// needs. Then the survivors are charged no more. The dead are held at zero.
#[derive(Clone, Debug)]
pub struct MorphNet {
    pub(crate) graph: Graph,
    pub(crate) channels: Channels,
    pub(crate) sources: Sources,
    pub(crate) prunable: Prunable,
    pub(crate) settings: Settings,
    pub(crate) strength: Blend,
    pub(crate) silence: Silence,
    pub(crate) slots: Vec<Option<Slots>>,
    /// For every node what its norms are multiplied with ([`Blend::unit`]).
    pub(crate) units: Vec<f64>,
    /// For every node how many values of its tensor a channel has.
    pub(crate) counts: Vec<f64>,
    /// What the prices of every group are multiplied with.
    pub(crate) weights: Vec<f64>,
    /// What a strength is multiplied with to be compared with others: it is 1 in a fresh network.
    pub(crate) scales: Vec<f64>,
    /// For every group the number of its bundle; groups of one bundle lie on the same wires and cost the same.
    pub(crate) bundles: Vec<usize>,
    pub(crate) charge: Charge,
    pub(crate) guard: Option<Guard>,
    pub(crate) watch: Watch,
}

/// What groups are charged.
#[derive(Clone, Debug)]
pub(crate) enum Charge {
    /// The prices of one cost at a constant strength.
    Constant { form: CostForm, lambda: f64 },
    /// What leads to targets.
    Budget(Budget),
}

impl MorphNet {
    /// The penalty on a whole graph by batch-norm scales or whatever the settings name, with prices from a cost form of that
    /// graph.
    ///
    /// # Panics
    ///
    /// If the settings are impossible; [`MorphNet::scoped`] returns an error then.
    pub fn new(graph: &Graph, form: CostForm, settings: Settings) -> Self {
        Self::scoped(graph, &Scope::default(), form, settings).expect("settings are possible")
    }

    /// The penalty on part of a graph at a constant strength.
    pub fn scoped(
        graph: &Graph,
        scope: &Scope,
        form: CostForm,
        settings: Settings,
    ) -> Result<Self, PenaltyError> {
        let lambda = settings.strength / form.at(&graph.widths());
        let mut penalty =
            Self::charging(graph, scope, Charge::Constant { form, lambda }, settings)?;
        if settings.min_width > 0 {
            penalty.guard = Some(Guard::new(penalty.guarded(), settings.min_width)?);
        }
        Ok(penalty)
    }

    /// The penalty that leads the network to all targets, in one run. An error if one is below what the graph allows
    /// ([`crate::feasible`]).
    pub fn towards(
        graph: &Graph,
        scope: &Scope,
        targets: Vec<Target>,
        settings: Settings,
    ) -> Result<Self, PenaltyError> {
        if targets.is_empty() {
            return Err(PenaltyError::NoTarget);
        }
        let budget = Budget::new(targets, &graph.widths(), settings.strength);
        let mut penalty = Self::charging(graph, scope, Charge::Budget(budget), settings)?;
        penalty.guard = Some(Guard::new(penalty.guarded(), settings.min_width)?);
        penalty.check_targets()?;
        Ok(penalty)
    }

    fn charging(
        graph: &Graph,
        scope: &Scope,
        charge: Charge,
        settings: Settings,
    ) -> Result<Self, PenaltyError> {
        let strength = Blend::new(settings.kind)?;
        let gates = matches!(settings.kind, StrengthKind::Gate { .. });
        if settings.grouping == Grouping::Probabilistic && !gates {
            return Err(StrengthError::NotProbabilities(strength.name()).into());
        }
        let channels = Channels::tied(graph, &scope.tied)?;
        let sources = scope.chosen(&channels, strength.sources(graph, &channels));
        let silence = match settings.kind {
            StrengthKind::Gamma => Silence::of_members(graph, &channels, &sources),
            StrengthKind::GroupLasso { .. } | StrengthKind::Gate { .. } | StrengthKind::Mixed => {
                Silence::with_shifts(graph, &channels, &sources)
            }
        };
        let prunable = Prunable::given(graph, &channels, &sources, &silence);
        let mut slots = vec![None; graph.len()];
        for node in sources.nodes() {
            slots[node.index()] = Some(Slots::of(graph, *node));
        }
        let mut bundles = vec![0; channels.len()];
        for (number, bundle) in channels.bundles().iter().enumerate() {
            for group in &bundle.groups {
                bundles[group.index()] = number;
            }
        }
        let kernels = kernel_sizes(graph);
        let units: Vec<f64> = graph
            .nodes()
            .map(|(id, node)| {
                kernels[id.index()].map_or(1.0, |weights| strength.unit(&node.op, weights))
            })
            .collect();
        let (weights, scales) =
            (scope.group_weights(&channels), scales(&channels, &sources, &kernels, &units));
        Ok(Self {
            graph: graph.clone(),
            channels,
            sources,
            prunable,
            settings,
            strength,
            silence,
            slots,
            units,
            counts: kernels.iter().map(|weights| weights.unwrap_or(1.0)).collect(),
            weights,
            scales,
            bundles,
            charge,
            guard: None,
            watch: Watch::default(),
        })
    }

    /// The channel groups of the graph.
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Where the strengths come from.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Which groups can die.
    pub fn prunable(&self) -> &Prunable {
        &self.prunable
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn guarded(&self) -> Guarded<'_> {
        Guarded { graph: &self.graph, channels: &self.channels, prunable: &self.prunable }
    }

    /// Strength of every group; infinite for groups that cannot die.
    ///
    /// # Panics
    ///
    /// If the parameters of a source are missing.
    pub fn strengths(&self, parameters: &Parameters) -> Vec<f32> {
        self.of_groups(&self.all_strengths(parameters, &Filters::new()))
    }

    /// Strengths of channels and groups, also of those that cannot die.
    fn all_strengths(&self, parameters: &Parameters, filters: &Filters) -> Strengths {
        let regularizer = Regularizer {
            graph: &self.graph,
            channels: &self.channels,
            strength: &self.strength,
            sources: &self.sources,
            grouping: self.settings.grouping,
            threshold: self.settings.alive_threshold as f32,
        };
        let of_source = |node: NodeId| match filters.strengths(node) {
            Some(strengths) => {
                let unit = self.units[node.index()];
                Ok(strengths.iter().map(|value| (f64::from(*value) * unit) as f32).collect())
            }
            None => self.strength.values(&self.graph, node, parameters),
        };
        let strengths = regularizer.strengths_from(of_source);
        strengths.expect("the parameters of all sources are there")
    }

    fn of_groups(&self, strengths: &Strengths) -> Vec<f32> {
        let one = |group| {
            if self.prunable.contains(group) { strengths.of(group) } else { f32::INFINITY }
        };
        self.channels.groups().map(one).collect()
    }

    /// Marginal cost of one more channel of every group, at the alive widths, times the group's weight. With a budget: the
    /// sum over resources above their targets, each in units of loss at its strength now.
    pub fn prices(&self, strengths: &[f32]) -> Vec<f64> {
        let widths = self.alive_widths(strengths);
        let mut prices = match &self.charge {
            Charge::Constant { form, .. } => form.group_prices(&self.channels, &widths),
            Charge::Budget(budget) => {
                budget.charges(&self.channels, &widths, &budget.costs(&widths))
            }
        };
        for (price, weight) in prices.iter_mut().zip(&self.weights) {
            *price *= weight;
        }
        prices
    }

    /// What prices are multiplied with to be a penalty.
    pub(crate) fn lambda(&self) -> f64 {
        match &self.charge {
            Charge::Constant { lambda, .. } => *lambda,
            Charge::Budget(_) => 1.0,
        }
    }

    /// Strength of the penalty on every resource now, in units of `1 / cost(seed)`: the one of the settings, or those that a
    /// budget drives.
    pub fn driven_strengths(&self) -> Vec<f64> {
        match &self.charge {
            Charge::Constant { .. } => vec![self.settings.strength],
            Charge::Budget(budget) => budget.strengths(),
        }
    }

    /// Cost of what is alive, of every resource, as a share of the seed's.
    pub fn alive_shares(&self, parameters: &Parameters) -> Vec<f64> {
        let (widths, seed) = (self.alive_widths(&self.strengths(parameters)), self.graph.widths());
        match &self.charge {
            Charge::Constant { form, .. } => vec![form.at(&widths) / form.at(&seed)],
            Charge::Budget(budget) => {
                let pairs = budget.costs(&widths).into_iter().zip(budget.costs(&seed));
                pairs.map(|(alive, seed)| alive / seed).collect()
            }
        }
    }

    /// Cost of what is alive as a share of the seed's, of the first resource.
    pub fn alive_share(&self, parameters: &Parameters) -> f64 {
        self.alive_shares(parameters)[0]
    }

    /// How many times more the penalty changed the strengths than the data did, since this was made or restored; nothing
    /// before the second step. Far above 1 the penalty overwhelms the data.
    pub fn pressure(&self) -> Option<f64> {
        self.watch.ratio()
    }

    /// Which groups live, by [`GroupId::index`]: those that did not die where deaths are guarded, else those above the
    /// threshold.
    pub fn alive(&self, strengths: &[f32]) -> Vec<bool> {
        let above = |group: GroupId| self.is_group_alive(group, strengths[group.index()]);
        match &self.guard {
            Some(guard) => guard.alive().to_vec(),
            None => self.channels.groups().map(above).collect(),
        }
    }

    fn alive_widths(&self, strengths: &[f32]) -> Widths {
        if let Some(guard) = &self.guard {
            return guard.survivors().widths();
        }
        let alive = self.alive(strengths);
        self.channels.alive_widths(&self.channels.keep_where(|group| alive[group.index()]))
    }

    /// Whether a group of this strength is alive. The comparison is in single precision and strict, as in the original (for
    /// gates, which have another rule there: at the threshold or above).
    pub fn is_alive(&self, strength: f32) -> bool {
        self.strength.is_alive(strength, self.settings.alive_threshold as f32)
    }

    /// The same with the threshold of the L2 grouping for groups of several members.
    pub(crate) fn is_group_alive(&self, group: GroupId, strength: f32) -> bool {
        match self.settings.grouping {
            Grouping::L2 { threshold } if self.sources.members(group).len() > 1 => {
                strength > threshold
            }
            Grouping::L2 { .. } | Grouping::Max | Grouping::Probabilistic => {
                self.is_alive(strength)
            }
        }
    }

    /// How far a strength is above the threshold.
    pub(crate) fn above_threshold(&self, group: GroupId, strength: f32) -> f32 {
        let threshold = match self.settings.grouping {
            Grouping::L2 { threshold } if self.sources.members(group).len() > 1 => threshold,
            Grouping::L2 { .. } | Grouping::Max | Grouping::Probabilistic => {
                self.settings.alive_threshold as f32
            }
        };
        strength - threshold
    }

    /// Groups that can die, in order.
    pub(crate) fn open_groups(&self) -> impl Iterator<Item = GroupId> {
        self.channels.groups().filter(|group| self.prunable.contains(*group))
    }
}

impl Penalty for MorphNet {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        let mut wanted: BTreeSet<(NodeId, Role)> = BTreeSet::new();
        for node in self.sources.nodes() {
            let slots = self.slots[node.index()].expect("a source has slots");
            wanted.insert((*node, slots.role));
        }
        for group in self.open_groups() {
            wanted.extend(self.silence.shifts(group).iter().map(|(node, role, _)| (*node, *role)));
        }
        wanted.into_iter().collect()
    }

    fn filters(&self) -> Vec<NodeId> {
        if !self.steps_follow_from_strengths() {
            return Vec::new();
        }
        let is_kernel = |node: &NodeId| {
            let slots = self.slots[node.index()].expect("a source has slots");
            slots.role == Role::Weight && slots.inner() == 1
        };
        self.sources.nodes().iter().copied().filter(is_kernel).collect()
    }

    fn apply(
        &mut self,
        parameters: &mut Parameters,
        filters: &mut Filters,
        step: PenaltyStep,
    ) -> f64 {
        let strengths = self.all_strengths(parameters, filters);
        let before = self.of_groups(&strengths);
        let (penalty, ready, after) = self.press((parameters, filters), &strengths, &before, step);
        self.watch.see(&before, &after);
        if self.guard.is_some() {
            for group in self.settle((&before, &after), ready, step) {
                self.silence_group(parameters, filters, group);
            }
        }
        penalty
    }

    fn state(&self) -> Vec<u8> {
        self.encode()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.decode(state)
    }
}

/// How many weights an output channel of every node has, if it has a kernel.
fn kernel_sizes(graph: &Graph) -> Vec<Option<f64>> {
    let mut weights = vec![None; graph.len()];
    for spec in graph.parameters().iter().filter(|spec| spec.role == Role::Weight) {
        let out = graph.node(spec.node).shape.channels;
        weights[spec.node.index()] = Some(spec.len() as f64 / out as f64);
    }
    weights
}

/// A fresh filter of `n` weights has a root mean square of `sqrt(2 / n)` (He et al. 2015); scales and gates start near 1.
fn scales(
    channels: &Channels,
    sources: &Sources,
    kernels: &[Option<f64>],
    units: &[f64],
) -> Vec<f64> {
    let of_node = |node: NodeId| {
        let weights = kernels[node.index()];
        weights.map_or(1.0, |weights| (weights / 2.0).sqrt() / units[node.index()])
    };
    let of_group = |group| {
        let members = sources.members(group).iter();
        members.map(|(node, _)| of_node(*node)).fold(0.0, f64::max)
    };
    channels.groups().map(of_group).collect()
}

//! The penalty.

use cost_models::CostForm;
use graph::{Channels, Graph, NodeId, Role, Widths};
use serde::{Deserialize, Serialize};
use training::{Parameters, Penalty, PenaltyStep};

use crate::{Gamma, Grouping, Prunable, Regularizer, Sources, proximal::shrink_maximum};

/// How hard channels are pressed, and when one counts as dead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Strength of the penalty in units of `1 / cost(seed)`, so that 1 charges the seed about one unit of loss.
    pub strength: f64,
    /// A group is alive if its strength is above this value.
    pub alive_threshold: f64,
}

/// `lambda * sum of price * strength` over the channel groups of a graph, as a proximal step on batch-norm scales.
#[derive(Clone, Debug)]
pub struct MorphNet {
    pub(crate) graph: Graph,
    pub(crate) channels: Channels,
    pub(crate) sources: Sources,
    pub(crate) prunable: Prunable,
    pub(crate) settings: Settings,
    form: CostForm,
    lambda: f64,
}

impl MorphNet {
    /// The penalty on a graph, with prices from a cost form of that graph.
    pub fn new(graph: &Graph, form: CostForm, settings: Settings) -> Self {
        let channels = Channels::of(graph);
        let sources = Sources::of(graph, &channels, &Gamma);
        let prunable = Prunable::of(graph, &channels, &sources);
        let lambda = settings.strength / form.at(&graph.widths());
        Self { graph: graph.clone(), channels, sources, prunable, settings, form, lambda }
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

    /// The largest `|gamma|` of every group; infinite for groups that cannot die.
    pub fn strengths(&self, parameters: &Parameters) -> Vec<f32> {
        let regularizer = Regularizer {
            graph: &self.graph,
            channels: &self.channels,
            strength: &Gamma,
            sources: &self.sources,
            grouping: Grouping::Max,
            threshold: self.settings.alive_threshold as f32,
        };
        let strengths =
            regularizer.strengths(parameters).expect("the scales of all norms are there");
        let one = |group| {
            if self.prunable.contains(group) { strengths.of(group) } else { f32::INFINITY }
        };
        self.channels.groups().map(one).collect()
    }

    /// Marginal cost of one more channel of every group, at the alive widths.
    pub fn prices(&self, strengths: &[f32]) -> Vec<f64> {
        self.form.group_prices(&self.channels, &self.alive_widths(strengths))
    }

    /// Cost of what is alive, as a share of the seed's.
    pub fn alive_share(&self, parameters: &Parameters) -> f64 {
        let strengths = self.strengths(parameters);
        self.form.at(&self.alive_widths(&strengths)) / self.form.at(&self.graph.widths())
    }

    fn alive_widths(&self, strengths: &[f32]) -> Widths {
        let keep = self.channels.keep_where(|group| self.is_alive(strengths[group.index()]));
        self.channels.alive_widths(&keep)
    }

    /// Whether a group of this strength is alive. The comparison is in single precision and strict, as in the original.
    pub fn is_alive(&self, strength: f32) -> bool {
        strength > self.settings.alive_threshold as f32
    }
}

impl Penalty for MorphNet {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        self.sources
            .nodes()
            .iter()
            .flat_map(|norm| [(*norm, Role::Gamma), (*norm, Role::Beta)])
            .collect()
    }

    fn apply(&mut self, parameters: &mut Parameters, step: PenaltyStep) -> f64 {
        let strengths = self.strengths(parameters);
        let prices = self.prices(&strengths);
        let mut penalty = 0.0;
        let mut gammas = Vec::new();
        for group in self.channels.groups().filter(|group| self.prunable.contains(*group)) {
            let (price, strength) = (prices[group.index()], strengths[group.index()]);
            penalty += self.lambda * price * f64::from(strength);
            let members = self.sources.members(group);
            gammas.clear();
            gammas.extend(members.iter().map(|(node, channel)| {
                parameters.values(*node, Role::Gamma).expect("asked for by `parameters`")[*channel]
            }));
            shrink_maximum(&mut gammas, step.learning_rate * self.lambda * price);
            let silent = gammas.iter().all(|gamma| *gamma == 0.0);
            for ((node, channel), gamma) in members.iter().zip(&gammas) {
                parameters.values_mut(*node, Role::Gamma).expect("asked for by `parameters`")
                    [*channel] = *gamma;
                if silent {
                    parameters.values_mut(*node, Role::Beta).expect("asked for by `parameters`")
                        [*channel] = 0.0;
                }
            }
        }
        penalty
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        training::stateless(state)
    }
}

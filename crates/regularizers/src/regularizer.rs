//! The penalty term and its gradient.

use std::collections::BTreeMap;

use cost_models::CostForm;
use graph::{Channels, Graph, GroupId, NodeId};
use training::Parameters;

use crate::{Grouping, Sources, Strength, StrengthError};

/// A strength, the channels that it is made of, and how these combine.
#[derive(Clone, Copy, Debug)]
pub struct Regularizer<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// Its channel groups.
    pub channels: &'a Channels,
    /// How strong a channel is.
    pub strength: &'a dyn Strength,
    /// Which channels make up a group.
    pub sources: &'a Sources,
    /// How they combine.
    pub grouping: Grouping,
    /// What a channel's strength is compared with.
    pub threshold: f32,
}

/// The strengths of all groups at some parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strengths {
    channels: Vec<Vec<f32>>,
    groups: Vec<f32>,
    alive: Vec<bool>,
}

impl Strengths {
    /// Strength of a group; 0 if it has no members.
    pub fn of(&self, group: GroupId) -> f32 {
        self.groups[group.index()]
    }

    /// Strength of one channel of a source.
    pub(crate) fn of_channel(&self, node: NodeId, channel: usize) -> f32 {
        self.channels[node.index()][channel]
    }

    /// Whether the group is alive; a group without members always is.
    pub fn is_alive(&self, group: GroupId) -> bool {
        self.alive[group.index()]
    }
}

/// `sum over groups of price * strength`.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The value.
    pub value: f64,
    /// Derivative with respect to the parameters of all sources with a member in some group; prices are constants.
    pub gradient: Parameters,
}

impl Regularizer<'_> {
    /// Strength of every group.
    pub fn strengths(&self, parameters: &Parameters) -> Result<Strengths, StrengthError> {
        self.strengths_from(|node| self.strength.values(self.graph, node, parameters))
    }

    /// The same from the strengths of the channels of every source.
    pub(crate) fn strengths_from(
        &self,
        of_source: impl Fn(NodeId) -> Result<Vec<f32>, StrengthError>,
    ) -> Result<Strengths, StrengthError> {
        if self.grouping == Grouping::Probabilistic && !self.strength.is_probability() {
            return Err(StrengthError::NotProbabilities(self.strength.name()));
        }
        let mut strengths =
            Strengths { channels: vec![Vec::new(); self.graph.len()], ..Strengths::default() };
        for node in self.sources.nodes() {
            strengths.channels[node.index()] = of_source(*node)?;
        }
        let (mut values, mut alive) = (Vec::new(), Vec::new());
        for group in self.channels.groups() {
            values.clear();
            values.extend(self.members(&strengths, group));
            alive.clear();
            alive.extend(values.iter().map(|value| self.strength.is_alive(*value, self.threshold)));
            strengths.groups.push(self.grouping.combine(&values));
            strengths.alive.push(values.is_empty() || self.grouping.is_alive(&values, &alive));
        }
        Ok(strengths)
    }

    /// The term at given prices per group, by [`GroupId::index`].
    pub fn term(&self, prices: &[f64], parameters: &Parameters) -> Result<Term, StrengthError> {
        let strengths = self.strengths(parameters)?;
        self.term_at(&strengths, prices, parameters)
    }

    /// The term at the prices of a cost form, with the widths of what is alive held constant. The form must be one of the
    /// graph.
    pub fn penalty(&self, form: &CostForm, parameters: &Parameters) -> Result<Term, StrengthError> {
        let strengths = self.strengths(parameters)?;
        let widths = self.channels.widths_where(|group| strengths.is_alive(group));
        let prices = form.group_prices(self.channels, &widths);
        self.term_at(&strengths, &prices, parameters)
    }

    fn term_at(
        &self,
        strengths: &Strengths,
        prices: &[f64],
        parameters: &Parameters,
    ) -> Result<Term, StrengthError> {
        if prices.len() != self.channels.len() {
            return Err(StrengthError::Prices {
                expected: self.channels.len(),
                found: prices.len(),
            });
        }
        let (mut value, mut values) = (0.0, Vec::new());
        let mut upstream: BTreeMap<NodeId, Vec<f64>> = BTreeMap::new();
        for (group, price) in self.channels.groups().zip(prices) {
            value += price * f64::from(strengths.of(group));
            values.clear();
            values.extend(self.members(strengths, group));
            let slopes = self.grouping.gradient(&values);
            for ((node, channel), slope) in self.sources.members(group).iter().zip(slopes) {
                let width = self.graph.node(*node).shape.channels;
                let upstream = upstream.entry(*node).or_insert_with(|| vec![0.0; width]);
                upstream[*channel] += price * slope;
            }
        }
        let mut gradient = Parameters::new();
        for (node, upstream) in upstream {
            self.strength.add_gradient(self.graph, node, parameters, &upstream, &mut gradient)?;
        }
        Ok(Term { value, gradient })
    }

    fn members(&self, strengths: &Strengths, group: GroupId) -> impl Iterator<Item = f32> {
        let members = self.sources.members(group).iter();
        members.map(|(node, channel)| strengths.channels[node.index()][*channel])
    }
}

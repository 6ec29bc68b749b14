//! A network's cost as an expression in its widths, stated once and read as cost, price and table.

use graph::{Channels, Graph, NodeId, Widths};

use crate::CostModel;

/// One term of a cost: a coefficient times up to two widths. A wire is named by the node that makes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Term {
    /// Independent of widths.
    Constant(f64),
    /// `coefficient * width(wire)`.
    Linear(f64, NodeId),
    /// `coefficient * width(a) * width(b)`.
    Bilinear(f64, NodeId, NodeId),
}

impl Term {
    /// Number of widths in the product.
    pub fn degree(self) -> u32 {
        match self {
            Self::Constant(_) => 0,
            Self::Linear(..) => 1,
            Self::Bilinear(..) => 2,
        }
    }

    /// Value at the given widths.
    pub fn at(self, widths: &Widths) -> f64 {
        let width = |wire| widths.on(wire) as f64;
        match self {
            Self::Constant(coefficient) => coefficient,
            Self::Linear(coefficient, wire) => coefficient * width(wire),
            Self::Bilinear(coefficient, a, b) => coefficient * width(a) * width(b),
        }
    }

    /// The same term times a factor.
    fn scaled(self, factor: f64) -> Self {
        match self {
            Self::Constant(coefficient) => Self::Constant(coefficient * factor),
            Self::Linear(coefficient, wire) => Self::Linear(coefficient * factor, wire),
            Self::Bilinear(coefficient, a, b) => Self::Bilinear(coefficient * factor, a, b),
        }
    }

    /// Adds the derivatives with respect to each of its widths.
    fn add_prices(self, widths: &Widths, prices: &mut [f64]) {
        let width = |wire| widths.on(wire) as f64;
        match self {
            Self::Constant(_) => {}
            Self::Linear(coefficient, wire) => prices[wire.index()] += coefficient,
            Self::Bilinear(coefficient, a, b) => {
                prices[a.index()] += coefficient * width(b);
                prices[b.index()] += coefficient * width(a);
            }
        }
    }
}

/// Cost of one node: the largest of several sums of terms. Counts have one sum; a roofline has two.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeCost {
    alternatives: Vec<Vec<Term>>,
}

impl NodeCost {
    /// Costs nothing.
    pub const FREE: Self = Self { alternatives: Vec::new() };

    /// A sum of terms.
    pub fn sum(terms: Vec<Term>) -> Self {
        Self::max(vec![terms])
    }

    /// The largest of several sums of terms.
    pub fn max(alternatives: Vec<Vec<Term>>) -> Self {
        Self { alternatives }
    }

    /// `coefficient * width(wire)`.
    pub fn linear(coefficient: f64, wire: NodeId) -> Self {
        Self::sum(vec![Term::Linear(coefficient, wire)])
    }

    /// `coefficient * width(a) * width(b)`.
    pub fn bilinear(coefficient: f64, a: NodeId, b: NodeId) -> Self {
        Self::sum(vec![Term::Bilinear(coefficient, a, b)])
    }

    /// The same cost times a factor, for another unit.
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |terms: Vec<Term>| terms.into_iter().map(|term| term.scaled(factor)).collect();
        Self::max(self.alternatives.into_iter().map(scale).collect())
    }

    /// The sums that the largest is taken of; none if free.
    pub fn alternatives(&self) -> &[Vec<Term>] {
        &self.alternatives
    }

    /// The terms of the largest sum at the given widths; the first of equals.
    pub fn active(&self, widths: &Widths) -> &[Term] {
        let mut largest: Option<(&[Term], f64)> = None;
        for terms in &self.alternatives {
            let value = sum(terms, widths);
            if largest.is_none_or(|(_, other)| value > other) {
                largest = Some((terms, value));
            }
        }
        largest.map_or(&[], |(terms, _)| terms)
    }

    /// Value at the given widths.
    pub fn at(&self, widths: &Widths) -> f64 {
        sum(self.active(widths), widths)
    }
}

fn sum(terms: &[Term], widths: &Widths) -> f64 {
    terms.iter().map(|term| term.at(widths)).sum()
}

/// The cost of a network as a function of its widths: the sum over nodes of [`NodeCost`].
///
/// A node whose output has width 0 is absent and costs nothing. All methods take the widths of the graph that the form
/// was made of; other widths of the same graph come from [`Graph::widths_from`], [`Graph::widths_of_bundles`] and
/// [`graph::ChannelMap::widths`].
#[derive(Clone, Debug, PartialEq)]
pub struct CostForm {
    nodes: Vec<(NodeId, NodeCost)>,
}

impl CostForm {
    /// States the terms of a model for every node of a graph.
    pub fn of(model: &dyn CostModel, graph: &Graph) -> Self {
        Self { nodes: graph.nodes().map(|(id, _)| (id, model.node(graph, id))).collect() }
    }

    /// The terms of one node.
    pub fn node(&self, id: NodeId) -> &NodeCost {
        &self.nodes[id.index()].1
    }

    /// Cost of the whole network in the unit of its model.
    pub fn at(&self, widths: &Widths) -> f64 {
        self.per_node(widths).iter().sum()
    }

    /// Cost of every node, by [`NodeId::index`].
    pub fn per_node(&self, widths: &Widths) -> Vec<f64> {
        let value = |(id, cost): &(NodeId, NodeCost)| {
            if widths.on(*id) == 0 { 0.0 } else { cost.at(widths) }
        };
        self.nodes.iter().map(value).collect()
    }

    /// Marginal cost of one more channel on every wire, by [`NodeId::index`]: `d cost / d width(wire)`, where every
    /// maximum stands for its largest alternative (the first of equals).
    pub fn price(&self, widths: &Widths) -> Vec<f64> {
        let mut prices = vec![0.0; self.nodes.len()];
        for (_, cost) in &self.nodes {
            for term in cost.active(widths) {
                term.add_prices(widths, &mut prices);
            }
        }
        prices
    }

    /// Marginal cost of every channel group, by [`graph::GroupId::index`]: the sum over wires of the wire's price times
    /// the number of the group's channels on it. `channels` are those of the graph that the form was made of.
    pub fn group_prices(&self, channels: &Channels, widths: &Widths) -> Vec<f64> {
        let prices = self.price(widths);
        let mut groups = vec![0.0; channels.len()];
        for (id, _) in &self.nodes {
            for group in channels.on(*id) {
                groups[group.index()] += prices[id.index()];
            }
        }
        groups
    }
}

//! A network's cost as an expression in its widths, stated once and read as cost, price and table.

use graph::{Channels, Graph, NodeId, Widths};

use crate::{CostModel, NodeCost};

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

    /// The same cost as an expression in the widths of another graph, which has all nodes of the graph that the form was made
    /// of under the same names; nodes that only the other one has are free. None if a node is missing there.
    pub fn carried(&self, from: &Graph, to: &Graph) -> Option<Self> {
        let found: Option<Vec<NodeId>> =
            from.nodes().map(|(_, node)| to.find(&node.name)).collect();
        let found = found?;
        let mut nodes: Vec<(NodeId, NodeCost)> =
            to.nodes().map(|(id, _)| (id, NodeCost::FREE)).collect();
        for (id, cost) in &self.nodes {
            nodes[found[id.index()].index()].1 = cost.clone().on(|wire| found[wire.index()]);
        }
        Some(Self { nodes })
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
            cost.add_prices(widths, &mut prices);
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

//! Which layers a penalty is about.

use std::collections::BTreeSet;

use graph::{Channels, Graph, GraphError, GroupId, NodeId};
use serde::{Deserialize, Serialize};

use crate::{Sources, glob};

/// Which layers a penalty presses, how hard, and which it ties; the default is all of them, equally, as the graph ties them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Groups with a channel on one of these wires have no strength: they are not pressed and do not die.
    pub ignored: Vec<NodeId>,
    /// If given, groups without a channel on one of these wires have no strength.
    pub only: Option<Vec<NodeId>>,
    /// What the price of groups on a wire is multiplied with; of several the largest, 1 without any.
    pub weights: Vec<(NodeId, f64)>,
    /// The wires of a list live and die together, channel by channel.
    pub tied: Vec<Vec<NodeId>>,
}

/// A [`Scope`] by patterns on node names: `*` stands for any characters, `?` for one, everything else for itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopePatterns {
    /// Layers to leave alone.
    pub ignored: Vec<String>,
    /// The only layers to press.
    pub only: Option<Vec<String>>,
    /// Weights of layers, above 0; of several patterns that fit a layer the last one counts.
    pub weights: Vec<(String, f64)>,
    /// Lists of layers that are tied, each by its patterns.
    pub tied: Vec<Vec<String>>,
}

/// A scope that does not fit a graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScopeError {
    /// A pattern that no node name fits.
    #[error("no layer is called `{pattern}`; the nearest names are {}", nearest.join(", "))]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// Names that are near, each in backquotes.
        nearest: Vec<String>,
    },
    /// A weight that is none.
    #[error(
        "the weight of `{pattern}` is {weight}; it must be a number above 0 (to leave a layer alone, ignore it)"
    )]
    Weight {
        /// The pattern.
        pattern: String,
        /// The weight.
        weight: f64,
    },
    /// A list of ties that ties nothing.
    #[error("the patterns {} fit one layer only, `{node}`; a tie needs two", patterns.join(", "))]
    OneTied {
        /// The patterns, each in backquotes.
        patterns: Vec<String>,
        /// The layer.
        node: String,
    },
    /// Wires of different widths in a list of ties.
    #[error(transparent)]
    Tie(#[from] GraphError),
}

impl Scope {
    /// The nodes that the patterns mean. A pattern that fits nothing is an error.
    pub fn resolve(graph: &Graph, patterns: &ScopePatterns) -> Result<Self, ScopeError> {
        let all = |patterns: &[String]| -> Result<Vec<NodeId>, ScopeError> {
            let mut found = BTreeSet::new();
            for pattern in patterns {
                found.extend(matching(graph, pattern)?);
            }
            Ok(found.into_iter().collect())
        };
        let mut weights: Vec<(NodeId, f64)> = Vec::new();
        for (pattern, weight) in &patterns.weights {
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(ScopeError::Weight { pattern: pattern.clone(), weight: *weight });
            }
            for node in matching(graph, pattern)? {
                weights.retain(|(other, _)| *other != node);
                weights.push((node, *weight));
            }
        }
        let mut tied = Vec::new();
        for list in &patterns.tied {
            // Activations and the like lie on the wires of layers: one of each group of wires is enough, but no harm is done.
            let nodes = all(list)?;
            if let [node] = nodes[..] {
                let patterns = list.iter().map(|pattern| format!("`{pattern}`")).collect();
                return Err(ScopeError::OneTied { patterns, node: graph.node(node).name.clone() });
            }
            tied.push(nodes);
        }
        let only = patterns.only.as_deref().map(all).transpose()?;
        let scope = Self { ignored: all(&patterns.ignored)?, only, weights, tied };
        Channels::tied(graph, &scope.tied)?;
        Ok(scope)
    }

    /// Without the groups that are out of scope.
    pub fn chosen(&self, channels: &Channels, sources: Sources) -> Sources {
        let sources = sources.ignoring(channels, &self.ignored);
        let Some(only) = &self.only else { return sources };
        let chosen: BTreeSet<GroupId> =
            only.iter().flat_map(|node| channels.on(*node)).copied().collect();
        sources.only(channels, |group| chosen.contains(&group))
    }

    /// The weight of every group, by [`GroupId::index`].
    pub fn group_weights(&self, channels: &Channels) -> Vec<f64> {
        let mut weights: Vec<Option<f64>> = vec![None; channels.len()];
        for (node, weight) in &self.weights {
            for group in channels.on(*node) {
                let known = &mut weights[group.index()];
                *known = Some(known.map_or(*weight, |known| known.max(*weight)));
            }
        }
        weights.into_iter().map(|weight| weight.unwrap_or(1.0)).collect()
    }
}

/// The nodes whose names fit a pattern, in order.
fn matching(graph: &Graph, pattern: &str) -> Result<Vec<NodeId>, ScopeError> {
    let found: Vec<NodeId> = graph
        .nodes()
        .filter(|(_, node)| glob::fits(pattern, &node.name))
        .map(|(id, _)| id)
        .collect();
    if found.is_empty() {
        let names = graph.nodes().map(|(_, node)| node.name.as_str());
        let nearest = glob::nearest(pattern, names, 3);
        let nearest = nearest.into_iter().map(|name| format!("`{name}`")).collect();
        return Err(ScopeError::NoMatch { pattern: pattern.to_owned(), nearest });
    }
    Ok(found)
}

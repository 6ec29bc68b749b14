//! The structure files of the original library: names of operations and their alive channels.

use std::collections::{BTreeMap, BTreeSet};

use graph::{Bundle, ChannelMap, Channels, Graph, GraphError, GroupId, NodeId, Op};
use serde::{Deserialize, Serialize};

use crate::StructureError;

/// Alive output channels by the name of the operation: what the original writes to `learned_structure/alive_<step>`.
///
/// A name is that of a layer and the kind of operation, such as `conv1/Conv2D`; the original writes convolutions alone. It
/// says how many channels are alive, not which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AliveCounts {
    /// Channels by operation.
    pub counts: BTreeMap<String, usize>,
}

/// What becomes of a convolution without a count (`fallback_rule` of the original). Linear layers, which the original never
/// writes, keep their width, and a layer that uses another's kernel has that of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    Strict,
    /// It keeps the width that it has.
    PassThrough,
    /// It is removed.
    Zero,
}

impl AliveCounts {
    /// Reads a file of the original.
    pub fn from_json(text: &str) -> Result<Self, StructureError> {
        serde_json::from_str(text).map_err(|error| StructureError::Json(error.to_string()))
    }

    /// The file as the original writes it: sorted by name, indented by two, without a newline at the end.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("names and whole numbers")
    }

    /// The counts of the convolutions of a graph after a decision. `names` gives operations by layer; a layer that is not
    /// there has its own name with the kind of operation behind.
    pub fn of(graph: &Graph, map: &ChannelMap, names: &BTreeMap<String, String>) -> Self {
        let convolutions = graph.nodes().filter_map(|(id, node)| {
            let kind = exported(&node.op)?;
            let named = || format!("{}/{kind}", node.name);
            Some((names.get(&node.name).cloned().unwrap_or_else(named), map.on(id).len()))
        });
        Self { counts: convolutions.collect() }
    }

    /// The counts without the first part of all names, up to the first `/`, if it is the same in all (the original's
    /// `remove_common_prefix`).
    #[must_use]
    pub fn without_common_prefix(self) -> Self {
        let mut prefixes =
            self.counts.keys().map(|name| name.split_once('/').map(|(prefix, _)| prefix));
        let first = prefixes.next().flatten();
        let Some(length) = first.filter(|first| prefixes.all(|other| other == Some(first))) else {
            return self;
        };
        let start = length.len() + 1;
        let shorter = |(name, count): (String, usize)| (name[start..].to_owned(), count);
        Self { counts: self.counts.into_iter().map(shorter).collect() }
    }

    /// The network with these widths. `names` gives operations by layer; a layer that is not there is looked for by its
    /// name with and without the kind of operation behind.
    ///
    /// A layer of width 0 is removed with all that it alone feeds or is fed by (`VANISHED` of the original). Errors if an
    /// operation stands for no layer, a layer has more channels than in the network, or tied layers disagree.
    pub fn rebuild(
        &self,
        graph: &Graph,
        names: &BTreeMap<String, String>,
        missing: Missing,
    ) -> Result<Graph, StructureError> {
        let widths = self.widths(graph, names, missing)?;
        let by_width = graph.widths_from(|id| {
            widths.get(&id).copied().unwrap_or_else(|| graph.node(id).shape.channels)
        });
        let refused = match graph.with_widths(&by_width) {
            Ok(rebuilt) => return Ok(rebuilt),
            Err(error) => error,
        };
        // Where channels are selected or padded their numbers matter: the first ones of every bundle stay.
        match first_of_every_bundle(graph, &widths) {
            Err(_) if !matches!(refused, GraphError::NeedsChannels(_)) => Err(refused.into()),
            other => other,
        }
    }

    /// Width of every layer.
    fn widths(
        &self,
        graph: &Graph,
        names: &BTreeMap<String, String>,
        missing: Missing,
    ) -> Result<BTreeMap<NodeId, usize>, StructureError> {
        let channels = Channels::of(graph);
        let mut widths: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut tied: BTreeMap<&[GroupId], (&str, usize)> = BTreeMap::new();
        for (id, node) in graph.nodes().filter(|(_, node)| node.op.is_producer()) {
            let (layer, width) = (&node.name, node.shape.channels);
            let operation = self.operation(layer, &node.op, names)?;
            // A layer that uses another's kernel is as wide as that.
            let shared = node.shares.and_then(|owner| widths.get(&owner).copied());
            let count = match (operation, missing) {
                (Some((operation, count)), _) => {
                    used.insert(operation);
                    count
                }
                (None, _) if shared.is_some() => shared.unwrap_or(width),
                (None, Missing::Strict) if exported(&node.op).is_some() => {
                    return Err(StructureError::MissingLayer(layer.clone()));
                }
                (None, Missing::Zero) if exported(&node.op).is_some() => 0,
                (None, Missing::Strict | Missing::PassThrough | Missing::Zero) => width,
            };
            if count > width {
                return Err(StructureError::TooMany { layer: layer.clone(), count, width });
            }
            if count > 0 {
                let (first, first_count) =
                    *tied.entry(channels.on(id)).or_insert((layer.as_str(), count));
                if first_count != count {
                    let (first, second) = (first.to_owned(), layer.clone());
                    let second_count = count;
                    return Err(StructureError::TiedCounts {
                        first,
                        first_count,
                        second,
                        second_count,
                    });
                }
            }
            widths.insert(id, count);
        }
        match self.counts.keys().find(|name| !used.contains(name.as_str())) {
            Some(unknown) => Err(StructureError::UnknownOperation(unknown.clone())),
            None => Ok(widths),
        }
    }

    /// The operation that stands for a layer, and its count.
    fn operation(
        &self,
        layer: &str,
        op: &Op,
        names: &BTreeMap<String, String>,
    ) -> Result<Option<(&str, usize)>, StructureError> {
        let find = |name: &str| {
            self.counts.get_key_value(name).map(|(name, count)| (name.as_str(), *count))
        };
        if let Some(name) = names.get(layer) {
            return Ok(find(name));
        }
        let kind = exported(op).unwrap_or("MatMul");
        match (find(&format!("{layer}/{kind}")), find(layer)) {
            (Some((first, _)), Some((second, _))) => Err(StructureError::Ambiguous {
                layer: layer.to_owned(),
                first: first.to_owned(),
                second: second.to_owned(),
            }),
            (with, without) => Ok(with.or(without)),
        }
    }
}

/// The network in which the first groups of every bundle stay, as many as the widths of layers say.
fn first_of_every_bundle(
    graph: &Graph,
    widths: &BTreeMap<NodeId, usize>,
) -> Result<Graph, StructureError> {
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let sizes = sizes(graph, &bundles, widths);
    let map = ChannelMap::of_bundles(graph, &channels, &bundles, &sizes)?;
    for (id, width) in widths {
        let (kept, remain) = (*width, map.on(*id).len());
        if kept != remain {
            let layer = graph.node(*id).name.clone();
            return Err(StructureError::Unreachable { layer, kept, remain });
        }
    }
    Ok(graph.with_channels(&map)?)
}

/// Groups that stay of every bundle, from the widths of layers: where all bundles of a layer but one are known, so is that
/// one; where more are unknown, they are taken to have shrunk alike. What no layer tells keeps its size, and is gone if its
/// layers are.
fn sizes(graph: &Graph, bundles: &[Bundle], widths: &BTreeMap<NodeId, usize>) -> Vec<usize> {
    let mut on: BTreeMap<NodeId, Vec<(usize, usize)>> = BTreeMap::new();
    for (position, bundle) in bundles.iter().enumerate() {
        for (id, each) in bundle.producers(graph) {
            on.entry(id).or_default().push((position, each));
        }
    }
    let mut sizes: Vec<Option<usize>> = vec![None; bundles.len()];
    // What is known of a layer: channels that are left for unknown bundles, and those bundles.
    let open = |id: &NodeId, sizes: &[Option<usize>]| {
        let width = widths.get(id).copied().filter(|width| *width > 0)?;
        let parts = on[id].iter();
        let known: usize =
            parts.clone().map(|(position, each)| sizes[*position].unwrap_or_default() * each).sum();
        let unknown: Vec<(usize, usize)> =
            parts.filter(|(position, _)| sizes[*position].is_none()).copied().collect();
        (!unknown.is_empty()).then(|| (width.saturating_sub(known), unknown))
    };
    // The layer with the fewest unknown bundles; their first one gets its share.
    while let Some((left, unknown)) =
        on.keys().filter_map(|id| open(id, &sizes)).min_by_key(|(_, unknown)| unknown.len())
    {
        let (position, _) = unknown[0];
        let groups = bundles[position].groups.len();
        let all: usize =
            unknown.iter().map(|(position, each)| bundles[*position].groups.len() * each).sum();
        sizes[position] = Some((groups * left + all / 2) / all);
    }
    let size = |(bundle, size): (&Bundle, Option<usize>)| {
        let gone = bundle.producers(graph).iter().any(|(id, _)| widths.get(id) == Some(&0));
        size.unwrap_or(if gone { 0 } else { bundle.groups.len() })
    };
    bundles.iter().zip(sizes).map(size).collect()
}

/// What the original calls an operation that it writes.
fn exported(op: &Op) -> Option<&'static str> {
    match op {
        Op::Conv2d(_) => Some("Conv2D"),
        Op::ConvTranspose(_) => Some("conv2d_transpose"),
        Op::Conv3d(_) => Some("Conv3D"),
        Op::Linear(_)
        | Op::Depthwise(_)
        | Op::Input(_)
        | Op::BatchNorm(_)
        | Op::Bias
        | Op::Gate
        | Op::Activation(_)
        | Op::Softmax
        | Op::LocalResponseNorm(_)
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Maximum
        | Op::Minimum
        | Op::Concat(_)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Flatten
        | Op::Gather(_)
        | Op::DepthToSpace { .. }
        | Op::SpaceToDepth { .. }
        | Op::Resize(_)
        | Op::Pad(_)
        | Op::Reshape { .. }
        | Op::Permute(_)
        | Op::Dropout { .. } => None,
    }
}

//! A golden network as one of our graphs: as it is, and as the original saw it.

use std::collections::{BTreeMap, BTreeSet};

use graph::{Builder, Graph, NodeId, Op, Shape, Spread};

use crate::check::Check;
use crate::schema::{Family, Network, Node};
use crate::translate;

/// One of our graphs with the wires of the golden nodes.
pub(crate) struct Mapped {
    pub(crate) graph: Graph,
    /// The wire of every golden node that is in the graph.
    pub(crate) wires: BTreeMap<String, NodeId>,
    /// The wires that every golden node reads, in its own order of inputs.
    pub(crate) inputs: BTreeMap<String, Vec<NodeId>>,
    /// Stand-ins for what the original does not analyse, of which it knows the static width only.
    pub(crate) unseen: BTreeSet<NodeId>,
}

/// Operators behind which the original sees channels that have nothing to do with those before.
const CUT: [&str; 5] = ["flatten", "reshape", "transpose", "space_to_depth", "depth_to_space"];

/// Of those, the ones at which its traversal ends.
const LEAVES: [&str; 3] = ["flatten", "reshape", "space_to_depth"];

pub(crate) fn is_cut(node: &Node) -> bool {
    CUT.contains(&node.op.as_str())
}

pub(crate) fn is_constant(node: &Node) -> bool {
    node.op == "input" && node.kind.as_deref() == Some("const")
}

/// Whether the nodes of a kind have strengths of their own in a family.
fn is_source(family: Family, node: &Node) -> bool {
    match family {
        Family::Gamma => node.op == "batch_norm",
        Family::GroupLasso => translate::has_kernel(node) && node.op != "depthwise_conv2d",
        Family::LogisticSigmoid => node.op == "gate",
    }
}

/// The nodes that the original looks at.
pub(crate) struct Analysed<'a> {
    /// Ancestors of the outputs up to the input boundary, without constants.
    pub(crate) within: BTreeSet<&'a str>,
    /// Of these, the ones that are connected to a source: from a node to its consumers, and to its inputs unless it is a
    /// leaf.
    pub(crate) connected: BTreeSet<&'a str>,
}

impl<'a> Analysed<'a> {
    pub(crate) fn of(file: &'a Network) -> Result<Self, String> {
        let nodes: BTreeMap<&str, &Node> =
            file.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut consumers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for node in &file.nodes {
            for input in &node.inputs {
                consumers.entry(input).or_default().push(&node.id);
            }
        }
        let find =
            |id: &str| nodes.get(id).copied().ok_or_else(|| format!("there is no node `{id}`"));
        let mut within = BTreeSet::new();
        let mut open: Vec<&str> = file.outputs.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            let node = find(id)?;
            if file.input_boundary.contains(&node.id) || is_constant(node) {
                continue;
            }
            if within.insert(id) {
                open.extend(node.inputs.iter().map(String::as_str));
            }
        }
        let mut connected = BTreeSet::new();
        let mut open = Vec::new();
        for id in &within {
            if is_source(file.family, find(id)?) {
                open.push(*id);
            }
        }
        while let Some(id) = open.pop() {
            if within.contains(id) && connected.insert(id) {
                open.extend(consumers.get(id).into_iter().flatten());
                let node = find(id)?;
                if !LEAVES.contains(&node.op.as_str()) {
                    open.extend(node.inputs.iter().map(String::as_str));
                }
            }
        }
        Ok(Self { within, connected })
    }
}

/// Adds a golden node; the operands of a join are put in the order that ours ask for.
fn add(build: &mut Builder, node: &Node, wires: &[NodeId]) -> Result<NodeId, String> {
    let mut wires = wires.to_vec();
    if let ([first, second], true) = (&mut wires[..], translate::is_join(node)) {
        let fits = Spread::of(build.shape(*first), build.shape(*second)).is_some();
        if !fits && node.op != "sub" {
            std::mem::swap(first, second);
        }
    }
    let first = wires.first().ok_or_else(|| format!("`{}` has no input", node.id))?;
    let op = translate::op(node, build.shape(*first))?;
    build.add(&node.id, op, &wires).map_err(|error| error.to_string())
}

fn input(build: &mut Builder, name: &str, shape: Shape) -> Result<NodeId, String> {
    build.add(name, Op::Input(shape), &[]).map_err(|error| error.to_string())
}

/// The graph with every wire that nobody reads as an output.
fn finish(build: Builder, read: &BTreeSet<NodeId>, all: &[NodeId]) -> Result<Graph, String> {
    let outputs: Vec<NodeId> = all.iter().copied().filter(|id| !read.contains(id)).collect();
    build.finish(&outputs).map_err(|error| error.to_string())
}

/// The network as it is: every shape must come out as the file says.
pub(crate) fn truth(file: &Network, check: &mut Check) -> Result<Mapped, String> {
    let (mut build, mut all, mut read) = (Builder::new(), Vec::new(), BTreeSet::new());
    let (mut wires, mut inputs) = (BTreeMap::new(), BTreeMap::new());
    for node in &file.nodes {
        let own: Vec<NodeId> = node
            .inputs
            .iter()
            .map(|input| wires.get(input).copied().ok_or_else(|| format!("no wire `{input}`")))
            .collect::<Result<_, String>>()?;
        let shape = translate::shape(&node.out_shape)?;
        let id = if node.op == "input" {
            let given = node.shape.as_deref().unwrap_or(&node.out_shape);
            input(&mut build, &node.id, translate::shape(given)?)?
        } else {
            add(&mut build, node, &own)?
        };
        check.equal(format_args!("shape of `{}`", node.id), build.shape(id), shape);
        read.extend(&own);
        all.push(id);
        wires.insert(node.id.clone(), id);
        inputs.insert(node.id.clone(), own);
    }
    let graph = finish(build, &read, &all)?;
    Ok(Mapped { graph, wires, inputs, unseen: BTreeSet::new() })
}

/// The network as the original saw it, which differs from what it is as follows.
///
/// * Only analysed nodes are there; what they read of others is an input of its own for each reader (`not_analysed`, constants,
///   the input boundary).
/// * A node behind which it loses the channels is an input (`channel_link_lost`).
/// * A grouped convolution is dense (`grouped_conv_as_dense`).
/// * A matrix has one row (`matmul_rows_ignored`).
pub(crate) fn as_seen(
    file: &Network,
    analysed: &Analysed<'_>,
    check: &mut Check,
) -> Result<Option<Mapped>, String> {
    let (mut build, mut all, mut read) = (Builder::new(), Vec::new(), BTreeSet::new());
    let (mut wires, mut inputs) = (BTreeMap::new(), BTreeMap::new());
    let mut unseen = BTreeSet::new();
    let shapes: BTreeMap<&str, &[usize]> =
        file.nodes.iter().map(|node| (node.id.as_str(), &node.out_shape[..])).collect();
    let cut: BTreeSet<&str> =
        file.nodes.iter().filter(|node| is_cut(node)).map(|node| node.id.as_str()).collect();
    for node in &file.nodes {
        if !analysed.connected.contains(node.id.as_str()) {
            let elsewhere = !analysed.within.contains(node.id.as_str());
            if !elsewhere {
                check.reproduced("not_analysed", &node.id);
            }
            continue;
        }
        let shape = translate::shape_of_one_row(&node.out_shape)?;
        let mut own = Vec::new();
        let id = if node.op == "input" || is_cut(node) {
            input(&mut build, &node.id, shape)?
        } else {
            for (position, name) in node.inputs.iter().enumerate() {
                if let Some(wire) = wires.get(name) {
                    own.push(*wire);
                    continue;
                }
                let given = shapes.get(name.as_str()).ok_or_else(|| format!("no `{name}`"))?;
                let name = format!("{} reads {name} ({position})", node.id);
                let id = input(&mut build, &name, translate::shape_of_one_row(given)?)?;
                unseen.insert(id);
                own.push(id);
            }
            let dense = Node { groups: None, ..node.clone() };
            add(&mut build, &dense, &own)?
        };
        check.equal(format_args!("shape of `{}` as seen", node.id), build.shape(id), shape);
        if is_cut(node) {
            check.reproduced("channel_link_lost", &node.id);
        }
        let charged_by_width = translate::has_kernel(node);
        if charged_by_width && node.inputs.iter().any(|input| cut.contains(input.as_str())) {
            check.reproduced("channel_link_lost", &node.id);
        }
        if node.groups.is_some_and(|groups| groups > 1) {
            check.reproduced("grouped_conv_as_dense", &node.id);
        }
        if node.op == "matmul" && node.out_shape.len() == 2 && node.out_shape[0] > 1 {
            check.reproduced("matmul_rows_ignored", &node.id);
        }
        read.extend(&own);
        all.push(id);
        wires.insert(node.id.clone(), id);
        inputs.insert(node.id.clone(), own);
    }
    if all.is_empty() {
        return Ok(None);
    }
    let graph = finish(build, &read, &all)?;
    Ok(Some(Mapped { graph, wires, inputs, unseen }))
}

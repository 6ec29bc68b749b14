//! A network file: our analysis of the network as the original saw it, against the original's numbers.

mod costs;

use std::collections::{BTreeMap, BTreeSet};

use graph::{Channels, GraphError, GroupId, NodeId, Role};
use ndarray::{ArrayD, IxDyn};
use regularizers::{Gamma, Gate, Grouping, Regularizer, Sources, Strength, Strengths};
use surgery::{AliveCounts, Missing, StructureError};
use training::Parameters;

use crate::check::Check;
use crate::intent;
use crate::schema::{Combination, Family, Network, Node, Slice};
use crate::seen::{Analysed, Mapped, as_seen, is_constant, truth};
use crate::single_precision::SinglePrecision;
use crate::vectors::mask;

pub(crate) fn verify(name: &str, file: &Network, check: &mut Check) -> Result<(), String> {
    check.equal("schema version", file.schema_version, 1);
    check.equal("name", name.split('.').next(), Some(file.name.as_str()));
    let truth = truth(file, check)?;
    let analysed = Analysed::of(file)?;
    let ids = file.nodes.iter().map(|node| node.id.as_str());
    let not_analysed: BTreeSet<&str> = ids.filter(|id| !analysed.connected.contains(id)).collect();
    let expected: BTreeSet<&str> = file.expected.not_analysed.iter().map(String::as_str).collect();
    check.equal("nodes that are not analysed", not_analysed, expected);

    let seen = as_seen(file, &analysed, check)?;
    match &seen {
        Some(mapped) => Case::verify(file, mapped, check)?,
        None => nothing_analysed(file, check),
    }
    intent::verify(file, &truth, check)?;
    quirks_are_those_of_the_file(file, check);
    Ok(())
}

/// A network without sources: the original finds nothing and reports a cost of 0.
fn nothing_analysed(file: &Network, check: &mut Check) {
    check.that(file.expected.nodes.is_empty(), || "nodes are expected of no network".to_owned());
    check.that(file.expected.groups.is_empty(), || "groups are expected of no network".to_owned());
    check.that(file.expected.export.is_empty(), || "an export is expected of nothing".to_owned());
    for cost in &file.expected.costs {
        check.equal("cost of nothing", cost.total_cost, 0.0);
        check.equal("term of nothing", cost.total_term, 0.0);
    }
}

/// Every quirk of the file was met, at its nodes, and no other.
fn quirks_are_those_of_the_file(file: &Network, check: &mut Check) {
    let mut marked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for quirk in &file.quirks {
        marked.entry(quirk.code.clone()).or_default().extend(quirk.ops.iter().cloned());
    }
    check.equal("quirks met", check.quirks.clone(), marked);
}

/// A network with its strengths.
struct Case<'a> {
    file: &'a Network,
    mapped: &'a Mapped,
    channels: Channels,
    nodes: Vec<&'a Node>,
    parameters: Parameters,
}

impl<'a> Case<'a> {
    fn verify(file: &'a Network, mapped: &'a Mapped, check: &mut Check) -> Result<(), String> {
        let ties: Vec<Vec<NodeId>> = file
            .force_group
            .iter()
            .map(|list| list.iter().filter_map(|id| mapped.wires.get(id).copied()).collect())
            .collect();
        let channels = Channels::tied(&mapped.graph, &ties).map_err(|error| error.to_string())?;
        let nodes = file.nodes.iter().filter(|node| mapped.wires.contains_key(&node.id)).collect();
        let parameters = parameters(file, mapped)?;
        let case = Self { file, mapped, channels, nodes, parameters };

        let lasso = SinglePrecision::new(file.l1_fraction.unwrap_or_default())?;
        let strength: &dyn Strength = match file.family {
            Family::Gamma => &Gamma,
            Family::GroupLasso => &lasso,
            Family::LogisticSigmoid => &Gate,
        };
        let all = Sources::of(&mapped.graph, &case.channels, strength);
        let ignored: Vec<NodeId> =
            file.blacklist.iter().filter_map(|id| mapped.wires.get(id).copied()).collect();
        let sources = all.clone().ignoring(&case.channels, &ignored);
        let grouping = match (file.grouping, file.l2_threshold) {
            (Combination::Max, None) => Grouping::Max,
            (Combination::L2, Some(threshold)) => Grouping::L2 { threshold },
            (Combination::Probabilistic, None) => Grouping::Probabilistic,
            other => return Err(format!("an unknown grouping {other:?}")),
        };
        let regularizer = Regularizer {
            graph: &mapped.graph,
            channels: &case.channels,
            strength,
            sources: &sources,
            grouping,
            threshold: file.threshold,
        };
        let strengths =
            regularizer.strengths(&case.parameters).map_err(|error| error.to_string())?;
        if file.family == Family::GroupLasso && case.has_long_sums() {
            check.deviations.insert("single_precision_sums");
        }
        let ties = case.has_ties(strength, &sources)?;
        check.equal("the largest of a group is not unique", ties, file.expected.max_ties);
        case.inputs_that_are_tied(&sources, check);
        case.groups(&all, &sources, &strengths, check)?;
        case.masks(&sources, &strengths, check)?;
        case.export(&sources, &strengths, check);
        for cost in &file.expected.costs {
            case.cost(cost, &regularizer, &strengths, check)?;
        }
        Ok(())
    }

    fn groups_on(&self, id: &str) -> Result<&[GroupId], String> {
        let wire = self.mapped.wires.get(id).ok_or_else(|| format!("`{id}` is not analysed"))?;
        Ok(self.channels.on(*wire))
    }

    fn has_long_sums(&self) -> bool {
        self.parameters.iter().any(|(node, _, kernel)| {
            let out = self.mapped.graph.node(node).shape.channels;
            SinglePrecision::is_long(kernel.len() / out)
        })
    }

    /// Whether two members of a group share its largest strength.
    fn has_ties(&self, strength: &dyn Strength, sources: &Sources) -> Result<bool, String> {
        let graph = &self.mapped.graph;
        let mut values = BTreeMap::new();
        for node in sources.nodes() {
            let own = strength.values(graph, *node, &self.parameters);
            values.insert(*node, own.map_err(|error| error.to_string())?);
        }
        let is_tied = |group: GroupId| {
            let members = sources.members(group).iter();
            let members: Vec<f32> = members.map(|(node, channel)| values[node][*channel]).collect();
            let largest = members.iter().copied().fold(f32::MIN, f32::max);
            members.iter().filter(|value| **value == largest).count() > 1
        };
        Ok(self.channels.groups().any(is_tied))
    }

    /// `input_tied`: a placeholder whose channels lie in a group with sources.
    fn inputs_that_are_tied(&self, sources: &Sources, check: &mut Check) {
        for node in self.nodes.iter().filter(|node| node.op == "input" && !is_constant(node)) {
            let wire = self.mapped.wires[&node.id];
            if self.channels.on(wire).iter().any(|group| !sources.members(*group).is_empty()) {
                check.reproduced("input_tied", &node.id);
                for reader in self.nodes.iter().filter(|reader| reader.inputs.contains(&node.id)) {
                    check.reproduced("input_tied", &reader.id);
                }
            }
        }
    }

    /// The same channels are tied, by the same sources, with the same strengths.
    fn groups(
        &self,
        all: &Sources,
        sources: &Sources,
        strengths: &Strengths,
        check: &mut Check,
    ) -> Result<(), String> {
        // Two equivalence relations agree if a map from the classes of one to those of the other is one to one.
        let mut theirs: BTreeMap<GroupId, (usize, usize)> = BTreeMap::new();
        let mut covered: BTreeSet<(&str, usize)> = BTreeSet::new();
        for (number, group) in self.file.expected.groups.iter().enumerate() {
            let size = group.members.first().map_or(0, |slice| slice.2);
            for channel in 0..size {
                let label = (number, channel);
                let mut ours: BTreeSet<GroupId> = BTreeSet::new();
                for (id, start, count) in &group.members {
                    let on = self.groups_on(id)?;
                    check.equal(format_args!("size of a slice of `{id}`"), *count, size);
                    let group = on.get(start + channel).copied();
                    ours.insert(group.ok_or_else(|| format!("`{id}` has no {start}+{channel}"))?);
                    let new = covered.insert((id, start + channel));
                    check.that(new, || {
                        format!("channel {start}+{channel} of `{id}` is in two groups")
                    });
                }
                let one = ours.first().copied().filter(|_| ours.len() == 1);
                check.that(one.is_some(), || {
                    format!("group {number} channel {channel} is {} groups here", ours.len())
                });
                let Some(ours) = one else { continue };
                let other = *theirs.entry(ours).or_insert(label);
                check.that(other == label, || {
                    format!("groups {other:?} and {label:?} are one group here")
                });
                let members = |sources: &Sources| sources.members(ours).len();
                check.equal(
                    format_args!("group {number} is regularized"),
                    members(sources) > 0,
                    group.regularized,
                );
                let found: BTreeSet<(NodeId, usize)> = all.members(ours).iter().copied().collect();
                let expected: BTreeSet<(NodeId, usize)> = group
                    .sources
                    .iter()
                    .map(|(id, start, _): &Slice| (self.mapped.wires[id], start + channel))
                    .collect();
                check.equal(format_args!("sources of group {number}"), found, expected);
                if let (Some(reg), Some(alive)) = (&group.reg, &group.alive) {
                    let what = format!("strength of group {number} channel {channel}");
                    check.close(&what, f64::from(strengths.of(ours)), reg[channel]);
                    let expected = alive.as_bytes()[channel] == b'1';
                    check.equal(
                        format_args!("{what} is alive"),
                        strengths.is_alive(ours),
                        expected,
                    );
                }
            }
        }
        let channels = self.nodes.iter().map(|node| self.groups_on(&node.id).map(<[_]>::len));
        let channels = channels.sum::<Result<usize, String>>()?;
        check.equal("channels in groups", covered.len(), channels);
        Ok(())
    }

    fn masks(
        &self,
        sources: &Sources,
        strengths: &Strengths,
        check: &mut Check,
    ) -> Result<(), String> {
        let ids: BTreeSet<&str> = self.nodes.iter().map(|node| node.id.as_str()).collect();
        let expected: BTreeSet<&str> =
            self.file.expected.nodes.keys().map(String::as_str).collect();
        check.equal("analysed nodes", ids, expected);
        for (id, expected) in &self.file.expected.nodes {
            let on = self.groups_on(id)?;
            let alive = mask(on.iter().map(|group| strengths.is_alive(*group)));
            let regularized = on.iter().any(|group| !sources.members(*group).is_empty());
            check.equal(format_args!("width of `{id}`"), on.len(), expected.width);
            check.equal(
                format_args!("alive channels of `{id}`"),
                alive.matches('1').count(),
                expected.n_alive,
            );
            let alive = Some(alive).filter(|_| regularized);
            check.equal(format_args!("mask of `{id}`"), alive, expected.alive.clone());
            let sum: f64 = on.iter().map(|group| f64::from(strengths.of(*group))).sum();
            check.close(format_args!("strengths of `{id}`"), sum, expected.reg_sum);
        }
        Ok(())
    }

    /// The structure that the original exports: convolutions with a strength, and their alive channels.
    fn export(&self, sources: &Sources, strengths: &Strengths, check: &mut Check) {
        let mut export = BTreeMap::new();
        for node in &self.nodes {
            let on = self.channels.on(self.mapped.wires[&node.id]);
            let exported = ["conv2d", "conv2d_transpose", "conv3d"].contains(&node.op.as_str());
            if exported && on.iter().any(|group| !sources.members(*group).is_empty()) {
                let alive = on.iter().filter(|group| strengths.is_alive(**group)).count();
                export.insert(node.id.clone(), alive);
            }
        }
        check.equal("export", export, self.file.expected.export.clone());
        self.rebuilds(check);
    }

    /// The exported counts, as a file of the original has them, make the network with these widths.
    fn rebuilds(&self, check: &mut Check) {
        let graph = &self.mapped.graph;
        let export = &self.file.expected.export;
        let file = serde_json::to_string(export).expect("names and numbers");
        let names =
            export.keys().map(|id| (graph.node(self.mapped.wires[id]).name.clone(), id.clone()));
        let rebuilt = AliveCounts::from_json(&file)
            .and_then(|counts| counts.rebuild(graph, &names.collect(), Missing::PassThrough));
        match rebuilt {
            Ok(rebuilt) => {
                for (id, count) in export {
                    let name = &graph.node(self.mapped.wires[id]).name;
                    let width = rebuilt.find(name).map(|id| rebuilt.node(id).shape.channels);
                    // What a vanished layer alone fed or was fed by is gone.
                    if let Some(width) = width {
                        check.equal(format_args!("rebuilt width of `{id}`"), width, *count);
                    }
                }
            }
            // The original would build nothing for an output that is cut off.
            Err(StructureError::Graph(GraphError::Cut(_))) => {
                let vanished = export.values().any(|count| *count == 0);
                check
                    .that(vanished, || "an output is cut off although no layer is gone".to_owned());
            }
            // Beyond a boundary the original sees the width of the seed, which a sum with a narrower wire does not take.
            Err(StructureError::Graph(GraphError::Shape { .. }))
                if !self.file.input_boundary.is_empty() => {}
            Err(error) => check.that(false, || format!("the export does not rebuild: {error}")),
        }
    }
}

/// The parameters of the file that belong to analysed nodes.
pub(crate) fn parameters(file: &Network, mapped: &Mapped) -> Result<Parameters, String> {
    let mut parameters = Parameters::new();
    let mut insert = |id: &str, role, shape: &[usize], values: Vec<f32>| {
        if let Some(wire) = mapped.wires.get(id) {
            let tensor = ArrayD::from_shape_vec(IxDyn(shape), values);
            parameters.insert(*wire, role, tensor.map_err(|error| format!("`{id}`: {error}"))?);
        }
        Ok::<_, String>(())
    };
    for (id, gammas) in &file.gammas {
        insert(id, Role::Gamma, &[gammas.len()], gammas.clone())?;
    }
    for (id, logits) in &file.logits {
        insert(id, Role::Logit, &[logits.len()], logits.clone())?;
    }
    let kinds: BTreeMap<&str, &str> =
        file.nodes.iter().map(|node| (node.id.as_str(), node.op.as_str())).collect();
    for (id, weights) in &file.weights {
        let length: usize = weights.shape.iter().product();
        let input = weights.shape.last().copied().unwrap_or(1);
        let inner = if kinds.get(id.as_str()) == Some(&"conv2d_transpose") { input } else { 1 };
        let values = match (&weights.values, &weights.const_per_output) {
            (Some(values), None) => values.clone(),
            (None, Some(per_output)) => {
                (0..length).map(|at| per_output[at / inner % per_output.len()]).collect()
            }
            _ => return Err(format!("the weights of `{id}` are neither values nor constants")),
        };
        insert(id, Role::Weight, &weights.shape, values)?;
    }
    Ok(parameters)
}

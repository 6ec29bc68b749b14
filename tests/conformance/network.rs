//! A network file: our analysis of the network as the original saw it, against the original's numbers.

use std::collections::{BTreeMap, BTreeSet};

use cost_models::{CostForm, CostModel, NodeCost};
use graph::{Channels, Graph, GroupId, NodeId, Role};
use ndarray::{ArrayD, IxDyn};
use regularizers::{Gamma, Gate, Grouping, Regularizer, Sources, Strength, Strengths};
use training::Parameters;

use crate::charge::{Charge, Target};
use crate::check::Check;
use crate::deviations::{Site, as_original, fix_unseen, internal};
use crate::intent;
use crate::schema::{Combination, Cost, Family, Network, Node, Slice};
use crate::seen::{Analysed, Mapped, as_seen, is_constant, truth};
use crate::single_precision::SinglePrecision;
use crate::vectors::{compare_gradient, mask};

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
    }

    fn cost(
        &self,
        expected: &Cost,
        regularizer: &Regularizer<'_>,
        strengths: &Strengths,
        check: &mut Check,
    ) -> Result<(), String> {
        let target = Target::named(&expected.target, expected.hardware.as_deref(), expected.batch)?;
        let what = [Some(expected.target.clone()), expected.hardware.clone()];
        let what = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let what = format!("{what} {}", expected.batch.map_or(String::new(), |n| format!("x{n}")));
        let mut charges = self.charges(&target, check)?;
        self.near_ties(expected, &mut charges, strengths, check)?;
        let bill = self.bill(&charges, regularizer, strengths, &self.parameters)?;

        check.close(format_args!("{what} total"), bill.cost, expected.total_cost);
        check.close(format_args!("{what} total term"), bill.term, expected.total_term);
        if matches!(target, Target::Flops | Target::ModelSize) {
            // Counts are whole numbers; the original adds them in single precision, in the order of the nodes.
            let costs = self.nodes.iter().map(|node| bill.nodes[node.id.as_str()][0] as f32);
            let single = costs.fold(0.0_f32, |sum, cost| sum + cost);
            check.equal(
                format_args!("{what} in single precision"),
                single,
                expected.total_cost as f32,
            );
        }
        if let Some(ops) = &expected.ops {
            for node in &self.nodes {
                let [cost, term] = bill.nodes[node.id.as_str()];
                let [expected_cost, expected_term] = ops.get(&node.id).copied().unwrap_or_default();
                check.close(format_args!("{what} of `{}`", node.id), cost, expected_cost);
                check.close(format_args!("{what} term of `{}`", node.id), term, expected_term);
            }
            let known = ops.keys().all(|id| bill.nodes.contains_key(id.as_str()));
            check.that(known, || format!("{what} lists a node that is not analysed"));
        }
        let internal = expected.internal.unwrap_or_default();
        if expected.ops.is_some() {
            check.close(format_args!("{what} inside gates"), bill.internal[0], internal[0]);
            check.close(format_args!("{what} term inside gates"), bill.internal[1], internal[1]);
        }
        if let Some(gradients) = &expected.grad {
            self.gradients(&what, gradients, &bill.gradient, check)?;
        }
        if expected.seed_cost.is_some() || expected.seed_term.is_some() {
            let ones = self.all_ones();
            let strengths = regularizer.strengths(&ones).map_err(|error| error.to_string())?;
            let seed = self.bill(&charges, regularizer, &strengths, &ones)?;
            let (cost, term) = (expected.seed_cost, expected.seed_term);
            check.close(format_args!("{what} of the seed"), seed.cost, cost.unwrap_or(f64::NAN));
            check.close(format_args!("{what} seed term"), seed.term, term.unwrap_or(f64::NAN));
        }
        Ok(())
    }

    /// Nodes whose two sides are so near that rounding decides which of them the term is made of: those of the file, and no
    /// others. The side taken is that of the term recorded.
    fn near_ties(
        &self,
        expected: &Cost,
        charges: &mut Charges<'a>,
        strengths: &Strengths,
        check: &mut Check,
    ) -> Result<(), String> {
        let (Some(hardware), Some(batch)) = (&expected.hardware, expected.batch) else {
            return Ok(());
        };
        let widths = self.channels.widths_where(|group| strengths.is_alive(group));
        let width = |wire: NodeId| widths.on(wire) as f64;
        let sum = |wire: NodeId| {
            self.channels.on(wire).iter().map(|group| f64::from(strengths.of(*group))).sum()
        };
        for (id, (_, charge)) in &mut charges.nodes {
            let [compute, memory] = charge.sides(&width);
            let near = compute != memory && (compute - memory).abs() < 1e-4 * compute.max(memory);
            let listed = self
                .file
                .expected
                .near_ties
                .iter()
                .any(|(node, device, n)| node == id && device == hardware && *n == batch);
            check.equal(
                format_args!("`{id}` is near the ridge of {hardware} x{batch}"),
                near,
                listed,
            );
            if listed {
                let term = expected.ops.as_ref().and_then(|ops| ops.get(*id));
                let term =
                    term.ok_or_else(|| format!("`{id}` is near a ridge, without its term"))?[1];
                let mut off = |memory_binds| {
                    charge.memory_binds = Some(memory_binds);
                    (charge.at(&width, &sum)[1] - term).abs()
                };
                let memory_binds = off(true) < off(false);
                charge.memory_binds = Some(memory_binds);
            }
        }
        Ok(())
    }

    /// What every node is charged by the original, and what goes on inside it.
    fn charges(&self, target: &Target, check: &mut Check) -> Result<Charges<'a>, String> {
        let mut charges = Charges { nodes: BTreeMap::new(), internal: Vec::new() };
        for node in &self.nodes {
            let site = Site {
                graph: &self.mapped.graph,
                node,
                wire: self.mapped.wires[&node.id],
                inputs: &self.mapped.inputs[&node.id],
                target,
            };
            let mut charge = as_original(&site, check)?;
            fix_unseen(self.mapped, &mut charge);
            charges.nodes.insert(node.id.as_str(), (site.wire, charge));
            charges.internal.extend(internal(&site, check).map(|charge| (site.wire, charge)));
        }
        Ok(charges)
    }

    /// Costs, terms and gradients at some parameters.
    fn bill(
        &self,
        charges: &Charges<'a>,
        regularizer: &Regularizer<'_>,
        strengths: &Strengths,
        parameters: &Parameters,
    ) -> Result<Bill<'a>, String> {
        let graph = &self.mapped.graph;
        let widths = self.channels.widths_where(|group| strengths.is_alive(group));
        let sums: Vec<f64> = graph
            .nodes()
            .map(|(id, _)| {
                let on = self.channels.on(id).iter();
                on.map(|group| f64::from(strengths.of(*group))).sum()
            })
            .collect();
        let width = |wire: NodeId| widths.on(wire) as f64;
        let sum = |wire: NodeId| sums[wire.index()];
        let nodes: BTreeMap<&str, [f64; 2]> =
            charges.nodes.iter().map(|(id, (_, charge))| (*id, charge.at(&width, &sum))).collect();
        let internal = charges.internal.iter().map(|(_, charge)| charge.at(&width, &sum));
        let internal = internal.fold([0.0; 2], |total, one| [total[0] + one[0], total[1] + one[1]]);

        // The same once more by cost forms, prices and the penalty of the library.
        let every = || charges.nodes.values().chain(&charges.internal);
        let mut costs = vec![NodeCost::FREE; graph.len()];
        let mut prices = vec![NodeCost::FREE; graph.len()];
        for (wire, charge) in every() {
            let (cost, price) = (&mut costs[wire.index()], &mut prices[wire.index()]);
            *cost = cost.clone().plus(charge.node_cost());
            *price = price.clone().plus(NodeCost::sum(charge.binding(&width).term.clone()));
        }
        let cost = CostForm::of(&Stated(costs), graph);
        let total: f64 = graph.nodes().map(|(id, _)| cost.node(id).at(&widths)).sum();
        let penalty = regularizer
            .penalty(&CostForm::of(&Stated(prices), graph), parameters)
            .map_err(|error| error.to_string())?;
        let by_node = nodes.values().fold(internal, |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
        for (what, ours, by_node) in
            [("cost", total, by_node[0]), ("term", penalty.value, by_node[1])]
        {
            if (ours - by_node).abs() > 1e-9 * by_node.abs() {
                return Err(format!("the form gives the {what} {ours}, its nodes {by_node}"));
            }
        }
        Ok(Bill { nodes, internal, cost: total, term: penalty.value, gradient: penalty.gradient })
    }

    fn all_ones(&self) -> Parameters {
        let mut ones = self.parameters.clone();
        for id in self.file.gammas.keys() {
            if let Some(wire) = self.mapped.wires.get(id)
                && let Some(gammas) = ones.values_mut(*wire, Role::Gamma)
            {
                gammas.fill(1.0);
            }
        }
        ones
    }

    fn gradients(
        &self,
        what: &str,
        expected: &BTreeMap<String, Option<Vec<Option<f64>>>>,
        found: &Parameters,
        check: &mut Check,
    ) -> Result<(), String> {
        let role = match self.file.family {
            Family::Gamma => Role::Gamma,
            Family::GroupLasso => Role::Weight,
            Family::LogisticSigmoid => Role::Logit,
        };
        for (id, expected) in expected {
            let found = self.mapped.wires.get(id).and_then(|wire| found.values(*wire, role));
            let what = format!("{what} gradient of `{id}`");
            let Some(expected) = expected else {
                let none = found.unwrap_or_default().iter().all(|value| *value == 0.0);
                check.that(none, || format!("{what} is not zero, but there is none expected"));
                continue;
            };
            if expected.iter().any(Option::is_none) {
                check.reproduced("lasso_zero_filter_gradient", id);
            }
            // The original's gradient of a filter of zeros is not a number; it is 0 here.
            let numbers: Vec<f64> = expected.iter().map(|value| value.unwrap_or(0.0)).collect();
            let zeros = vec![0.0; numbers.len()];
            let found = found.unwrap_or(&zeros).iter().map(|value| f64::from(*value));
            compare_gradient(&what, found, &numbers, check);
        }
        Ok(())
    }
}

/// The original's charges by node and wire.
struct Charges<'a> {
    nodes: BTreeMap<&'a str, (NodeId, Charge)>,
    internal: Vec<(NodeId, Charge)>,
}

struct Bill<'a> {
    nodes: BTreeMap<&'a str, [f64; 2]>,
    internal: [f64; 2],
    cost: f64,
    term: f64,
    gradient: Parameters,
}

/// A cost model that states given costs.
struct Stated(Vec<NodeCost>);

impl CostModel for Stated {
    fn name(&self) -> &'static str {
        "stated"
    }

    fn unit(&self) -> &'static str {
        "1"
    }

    fn node(&self, _: &Graph, id: NodeId) -> NodeCost {
        self.0[id.index()].clone()
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

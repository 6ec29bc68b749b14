//! Costs, terms and gradients of a network.

use std::collections::BTreeMap;

use cost_models::{CostForm, CostModel, NodeCost};
use graph::{Graph, NodeId, Role};
use regularizers::{Regularizer, Strengths};
use training::Parameters;

use super::Case;
use crate::charge::{Charge, Target};
use crate::check::Check;
use crate::deviations::{Site, as_original, fix_unseen, internal};
use crate::schema::{Cost, Family};
use crate::vectors::compare_gradient;

impl<'a> Case<'a> {
    /// Checks one entry of `costs`.
    pub(super) fn cost(
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
            self.gradients(&what, gradients, &bill.gradient, check);
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
    ) {
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

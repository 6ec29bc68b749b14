//! Latency as measured on a device.

use std::collections::BTreeMap;

use graph::{Axis, Graph, NodeId, Op};
use serde::{Deserialize, Serialize};

use crate::{Class, CostModel, NodeCost, Stepped, Term, Work};

/// What the operators of one device cost: for every class of operators a sum of terms, fitted to measurements.
///
/// Every class is listed; one that costs nothing has an empty list. Coefficients are finite, and none is negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct MeasuredTable {
    /// Version of this format, [`MeasuredTable::SCHEMA`].
    pub schema: u32,
    /// Name of the device.
    pub name: String,
    /// What it was measured on: processor, threads, program.
    pub host: String,
    /// When it was measured.
    pub date: String,
    /// The terms of every class.
    pub classes: BTreeMap<Class, Vec<MeasuredTerm>>,
}

/// Nanoseconds for every unit of a quantity, in widths rounded up to multiples of steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredTerm {
    /// What is counted.
    pub per: Quantity,
    /// Nanoseconds for each.
    pub nanoseconds: f64,
    /// Input widths are rounded up to a multiple of this; at least 1.
    pub input_step: usize,
    /// The output width is rounded up to a multiple of this; at least 1.
    pub output_step: usize,
}

/// What a term of a measured table counts, of one node for one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// The node, once.
    Call,
    /// Images of the batch.
    Image,
    /// Values of all inputs.
    Input,
    /// Values of the output.
    Output,
    /// Values that windows read: taps for every position and channel of a kernel's input, or of a pool's output.
    Window,
    /// Kernel values. Classes of kernels only.
    Weight,
    /// Multiply-adds. Classes of kernels only.
    Mac,
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Time of a batch by a [`MeasuredTable`], in nanoseconds, when every operator runs as a step of its own, but for two that
/// the engine does without: an activation that is the only reader of a batch norm belongs to the norm's step, and branches
/// write into their place in a concatenation. Only what cannot be written there counts as its input: an image, another view
/// of a wire, and a wire that a later concatenation reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What was measured.
    pub table: MeasuredTable,
    /// Images in a batch.
    pub batch: usize,
}

impl CostModel for Measured {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn unit(&self) -> &'static str {
        "ns/batch"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        let work = Work::of(graph, id);
        let Some(class) = Class::of(work) else {
            return NodeCost::FREE;
        };
        if is_part_of_norm(graph, id) {
            return NodeCost::FREE;
        }
        let terms = self.table.classes.get(&class).into_iter().flatten();
        match terms.flat_map(|term| term.of(work, graph, id, self.batch)).collect::<Vec<_>>() {
            none if none.is_empty() => NodeCost::FREE,
            terms => NodeCost::sum(terms),
        }
    }
}

impl MeasuredTerm {
    /// What the term says of one node for a batch.
    pub(crate) fn of(self, work: Work, graph: &Graph, id: NodeId, batch: usize) -> Vec<Term> {
        let term = self;
        let node = graph.node(id);
        let batch = batch as f64;
        let values = |wire: NodeId, step: usize, times: f64| {
            let area = graph.node(wire).shape.area() as f64;
            linear(term.nanoseconds * batch * area * times, Stepped { wire, step })
        };
        let steps = |exact: Term| stepped(exact.scaled(term.nanoseconds), term);
        match (term.per, work) {
            (Quantity::Call, _) => vec![Term::Constant(term.nanoseconds)],
            (Quantity::Image, _) => vec![Term::Constant(term.nanoseconds * batch)],
            (Quantity::Input, Work::Concat) => {
                let copied = node.inputs.iter().filter(|input| is_copied(graph, **input, id));
                copied.map(|input| values(*input, term.input_step, 1.0)).collect()
            }
            (Quantity::Input, _) => {
                node.inputs.iter().map(|input| values(*input, term.input_step, 1.0)).collect()
            }
            (Quantity::Output, _) => vec![values(id, term.output_step, 1.0)],
            (Quantity::Window, Work::Kernel(kernel)) => {
                let reads = batch * (kernel.positions * kernel.taps) as f64;
                let input = Stepped { wire: node.inputs[0], step: term.input_step };
                vec![linear(term.nanoseconds * reads, input)]
            }
            (Quantity::Window, Work::Pool { taps }) => {
                vec![values(id, term.output_step, taps as f64)]
            }
            (Quantity::Weight, Work::Kernel(kernel)) => vec![steps(kernel.values(1.0, node, id))],
            (Quantity::Mac, Work::Kernel(kernel)) => {
                vec![steps(kernel.macs(node, id).scaled(batch))]
            }
            // Refused when the table is read.
            (Quantity::Window | Quantity::Weight | Quantity::Mac, _) => Vec::new(),
        }
    }
}

/// Whether the node is an activation that is the only reader of a batch norm.
fn is_part_of_norm(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let [Some(norm), None] = [node.inputs.first(), node.inputs.get(1)] else { return false };
    let read = graph.nodes().flat_map(|(_, reader)| &reader.inputs).filter(|input| *input == norm);
    matches!(node.op, Op::Activation(_))
        && matches!(graph.node(*norm).op, Op::BatchNorm(_))
        && !graph.outputs().contains(norm)
        && read.count() == 1
}

/// Whether a concatenation has to copy an input instead of finding it in place.
fn is_copied(graph: &Graph, input: NodeId, concat: NodeId) -> bool {
    let later = graph.nodes().skip(concat.index() + 1);
    let claimed = later.filter(|(_, node)| matches!(node.op, Op::Concat(Axis::Channels)));
    let elsewhere = claimed.flat_map(|(_, node)| &node.inputs).any(|other| *other == input);
    elsewhere
        || Work::of(graph, input) == Work::View
        || graph.node(concat).op != Op::Concat(Axis::Channels)
}

fn linear(coefficient: f64, wire: Stepped) -> Term {
    if wire.step > 1 {
        Term::SteppedLinear(coefficient, wire)
    } else {
        Term::Linear(coefficient, wire.wire)
    }
}

/// A term in kernel values with the steps of a table's term.
fn stepped(exact: Term, MeasuredTerm { input_step, output_step, .. }: MeasuredTerm) -> Term {
    match exact {
        Term::Linear(coefficient, wire) => linear(coefficient, Stepped { wire, step: output_step }),
        Term::Bilinear(coefficient, a, b) if input_step > 1 || output_step > 1 => {
            let (a, b) =
                (Stepped { wire: a, step: input_step }, Stepped { wire: b, step: output_step });
            Term::SteppedBilinear(coefficient, a, b)
        }
        Term::Bilinear(..)
        | Term::Constant(_)
        | Term::SteppedLinear(..)
        | Term::SteppedBilinear(..) => exact,
    }
}

/// A table as it stands in a file, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of measured latencies")]
struct Unchecked {
    schema: u32,
    name: String,
    host: String,
    date: String,
    classes: BTreeMap<Class, Vec<MeasuredTerm>>,
}

impl MeasuredTable {
    /// The version of the format that this crate reads and writes.
    pub const SCHEMA: u32 = 1;

    /// A table of this format's version.
    ///
    /// # Errors
    ///
    /// In words, if a class is missing or a term cannot be.
    pub fn new(
        name: String,
        host: String,
        date: String,
        classes: BTreeMap<Class, Vec<MeasuredTerm>>,
    ) -> Result<Self, String> {
        Self::try_from(Unchecked { schema: Self::SCHEMA, name, host, date, classes })
    }
}

impl TryFrom<Unchecked> for MeasuredTable {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Self, String> {
        let Unchecked { schema, name, host, date, classes } = read;
        if schema != Self::SCHEMA {
            let known = Self::SCHEMA;
            return Err(format!("`schema` is {schema}, expected {known}; measure the device anew"));
        }
        if let Some(missing) = Class::ALL.iter().find(|class| !classes.contains_key(class)) {
            return Err(format!(
                "`classes` has no `{missing}`, expected a list of terms for each class"
            ));
        }
        for (class, term) in
            classes.iter().flat_map(|(class, terms)| terms.iter().map(move |term| (class, term)))
        {
            term.check(*class).map_err(|fault| format!("a term of `{class}` {fault}"))?;
        }
        Ok(Self { schema, name, host, date, classes })
    }
}

impl MeasuredTerm {
    fn check(self, class: Class) -> Result<(), String> {
        let Self { per, nanoseconds, input_step, output_step } = self;
        if !(nanoseconds.is_finite() && nanoseconds >= 0.0) {
            return Err(format!("has {nanoseconds} nanoseconds, expected a finite number from 0"));
        }
        if input_step == 0 || output_step == 0 {
            return Err("has a step of 0, expected 1 or more".to_owned());
        }
        let applies = match per {
            Quantity::Call | Quantity::Image | Quantity::Input | Quantity::Output => true,
            Quantity::Window => class.has_kernel() || class == Class::Pool,
            Quantity::Weight | Quantity::Mac => class.has_kernel(),
        };
        if applies { Ok(()) } else { Err("counts what its operators do not have".to_owned()) }
    }
}

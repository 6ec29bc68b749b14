//! Tables of measured latencies.

use std::collections::BTreeMap;

use cost_models::{
    Class, CostForm, CostModel, Measured, MeasuredTable, MeasuredTerm, Quantity, Sample, Term,
    Work, fit_classes,
};
use graph::{Axis, Graph, NodeId, Op};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use testkit::strategies;

use crate::support::assert_close;

/// A table with every quantity in every class that has it, in the given steps.
fn table(input_step: usize, output_step: usize) -> MeasuredTable {
    let quantities = [
        (Quantity::Call, 900.0),
        (Quantity::Image, 70.0),
        (Quantity::Input, 0.5),
        (Quantity::Output, 0.25),
        (Quantity::Window, 0.125),
        (Quantity::Weight, 2.0),
        (Quantity::Mac, 0.0625),
    ];
    let terms = |class: Class| {
        let applies = |per: Quantity| match per {
            Quantity::Call | Quantity::Image | Quantity::Input | Quantity::Output => true,
            Quantity::Window => class.has_kernel() || class == Class::Pool,
            Quantity::Weight | Quantity::Mac => class.has_kernel(),
        };
        let term = |(per, nanoseconds)| MeasuredTerm { per, nanoseconds, input_step, output_step };
        quantities.into_iter().filter(|(per, _)| applies(*per)).map(term).collect()
    };
    let classes = Class::ALL.map(|class| (class, terms(class))).into();
    MeasuredTable::new("example".to_owned(), "host".to_owned(), "2026-01-01".to_owned(), classes)
        .unwrap()
}

/// A model with steps.
pub(crate) fn example(batch: usize) -> Measured {
    Measured { table: table(4, 8), batch }
}

/// Whether the node is an activation and alone reads a batch norm, which is no output.
fn belongs_to_norm(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    matches!(node.op, Op::Activation(_))
        && matches!(graph.node(node.inputs[0]).op, Op::BatchNorm(_))
        && graph.consumers()[node.inputs[0].index()] == [id]
        && !graph.outputs().contains(&node.inputs[0])
}

/// Whether a concatenation does not find an input in its place: along other axes than channels always, else images, views
/// and what a later concatenation along channels reads.
fn is_copied(graph: &Graph, input: NodeId, concat: NodeId) -> bool {
    let along_channels = |id: NodeId| graph.node(id).op == Op::Concat(Axis::Channels);
    let later = |id: &NodeId| along_channels(*id) && id.index() > concat.index();
    !along_channels(concat)
        || Work::of(graph, input) == Work::View
        || graph.consumers()[input.index()].iter().any(later)
}

/// The time of a node of the table without steps, by the definition of every quantity.
fn expected(graph: &Graph, id: NodeId, batch: usize) -> f64 {
    let node = graph.node(id);
    let work = Work::of(graph, id);
    if work == Work::View || belongs_to_norm(graph, id) {
        return 0.0;
    }
    let images = batch as f64;
    let values = |wire: NodeId| graph.node(wire).shape.elements() as f64;
    let inputs: f64 = node
        .inputs
        .iter()
        .filter(|input| work != Work::Concat || is_copied(graph, **input, id))
        .map(|input| values(*input))
        .sum();
    let mut time = 900.0 + 70.0 * images + 0.5 * images * inputs + 0.25 * images * values(id);
    let at_own_widths =
        |cost: &dyn CostModel| CostForm::of(cost, graph).per_node(&graph.widths())[id.index()];
    match work {
        Work::Kernel(kernel) => {
            let input = graph.node(node.inputs[0]).shape.channels;
            time += 0.125 * images * (kernel.positions * kernel.taps * input) as f64;
            let spec = graph.parameters().into_iter().find(|spec| spec.node == graph.owner(id));
            time += 2.0 * spec.unwrap().len() as f64;
            time += 0.0625 * images * at_own_widths(&cost_models::Macs);
        }
        Work::Pool { taps } => time += 0.125 * images * taps as f64 * values(id),
        Work::BatchNorm { .. }
        | Work::Bias
        | Work::Gate
        | Work::Join { .. }
        | Work::Function { .. }
        | Work::Concat
        | Work::Copy
        | Work::View => {}
    }
    time
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn a_table_without_steps_charges_what_it_counts(graph in strategies::any_graph(), batch in 1_usize..4) {
        let form = CostForm::of(&Measured { table: table(1, 1), batch }, &graph);
        for ((id, _), cost) in graph.nodes().zip(form.per_node(&graph.widths())) {
            assert_close(cost, expected(&graph, id, batch))?;
            let is_plain = |term: &Term| {
                !matches!(term, Term::SteppedLinear(..) | Term::SteppedBilinear(..))
            };
            prop_assert!(form.node(id).active(&graph.widths()).all(is_plain));
        }
    }

    #[test]
    fn steps_change_nothing_where_all_widths_are_multiples_of_them(
        graph in strategies::any_graph(), step in 2_usize..6
    ) {
        let form = |step| CostForm::of(&Measured { table: table(step, step), batch: 1 }, &graph);
        let (plain, stepped) = (form(1), form(step));
        // Every producer a multiple; what the image feeds directly is not.
        let widths = graph.widths_from(|id| graph.node(id).shape.channels * step);
        for (id, node) in graph.nodes() {
            let wires = node.inputs.iter().chain([&id]);
            let are_multiples = wires.map(|wire| widths.on(*wire)).all(|width| width % step == 0);
            let (exact, rounded) = (plain.node(id).at(&widths), stepped.node(id).at(&widths));
            if are_multiples {
                assert_close(rounded, exact)?;
            }
            prop_assert!(rounded >= exact * (1.0 - 1e-12));
        }
    }
}

fn faults(change: impl FnOnce(&mut BTreeMap<Class, Vec<MeasuredTerm>>)) -> String {
    let mut classes = table(1, 1).classes;
    change(&mut classes);
    MeasuredTable::new(String::new(), String::new(), String::new(), classes).unwrap_err()
}

#[test]
fn tables_that_cannot_be_are_refused() {
    let term =
        MeasuredTerm { per: Quantity::Call, nanoseconds: 1.0, input_step: 1, output_step: 1 };
    let with = |class, term| {
        move |classes: &mut BTreeMap<_, _>| {
            classes.insert(class, vec![term]);
        }
    };
    for (fault, words) in [
        (faults(|classes| drop(classes.remove(&Class::Pool))), "no `pool`"),
        (
            faults(with(Class::Join, MeasuredTerm { per: Quantity::Mac, ..term })),
            "a term of `join`",
        ),
        (faults(with(Class::Concat, MeasuredTerm { per: Quantity::Window, ..term })), "`concat`"),
        (faults(with(Class::Linear, MeasuredTerm { nanoseconds: -1.0, ..term })), "-1 nanoseconds"),
        (faults(with(Class::Linear, MeasuredTerm { nanoseconds: f64::NAN, ..term })), "NaN"),
        (faults(with(Class::Linear, MeasuredTerm { output_step: 0, ..term })), "step of 0"),
    ] {
        assert!(fault.contains(words), "{fault}");
    }
}

/// Samples that a table made are explained by the table that is fitted to them: equal times, equal steps.
#[test]
fn a_fit_finds_the_table_that_made_the_samples() {
    let mut truth = Measured { table: table(4, 8), batch: 2 };
    // Steps belong to kernels.
    for term in truth.table.classes.values_mut().flatten() {
        if !matches!(term.per, Quantity::Mac | Quantity::Weight) {
            (term.input_step, term.output_step) = (1, 1);
        }
    }
    let mut runner = TestRunner::deterministic();
    let strategy = strategies::any_graph();
    let graphs: Vec<Graph> =
        (0..600).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let samples: Vec<Sample<'_>> = graphs
        .iter()
        .flat_map(|graph| {
            let times = CostForm::of(&truth, graph).per_node(&graph.widths());
            let nodes = graph.nodes().zip(times).filter(|(_, nanoseconds)| *nanoseconds > 0.0);
            nodes.map(move |((node, _), nanoseconds)| Sample { graph, node, nanoseconds })
        })
        .collect();
    let fitted = Measured {
        table: MeasuredTable { classes: fit_classes(&samples, 2), ..truth.table.clone() },
        batch: 2,
    };
    for class in Class::ALL {
        let (mut worst, mut count) = (0.0_f64, 0);
        for sample in samples
            .iter()
            .filter(|sample| Class::of(Work::of(sample.graph, sample.node)) == Some(class))
        {
            let form = CostForm::of(&fitted, sample.graph);
            let predicted = form.per_node(&sample.graph.widths())[sample.node.index()];
            worst = worst.max((predicted / sample.nanoseconds - 1.0).abs());
            count += 1;
        }
        assert!(count > 0 && worst < 0.05, "{class}: {count} samples, worst {worst}");
    }
    // Where there are samples of many widths, the steps are found too.
    for class in [Class::Pointwise, Class::Convolution] {
        for term in fitted.table.classes[&class].iter().filter(|term| term.per == Quantity::Mac) {
            assert_eq!((term.input_step, term.output_step), (4, 8), "{class}");
        }
    }
}

#[test]
fn a_class_without_samples_has_no_terms() {
    let classes = fit_classes(&[], 1);
    assert_eq!(classes.len(), Class::ALL.len());
    assert!(classes.values().all(Vec::is_empty));
}

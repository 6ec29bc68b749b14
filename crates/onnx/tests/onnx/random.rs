//! Random networks with every operator.

use graph::{Graph, Node, Op};
use onnx::{ExportOptions, OnnxError, Options, export, import};
use proptest::prelude::*;
use testkit::strategies::{any_graph, cases};

use crate::{difference, outputs, random_weights};

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_network_comes_back_as_the_same_function_or_is_refused_for_a_known_reason(
        graph in any_graph(),
        fold_batch_norm in any::<bool>(),
    ) {
        let weights = random_weights(&graph, 4);
        let options = ExportOptions { fold_batch_norm, batch: None };
        let dilated = |op: &Op| matches!(op, Op::AvgPool(pool) if pool.window.dilation != [1, 1]);
        match export(&graph, &weights, &options) {
            Err(OnnxError::Refused { .. }) => {
                prop_assert!(graph.nodes().any(|(_, node)| dilated(&node.op)));
            }
            written => {
                let back = import(&written.expect("a file"), &Options::default());
                if let Err(error) = &back && is_expected(&graph, &error.to_string()) {
                    return Ok(());
                }
                let back = back.map_err(|error| TestCaseError::fail(error.to_string()))?;
                let (one, other) = (outputs(&graph, &weights), outputs(&back.graph, &back.weights));
                let difference = difference(&one, &other);
                prop_assert!(difference < 1e-4, "{difference}");
            }
        }
    }
}

/// What cannot be read back: a gate on a volume, and some reshapes on top of transposes.
fn is_expected(graph: &Graph, refusal: &str) -> bool {
    let count = |test: &dyn Fn(&Node) -> bool| graph.nodes().filter(|(_, node)| test(node)).count();
    if refusal.contains("per channel of a volume") {
        return count(&|node| node.op == Op::Gate && node.shape.depth > 1) > 0;
    }
    let lays_out = |node: &Node| matches!(node.op, Op::Reshape { .. } | Op::Permute(_));
    refusal.contains("mix batch, channels and positions") && count(&lays_out) > 1
}

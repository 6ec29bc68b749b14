//! Floating point operations.

use graph::{Graph, NodeId};

use crate::{CostModel, Counting, NodeCost, Term, Work};

/// Floating point operations by kernels for one image: twice [`crate::Macs`], since a multiplication and an addition are
/// counted apart.
///
/// For a dense layer this is `F = C * in * out` with `C = 2 * height * width * taps` of the output: equation 6 of the
/// MorphNet paper, and `resource_function.py` of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flops;

/// [`Flops`], and what else is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlopsWith(pub Counting);

impl CostModel for Flops {
    fn name(&self) -> &'static str {
        "flops"
    }

    fn unit(&self) -> &'static str {
        "FLOP/image"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        FlopsWith(Counting::default()).node(graph, id)
    }
}

impl CostModel for FlopsWith {
    fn name(&self) -> &'static str {
        Flops.name()
    }

    fn unit(&self) -> &'static str {
        Flops.unit()
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        NodeCost::sum(flops(graph, id, self.0))
    }
}

/// Floating point operations of a node for one image; no term if it has none.
pub(crate) fn flops(graph: &Graph, id: NodeId, counting: Counting) -> Vec<Term> {
    let node = graph.node(id);
    let per_value =
        |operations: usize| vec![Term::Linear((operations * node.shape.area()) as f64, id)];
    match Work::of(graph, id) {
        Work::Kernel(kernel) => {
            let mut terms = vec![kernel.macs(node, id).scaled(2.0)];
            if counting.bias && kernel.bias {
                terms.extend(per_value(1));
            }
            terms
        }
        Work::Bias if counting.bias => per_value(1),
        Work::BatchNorm { .. } if counting.batch_norm => per_value(2),
        Work::Pool { taps } if counting.pooling => per_value(taps),
        Work::Function { .. } | Work::Gate if counting.activation => per_value(1),
        Work::Join { .. } if counting.join => per_value(node.inputs.len() - 1),
        Work::Bias
        | Work::BatchNorm { .. }
        | Work::Pool { .. }
        | Work::Function { .. }
        | Work::Gate
        | Work::Join { .. }
        | Work::Concat
        | Work::Copy
        | Work::View => Vec::new(),
    }
}

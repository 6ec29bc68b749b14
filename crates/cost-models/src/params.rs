//! Trained values.

use graph::{Graph, NodeId};

use crate::{CostModel, Counting, NodeCost, Term, Work};

/// Number of kernel values (model size). Shared kernels are counted once, where they are owned.
///
/// | operator | weights |
/// |---|---|
/// | convolution | `taps * in / groups * out` |
/// | 3-d, transposed convolution | `taps * in * out` |
/// | depthwise convolution | `taps * out` |
/// | linear | `in * out` |
///
/// The model size of `resource_function.py` of MorphNet. Bias and batch normalisation are not counted, by its
/// convention; other counters often include them, as [`ParamsWith`] can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params;

/// [`Params`], and what else is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamsWith(pub Counting);

impl CostModel for Params {
    fn name(&self) -> &'static str {
        "params"
    }

    fn unit(&self) -> &'static str {
        "weights"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        ParamsWith(Counting::default()).node(graph, id)
    }
}

impl CostModel for ParamsWith {
    fn name(&self) -> &'static str {
        Params.name()
    }

    fn unit(&self) -> &'static str {
        Params.unit()
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        let vectors = vectors(graph, id, self.0).map(|count| Term::Linear(count, id));
        match Work::of(graph, id) {
            Work::Kernel(kernel) if kernel.is_owner => {
                let kernel = kernel.values(1.0, graph.node(id), id);
                NodeCost::sum([kernel].into_iter().chain(vectors).collect())
            }
            Work::Kernel(_) => NodeCost::FREE,
            Work::BatchNorm { .. }
            | Work::Bias
            | Work::Gate
            | Work::Join { .. }
            | Work::Function { .. }
            | Work::Concat
            | Work::Pool { .. }
            | Work::Copy
            | Work::View => NodeCost::sum(vectors.into_iter().collect()),
        }
    }
}

/// Number of trained values that a node uses for each output channel, besides a kernel, as far as they are to be counted:
/// bias, shift, scale.
pub(crate) fn vectors(graph: &Graph, id: NodeId, counting: Counting) -> Option<f64> {
    match Work::of(graph, id) {
        Work::Kernel(kernel) => (counting.bias && kernel.bias).then_some(1.0),
        Work::Bias => counting.bias.then_some(1.0),
        Work::BatchNorm { scale } => counting.batch_norm.then_some(if scale { 2.0 } else { 1.0 }),
        Work::Gate
        | Work::Join { .. }
        | Work::Function { .. }
        | Work::Concat
        | Work::Pool { .. }
        | Work::Copy
        | Work::View => None,
    }
}

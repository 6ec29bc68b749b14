//! Memory traffic.

use graph::{Graph, NodeId};
use serde::{Deserialize, Serialize};

use crate::params::vectors;
use crate::{CostModel, Counting, NodeCost, Term, Work};

/// Bytes that go to and from memory for a batch, when every value is 4 bytes wide and no operator leaves anything in a cache.
///
/// With `value(t)` for the size of a tensor of one batch, `4 * batch * depth * height * width * channels`:
///
/// | operator | bytes |
/// |---|---|
/// | convolution of any kind, linear | `value(input) + value(output) + 4 * kernel values`; a kernel is read once for a batch, at every place that uses it |
/// | batch norm, ReLU, `ReLU6`, product with a constant | `value(input) + value(output)` |
/// | sum, product | `value(operand)` of each operand, `+ value(output)` |
/// | gate | `value(input) + value(output)`, and the value of the gate of each channel and image |
/// | concatenation | `2 * value(output)`: read and written |
/// | all others | 0, or as [`Counting`] says |
///
/// The memory model of `resource_function.py` of MorphNet, which latency is made of there; what it leaves out is free here,
/// too. It differs in these. A depthwise kernel is `taps * out` values here and `taps * in * out` there. A 3-d kernel is
/// charged as a kernel here and as an activation there. An operand of another width is charged for its own channels here, and
/// for those of the first operand there; the constant of a product is such an operand there and nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// Images in a batch.
    pub batch: usize,
    /// What else is to be counted.
    #[serde(default, skip_serializing_if = "Counting::is_default")]
    pub counting: Counting,
}

/// Width of a value in single precision.
const SINGLE: usize = 4;

impl Bytes {
    /// The traffic of a batch, in the convention of the original.
    pub fn of_batch(batch: usize) -> Self {
        Self { batch, counting: Counting::default() }
    }
}

impl CostModel for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn unit(&self) -> &'static str {
        "B/batch"
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        NodeCost::sum(
            Traffic { batch: self.batch, value: SINGLE, counting: self.counting }.of(graph, id),
        )
    }
}

/// Memory traffic in values of any width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// Images in a batch.
    pub(crate) batch: usize,
    /// Bytes of a value.
    pub(crate) value: usize,
    /// What else is to be counted.
    pub(crate) counting: Counting,
}

impl Traffic {
    /// Bytes of a node; no term if it has none.
    pub(crate) fn of(self, graph: &Graph, id: NodeId) -> Vec<Term> {
        let node = graph.node(id);
        let value = self.value as f64;
        let tensor = |wire: NodeId| {
            let area = graph.node(wire).shape.area();
            Term::Linear(value * (self.batch * area) as f64, wire)
        };
        let through = || node.inputs.iter().map(|input| tensor(*input)).chain([tensor(id)]);
        let trained =
            vectors(graph, id, self.counting).map(|count| Term::Linear(value * count, id));
        let counting = self.counting;
        match Work::of(graph, id) {
            Work::Kernel(kernel) => {
                through().chain([kernel.values(value, node, id)]).chain(trained).collect()
            }
            Work::BatchNorm { .. } => through().chain(trained).collect(),
            Work::Gate => {
                let gates = Term::Linear(value * self.batch as f64, id);
                through().chain([gates]).collect()
            }
            Work::Join { charged } if charged || counting.join => through().collect(),
            Work::Function { charged } if charged || counting.activation => through().collect(),
            Work::Concat => vec![tensor(id).scaled(2.0)],
            Work::Bias if counting.bias => through().chain(trained).collect(),
            Work::Pool { .. } if counting.pooling => through().collect(),
            Work::Copy if counting.movement => through().collect(),
            Work::Join { .. }
            | Work::Function { .. }
            | Work::Bias
            | Work::Pool { .. }
            | Work::Copy
            | Work::View => Vec::new(),
        }
    }
}

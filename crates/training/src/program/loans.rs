//! Gradients of sums that their operands need not copy.

use graph::{Graph, NodeId, Op};

/// What an operand of a sum does with the sum's gradient, which is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loan {
    /// Takes it over: what reads the operand elsewhere adds to it.
    Keeps,
    /// Reads it before the operand that keeps it changes it.
    Reads,
}

/// For every node the loan that it has from the sum that reads it.
///
/// Only sums of two different wires of one shape lend. The one that keeps the gradient is read last by the sum, so that
/// nothing was written to it before, not by views of it either. The other has no other reader, and its own backward pass comes before all that could
/// change the gradient: that of whatever else reads the one that keeps it, and of that one itself.
pub(crate) fn loans(graph: &Graph, needs_gradient: &[bool]) -> Vec<Option<Loan>> {
    let consumers = graph.consumers();
    let mut loans = vec![None; graph.len()];
    for (id, node) in graph.nodes() {
        let ([first, second], Op::Add) = (node.inputs.as_slice(), &node.op) else { continue };
        let equal = node.inputs.iter().all(|input| graph.node(*input).shape == node.shape);
        let wanted = node.inputs.iter().all(|input| needs_gradient[input.index()]);
        if first == second || !equal || !wanted {
            continue;
        }
        let may_keep = |operand: NodeId| {
            let readers = &consumers[operand.index()];
            let own = |node: NodeId| has_own_gradient(&graph.node(node).op);
            readers.iter().all(|reader| *reader <= id && own(*reader))
                && !graph.outputs().contains(&operand)
                && own(operand)
        };
        let may_read = |operand: NodeId, other: NodeId| {
            let node = graph.node(operand);
            let others = consumers[other.index()].iter().filter(|consumer| **consumer != id);
            consumers[operand.index()].as_slice() == [id]
                && !graph.outputs().contains(&operand)
                && leaves_gradient(&node.op)
                && node.inputs.iter().all(|input| needs_gradient[input.index()])
                && others.chain([&other]).all(|before| *before < operand)
        };
        let pairs = [(*first, *second), (*second, *first)];
        let both = |(keeps, reads): &(NodeId, NodeId)| may_keep(*keeps) && may_read(*reads, *keeps);
        if let Some((keeps, reads)) = pairs.into_iter().find(both) {
            loans[keeps.index()] = Some(Loan::Keeps);
            loans[reads.index()] = Some(Loan::Reads);
        } else if let Some(keeps) = node.inputs.iter().find(|input| may_keep(**input)) {
            loans[keeps.index()] = Some(Loan::Keeps);
        }
    }
    loans
}

/// Whether the gradient of the operator's output has a place of its own, and is not that of its input.
fn has_own_gradient(op: &Op) -> bool {
    !matches!(op, Op::Dropout { .. } | Op::Flatten | Op::Reshape { .. } | Op::Gather(_))
}

/// Whether the operator's backward pass only reads the gradient of its output if that of its input lies elsewhere.
fn leaves_gradient(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::Depthwise(_) | Op::BatchNorm(_))
}

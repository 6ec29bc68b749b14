//! What remains of every wire after a decision.
//!
//! Dead groups disappear. A producer whose input has disappeared wholly has nothing to work on and disappears too, even
//! if its own channels are alive; a join then loses that input (the original's VANISHED rule, `configurable_ops.py`).
//! A wire that only disappeared nodes read is of no use and disappears as well.

use crate::{Channels, Graph, GraphError, Keep, NodeId, Op, Widths};

/// For every wire the channels that remain, as indices into the wire as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivors {
    wires: Vec<Vec<usize>>,
}

impl Survivors {
    /// Applies a decision to a graph.
    ///
    /// Errors if an output is cut off ([`GraphError::Cut`]), if a join would lose an input that is not silent or only in
    /// part, or if the blocks of a grouped convolution would lose different channels ([`GraphError::PartialLoss`]).
    pub fn of(graph: &Graph, channels: &Channels, keep: &Keep) -> Result<Self, GraphError> {
        let mut wires: Vec<Vec<usize>> = Vec::with_capacity(graph.len());
        // Of a wire that disappeared: whether its value is zero once the parameters of vanished nodes are zero.
        let mut silent: Vec<bool> = Vec::with_capacity(graph.len());
        for (id, node) in graph.nodes() {
            let lost = || GraphError::PartialLoss { node: node.name.clone(), op: node.op.kind() };
            let alive = || -> Vec<usize> {
                let groups = channels.on(id).iter().enumerate();
                groups
                    .filter(|(_, group)| keep.is_alive(**group))
                    .map(|(channel, _)| channel)
                    .collect()
            };
            let input = |position: usize| &wires[node.inputs[position].0];
            let silent_input = |position: usize| silent[node.inputs[position].0];
            let (wire, is_silent) = match &node.op {
                Op::Input(_) => (alive(), true),
                Op::Conv2d(conv) => {
                    let block = channels.on(node.inputs[0]).len() / conv.groups;
                    let left = |index: usize| {
                        let own = input(0).iter().filter(move |channel| *channel / block == index);
                        own.map(move |channel| channel % block)
                    };
                    if (1..conv.groups).any(|index| !left(index).eq(left(0))) {
                        return Err(lost());
                    }
                    (if input(0).is_empty() { Vec::new() } else { alive() }, true)
                }
                Op::Linear(_) => (if input(0).is_empty() { Vec::new() } else { alive() }, true),
                Op::Depthwise(depthwise) => {
                    let each = depthwise.multiplier;
                    let wire = input(0)
                        .iter()
                        .flat_map(|channel| channel * each..(channel + 1) * each)
                        .collect();
                    (wire, true)
                }
                Op::BatchNorm(_) => (input(0).clone(), true),
                Op::Activation(activation) => {
                    (input(0).clone(), silent_input(0) && activation.keeps_zero())
                }
                Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Dropout { .. } => (input(0).clone(), silent_input(0)),
                Op::Add => {
                    let mut left: Vec<&Vec<usize>> = Vec::new();
                    for position in 0..node.inputs.len() {
                        if !input(position).is_empty() {
                            left.push(input(position));
                        } else if !silent_input(position) {
                            return Err(lost());
                        }
                    }
                    if left.windows(2).any(|pair| pair[0] != pair[1]) {
                        return Err(lost());
                    }
                    (left.first().map_or_else(Vec::new, |wire| (*wire).clone()), true)
                }
                Op::Mul => {
                    let (first, second) = (input(0), input(1));
                    let broadcast = channels.on(node.inputs[1]).len() != channels.on(id).len();
                    let whole = if broadcast { second.is_empty() } else { first != second };
                    if !first.is_empty() && whole {
                        return Err(lost());
                    }
                    (first.clone(), silent_input(0))
                }
                Op::Concat => {
                    let mut wire = Vec::new();
                    let mut offset = 0;
                    for (position, id) in node.inputs.iter().enumerate() {
                        if input(position).is_empty() && !silent_input(position) {
                            return Err(lost());
                        }
                        wire.extend(input(position).iter().map(|channel| channel + offset));
                        offset += channels.on(*id).len();
                    }
                    (wire, true)
                }
                Op::Flatten => {
                    let shape = graph.node(node.inputs[0]).shape;
                    let positions = 0..shape.area();
                    let wire = positions.flat_map(|p| {
                        input(0).iter().map(move |channel| p * shape.channels + channel)
                    });
                    (wire.collect(), silent_input(0))
                }
            };
            wires.push(wire);
            silent.push(is_silent);
        }
        if let Some(output) = graph.outputs().iter().find(|id| wires[id.index()].is_empty()) {
            return Err(GraphError::Cut(graph.node(*output).name.clone()));
        }
        let needed = graph.needed(|id| !wires[id.index()].is_empty());
        for (wire, _) in wires.iter_mut().zip(needed).filter(|(_, needed)| !needed) {
            wire.clear();
        }
        Ok(Self { wires })
    }

    /// The remaining channels of a wire, in order; empty if the wire disappears.
    pub fn on(&self, wire: NodeId) -> &[usize] {
        &self.wires[wire.index()]
    }

    /// The widths that remain.
    pub fn widths(&self) -> Widths {
        Widths::from_wires(self.wires.iter().map(Vec::len).collect())
    }
}

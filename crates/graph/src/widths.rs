//! Widths of all wires, and the one rewrite: a graph with other widths.

use crate::{Builder, Bundle, Graph, GraphError, NodeId, Op};

/// Number of channels on every wire of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widths {
    wires: Vec<usize>,
}

impl Widths {
    pub(crate) fn from_wires(wires: Vec<usize>) -> Self {
        Self { wires }
    }

    /// Width of a wire; 0 means that the wire is absent.
    pub fn on(&self, wire: NodeId) -> usize {
        self.wires[wire.index()]
    }

    /// Number of wires.
    pub fn len(&self) -> usize {
        self.wires.len()
    }

    /// Whether there is no wire; never true for the widths of a graph.
    pub fn is_empty(&self) -> bool {
        self.wires.is_empty()
    }
}

impl Graph {
    /// The widths as they are.
    pub fn widths(&self) -> Widths {
        Widths::from_wires(self.nodes().map(|(_, node)| node.shape.channels).collect())
    }

    /// Widths of all wires from those of the producers (convolutions and linear layers), which `producer` gives.
    ///
    /// A wire that is fed by nothing or feeds nothing has width 0, whatever `producer` says, so that these are the widths
    /// of the graph that [`Graph::with_widths`] makes.
    pub fn widths_from(&self, producer: impl Fn(NodeId) -> usize) -> Widths {
        let mut wires: Vec<usize> = Vec::with_capacity(self.len());
        for (id, node) in self.nodes() {
            let input = |position: usize| wires[node.inputs[position].index()];
            let width = match &node.op {
                Op::Input(shape) => shape.channels,
                Op::Conv2d(_) | Op::Linear(_) => {
                    if input(0) == 0 {
                        0
                    } else {
                        producer(id)
                    }
                }
                Op::Depthwise(depthwise) => input(0).saturating_mul(depthwise.multiplier),
                Op::Concat => {
                    let widths = node.inputs.iter().map(|id| wires[id.index()]);
                    widths.fold(0, usize::saturating_add)
                }
                Op::Flatten => input(0).saturating_mul(self.node(node.inputs[0]).shape.area()),
                Op::Add => node.inputs.iter().map(|id| wires[id.index()]).max().unwrap_or(0),
                Op::BatchNorm(_)
                | Op::Activation(_)
                | Op::Mul
                | Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Dropout { .. } => input(0),
            };
            wires.push(width);
        }
        let needed = self.needed(|id| wires[id.index()] > 0);
        for (width, _) in wires.iter_mut().zip(needed).filter(|(_, needed)| !needed) {
            *width = 0;
        }
        Widths::from_wires(wires)
    }

    /// Widths in which every bundle has the given number of groups; `sizes` is parallel to `bundles`.
    pub fn widths_of_bundles(&self, bundles: &[Bundle], sizes: &[usize]) -> Widths {
        let mut widths = vec![0; self.len()];
        for (bundle, size) in bundles.iter().zip(sizes) {
            for (producer, channels) in &bundle.producers {
                let width: &mut usize = &mut widths[producer.index()];
                *width = width.saturating_add(channels.saturating_mul(*size));
            }
        }
        self.widths_from(|id| widths[id.index()])
    }

    /// The same network with other widths; only those of producers are read, all others follow.
    ///
    /// Width 0 deletes a wire and everything that it alone feeds or is fed by, and a join loses that input. A join left
    /// with one input is that input. The graph is rebuilt through the [`Builder`], so its shapes are proved anew.
    pub fn with_widths(&self, widths: &Widths) -> Result<Self, GraphError> {
        if widths.len() != self.len() {
            return Err(GraphError::WrongWidths { expected: self.len(), found: widths.len() });
        }
        let mut build = Builder::new();
        let mut mapped: Vec<Option<NodeId>> = Vec::with_capacity(self.len());
        for (id, node) in self.nodes() {
            let inputs: Vec<NodeId> =
                node.inputs.iter().filter_map(|input| mapped[input.index()]).collect();
            let width = widths.on(id);
            let complete = inputs.len() == node.inputs.len();
            let lost = || GraphError::PartialLoss { node: node.name.clone(), op: node.op.kind() };
            let op = match &node.op {
                Op::Conv2d(conv) => (width > 0 && complete).then(|| {
                    let mut conv = *conv;
                    conv.out = width;
                    Op::Conv2d(conv)
                }),
                Op::Linear(linear) => (width > 0 && complete).then(|| {
                    let mut linear = *linear;
                    linear.out = width;
                    Op::Linear(linear)
                }),
                Op::Add | Op::Concat => match inputs.as_slice() {
                    [] => None,
                    [single] if node.inputs.len() > 1 => {
                        mapped.push(Some(*single));
                        continue;
                    }
                    [_, ..] => Some(node.op.clone()),
                },
                Op::Mul => {
                    if mapped[node.inputs[0].index()].is_some() && !complete {
                        return Err(lost());
                    }
                    complete.then(|| node.op.clone())
                }
                Op::Input(_)
                | Op::Depthwise(_)
                | Op::BatchNorm(_)
                | Op::Activation(_)
                | Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Flatten
                | Op::Dropout { .. } => complete.then(|| node.op.clone()),
            };
            mapped.push(op.map(|op| build.add(&node.name, op, &inputs)).transpose()?);
        }
        let mut outputs = Vec::new();
        for output in self.outputs() {
            let cut = || GraphError::Cut(self.node(*output).name.clone());
            outputs.push(mapped[output.index()].ok_or_else(cut)?);
        }
        build.finish_needed(&outputs)
    }
}

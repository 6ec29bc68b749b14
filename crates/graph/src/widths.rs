//! Widths of all wires, and the one rewrite: a graph with other numbers of channels.

use crate::{
    Axis, Builder, ChannelMap, Gather, Graph, GraphError, Node, NodeId, Op, Pad,
    channel_map::positions,
};

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

/// What the rewrite must know beyond the widths of producers.
enum Source<'a> {
    Widths(&'a Widths),
    Map(&'a ChannelMap),
}

impl Graph {
    /// The widths as they are.
    pub fn widths(&self) -> Widths {
        Widths::from_wires(self.nodes().map(|(_, node)| node.shape.channels).collect())
    }

    /// Widths of all wires from those of the producers (convolutions and linear layers), which `producer` gives.
    ///
    /// A selection of channels whose input changes width does not follow from widths: it is asked for like a producer.
    /// Padding keeps its zeros. A wire that is fed by nothing or feeds nothing has width 0, whatever `producer` says, so that
    /// these are the widths of the graph that [`Graph::with_widths`] makes.
    pub fn widths_from(&self, producer: impl Fn(NodeId) -> usize) -> Widths {
        let mut wires: Vec<usize> = Vec::with_capacity(self.len());
        for (id, node) in self.nodes() {
            let input = |position: usize| wires[node.inputs[position].index()];
            let before = || self.node(node.inputs[0]).shape.channels;
            let own = || if input(0) == 0 { 0 } else { producer(id) };
            let width = match &node.op {
                Op::Input(shape) => shape.channels,
                Op::Gather(gather) if input(0) == before() => gather.channels.len(),
                Op::Conv2d(_)
                | Op::Conv3d(_)
                | Op::ConvTranspose(_)
                | Op::Linear(_)
                | Op::Gather(_) => own(),
                Op::Depthwise(depthwise) => input(0).saturating_mul(depthwise.multiplier),
                Op::Concat(Axis::Channels) => {
                    let widths = node.inputs.iter().map(|id| wires[id.index()]);
                    widths.fold(0, usize::saturating_add)
                }
                Op::Flatten
                | Op::SpaceToDepth { .. }
                | Op::DepthToSpace { .. }
                | Op::Reshape { .. }
                | Op::Permute([.., Axis::Height | Axis::Width]) => {
                    let scaled = input(0).saturating_mul(node.shape.channels);
                    scaled / before()
                }
                Op::Add => node.inputs.iter().map(|id| wires[id.index()]).max().unwrap_or(0),
                Op::Pad(pad) if input(0) > 0 => {
                    input(0).saturating_add(pad.channels[0]).saturating_add(pad.channels[1])
                }
                Op::Pad(_)
                | Op::BatchNorm(_)
                | Op::Bias
                | Op::Gate
                | Op::Activation(_)
                | Op::Softmax
                | Op::LocalResponseNorm(_)
                | Op::Sub
                | Op::Mul
                | Op::Maximum
                | Op::Minimum
                | Op::Concat(Axis::Height | Axis::Width)
                | Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Resize(_)
                | Op::Permute([.., Axis::Channels])
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

    /// The same network with other widths; those of producers are read, all others follow.
    ///
    /// Width 0 deletes a wire and everything that it alone feeds or is fed by, and a join loses that input. A join left
    /// with one input is that input. The graph is rebuilt through the [`Builder`], so its shapes are proved anew. Errors with
    /// [`GraphError::NeedsChannels`] where widths do not say which channels are meant (a selection of channels of a wire that
    /// changes width, or padding that changes): see [`Graph::with_channels`].
    pub fn with_widths(&self, widths: &Widths) -> Result<Self, GraphError> {
        if widths.len() != self.len() {
            return Err(GraphError::WrongWidths { expected: self.len(), found: widths.len() });
        }
        self.rewritten(widths, &Source::Widths(widths))
    }

    /// The same network with the channels of a map that was made of it; rules as for [`Graph::with_widths`].
    pub fn with_channels(&self, map: &ChannelMap) -> Result<Self, GraphError> {
        let widths = map.widths();
        if widths.len() != self.len() {
            return Err(GraphError::WrongWidths { expected: self.len(), found: widths.len() });
        }
        self.rewritten(&widths, &Source::Map(map))
    }

    fn rewritten(&self, widths: &Widths, source: &Source<'_>) -> Result<Self, GraphError> {
        let mut build = Builder::new();
        let mut mapped: Vec<Option<NodeId>> = Vec::with_capacity(self.len());
        for (id, node) in self.nodes() {
            let inputs: Vec<NodeId> =
                node.inputs.iter().filter_map(|input| mapped[input.index()]).collect();
            let complete = inputs.len() == node.inputs.len();
            let lost = || GraphError::PartialLoss { node: node.name.clone(), op: node.op.kind() };
            if let (Op::Add | Op::Concat(_) | Op::Sub, [single], false) =
                (&node.op, inputs.as_slice(), complete)
            {
                if matches!(node.op, Op::Sub) && mapped[node.inputs[0].index()].is_none() {
                    return Err(lost());
                }
                mapped.push(Some(*single));
                continue;
            }
            let some_join = matches!(node.op, Op::Add | Op::Concat(_)) && !inputs.is_empty();
            let op = if complete || some_join {
                self.resized(id, node, widths.on(id), source)?
            } else {
                let has_first = node.inputs.first().is_some_and(|id| mapped[id.index()].is_some());
                let partial = (matches!(node.op, Op::Mul) && has_first)
                    || (matches!(node.op, Op::Maximum | Op::Minimum) && !inputs.is_empty());
                if partial {
                    return Err(lost());
                }
                None
            };
            let Some(op) = op else {
                mapped.push(None);
                continue;
            };
            mapped.push(Some(match node.shares {
                Some(owner) => {
                    let owner = mapped[owner.index()].ok_or_else(lost)?;
                    build.share(&node.name, owner, &inputs)?
                }
                None => build.add(&node.name, op, &inputs)?,
            }));
        }
        let mut outputs = Vec::new();
        for output in self.outputs() {
            let cut = || GraphError::Cut(self.node(*output).name.clone());
            outputs.push(mapped[output.index()].ok_or_else(cut)?);
        }
        build.finish_needed(&outputs)
    }

    /// The operator for another width of its output; nothing if it disappears.
    fn resized(
        &self,
        id: NodeId,
        node: &Node,
        width: usize,
        source: &Source<'_>,
    ) -> Result<Option<Op>, GraphError> {
        let present = |op: Op| (width > 0).then_some(op);
        Ok(match &node.op {
            Op::Conv2d(conv) => {
                let mut conv = *conv;
                conv.out = width;
                present(Op::Conv2d(conv))
            }
            Op::Conv3d(conv) => {
                let mut conv = *conv;
                conv.out = width;
                present(Op::Conv3d(conv))
            }
            Op::ConvTranspose(conv) => {
                let mut conv = *conv;
                conv.out = width;
                present(Op::ConvTranspose(conv))
            }
            Op::Linear(linear) => {
                let mut linear = *linear;
                linear.out = width;
                present(Op::Linear(linear))
            }
            Op::Gather(gather) => {
                let chosen = self.selection(node, gather, width, source)?;
                (!chosen.channels.is_empty()).then_some(Op::Gather(chosen))
            }
            Op::Pad(pad) => Some(Op::Pad(match source {
                Source::Widths(widths) => {
                    let zeros = pad.channels[0].saturating_add(pad.channels[1]);
                    if widths.on(node.inputs[0]).saturating_add(zeros) != width {
                        return Err(GraphError::NeedsChannels(node.name.clone()));
                    }
                    *pad
                }
                Source::Map(map) => {
                    let [before, after] = pad.channels;
                    let carried = node.shape.channels - after;
                    let count = |range: std::ops::Range<usize>| {
                        map.on(id).iter().filter(|channel| range.contains(channel)).count()
                    };
                    let channels = [count(0..before), count(carried..node.shape.channels)];
                    Pad { channels, ..*pad }
                }
            })),
            Op::Input(_)
            | Op::Depthwise(_)
            | Op::BatchNorm(_)
            | Op::Bias
            | Op::Gate
            | Op::Activation(_)
            | Op::Softmax
            | Op::LocalResponseNorm(_)
            | Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Maximum
            | Op::Minimum
            | Op::Concat(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Flatten
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Reshape { .. }
            | Op::Permute(_)
            | Op::Dropout { .. } => Some(node.op.clone()),
        })
    }

    fn selection(
        &self,
        node: &Node,
        gather: &Gather,
        width: usize,
        source: &Source<'_>,
    ) -> Result<Gather, GraphError> {
        let input = node.inputs[0];
        let before = self.node(input).shape.channels;
        match source {
            Source::Widths(widths)
                if widths.on(input) == before && gather.channels.len() == width =>
            {
                Ok(gather.clone())
            }
            Source::Widths(_) => Err(GraphError::NeedsChannels(node.name.clone())),
            Source::Map(map) => {
                let places = positions(map.on(input), before);
                let chosen = gather.channels.iter().flat_map(|channel| &places[*channel]);
                Ok(Gather { channels: chosen.copied().collect() })
            }
        }
    }
}

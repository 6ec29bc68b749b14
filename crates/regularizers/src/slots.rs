//! Where the parameters behind one channel's strength lie.

use graph::{Graph, NodeId, Op, Role};

/// The tensor of a source: which of its values belong to which output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    /// The tensor's role.
    pub(crate) role: Role,
    /// Output channels.
    out: usize,
    /// Input channels if they run fastest, else 1.
    inner: usize,
}

impl Slots {
    /// Of a batch norm its scales, of a gate its logits, of a layer its kernel.
    pub(crate) fn of(graph: &Graph, node: NodeId) -> Self {
        let body = graph.node(node);
        let out = body.shape.channels;
        match &body.op {
            Op::BatchNorm(_) => Self { role: Role::Gamma, out, inner: 1 },
            Op::Gate => Self { role: Role::Logit, out, inner: 1 },
            Op::ConvTranspose(_) => {
                let inner = graph.node(body.inputs[0]).shape.channels;
                Self { role: Role::Weight, out, inner }
            }
            Op::Input(_)
            | Op::Conv2d(_)
            | Op::Conv3d(_)
            | Op::Linear(_)
            | Op::Depthwise(_)
            | Op::Bias
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
            | Op::Gather(_)
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::Resize(_)
            | Op::Pad(_)
            | Op::Reshape { .. }
            | Op::Permute(_)
            | Op::Dropout { .. } => Self { role: Role::Weight, out, inner: 1 },
        }
    }

    /// Number of output channels.
    pub(crate) fn channels(self) -> usize {
        self.out
    }

    /// How many values of a channel follow each other.
    pub(crate) fn inner(self) -> usize {
        self.inner
    }

    /// Positions of a channel's values in a tensor of `len` values.
    pub(crate) fn positions(self, len: usize, channel: usize) -> impl Iterator<Item = usize> {
        let Self { out, inner, .. } = self;
        let row = out * inner;
        (0..len / row).flat_map(move |at| {
            let start = at * row + channel * inner;
            start..start + inner
        })
    }
}

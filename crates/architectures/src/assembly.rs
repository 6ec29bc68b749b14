//! Layers that the families are made of, and how their nodes are named.
//!
//! A layer has the name of its block and its own, `stage2/block1/conv1`; batch norm and activation stand below it,
//! `stage2/block1/conv1/norm` and `stage2/block1/conv1/act`. The joins of a block are `stage2/block1/add` and
//! `stage2/block1/concat`. The head is `head/pool`, `head/dropout` and `Logits`.

use graph::{
    Activation, Axis, BatchNorm, Builder, Conv2d, Depthwise, Graph, GraphError, Linear, NodeId, Op,
    Padding, Pool, Shape, Window,
};

use crate::scaling::Scaling;

/// A wire, or why there is none.
pub(crate) type Wire = Result<NodeId, GraphError>;

/// What the nodes after a layer are called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) norm: &'static str,
    pub(crate) activation: &'static str,
}

impl Names {
    /// As described above.
    pub(crate) const PLAIN: Self = Self { norm: "norm", activation: "act" };
    /// As in slim.
    pub(crate) const SLIM: Self = Self { norm: "BatchNorm", activation: "Relu" };
}

/// A graph under construction.
pub(crate) struct Assembly {
    build: Builder,
    scaling: Scaling,
    norm: BatchNorm,
    names: Names,
    dropout: Option<f32>,
    classes: usize,
}

impl Assembly {
    pub(crate) fn new(
        scaling: Scaling,
        norm: BatchNorm,
        names: Names,
        dropout: Option<f32>,
        classes: usize,
    ) -> Self {
        Self { build: Builder::new(), scaling, norm, names, dropout, classes }
    }

    pub(crate) fn image(&mut self, shape: Shape) -> Wire {
        self.build.add("image", Op::Input(shape), &[])
    }

    pub(crate) fn finish(self, logits: NodeId) -> Result<Graph, GraphError> {
        self.build.finish(&[logits])
    }

    /// The width of a layer that has `full` channels at width multiplier 1.
    pub(crate) fn width(&self, full: usize) -> usize {
        self.scaling.width(full)
    }

    pub(crate) fn channels(&self, wire: NodeId) -> usize {
        self.build.shape(wire).channels
    }

    /// One node on one input.
    pub(crate) fn node(&mut self, name: &str, op: Op, input: NodeId) -> Wire {
        self.build.add(name, op, &[input])
    }

    /// Batch norm and, if there is one, the activation, below `name`.
    pub(crate) fn norm(
        &mut self,
        name: &str,
        activation: Option<Activation>,
        input: NodeId,
    ) -> Wire {
        let norm = self.node(&below(name, self.names.norm), Op::BatchNorm(self.norm), input)?;
        match activation {
            Some(activation) => self.activation(name, activation, norm),
            None => Ok(norm),
        }
    }

    /// The activation alone, below `name`.
    pub(crate) fn activation(&mut self, name: &str, activation: Activation, input: NodeId) -> Wire {
        self.node(&below(name, self.names.activation), Op::Activation(activation), input)
    }

    /// A layer, batch norm, and the activation if there is one.
    pub(crate) fn normalized(
        &mut self,
        name: &str,
        layer: Op,
        activation: Option<Activation>,
        input: NodeId,
    ) -> Wire {
        let layer = self.node(name, layer, input)?;
        self.norm(name, activation, layer)
    }

    /// Batch norm, activation, and then the layer.
    pub(crate) fn preactivated(
        &mut self,
        name: &str,
        layer: Op,
        activation: Activation,
        input: NodeId,
    ) -> Wire {
        let input = self.norm(name, Some(activation), input)?;
        self.node(name, layer, input)
    }

    /// A layer and the activation.
    pub(crate) fn activated(
        &mut self,
        name: &str,
        layer: Op,
        activation: Activation,
        input: NodeId,
    ) -> Wire {
        let layer = self.node(name, layer, input)?;
        self.activation(name, activation, layer)
    }

    /// The input times a factor per channel, which two layers make of its mean (Hu et al. 2018, arXiv 1709.01507).
    pub(crate) fn squeeze_excite(
        &mut self,
        name: &str,
        squeezed: usize,
        [inner, gate]: [Activation; 2],
        input: NodeId,
    ) -> Wire {
        let mean = self.node(&below(name, "pool"), Op::GlobalAvgPool, input)?;
        let reduced = self.activated(&below(name, "reduce"), biased(squeezed, 1), inner, mean)?;
        let width = self.channels(input);
        let factor = self.activated(&below(name, "expand"), biased(width, 1), gate, reduced)?;
        self.build.add(&below(name, "scale"), Op::Mul, &[input, factor])
    }

    /// The sum that ends a residual block.
    pub(crate) fn add(&mut self, block: &str, left: NodeId, right: NodeId) -> Wire {
        self.build.add(&below(block, "add"), Op::Add, &[left, right])
    }

    /// One node on several wires.
    pub(crate) fn join(&mut self, name: &str, op: Op, wires: &[NodeId]) -> Wire {
        self.build.add(name, op, wires)
    }

    pub(crate) fn shape(&self, wire: NodeId) -> Shape {
        self.build.shape(wire)
    }

    /// Wires laid end to end along channels.
    pub(crate) fn concat(&mut self, block: &str, wires: &[NodeId]) -> Wire {
        self.build.add(&below(block, "concat"), Op::Concat(Axis::Channels), wires)
    }

    /// Mean over all positions, dropout if the family has it, and the classifier.
    pub(crate) fn head(&mut self, body: NodeId) -> Wire {
        let pool = self.node("head/pool", Op::GlobalAvgPool, body)?;
        let kept = self.dropout("head/dropout", pool)?;
        self.logits(kept)
    }

    /// Dropout, if the family has it.
    pub(crate) fn dropout(&mut self, name: &str, input: NodeId) -> Wire {
        match self.dropout {
            Some(rate) => self.node(name, Op::Dropout { rate }, input),
            None => Ok(input),
        }
    }

    /// The classifier.
    pub(crate) fn logits(&mut self, input: NodeId) -> Wire {
        self.node("Logits", Op::Linear(Linear::new(self.classes)), input)
    }

    pub(crate) fn classes(&self) -> usize {
        self.classes
    }
}

/// Batch norm with scale, as in Caffe and torchvision.
pub(crate) fn norm_of_torch() -> BatchNorm {
    BatchNorm { scale: true, epsilon: 1e-5 }
}

/// The name of a node below another.
pub(crate) fn below(name: &str, part: &str) -> String {
    format!("{name}/{part}")
}

/// A square window that keeps the image's size divided by `stride`, rounded up. Strided ones are padded alike on both
/// sides, as in Caffe and torchvision, where TensorFlow pads more at the bottom and right.
pub(crate) fn centred(side: usize, stride: usize) -> Window {
    let window = Window::square(side).stride(stride);
    if stride == 1 { window } else { window.padding(Padding::all(side / 2)) }
}

/// A convolution without bias and with a [`centred`] window.
pub(crate) fn conv(out: usize, side: usize, stride: usize) -> Op {
    Op::Conv2d(Conv2d::new(out, centred(side, stride)))
}

/// A convolution with bias, stride 1.
pub(crate) fn biased(out: usize, side: usize) -> Op {
    Op::Conv2d(Conv2d { bias: true, ..Conv2d::square(out, side) })
}

/// One filter per channel, with a [`centred`] window and without bias.
pub(crate) fn depthwise(side: usize, stride: usize) -> Op {
    Op::Depthwise(Depthwise { multiplier: 1, window: centred(side, stride), bias: false })
}

pub(crate) fn max_pool(window: Window) -> Op {
    Op::MaxPool(Pool { window })
}

pub(crate) fn avg_pool(window: Window) -> Op {
    Op::AvgPool(Pool { window })
}

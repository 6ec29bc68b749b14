//! Expands a table of stages into a graph.

use graph::{
    Activation, Axis, BatchNorm, Builder, Conv2d, Depthwise, Graph, GraphError, Linear, NodeId, Op,
    Pool, Shape, Window,
};

use super::stages::{Kind, Layer, Pooling, Stage, Table};

/// Most output channels per image channel in the depthwise half of a separable layer (slim: `min(depth(64) / 3, 8)`).
const MOST_PER_IMAGE_CHANNEL: usize = 8;

/// A graph under construction.
pub(super) struct Assembly {
    pub(super) build: Builder,
    pub(super) width_multiplier: f64,
    pub(super) narrowest: usize,
}

impl Assembly {
    /// All stages of `table` on an image of this shape.
    pub(super) fn body(&mut self, table: &Table, input: Shape) -> Result<NodeId, GraphError> {
        let mut wire = self.build.add("image", Op::Input(input), &[])?;
        for stage in table.stages {
            wire = match stage {
                Stage::Layer(layer) => self.layer(layer.name, layer, wire)?,
                Stage::Inception(block) => self.block(block.name, &block.branches(), wire)?,
                Stage::Reduction(block) => self.block(block.name, &block.branches(), wire)?,
            };
        }
        Ok(wire)
    }

    /// Mean over all positions, dropout, and the classifier (slim's `Logits` scope, there a 1x1 convolution with bias).
    pub(super) fn head(
        mut self,
        body: NodeId,
        dropout: f32,
        classes: usize,
    ) -> Result<Graph, GraphError> {
        let pool = self.build.add("Logits/AvgPool_1a", Op::GlobalAvgPool, &[body])?;
        let kept = self.build.add("Logits/Dropout_1b", Op::Dropout { rate: dropout }, &[pool])?;
        let logits = self.build.add("Logits", Op::Linear(Linear::new(classes)), &[kept])?;
        self.build.finish(&[logits])
    }

    fn block(
        &mut self,
        name: &str,
        branches: &[Vec<Layer>],
        input: NodeId,
    ) -> Result<NodeId, GraphError> {
        let mut ends = Vec::new();
        for (branch, layers) in branches.iter().enumerate() {
            let mut wire = input;
            for layer in layers {
                wire =
                    self.layer(&format!("{name}/Branch_{branch}/{}", layer.name), layer, wire)?;
            }
            ends.push(wire);
        }
        self.build.add(&format!("{name}/concat"), Op::Concat(Axis::Channels), &ends)
    }

    fn layer(&mut self, name: &str, layer: &Layer, input: NodeId) -> Result<NodeId, GraphError> {
        let window = Window::square(layer.side).stride(layer.stride);
        match layer.kind {
            Kind::Pool(Pooling::Maximum) => {
                self.build.add(name, Op::MaxPool(Pool { window }), &[input])
            }
            Kind::Pool(Pooling::Average) => {
                self.build.add(name, Op::AvgPool(Pool { window }), &[input])
            }
            Kind::Convolution(out) => {
                let conv = Conv2d::new(self.width(out), window);
                let conv = self.build.add(name, Op::Conv2d(conv), &[input])?;
                self.normalized(name, conv)
            }
            Kind::Separable(out) => {
                let out = self.width(out);
                let channels = self.build.shape(input).channels.max(1);
                let multiplier = (out / channels).clamp(1, MOST_PER_IMAGE_CHANNEL);
                let depthwise = Op::Depthwise(Depthwise { multiplier, window, bias: false });
                let depthwise =
                    self.build.add(&format!("{name}/depthwise"), depthwise, &[input])?;
                let pointwise = Op::Conv2d(Conv2d::square(out, 1));
                let pointwise =
                    self.build.add(&format!("{name}/pointwise"), pointwise, &[depthwise])?;
                self.normalized(name, pointwise)
            }
        }
    }

    fn normalized(&mut self, name: &str, input: NodeId) -> Result<NodeId, GraphError> {
        let norm = Op::BatchNorm(BatchNorm::scaled());
        let norm = self.build.add(&format!("{name}/BatchNorm"), norm, &[input])?;
        self.build.add(&format!("{name}/Relu"), Op::Activation(Activation::Relu), &[norm])
    }

    /// `max(int(full * multiplier), narrowest)`, slim's `depth`; beyond the range of `usize` it saturates.
    fn width(&self, full: usize) -> usize {
        ((full as f64 * self.width_multiplier) as usize).max(self.narrowest)
    }
}

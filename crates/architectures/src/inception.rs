//! What the Inception networks have in common: blocks of parallel branches, with the names of slim's scopes.
//!
//! Convolutions have no bias and are followed by batch norm with scale (epsilon 0.001) and ReLU. A layer of a branch is
//! `Mixed_3b/Branch_1/Conv2d_0b_3x3`: the letter counts the layers of a branch, and the first strided one is `1a`. The
//! head is a mean over all positions, dropout, and a linear layer with bias (in slim a 1x1 convolution).

use graph::{Activation, Conv2d, Depthwise, NodeId, Op, Padding, Pool, Window};

use crate::assembly::{Assembly, Wire};

/// Most output channels per image channel in the depthwise half of a separable layer (slim: `min(depth(64) / 3, 8)`).
const MOST_PER_IMAGE_CHANNEL: usize = 8;

/// A row of a table of stages.
pub(crate) enum Part {
    /// A layer outside of a block.
    Layer(&'static str, Layer),
    /// Branches whose ends are concatenated.
    Block(&'static str, Vec<Vec<Step>>),
}

/// Part of a branch.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// One layer.
    One(Layer),
    /// Two layers on the same input, concatenated: the end of a branch.
    Fork(Layer, Layer),
}

/// A layer.
#[derive(Clone, Copy)]
pub(crate) struct Layer {
    pub(crate) kind: Kind,
    /// Height and width of the window.
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: usize,
    pub(crate) padding: Padding,
}

/// What a layer does; numbers are output channels at width multiplier 1.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Depthwise over the image, then 1x1, then batch norm and ReLU.
    Separable(usize),
    /// Convolution, batch norm, ReLU.
    Convolution(usize),
    Pool(Pooling),
}

/// What a pool takes over its window.
#[derive(Clone, Copy)]
pub(crate) enum Pooling {
    Average,
    Maximum,
}

/// A convolution with SAME padding and stride 1.
pub(crate) const fn convolution(out: usize, kernel: [usize; 2]) -> Layer {
    Layer { kind: Kind::Convolution(out), kernel, stride: 1, padding: Padding::Same }
}

/// A pool with a 3x3 window, SAME padding and stride 1.
pub(crate) const fn pool(pooling: Pooling) -> Layer {
    Layer { kind: Kind::Pool(pooling), kernel: [3, 3], stride: 1, padding: Padding::Same }
}

impl Layer {
    /// The same layer with steps of 2.
    pub(crate) const fn halving(self) -> Self {
        Self { stride: 2, ..self }
    }

    /// The same layer without padding.
    pub(crate) const fn valid(self) -> Self {
        Self { padding: Padding::Valid, ..self }
    }

    /// Its name as the `position`-th of a branch.
    fn name(&self, position: usize) -> String {
        let kind = match self.kind {
            Kind::Convolution(_) | Kind::Separable(_) => "Conv2d",
            Kind::Pool(Pooling::Average) => "AvgPool",
            Kind::Pool(Pooling::Maximum) => "MaxPool",
        };
        let place = if self.stride > 1 {
            "1a".to_owned()
        } else {
            format!("0{}", char::from(b'a' + position as u8))
        };
        let [height, width] = self.kernel;
        format!("{kind}_{place}_{height}x{width}")
    }
}

/// The graph of `parts` on the image, and the head.
pub(crate) fn network(
    assembly: &mut Assembly,
    image: NodeId,
    parts: impl IntoIterator<Item = Part>,
) -> Wire {
    let mut wire = image;
    for part in parts {
        wire = match part {
            Part::Layer(name, layer) => add(assembly, name, &layer, wire)?,
            Part::Block(name, branches) => block(assembly, name, &branches, wire)?,
        };
    }
    let pool = assembly.node("Logits/AvgPool_1a", Op::GlobalAvgPool, wire)?;
    let kept = assembly.dropout("Logits/Dropout_1b", pool)?;
    assembly.logits(kept)
}

fn block(assembly: &mut Assembly, name: &str, branches: &[Vec<Step>], input: NodeId) -> Wire {
    let mut ends = Vec::new();
    for (branch, steps) in branches.iter().enumerate() {
        let branch = format!("{name}/Branch_{branch}");
        let mut wire = input;
        for (position, step) in steps.iter().enumerate() {
            let mut layer = |layer: &Layer| {
                add(assembly, &format!("{branch}/{}", layer.name(position)), layer, wire)
            };
            wire = match step {
                Step::One(one) => layer(one)?,
                Step::Fork(left, right) => {
                    let sides = [layer(left)?, layer(right)?];
                    assembly.concat(&branch, &sides)?
                }
            };
        }
        ends.push(wire);
    }
    assembly.concat(name, &ends)
}

fn add(assembly: &mut Assembly, name: &str, layer: &Layer, input: NodeId) -> Wire {
    let window = Window::new(layer.kernel).stride(layer.stride).padding(layer.padding);
    let relu = Some(Activation::Relu);
    match layer.kind {
        Kind::Pool(Pooling::Maximum) => assembly.node(name, Op::MaxPool(Pool { window }), input),
        Kind::Pool(Pooling::Average) => assembly.node(name, Op::AvgPool(Pool { window }), input),
        Kind::Convolution(out) => {
            let conv = Op::Conv2d(Conv2d::new(assembly.width(out), window));
            assembly.normalized(name, conv, relu, input)
        }
        Kind::Separable(out) => {
            let out = assembly.width(out);
            let channels = assembly.channels(input).max(1);
            let multiplier = (out / channels).clamp(1, MOST_PER_IMAGE_CHANNEL);
            let depthwise = Op::Depthwise(Depthwise { multiplier, window, bias: false });
            let depthwise = assembly.node(&format!("{name}/depthwise"), depthwise, input)?;
            let pointwise = Op::Conv2d(Conv2d::square(out, 1));
            let pointwise = assembly.node(&format!("{name}/pointwise"), pointwise, depthwise)?;
            assembly.norm(name, relu, pointwise)
        }
    }
}

//! Tests of the graph: its shapes, its channel groups, its one rewrite, and what it says when something is wrong.

#![expect(clippy::unwrap_used, reason = "in helpers, which clippy does not take for tests")]

mod dump;
mod errors;
mod rewrites;
mod ties;
mod windows;

use graph::{Builder, Conv2d, Graph, Linear, NodeId, Op, Shape};

/// A builder whose nodes are right by construction.
struct Sketch(Builder);

impl Sketch {
    /// A sketch with its image, called `image`.
    fn new(height: usize, width: usize, channels: usize) -> (Self, NodeId) {
        let mut sketch = Self(Builder::new());
        let image = sketch.add("image", Op::Input(Shape::new(height, width, channels)), &[]);
        (sketch, image)
    }

    fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.0.add(name, op, inputs).unwrap()
    }

    /// A 1x1 convolution.
    fn conv(&mut self, name: &str, out: usize, input: NodeId) -> NodeId {
        self.add(name, Op::Conv2d(Conv2d::square(out, 1)), &[input])
    }

    /// Global average and two logits.
    fn classify(mut self, input: NodeId) -> Graph {
        let mean = self.add("mean", Op::GlobalAvgPool, &[input]);
        let logits = self.add("logits", Op::Linear(Linear::new(2)), &[mean]);
        self.finish(&[logits])
    }

    fn finish(self, outputs: &[NodeId]) -> Graph {
        self.0.finish(outputs).unwrap()
    }
}

fn id(graph: &Graph, name: &str) -> NodeId {
    graph.find(name).unwrap()
}

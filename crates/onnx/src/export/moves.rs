//! Pools, and operators that only move values.

use graph::{Axis, Gather, Interpolation, LocalResponseNorm, NodeId, Op, Pad, Pool, Resize};

use super::{
    Exporter, Form,
    layers::window,
    nodes::{float, int, ints, string},
};
use crate::error::{Trouble, refuse};

impl Exporter<'_> {
    pub(super) fn softmax(&mut self, id: NodeId) -> Result<Form, Trouble> {
        let (value, form) = self.input(self.graph.node(id), 0)?;
        Ok(self.put(id, "Softmax", &[value], vec![int("axis", 1)], form))
    }

    pub(super) fn local_response_norm(
        &mut self,
        id: NodeId,
        norm: &LocalResponseNorm,
    ) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let value = self.image(node, 0)?;
        let attributes = vec![
            int("size", norm.size),
            float("alpha", norm.alpha),
            float("beta", norm.beta),
            float("bias", norm.bias),
        ];
        Ok(self.put(id, "LRN", &[value], attributes, Form::of(node.shape)))
    }

    pub(super) fn pool(&mut self, id: NodeId, op: &str, pool: Pool) -> Result<Form, Trouble> {
        if op == "AveragePool" && pool.window.dilation != [1, 1] {
            return refuse("a dilated average pool", "use dilation 1, or a depthwise convolution");
        }
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let value = self.image(node, 0)?;
        Ok(self.put(id, op, &[value], window(pool.window, before, node.shape), Form::Image))
    }

    pub(super) fn global_pool(&mut self, id: NodeId, op: &str) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let value = self.image(node, 0)?;
        if Form::of(before) == Form::Image {
            return Ok(self.put(id, op, &[value], Vec::new(), Form::Image));
        }
        // Of a volume is left a volume of one position; it goes on as a row.
        let part = self.unique(&format!("{}/volume", node.name));
        let value = self.emit(&part, op, &[&value], Vec::new());
        Ok(self.put(id, "Flatten", &[value], vec![int("axis", 1)], Form::Row))
    }

    pub(super) fn dropout(&mut self, id: NodeId, rate: f32) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let (value, form) = self.input(node, 0)?;
        let rate = self.floats(&format!("{}/rate", node.name), &[], &[rate]);
        self.keep_order(id, node);
        Ok(self.put(id, "Dropout", &[value, rate], Vec::new(), form))
    }

    pub(super) fn gather(&mut self, id: NodeId, gather: &Gather) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let name = &node.name;
        let (value, form) = self.input(node, 0)?;
        let channels: Vec<i64> = gather.channels.iter().map(|channel| *channel as i64).collect();
        let consecutive = channels.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if let (true, Some(first)) = (consecutive, channels.first()) {
            let start = self.integers(&format!("{name}/start"), &[*first]);
            let end = self.integers(&format!("{name}/end"), &[first + channels.len() as i64]);
            let axis = self.integers(&format!("{name}/axis"), &[1]);
            return Ok(self.put(id, "Slice", &[value, start, end, axis], Vec::new(), form));
        }
        let indices = self.integers(&format!("{name}/indices"), &channels);
        Ok(self.put(id, "Gather", &[value, indices], vec![int("axis", 1)], form))
    }

    pub(super) fn blocks(&mut self, id: NodeId, op: &str, block: usize) -> Result<Form, Trouble> {
        let value = self.image(self.graph.node(id), 0)?;
        Ok(self.put(id, op, &[value], vec![int("blocksize", block)], Form::Image))
    }

    pub(super) fn resize(&mut self, id: NodeId, resize: &Resize) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let value = self.image(node, 0)?;
        let before = self.graph.node(node.inputs[0]).shape;
        let axes = [(before.height, resize.height), (before.width, resize.width)];
        let nearest = resize.method == Interpolation::Nearest;
        if nearest && axes.iter().any(|(old, new)| !is_rounded_alike(*old, *new)) {
            // Positions in numbers, where a runtime's rounding errors could choose others.
            let [rows, columns] = axes.map(|(old, new)| -> Vec<i64> {
                (0..new).map(|at| resize.method.taps(at, new, old)[0].0 as i64).collect()
            });
            let rows = self.integers(&format!("{}/row-indices", node.name), &rows);
            let columns = self.integers(&format!("{}/column-indices", node.name), &columns);
            let part = self.unique(&format!("{}/rows", node.name));
            let value = self.emit(&part, "Gather", &[&value, &rows], vec![int("axis", 2)]);
            return Ok(self.put(
                id,
                "Gather",
                &[value, columns],
                vec![int("axis", 3)],
                Form::Image,
            ));
        }
        let sizes = [resize.height as i64, resize.width as i64];
        let sizes = self.integers(&format!("{}/sizes", node.name), &sizes);
        let mut attributes =
            vec![ints("axes", &[2, 3]), string("coordinate_transformation_mode", "half_pixel")];
        match resize.method {
            Interpolation::Nearest => {
                attributes.push(string("mode", "nearest"));
                attributes.push(string("nearest_mode", "round_prefer_ceil"));
            }
            Interpolation::Bilinear => attributes.push(string("mode", "linear")),
        }
        let inputs = [value, String::new(), String::new(), sizes];
        Ok(self.put(id, "Resize", &inputs, attributes, Form::Image))
    }

    pub(super) fn pad(&mut self, id: NodeId, pad: &Pad) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let value = self.image(node, 0)?;
        let [before, after] = pad.channels;
        let pads = [0, before, pad.top, pad.left, 0, after, pad.bottom, pad.right];
        let pads = self.integers(&format!("{}/pads", node.name), &pads.map(|size| size as i64));
        Ok(self.put(id, "Pad", &[value, pads], Vec::new(), Form::Image))
    }

    pub(super) fn reshape(&mut self, id: NodeId) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let (name, shape) = (&node.name, node.shape);
        let value = self.image(node, 0)?;
        let part = self.unique(&format!("{name}/channels-last"));
        let value = self.emit(&part, "Transpose", &[&value], vec![ints("perm", &[0, 2, 3, 1])]);
        let sizes = [0, shape.height, shape.width, shape.channels].map(|size| size as i64);
        let sizes = self.integers(&format!("{name}/shape"), &sizes);
        let part = self.unique(&format!("{name}/laid-out"));
        let value = self.emit(&part, "Reshape", &[&value, &sizes], Vec::new());
        Ok(self.put(id, "Transpose", &[value], vec![ints("perm", &[0, 3, 1, 2])], Form::Image))
    }

    pub(super) fn permute(&mut self, id: NodeId, axes: [Axis; 3]) -> Result<Form, Trouble> {
        let value = self.image(self.graph.node(id), 0)?;
        let [height, width, channels] = axes.map(|axis| match axis {
            Axis::Channels => 1,
            Axis::Height => 2,
            Axis::Width => 3,
        });
        let attributes = vec![ints("perm", &[0, channels, height, width])];
        Ok(self.put(id, "Transpose", &[value], attributes, Form::Image))
    }

    /// A row of all values. Channels come last in ours and first in the file; if only linear layers read the row, it is
    /// left so, and the rows of their matrices are exchanged.
    pub(super) fn flatten(&mut self, id: NodeId) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let mut value = self.image(node, 0)?;
        let alike = before.area() == 1 || before.channels == 1;
        if !alike && self.only_linear(id) {
            self.channels_first.insert(id, before);
        } else if !alike {
            let part = self.unique(&format!("{}/channels-last", node.name));
            let axes: &[usize] = if before.depth == 1 { &[0, 2, 3, 1] } else { &[0, 2, 3, 4, 1] };
            value = self.emit(&part, "Transpose", &[&value], vec![ints("perm", axes)]);
        }
        Ok(self.put(id, "Flatten", &[value], vec![int("axis", 1)], Form::Row))
    }

    /// Whether linear layers alone read a wire, perhaps behind functions of single values.
    fn only_linear(&self, wire: NodeId) -> bool {
        let mut open = vec![wire];
        while let Some(wire) = open.pop() {
            if self.graph.outputs().contains(&wire) {
                return false;
            }
            for reader in &self.consumers[wire.index()] {
                let op = &self.graph.node(*reader).op;
                if matches!(op, Op::Activation(_) | Op::Dropout { .. }) {
                    open.push(*reader);
                } else if !matches!(op, Op::Linear(_)) {
                    return false;
                }
            }
        }
        true
    }
}

/// Whether the nearest positions are ours when they are computed in single precision.
fn is_rounded_alike(old: usize, new: usize) -> bool {
    let scale = new as f32 / old as f32;
    (0..new).all(|at| {
        let place = ((at as f32 + 0.5) / scale - 0.5).round().max(0.0) as usize;
        place.min(old - 1) == Interpolation::Nearest.taps(at, new, old)[0].0
    })
}

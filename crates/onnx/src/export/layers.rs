//! Layers with parameters, functions and joins.

use graph::{
    Activation, Axis, BatchNorm, Conv2d, Conv3d, ConvTranspose, Depthwise, Linear, Node, NodeId,
    Padding, Role, Shape, Window,
};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::{
    Exporter, Form,
    nodes::{float, int, ints},
};
use crate::{error::Trouble, proto::AttributeProto};

impl<'a> Exporter<'a> {
    /// The parameter of a node, or of the node that it shares with.
    fn parameter(&self, id: NodeId, role: Role) -> Result<&'a ArrayD<f32>, Trouble> {
        let missing = || {
            let problem = format!("parameter {role:?} is missing");
            Trouble::new(problem, "give a tensor for every parameter of the graph")
        };
        self.weights.get(&(self.graph.owner(id), role)).ok_or_else(missing)
    }

    /// A parameter as a constant; layers that share a kernel have the same one.
    fn stored(
        &mut self,
        id: NodeId,
        role: Role,
        part: &str,
        arrange: impl Fn(ArrayViewD<'a, f32>) -> ArrayViewD<'a, f32>,
    ) -> Result<String, Trouble> {
        let owner = self.graph.owner(id);
        let key = (owner, part.to_owned());
        if let Some(name) = self.common.get(&key) {
            return Ok(name.clone());
        }
        let array = arrange(self.parameter(id, role)?.view());
        let name = self.array(&format!("{}/{part}", self.graph.node(owner).name), &array);
        self.common.insert(key, name.clone());
        Ok(name)
    }

    fn with_bias(
        &mut self,
        id: NodeId,
        bias: bool,
        inputs: &mut Vec<String>,
    ) -> Result<(), Trouble> {
        if bias {
            inputs.push(self.stored(id, Role::Bias, "bias", |bias| bias)?);
        }
        Ok(())
    }

    /// Adds the node of a wire.
    pub(super) fn put(
        &mut self,
        id: NodeId,
        op: &str,
        inputs: &[String],
        attributes: Vec<AttributeProto>,
        form: Form,
    ) -> Form {
        let name = self.graph.node(id).name.as_str();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.emit(name, op, &inputs, attributes);
        self.values.insert((id, form), name.to_owned());
        form
    }

    pub(super) fn convolution(&mut self, id: NodeId, conv: &Conv2d) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let weight = |weight| permuted(weight, &[3, 2, 0, 1]);
        let mut inputs =
            vec![self.image(node, 0)?, self.stored(id, Role::Weight, "weight", weight)?];
        self.with_bias(id, conv.bias, &mut inputs)?;
        let mut attributes = window(conv.window, before, node.shape);
        attributes.push(int("group", conv.groups));
        Ok(self.put(id, "Conv", &inputs, attributes, Form::Image))
    }

    pub(super) fn depthwise(&mut self, id: NodeId, depthwise: &Depthwise) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let weight = |weight| permuted(weight, &[2, 0, 1]).insert_axis(ndarray::Axis(1));
        let mut inputs =
            vec![self.image(node, 0)?, self.stored(id, Role::Weight, "weight", weight)?];
        self.with_bias(id, depthwise.bias, &mut inputs)?;
        let mut attributes = window(depthwise.window, before, node.shape);
        attributes.push(int("group", before.channels));
        Ok(self.put(id, "Conv", &inputs, attributes, Form::Image))
    }

    pub(super) fn volume(&mut self, id: NodeId, conv: &Conv3d) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let weight = |weight| permuted(weight, &[4, 3, 0, 1, 2]);
        let value = self.value(node.inputs[0], Form::Volume)?;
        let mut inputs = vec![value, self.stored(id, Role::Weight, "weight", weight)?];
        self.with_bias(id, conv.bias, &mut inputs)?;
        let sizes = |shape: Shape| [shape.depth, shape.height, shape.width];
        let (from, to) = (sizes(before), sizes(node.shape));
        let surplus = [0, 1, 2].map(|axis| {
            let reach = (to[axis] - 1) * conv.stride[axis] + conv.kernel[axis];
            if conv.padding == Padding::Same { reach.saturating_sub(from[axis]) } else { 0 }
        });
        let halves = surplus.iter().map(|all| all / 2);
        let pads: Vec<usize> = halves.chain(surplus.iter().map(|all| all - all / 2)).collect();
        let attributes = vec![
            ints("kernel_shape", &conv.kernel),
            ints("strides", &conv.stride),
            ints("pads", &pads),
        ];
        Ok(self.put(id, "Conv", &inputs, attributes, Form::Volume))
    }

    pub(super) fn transposed(&mut self, id: NodeId, conv: &ConvTranspose) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let before = self.graph.node(node.inputs[0]).shape;
        let weight = |weight| permuted(weight, &[3, 2, 0, 1]);
        let mut inputs =
            vec![self.image(node, 0)?, self.stored(id, Role::Weight, "weight", weight)?];
        self.with_bias(id, conv.bias, &mut inputs)?;
        let attributes = transposed_window(conv.window, before, node.shape);
        Ok(self.put(id, "ConvTranspose", &inputs, attributes, Form::Image))
    }

    pub(super) fn linear(&mut self, id: NodeId, linear: Linear) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let mut inputs = vec![self.value(node.inputs[0], Form::Row)?, self.matrix(id, node)?];
        self.with_bias(id, linear.bias, &mut inputs)?;
        Ok(self.put(id, "Gemm", &inputs, Vec::new(), Form::Row))
    }

    /// The matrix of a linear layer, its rows in the order of the input in the file.
    fn matrix(&mut self, id: NodeId, node: &Node) -> Result<String, Trouble> {
        let Some(shape) = self.channels_first.get(&node.inputs[0]).copied() else {
            return self.stored(id, Role::Weight, "weight", |weight| weight);
        };
        let owner = self.graph.owner(id);
        let key = (owner, format!("weight of {shape}"));
        if let Some(name) = self.common.get(&key) {
            return Ok(name.clone());
        }
        let weight = self.parameter(id, Role::Weight)?;
        let out = weight.len_of(ndarray::Axis(1));
        let unlike = |error: ndarray::ShapeError| {
            Trouble::new(error.to_string(), "give weights of the shape that the graph says")
        };
        let parts = [shape.area(), shape.channels, out];
        let parts = weight.view().into_shape_with_order(IxDyn(&parts)).map_err(unlike)?;
        let rows = permuted(parts, &[1, 0, 2]).as_standard_layout().into_owned();
        let rows = rows.into_shape_with_order(IxDyn(&[shape.elements(), out])).map_err(unlike)?;
        let name = self.array(&format!("{}/weight", self.graph.node(owner).name), &rows.view());
        self.common.insert(key, name.clone());
        Ok(name)
    }

    pub(super) fn batch_norm(&mut self, id: NodeId, norm: BatchNorm) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let (value, form) = self.input(node, 0)?;
        let scale = if norm.scale {
            self.stored(id, Role::Gamma, "scale", |gamma| gamma)?
        } else {
            let ones = vec![1.0; node.shape.channels];
            self.floats(&format!("{}/scale", node.name), &[ones.len()], &ones)
        };
        let inputs = [
            value,
            scale,
            self.stored(id, Role::Beta, "shift", |shift| shift)?,
            self.stored(id, Role::RunningMean, "mean", |mean| mean)?,
            self.stored(id, Role::RunningVariance, "variance", |variance| variance)?,
        ];
        let attributes = vec![float("epsilon", norm.epsilon)];
        Ok(self.put(id, "BatchNormalization", &inputs, attributes, form))
    }

    pub(super) fn bias(&mut self, id: NodeId) -> Result<Form, Trouble> {
        let bias: Vec<f32> = self.parameter(id, Role::Bias)?.iter().copied().collect();
        self.with_constant(id, "Add", "bias", &bias)
    }

    pub(super) fn gate(&mut self, id: NodeId) -> Result<Form, Trouble> {
        let factor = |logit: &f32| if *logit > 0.0 { 1.0 / (1.0 + (-logit).exp()) } else { 0.0 };
        let factors: Vec<f32> = self.parameter(id, Role::Logit)?.iter().map(factor).collect();
        self.with_constant(id, "Mul", "gate", &factors)
    }

    fn with_constant(
        &mut self,
        id: NodeId,
        op: &str,
        part: &str,
        values: &[f32],
    ) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let (value, form) = self.input(node, 0)?;
        let dims = form.per_channel(values.len());
        let constant = self.floats(&format!("{}/{part}", node.name), &dims, values);
        Ok(self.put(id, op, &[value, constant], Vec::new(), form))
    }

    pub(super) fn activation(
        &mut self,
        id: NodeId,
        activation: Activation,
    ) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let (x, form) = self.input(node, 0)?;
        let name = node.name.as_str();
        let constant = |exporter: &mut Self, part: &str, value: f32| {
            exporter.floats(&format!("{name}/{part}"), &[], &[value])
        };
        let (op, inputs, attributes) = match activation {
            Activation::Relu => ("Relu", vec![x], Vec::new()),
            Activation::Relu6 => {
                let low = constant(self, "low", 0.0);
                ("Clip", vec![x, low, constant(self, "high", 6.0)], Vec::new())
            }
            Activation::LeakyRelu { slope } => ("LeakyRelu", vec![x], vec![float("alpha", slope)]),
            Activation::Elu => ("Elu", vec![x], Vec::new()),
            Activation::Sigmoid => ("Sigmoid", vec![x], Vec::new()),
            Activation::Tanh => ("Tanh", vec![x], Vec::new()),
            Activation::Silu => {
                let part = self.unique(&format!("{name}/sigmoid"));
                let gate = self.emit(&part, "Sigmoid", &[&x], Vec::new());
                ("Mul", vec![x, gate], Vec::new())
            }
            Activation::HardSigmoid => {
                let attributes = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
                ("HardSigmoid", vec![x], attributes)
            }
            Activation::HardSwish => ("HardSwish", vec![x], Vec::new()),
            Activation::Scale { factor } => {
                ("Mul", vec![x, constant(self, "factor", factor)], Vec::new())
            }
        };
        self.keep_order(id, node);
        Ok(self.put(id, op, &inputs, attributes, form))
    }

    /// A function of single values leaves a row in the order that it has.
    pub(super) fn keep_order(&mut self, id: NodeId, node: &Node) {
        if let Some(shape) = self.channels_first.get(&node.inputs[0]).copied() {
            self.channels_first.insert(id, shape);
        }
    }

    /// An operator on several wires, element by element.
    pub(super) fn join(&mut self, id: NodeId, op: &str) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let form = if self.all_rows(node) { Form::Row } else { Form::of(node.shape) };
        let values = self.inputs(node, form)?;
        Ok(self.put(id, op, &values, Vec::new(), form))
    }

    pub(super) fn concatenation(&mut self, id: NodeId, axis: Axis) -> Result<Form, Trouble> {
        let node = self.graph.node(id);
        let rows = self.all_rows(node) && axis == Axis::Channels;
        let form = if rows { Form::Row } else { Form::of(node.shape) };
        let values = self.inputs(node, form)?;
        let height = if form == Form::Volume { 3 } else { 2 };
        let dimension = match axis {
            Axis::Channels => 1,
            Axis::Height => height,
            Axis::Width => height + 1,
        };
        Ok(self.put(id, "Concat", &values, vec![int("axis", dimension)], form))
    }

    fn all_rows(&self, node: &Node) -> bool {
        node.inputs.iter().all(|input| self.form(*input) == Form::Row)
    }

    fn inputs(&mut self, node: &Node, form: Form) -> Result<Vec<String>, Trouble> {
        node.inputs.iter().map(|input| self.value(*input, form)).collect()
    }
}

fn permuted<'v>(array: ArrayViewD<'v, f32>, axes: &[usize]) -> ArrayViewD<'v, f32> {
    array.permuted_axes(IxDyn(axes))
}

/// Positions that a window spans along an axis.
fn extent(window: &Window, axis: usize) -> usize {
    (window.kernel[axis] - 1) * window.dilation[axis] + 1
}

/// Attributes of a window over an image, padding in numbers.
pub(super) fn window(window: Window, from: Shape, to: Shape) -> Vec<AttributeProto> {
    let (from, to) = ([from.height, from.width], [to.height, to.width]);
    let pads = if let Padding::Explicit { top, bottom, left, right } = window.padding {
        [top, left, bottom, right]
    } else {
        let [rows, columns] = [0, 1].map(|axis| {
            let before = window.along(axis, from[axis]).map_or(0, |(_, before)| before);
            let reach = (to[axis] - 1) * window.stride[axis] + extent(&window, axis);
            let same = window.padding == Padding::Same;
            [before, if same { reach.saturating_sub(from[axis] + before) } else { 0 }]
        });
        [rows[0], columns[0], rows[1], columns[1]]
    };
    attributes(window, pads)
}

fn attributes(window: Window, pads: [usize; 4]) -> Vec<AttributeProto> {
    let mut attributes = vec![
        ints("kernel_shape", &window.kernel),
        ints("strides", &window.stride),
        ints("pads", &pads),
    ];
    if window.dilation != [1, 1] {
        attributes.push(ints("dilations", &window.dilation));
    }
    attributes
}

/// Attributes of a transposed convolution from one size to another.
fn transposed_window(window: Window, from: Shape, to: Shape) -> Vec<AttributeProto> {
    let (from, to) = ([from.height, from.width], [to.height, to.width]);
    let mut more = [0; 2];
    let [rows, columns] = [0, 1].map(|axis| {
        let before = window.along(axis, to[axis]).map_or(0, |(_, before)| before);
        let whole = (from[axis] - 1) * window.stride[axis] + extent(&window, axis);
        more[axis] = (to[axis] + before).saturating_sub(whole);
        [before, whole.saturating_sub(to[axis] + before)]
    });
    let mut attributes = attributes(window, [rows[0], columns[0], rows[1], columns[1]]);
    if more != [0, 0] {
        attributes.push(ints("output_padding", &more));
    }
    attributes
}

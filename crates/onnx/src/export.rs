//! A graph with weights to bytes.

mod layers;
mod moves;
mod nodes;

use std::collections::{BTreeMap, BTreeSet};

use graph::{Graph, Node, NodeId, Op, Shape};
use prost::Message;

use crate::{
    OnnxError, Weights,
    error::{Trouble, refuse},
    fold::fold_batch_norm,
    proto::{
        DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
        TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    },
};

/// Operator set of the files, and the version of the format that goes with it.
const OPSET: i64 = 18;
const IR_VERSION: i64 = 8;

/// A file of this format cannot be larger.
const LARGEST_FILE: usize = (1 << 31) - 1;

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Whether batch norms become part of the layers before them ([`fold_batch_norm`]): fewer operators at inference, but
    /// the file cannot be trained further as it was.
    pub fold_batch_norm: bool,
    /// Number of images per run; any number if not given.
    pub batch: Option<usize>,
}

/// Writes a network for inference, `[batch, channels, height, width]` in 32-bit floating point.
///
/// Nodes keep their names. A linear layer has outputs `[batch, channels]`. Gates are written as what they multiply by at
/// inference. Errors name the node, its operator and what to do.
pub fn export(
    graph: &Graph,
    weights: &Weights,
    options: &ExportOptions,
) -> Result<Vec<u8>, OnnxError> {
    let folded;
    let (graph, weights) = if options.fold_batch_norm {
        folded = fold_batch_norm(graph, weights)?;
        (&folded.0, &folded.1)
    } else {
        (graph, weights)
    };
    let mut exporter = Exporter::new(graph, weights);
    for (id, node) in graph.nodes() {
        exporter.node(id, node).map_err(|trouble| trouble.at(&node.name, node.op.kind()))?;
    }
    let model = exporter.finish(options);
    let size = model.encoded_len();
    if size > LARGEST_FILE {
        let (what, limit) = ("bytes of the file", LARGEST_FILE);
        return Err(OnnxError::TooLarge { what, found: size, limit });
    }
    Ok(model.encode_to_vec())
}

/// How a wire lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// `[batch, channels]`.
    Row,
    /// `[batch, channels, height, width]`.
    Image,
    /// `[batch, channels, depth, height, width]`.
    Volume,
}

impl Form {
    /// The form that has room for all positions.
    fn of(shape: Shape) -> Self {
        if shape.depth == 1 { Self::Image } else { Self::Volume }
    }

    fn sizes(self, shape: Shape) -> Vec<usize> {
        let Shape { depth, height, width, channels } = shape;
        match self {
            Self::Row => vec![channels],
            Self::Image => vec![channels, height, width],
            Self::Volume => vec![channels, depth, height, width],
        }
    }

    /// Dimensions of a constant with one value per channel.
    fn per_channel(self, channels: usize) -> Vec<usize> {
        match self {
            Self::Row => vec![channels],
            Self::Image => vec![channels, 1, 1],
            Self::Volume => vec![channels, 1, 1, 1],
        }
    }
}

struct Exporter<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    consumers: Vec<Vec<NodeId>>,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Names of nodes, values and constants.
    names: BTreeSet<String>,
    /// Constants that layers with a common kernel use, by what they hold.
    common: BTreeMap<(NodeId, String), String>,
    /// In which form every wire was made.
    forms: Vec<Form>,
    /// The value of a wire in a form.
    values: BTreeMap<(NodeId, Form), String>,
    /// Wires in one row whose order is channels first, with the shape before they were flattened.
    channels_first: BTreeMap<NodeId, Shape>,
}

impl<'a> Exporter<'a> {
    fn new(graph: &'a Graph, weights: &'a Weights) -> Self {
        Self {
            graph,
            weights,
            consumers: graph.consumers(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            names: graph.nodes().map(|(_, node)| node.name.clone()).collect(),
            common: BTreeMap::new(),
            forms: Vec::with_capacity(graph.len()),
            values: BTreeMap::new(),
            channels_first: BTreeMap::new(),
        }
    }

    fn node(&mut self, id: NodeId, node: &Node) -> Result<(), Trouble> {
        let form = match &node.op {
            Op::Input(shape) => {
                let form = Form::of(*shape);
                self.values.insert((id, form), node.name.clone());
                form
            }
            Op::Conv2d(conv) => self.convolution(id, conv)?,
            Op::Conv3d(conv) => self.volume(id, conv)?,
            Op::ConvTranspose(conv) => self.transposed(id, conv)?,
            Op::Depthwise(depthwise) => self.depthwise(id, depthwise)?,
            Op::Linear(linear) => self.linear(id, *linear)?,
            Op::BatchNorm(norm) => self.batch_norm(id, *norm)?,
            Op::Bias => self.bias(id)?,
            Op::Gate => self.gate(id)?,
            Op::Activation(activation) => self.activation(id, *activation)?,
            Op::Softmax => self.softmax(id)?,
            Op::LocalResponseNorm(norm) => self.local_response_norm(id, norm)?,
            Op::Add if node.inputs.len() == 2 => self.join(id, "Add")?,
            Op::Add => self.join(id, "Sum")?,
            Op::Sub => self.join(id, "Sub")?,
            Op::Mul => self.join(id, "Mul")?,
            Op::Maximum => self.join(id, "Max")?,
            Op::Minimum => self.join(id, "Min")?,
            Op::Concat(axis) => self.concatenation(id, *axis)?,
            Op::MaxPool(pool) => self.pool(id, "MaxPool", *pool)?,
            Op::AvgPool(pool) => self.pool(id, "AveragePool", *pool)?,
            Op::GlobalAvgPool => self.global_pool(id, "GlobalAveragePool")?,
            Op::GlobalMaxPool => self.global_pool(id, "GlobalMaxPool")?,
            Op::Dropout { rate } => self.dropout(id, *rate)?,
            Op::Flatten => self.flatten(id)?,
            Op::Gather(gather) => self.gather(id, gather)?,
            // The file's default order is ours: (row, column, channel).
            Op::DepthToSpace { block } => self.blocks(id, "DepthToSpace", *block)?,
            Op::SpaceToDepth { block } => self.blocks(id, "SpaceToDepth", *block)?,
            Op::Resize(resize) => self.resize(id, resize)?,
            Op::Pad(pad) => self.pad(id, pad)?,
            Op::Reshape { .. } => self.reshape(id)?,
            Op::Permute(axes) => self.permute(id, *axes)?,
        };
        self.forms.push(form);
        Ok(())
    }

    /// The form in which a wire was made.
    fn form(&self, wire: NodeId) -> Form {
        self.forms[wire.index()]
    }

    /// The value of a wire in a form; a node is added if it was made in another.
    fn value(&mut self, wire: NodeId, form: Form) -> Result<String, Trouble> {
        if let Some(value) = self.values.get(&(wire, form)) {
            return Ok(value.clone());
        }
        let graph = self.graph;
        let Node { name, shape, .. } = graph.node(wire);
        let own = self.values[&(wire, self.form(wire))].clone();
        let value = match form {
            Form::Row if shape.area() == 1 => {
                let part = self.unique(&format!("{name}/row"));
                self.emit(&part, "Flatten", &[&own], vec![nodes::int("axis", 1)])
            }
            Form::Row => {
                return refuse("an image where a row is needed", "put `flatten` before it");
            }
            Form::Image | Form::Volume => {
                let part = self.unique(&format!("{name}/image"));
                let sizes = form.sizes(*shape).into_iter().map(|size| size as i64);
                let sizes: Vec<i64> = std::iter::once(0).chain(sizes).collect();
                let sizes = self.integers(&format!("{part}/shape"), &sizes);
                self.emit(&part, "Reshape", &[&own, &sizes], Vec::new())
            }
        };
        self.values.insert((wire, form), value.clone());
        Ok(value)
    }

    /// An input of a node in the form in which it was made.
    fn input(&mut self, node: &Node, position: usize) -> Result<(String, Form), Trouble> {
        let wire = node.inputs[position];
        let form = self.form(wire);
        Ok((self.value(wire, form)?, form))
    }

    /// An input of a node with its positions.
    fn image(&mut self, node: &Node, position: usize) -> Result<String, Trouble> {
        let wire = node.inputs[position];
        self.value(wire, Form::of(self.graph.node(wire).shape))
    }

    fn finish(mut self, options: &ExportOptions) -> ModelProto {
        let graph = self.graph;
        let mut output = Vec::new();
        for wire in graph.outputs() {
            let Node { shape, name, op, .. } = graph.node(*wire);
            let form = self.form(*wire);
            let mut value = self.values[&(*wire, form)].clone();
            let again = output.iter().any(|other: &ValueInfoProto| other.name == value);
            if again || matches!(op, Op::Input(_)) {
                let part = self.unique(&format!("{name}/output"));
                value = self.emit(&part, "Identity", &[&value], Vec::new());
            }
            output.push(declared(value, form, *shape, options.batch));
        }
        let inputs = graph.nodes().filter(|(_, node)| matches!(node.op, Op::Input(_)));
        let input = inputs
            .map(|(id, node)| declared(node.name.clone(), self.form(id), node.shape, options.batch))
            .collect();
        let file = GraphProto {
            name: "network".to_owned(),
            input,
            output,
            node: self.nodes,
            initializer: self.initializers,
        };
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(file),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        }
    }
}

/// The declaration of an input or output.
fn declared(name: String, form: Form, shape: Shape, batch: Option<usize>) -> ValueInfoProto {
    let size = |size: usize| DimensionProto { dim_value: Some(size as i64), dim_param: None };
    let any = DimensionProto { dim_value: None, dim_param: Some("batch".to_owned()) };
    let batch = batch.map_or(any, size);
    let dim = std::iter::once(batch).chain(form.sizes(shape).into_iter().map(size)).collect();
    let shape = Some(TensorShapeProto { dim });
    let tensor_type = Some(TensorTypeProto { elem_type: TensorProto::FLOAT, shape });
    ValueInfoProto { name, r#type: Some(TypeProto { tensor_type }) }
}

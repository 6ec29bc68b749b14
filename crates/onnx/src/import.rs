//! Bytes to a graph with weights.

mod arrange;
mod attributes;
mod broadcast;
mod constants;
mod elementwise;
mod joins;
mod layers;
mod pools;
mod rearrange;
mod resample;
mod slices;
mod transposed;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use graph::{Graph, NodeId, Op, Shape};
use prost::Message;

use crate::{
    Limits, OnnxError, Weights,
    error::{Trouble, refuse},
    limits::{Budget, check_records},
    proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto},
    sketch::{Own, Sketch},
    tensor::{MAX_RANK, Tensor},
    view::{Along, View},
};

use attributes::Call;

/// What the file does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How much the file may ask for.
    pub limits: Limits,
    /// Height and width of the image, if the file leaves them open.
    pub image: Option<[usize; 2]>,
}

/// A network read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The graph. Its nodes have the names of the file's nodes (of their outputs, where a node has no name), made unique.
    pub graph: Graph,
    /// A tensor for every entry of [`Graph::parameters`].
    pub weights: Weights,
    /// What was noticed.
    pub report: Report,
}

/// What was noticed while reading a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Version of the standard operator set.
    pub opset: i64,
    /// Program that wrote the file.
    pub producer: String,
    /// Number of images per run, if the file fixes it. The graph takes any number.
    pub batch: Option<usize>,
    /// Number of nodes in the file.
    pub nodes: usize,
    /// What was expressed in another way than in the file, one sentence each.
    pub notes: Vec<String>,
}

/// Reads a model.
///
/// The file must have one input besides its weights; it is read as `[batch, channels, ...]` (or `[batch, ..., channels]` if
/// it is transposed at once). Errors name the node, its operator and what to do.
pub fn import(bytes: &[u8], options: &Options) -> Result<Imported, OnnxError> {
    check_records(bytes, options.limits.records)?;
    let model = ModelProto::decode(bytes).map_err(|error| OnnxError::Decode(error.to_string()))?;
    let opset = opset(&model)?;
    let Some(file) = &model.graph else {
        return Err(OnnxError::Decode("there is no graph in it".to_owned()));
    };
    let mut importer = Importer::new(file, opset, options)?;
    for node in &file.node {
        importer.node(node)?;
    }
    let outputs = importer.outputs(file)?;
    let Importer { sketch, mut report, .. } = importer;
    let producer = format!("{} {}", model.producer_name, model.producer_version);
    producer.trim().clone_into(&mut report.producer);
    let (graph, weights) = sketch.finish(&outputs)?;
    Ok(Imported { graph, weights, report })
}

fn opset(model: &ModelProto) -> Result<i64, OnnxError> {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let versions = model.opset_import.iter().filter(|set| standard(&set.domain));
    let version = versions.map(|set| set.version).max().unwrap_or(1);
    if (6..=21).contains(&version) { Ok(version) } else { Err(OnnxError::Opset(version)) }
}

/// A value of the file.
#[derive(Clone, Debug)]
enum Value {
    /// Known before the network runs.
    Constant(Rc<Tensor>),
    /// Computed from the image.
    Wire(Wired),
}

/// A value that is the output of a node of the graph.
#[derive(Clone, Debug)]
struct Wired {
    wire: NodeId,
    view: View,
    /// Whether the wire is used for this value alone, and that once: its node may be changed in place.
    exclusive: bool,
    /// Name of the file's node that made the value.
    label: Rc<str>,
}

/// Weights that may be shared: names of kernel and bias, and the operator in words.
type Kernel = (String, String, String);

struct Importer {
    sketch: Sketch,
    values: BTreeMap<String, Value>,
    /// How often every value is read, as an output too.
    uses: BTreeMap<String, usize>,
    kernels: BTreeMap<Kernel, NodeId>,
    /// Nodes whose kernel others use or may use.
    owners: BTreeSet<NodeId>,
    budget: Budget,
    /// Images per run; 1 if the file leaves it open.
    batch: usize,
    opset: i64,
    report: Report,
}

impl Importer {
    fn new(file: &GraphProto, opset: i64, options: &Options) -> Result<Self, OnnxError> {
        let mut budget = Budget::new(options.limits.values);
        let mut values = BTreeMap::new();
        for stored in &file.initializer {
            let tensor = Tensor::read(stored, &mut budget)?;
            values.insert(stored.name.clone(), Value::Constant(Rc::new(tensor)));
        }
        let mut uses = BTreeMap::new();
        let read = file.node.iter().flat_map(|node| &node.input);
        for name in read.chain(file.output.iter().map(|output| &output.name)) {
            *uses.entry(name.clone()).or_insert(0) += 1;
        }
        let report = Report { opset, nodes: file.node.len(), ..Report::default() };
        let mut importer = Self {
            sketch: Sketch::default(),
            values,
            uses,
            kernels: BTreeMap::new(),
            owners: BTreeSet::new(),
            budget,
            batch: 1,
            opset,
            report,
        };
        importer.image(file, options)?;
        Ok(importer)
    }

    /// Adds the input of the network.
    fn image(&mut self, file: &GraphProto, options: &Options) -> Result<(), OnnxError> {
        let model = |problem: String, remedy| OnnxError::Model { problem, remedy };
        let open = |input: &&ValueInfoProto| !self.values.contains_key(&input.name);
        // An input that nothing reads is no input.
        let read = |input: &&ValueInfoProto| self.uses.contains_key(&input.name);
        let inputs: Vec<_> = file.input.iter().filter(open).filter(read).collect();
        let [input] = inputs.as_slice() else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).take(8).collect();
            let problem = format!("{} inputs without values: {}", inputs.len(), names.join(", "));
            return Err(model(
                problem,
                "a network has one; store the others in the file as constants",
            ));
        };
        let dims = declared(input).map_err(|trouble| model(trouble.problem, trouble.remedy))?;
        let rank = dims.len();
        let first = file.node.iter().filter(|node| node.input.contains(&input.name));
        let channels_last =
            rank > 2 && first.into_iter().all(|node| is_channels_first_transpose(node, rank));
        let [batch, rest @ ..] = dims.as_slice() else {
            return Err(model(
                format!("input `{}` has no dimensions", input.name),
                "give it a batch",
            ));
        };
        self.report.batch = *batch;
        self.batch = batch.unwrap_or(1);
        let mut axes = crate::view::channels_first(rank).to_vec();
        if channels_last {
            axes.rotate_left(1);
        }
        let mut shape = Shape::volume(1, 1, 1, 1);
        for (along, size) in axes.iter().zip(rest) {
            let (place, chosen) = match along {
                Along::Depth => (&mut shape.depth, None),
                Along::Height => (&mut shape.height, options.image.map(|[height, _]| height)),
                Along::Width => (&mut shape.width, options.image.map(|[_, width]| width)),
                Along::Channels => (&mut shape.channels, None),
            };
            let Some(size) = size.or(chosen) else {
                let problem = format!("input `{}` leaves its {along:?} open", input.name);
                return Err(model(
                    problem,
                    "say how large images are, or export with a fixed size",
                ));
            };
            *place = size;
        }
        let added = self.sketch.add(&input.name, Op::Input(shape), &[], Vec::new());
        let wire = added.map_err(|trouble| model(trouble.problem, trouble.remedy))?;
        let view = View::of(shape, &axes);
        let label = Rc::from(input.name.as_str());
        self.values
            .insert(input.name.clone(), Value::Wire(Wired { wire, view, exclusive: false, label }));
        Ok(())
    }

    fn outputs(&mut self, file: &GraphProto) -> Result<Vec<NodeId>, OnnxError> {
        let mut outputs = Vec::new();
        for output in &file.output {
            let name = &output.name;
            let realised = match self.values.get(name).cloned() {
                Some(Value::Wire(value)) => self.realise(name, value),
                Some(Value::Constant(_)) => {
                    refuse("it does not depend on the image", "drop this output")
                }
                None => refuse("no node computes it", "the file is damaged: export it again"),
            };
            outputs.push(realised.map_err(|trouble| trouble.at(name, "output"))?);
        }
        Ok(outputs)
    }

    /// Reads one node of the file.
    fn node(&mut self, proto: &NodeProto) -> Result<(), OnnxError> {
        let call = Call::new(proto);
        let standard = proto.domain.is_empty() || proto.domain == "ai.onnx";
        let read = if standard {
            self.operator(&call)
        } else {
            let problem = format!("operators of `{}` are not supported", proto.domain);
            refuse(problem, "export with standard operators only")
        };
        read.map_err(|trouble| trouble.at(call.name, &proto.op_type))
    }

    fn operator(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        if self.evaluate(call)? {
            return Ok(());
        }
        match call.op() {
            "Conv" => self.convolution(call),
            "ConvTranspose" => self.transposed_convolution(call),
            "Gemm" => self.gemm(call),
            "MatMul" => self.matrix_product(call),
            "BatchNormalization" => self.batch_norm(call),
            "LRN" => self.local_response_norm(call),
            "MaxPool" => self.max_pool(call),
            "AveragePool" => self.average_pool(call),
            "GlobalAveragePool" | "GlobalMaxPool" => self.global_pool(call),
            "ReduceMean" | "ReduceMax" => self.reduction(call),
            "Relu" | "LeakyRelu" | "Elu" | "Selu" | "Sigmoid" | "Tanh" | "HardSigmoid"
            | "HardSwish" | "Clip" | "PRelu" | "Neg" | "Abs" => self.function(call),
            "Softmax" => self.softmax(call),
            "Dropout" => self.dropout(call),
            "Add" | "Sum" | "Sub" | "Mul" | "Div" | "Max" | "Min" => self.join(call),
            "Concat" => self.concatenation(call),
            "Identity" | "Cast" | "CastLike" => self.identity(call),
            "Flatten" => self.flatten(call),
            "Reshape" => self.reshape(call),
            "Squeeze" => self.squeeze(call),
            "Unsqueeze" => self.unsqueeze(call),
            "Transpose" => self.transpose(call),
            "Split" => self.split(call),
            "Slice" => self.slice(call),
            "Gather" => self.gather(call),
            "Pad" => self.pad(call),
            "Resize" | "Upsample" => self.resize(call),
            "DepthToSpace" => self.depth_to_space(call),
            "SpaceToDepth" => self.space_to_depth(call),
            other => refuse(
                format!("operator `{other}` is not supported"),
                "cut the model before this node, or replace it by supported operators",
            ),
        }
    }

    /// The value of an input of a node.
    fn input(&self, call: &Call<'_>, position: usize) -> Result<Value, Trouble> {
        let Some(name) = call.input(position) else {
            return refuse(
                format!("input {position} is missing"),
                "the file is damaged: export it again",
            );
        };
        let undefined = || {
            let problem = format!("its input `{name}` is computed by no node before it");
            Trouble::new(problem, "the file is damaged: export it again")
        };
        self.values.get(name).cloned().ok_or_else(undefined)
    }

    /// An input that must be computed from the image.
    fn wired(&self, call: &Call<'_>, position: usize) -> Result<Wired, Trouble> {
        match self.input(call, position)? {
            Value::Wire(value) => Ok(value),
            Value::Constant(_) => refuse(
                format!("input {position} is a constant, expected a value computed from the image"),
                "fold constants before exporting",
            ),
        }
    }

    /// An input that must be known before the network runs.
    fn constant(&self, call: &Call<'_>, position: usize) -> Result<Rc<Tensor>, Trouble> {
        match self.input(call, position)? {
            Value::Constant(tensor) => Ok(tensor),
            Value::Wire(_) => refuse(
                format!("input {position} is computed from the image, expected a constant"),
                "only networks with fixed weights and sizes can be imported",
            ),
        }
    }

    /// Like [`Self::constant`], for an input that may be absent.
    fn optional(&self, call: &Call<'_>, position: usize) -> Result<Option<Rc<Tensor>>, Trouble> {
        call.input(position).map(|_| self.constant(call, position)).transpose()
    }

    /// Adds a node that is named like the file's node, or like a part of it.
    fn add(
        &mut self,
        call: &Call<'_>,
        part: &str,
        op: Op,
        inputs: &[NodeId],
        weights: Own,
    ) -> Result<NodeId, Trouble> {
        let name =
            if part.is_empty() { call.name.to_owned() } else { format!("{}/{part}", call.name) };
        self.sketch.add(&name, op, inputs, weights)
    }

    /// Makes the first output of a node a new wire.
    fn define(&mut self, call: &Call<'_>, wire: NodeId, view: View) -> Result<(), Trouble> {
        self.define_output(call, 0, wire, view, true)
    }

    /// Makes the first output of a node the same wire in another view.
    fn alias(&mut self, call: &Call<'_>, value: &Wired, view: View) -> Result<(), Trouble> {
        self.define_output(call, 0, value.wire, view, value.exclusive)
    }

    fn define_output(
        &mut self,
        call: &Call<'_>,
        position: usize,
        wire: NodeId,
        view: View,
        exclusive: bool,
    ) -> Result<(), Trouble> {
        if view.rank() > MAX_RANK {
            return refuse(
                format!("its output has {} dimensions", view.rank()),
                "use fewer dimensions",
            );
        }
        let Some(name) = call.output(position) else {
            return Ok(());
        };
        let exclusive = exclusive && self.uses.get(name) == Some(&1);
        let value = Wired { wire, view, exclusive, label: Rc::from(call.name) };
        self.values.insert(name.to_owned(), Value::Wire(value));
        Ok(())
    }

    fn define_constant(&mut self, call: &Call<'_>, tensor: Tensor) {
        if let Some(name) = call.output(0) {
            self.values.insert(name.to_owned(), Value::Constant(Rc::new(tensor)));
        }
    }

    /// The wire of an input with channels first, rearranged if it lies otherwise.
    fn image_input(
        &mut self,
        call: &Call<'_>,
        position: usize,
    ) -> Result<(NodeId, usize), Trouble> {
        let value = self.wired(call, position)?;
        let rank = value.view.rank();
        let name = call.input(position).unwrap_or_default().to_owned();
        Ok((self.realise(&name, value)?, rank))
    }

    fn note(&mut self, call: &Call<'_>, text: &str) {
        self.report.notes.push(format!("{} `{}` {text}", call.op(), call.name));
    }

    /// Counts values that are about to be made.
    fn spend(&mut self, values: usize) -> Result<(), Trouble> {
        self.budget
            .take(values)
            .map_err(|error| Trouble::new(error.to_string(), "use a smaller network"))
    }
}

/// Sizes of an input; nothing where the file leaves them open.
fn declared(input: &ValueInfoProto) -> Result<Vec<Option<usize>>, Trouble> {
    let tensor = input.r#type.as_ref().and_then(|of| of.tensor_type.as_ref());
    let Some(shape) = tensor.and_then(|tensor| tensor.shape.as_ref()) else {
        return refuse(
            format!("input `{}` has no shape", input.name),
            "export with the shape of the input",
        );
    };
    let rank = shape.dim.len();
    if !(2..=5).contains(&rank) {
        let problem = format!("input `{}` has {rank} dimensions, expected 2 to 5", input.name);
        return refuse(problem, "a network takes [batch, channels] and up to three more");
    }
    let size = |size: Option<i64>| {
        size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0)
    };
    Ok(shape.dim.iter().map(|dim| size(dim.dim_value)).collect())
}

/// Whether a node moves the last dimension to the second place.
fn is_channels_first_transpose(node: &NodeProto, rank: usize) -> bool {
    let last = rank as i64 - 1;
    let expected = [0, last].into_iter().chain(1..last);
    let permutation = node.attribute.iter().find(|attribute| attribute.name == "perm");
    node.op_type == "Transpose"
        && permutation.is_some_and(|attribute| attribute.ints.iter().copied().eq(expected))
}

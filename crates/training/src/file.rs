//! A network as one file: weights in safetensors, readable from other languages, with the graph as JSON in the metadata.
//!
//! Tensors are called `NODE/ROLE` (`conv1/weight`) and have the layouts of [`Graph::parameters`]. The metadata entry
//! `morphnet` is a JSON object with `schema` (1), `nodes` in evaluation order (`name`, `op` with its attributes, `inputs` as
//! positions, and `shares` where a node uses the kernel of an earlier one) and `outputs`. Nothing else is needed to load it.

use std::collections::BTreeSet;

use graph::{Builder, Graph, GraphError, NodeId, Op, Role};
use ndarray::{ArrayD, IxDyn};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Network, Parameters};

/// Version of the graph's description.
const SCHEMA: u32 = 1;

/// The metadata entry that holds it.
const ENTRY: &str = "morphnet";

/// A file that holds no network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkFileError {
    /// Not safetensors, or damaged.
    #[error("the file is not safetensors, or is damaged: {0}")]
    Container(String),
    /// No description of the graph, or none that can be read.
    #[error(
        "the metadata entry `{ENTRY}` {0}, expected a graph as JSON: take a file that was written as a whole network"
    )]
    Description(String),
    /// A graph that cannot be.
    #[error("the graph in the file cannot be: {0}")]
    Graph(#[from] GraphError),
    /// A position that no earlier node has.
    #[error(
        "`{reader}` of the graph in the file reads node {position}, expected one of the {known} before it"
    )]
    Position {
        /// What reads it.
        reader: String,
        /// The position.
        position: usize,
        /// How many nodes there are before it.
        known: usize,
    },
    /// A tensor that is missing, left over, or not what the graph asks for.
    #[error("tensor `{name}` {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    schema: u32,
    nodes: Vec<Line>,
    outputs: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    op: Op,
    inputs: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shares: Option<usize>,
}

impl Network {
    /// The whole network as the bytes of a file; equal networks give equal bytes. Errors if a parameter is missing or has
    /// another size than the graph says.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NetworkFileError> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for spec in self.graph.parameters() {
            let name = tensor_name(&self.graph, spec.node, spec.role);
            let values = self.parameters.values(spec.node, spec.role).unwrap_or_default();
            if values.len() != spec.len() {
                let problem = format!("has {} values, expected {}", values.len(), spec.len());
                return Err(NetworkFileError::Tensor { name, problem });
            }
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push((name, spec.dimensions, bytes));
        }
        let views = tensors.iter().map(|(name, sizes, bytes)| {
            let view = TensorView::new(Dtype::F32, sizes.clone(), bytes);
            (name.as_str(), view.expect("four bytes a value"))
        });
        let description = serde_json::to_string(&Description::of(&self.graph))
            .expect("operators have finite numbers and texts");
        let metadata = [(ENTRY.to_owned(), description)].into();
        let container =
            |error: safetensors::SafeTensorError| NetworkFileError::Container(error.to_string());
        safetensors::serialize(views, Some(metadata)).map_err(container)
    }

    /// The network that [`Network::to_bytes`] wrote. No bytes make it panic, or take more memory than a few times their number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NetworkFileError> {
        let container =
            |error: safetensors::SafeTensorError| NetworkFileError::Container(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(container)?;
        let entry = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let description = |problem: String| NetworkFileError::Description(problem);
        let text = entry.ok_or_else(|| description("is missing".to_owned()))?;
        let found: Description = serde_json::from_str(text)
            .map_err(|error| description(format!("cannot be read ({error})")))?;
        let graph = found.build()?;
        let tensors = SafeTensors::deserialize(bytes).map_err(container)?;
        let mut left: BTreeSet<&str> = tensors.names().into_iter().collect();
        let mut parameters = Parameters::new();
        for spec in graph.parameters() {
            let name = tensor_name(&graph, spec.node, spec.role);
            let problem =
                |problem: String| NetworkFileError::Tensor { name: name.clone(), problem };
            let tensor = tensors.tensor(&name).map_err(|_| problem("is missing".to_owned()))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != spec.dimensions {
                let (kind, found, expected) = (tensor.dtype(), tensor.shape(), &spec.dimensions);
                return Err(problem(format!("is {kind:?} {found:?}, expected F32 {expected:?}")));
            }
            let values = tensor.data().as_chunks::<4>().0.iter();
            let values = values.map(|four| f32::from_le_bytes(*four)).collect();
            let values = ArrayD::from_shape_vec(IxDyn(&spec.dimensions), values);
            parameters.insert(spec.node, spec.role, values.expect("the container checked sizes"));
            left.remove(name.as_str());
        }
        match left.first() {
            Some(name) => {
                let problem = "belongs to no node of the graph".to_owned();
                Err(NetworkFileError::Tensor { name: (*name).to_owned(), problem })
            }
            None => Ok(Self { graph, parameters }),
        }
    }
}

fn tensor_name(graph: &Graph, node: NodeId, role: Role) -> String {
    let role = match role {
        Role::Weight => "weight",
        Role::Bias => "bias",
        Role::Gamma => "gamma",
        Role::Logit => "logit",
        Role::Beta => "beta",
        Role::RunningMean => "running-mean",
        Role::RunningVariance => "running-variance",
    };
    format!("{}/{role}", graph.node(node).name)
}

impl Description {
    fn of(graph: &Graph) -> Self {
        let line = |(_, node): (NodeId, &graph::Node)| Line {
            name: node.name.clone(),
            op: node.op.clone(),
            inputs: node.inputs.iter().map(|input| input.index()).collect(),
            shares: node.shares.map(NodeId::index),
        };
        Self {
            schema: SCHEMA,
            nodes: graph.nodes().map(line).collect(),
            outputs: graph.outputs().iter().map(|output| output.index()).collect(),
        }
    }

    fn build(self) -> Result<Graph, NetworkFileError> {
        let Self { schema, nodes, outputs } = self;
        if schema != SCHEMA {
            let problem = format!("has schema {schema}, and this program reads {SCHEMA}");
            return Err(NetworkFileError::Description(problem));
        }
        let mut build = Builder::new();
        let mut ids: Vec<NodeId> = Vec::new();
        let find = |ids: &[NodeId], reader: &str, position: usize| {
            let (reader, known) = (reader.to_owned(), ids.len());
            let id = ids.get(position).copied();
            id.ok_or(NetworkFileError::Position { reader, position, known })
        };
        for Line { name, op, inputs, shares } in nodes {
            let inputs: Vec<NodeId> = inputs
                .into_iter()
                .map(|position| find(&ids, &name, position))
                .collect::<Result<_, _>>()?;
            ids.push(match shares {
                Some(owner) => build.share(&name, find(&ids, &name, owner)?, &inputs)?,
                None => build.add(&name, op, &inputs)?,
            });
        }
        let outputs: Vec<NodeId> = outputs
            .into_iter()
            .map(|position| find(&ids, "the list of outputs", position))
            .collect::<Result<_, _>>()?;
        Ok(build.finish(&outputs)?)
    }
}

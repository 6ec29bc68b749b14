//! Parameters on the host, by node and role.

use std::collections::BTreeMap;

use datasets::Streams;
use graph::{Graph, NodeId, Op, ParameterSpec, Role};
use ndarray::{ArrayD, IxDyn};
use rand_distr::{Distribution, StandardNormal};

/// Parameter tensors of a graph; dimensions as in [`Graph::parameters`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    tensors: BTreeMap<(NodeId, Role), ArrayD<f32>>,
}

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fresh parameters: kernels normal with variance `2 / fan-in` (He et al. 2015; `1 / fan-in` for linear layers), scales
    /// and running variances 1, all else 0.
    ///
    /// Every tensor has a random stream of its own, named for its node, so that a layer's start does not depend on others.
    pub fn init(graph: &Graph, streams: Streams) -> Self {
        let tensors = graph.parameters().into_iter().map(|spec| {
            let tensor = init_tensor(graph, &spec, streams);
            ((spec.node, spec.role), tensor)
        });
        Self { tensors: tensors.collect() }
    }

    /// The tensor of a node and role.
    pub fn get(&self, node: NodeId, role: Role) -> Option<&ArrayD<f32>> {
        self.tensors.get(&(node, role))
    }

    /// The tensor of a node and role, to change its values.
    pub fn get_mut(&mut self, node: NodeId, role: Role) -> Option<&mut ArrayD<f32>> {
        self.tensors.get_mut(&(node, role))
    }

    /// The values of a tensor in row-major order.
    pub fn values(&self, node: NodeId, role: Role) -> Option<&[f32]> {
        self.get(node, role).and_then(|tensor| tensor.as_slice())
    }

    /// The values of a tensor in row-major order, to change them.
    pub fn values_mut(&mut self, node: NodeId, role: Role) -> Option<&mut [f32]> {
        self.get_mut(node, role).and_then(|tensor| tensor.as_slice_mut())
    }

    /// Puts a tensor in place.
    pub fn insert(&mut self, node: NodeId, role: Role, tensor: ArrayD<f32>) {
        let tensor = if tensor.is_standard_layout() {
            tensor
        } else {
            tensor.as_standard_layout().into_owned()
        };
        self.tensors.insert((node, role), tensor);
    }

    /// All tensors, by node and role.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Role, &ArrayD<f32>)> {
        self.tensors.iter().map(|((node, role), tensor)| (*node, *role, tensor))
    }
}

/// Logit of a fresh gate: open with probability 0.924 (`log_odds_init` of `FiGS`).
const OPEN_LOGIT: f32 = 2.5;

fn init_tensor(graph: &Graph, spec: &ParameterSpec, streams: Streams) -> ArrayD<f32> {
    let dimensions = IxDyn(&spec.dimensions);
    match spec.role {
        Role::Gamma | Role::RunningVariance => ArrayD::ones(dimensions),
        Role::Logit => ArrayD::from_elem(dimensions, OPEN_LOGIT),
        Role::Bias | Role::Beta | Role::RunningMean => ArrayD::zeros(dimensions),
        Role::Weight => {
            let node = graph.node(spec.node);
            let gain = if matches!(node.op, Op::Linear(_)) { 1.0 } else { 2.0 };
            let out = spec.dimensions[spec.output_axis(&node.op)];
            let deviation = (gain / (spec.len() / out) as f64).sqrt();
            let mut stream = streams.stream(&format!("init/{}", node.name));
            ArrayD::from_shape_simple_fn(dimensions, || {
                let normal: f64 = StandardNormal.sample(&mut stream);
                (normal * deviation) as f32
            })
        }
    }
}

/// A graph with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The graph.
    pub graph: Graph,
    /// Its parameters.
    pub parameters: Parameters,
}

impl Network {
    /// A network with fresh parameters.
    pub fn init(graph: Graph, streams: Streams) -> Self {
        let parameters = Parameters::init(&graph, streams);
        Self { graph, parameters }
    }
}

//! What a channel's strength is.

mod blend;
mod gamma;
mod gate;
mod group_lasso;

use graph::{Graph, NodeId, Role};
use ndarray::{ArrayD, IxDyn};
use training::Parameters;

use crate::StrengthError;

pub use blend::Blend;
pub use gamma::Gamma;
pub use gate::{Gate, Relaxation, SampledGate, gate_inference};
pub use group_lasso::GroupLasso;

/// How strong the output channels of certain nodes are, as a function of their parameters.
///
/// A strength knows nothing of prices, of ties or of what may be pruned: [`crate::Sources`] says which of its channels make
/// up a group, [`crate::Grouping`] how they combine, [`crate::Regularizer`] puts all of it together.
pub trait Strength: std::fmt::Debug + Sync {
    /// Name in kebab case.
    fn name(&self) -> &'static str;

    /// Whether every output channel of the node has a strength. A node that shares the parameters of another has none of its
    /// own.
    fn is_source(&self, graph: &Graph, node: NodeId) -> bool;

    /// Strength of every output channel of a source.
    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError>;

    /// Whether a channel of this strength is alive. The comparison is in single precision, as in the original.
    fn is_alive(&self, value: f32, threshold: f32) -> bool;

    /// Adds to `gradient` the derivative with respect to the parameters of a source, where `upstream` is the derivative with
    /// respect to each of its [`Strength::values`]. Tensors that `gradient` does not have yet are put there.
    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError>;

    /// Whether values are probabilities of being on, which [`crate::Grouping::Probabilistic`] asks for.
    fn is_probability(&self) -> bool;
}

/// The tensor of a source with this many values, in row-major order.
fn values_of<'a>(
    graph: &Graph,
    node: NodeId,
    role: Role,
    expected: usize,
    parameters: &'a Parameters,
) -> Result<&'a [f32], StrengthError> {
    let values = parameters.values(node, role).filter(|values| values.len() == expected);
    values.ok_or_else(|| StrengthError::Parameter {
        node: graph.node(node).name.clone(),
        role,
        expected,
    })
}

/// Adds `terms` to a tensor of the gradient, which gets the dimensions of the parameter.
fn add_to(
    gradient: &mut Parameters,
    parameters: &Parameters,
    (node, role): (NodeId, Role),
    terms: impl Iterator<Item = f64>,
) {
    if gradient.get(node, role).is_none() {
        let dimensions = parameters.get(node, role).map_or(&[][..], ArrayD::shape);
        gradient.insert(node, role, ArrayD::zeros(IxDyn(dimensions)));
    }
    if let Some(values) = gradient.values_mut(node, role) {
        for (value, term) in values.iter_mut().zip(terms) {
            *value = (f64::from(*value) + term) as f32;
        }
    }
}

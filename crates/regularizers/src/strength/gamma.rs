//! Batch-norm scales as strengths.

use graph::{Graph, NodeId, Op, Role};
use training::Parameters;

use super::{Strength, add_to, values_of};
use crate::StrengthError;

/// `|gamma|` of every batch norm with a scale (paper, equation 9; `GammaL1Regularizer`). The derivative at 0 is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gamma;

impl Gamma {
    fn scales<'a>(
        graph: &Graph,
        node: NodeId,
        parameters: &'a Parameters,
    ) -> Result<&'a [f32], StrengthError> {
        values_of(graph, node, Role::Gamma, graph.node(node).shape.channels, parameters)
    }
}

impl Strength for Gamma {
    fn name(&self) -> &'static str {
        "gamma"
    }

    fn is_source(&self, graph: &Graph, node: NodeId) -> bool {
        matches!(&graph.node(node).op, Op::BatchNorm(norm) if norm.scale)
    }

    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError> {
        let scales = Self::scales(graph, node, parameters)?;
        Ok(scales.iter().map(|gamma| gamma.abs()).collect())
    }

    /// Strictly above the threshold.
    fn is_alive(&self, value: f32, threshold: f32) -> bool {
        value > threshold
    }

    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError> {
        let scales = Self::scales(graph, node, parameters)?;
        let terms = scales.iter().zip(upstream).map(|(gamma, upstream)| upstream * sign(*gamma));
        add_to(gradient, parameters, (node, Role::Gamma), terms);
        Ok(())
    }

    fn is_probability(&self) -> bool {
        false
    }
}

/// Derivative of `|x|`, 0 at 0.
pub(super) fn sign(value: f32) -> f64 {
    if value == 0.0 { 0.0 } else { f64::from(value.signum()) }
}

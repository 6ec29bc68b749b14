//! Several strengths in one network.

use graph::{Channels, Graph, NodeId, Op, Role};
use training::Parameters;

use super::{Gamma, Gate, GroupLasso, Strength};
use crate::{Prunable, Sources, StrengthError, StrengthKind, silence::Silence};

/// The strength of a [`StrengthKind`]: scales of norms, norms of filters or gates, by the operator of the source.
///
/// Of a mixed kind, the strength of a filter is its Euclidean norm, which a penalty shrinks as fast as a scale. Root mean squares
/// would fall more slowly by the number of weights, and a network would lose its scales first, whatever the data says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    kind: StrengthKind,
    lasso: Option<GroupLasso>,
}

impl Blend {
    /// An error if the kind has an impossible value.
    pub fn new(kind: StrengthKind) -> Result<Self, StrengthError> {
        if let StrengthKind::Gate { on: crate::MaskOrProbability::Mask { temperature, .. } } = kind
        {
            super::Relaxation::new(temperature, false, false)?;
        }
        Ok(Self { kind, lasso: kind.lasso()? })
    }

    /// Where the strengths of a graph come from. Of a mixed kind, groups that scales can silence have scales alone.
    pub fn sources(&self, graph: &Graph, channels: &Channels) -> Sources {
        let all = Sources::of(graph, channels, self);
        if self.kind != StrengthKind::Mixed {
            return all;
        }
        let scales = Sources::of(graph, channels, &Gamma);
        let silence = Silence::with_shifts(graph, channels, &scales);
        let enough = Prunable::given(graph, channels, &scales, &silence);
        all.preferring(channels, &scales, |group| enough.contains(group))
    }

    /// What the root mean squares of a source are multiplied with; `weights` is how many an output channel of it has.
    pub(crate) fn unit(&self, op: &Op, weights: f64) -> f64 {
        let is_filter = self.kind == StrengthKind::Mixed && op.is_producer();
        if is_filter { weights.sqrt() } else { 1.0 }
    }

    fn unit_in(&self, graph: &Graph, node: NodeId, parameters: &Parameters) -> f64 {
        let (op, out) = (&graph.node(node).op, graph.node(node).shape.channels);
        let weights = parameters.get(node, Role::Weight).map_or(1, |kernel| kernel.len() / out);
        self.unit(op, weights as f64)
    }

    /// The strength of a source.
    fn part(&self, graph: &Graph, node: NodeId) -> Option<&dyn Strength> {
        let gamma = matches!(self.kind, StrengthKind::Gamma | StrengthKind::Mixed);
        let gate = matches!(self.kind, StrengthKind::Gate { .. });
        let op = &graph.node(node).op;
        if matches!(op, Op::BatchNorm(_)) {
            gamma.then_some(&Gamma as &dyn Strength)
        } else if matches!(op, Op::Gate) {
            gate.then_some(&Gate as &dyn Strength)
        } else {
            self.lasso.as_ref().map(|lasso| lasso as &dyn Strength)
        }
    }
}

impl Strength for Blend {
    fn name(&self) -> &'static str {
        match self.kind {
            StrengthKind::Gamma => "gamma",
            StrengthKind::GroupLasso { .. } => "group-lasso",
            StrengthKind::Gate { .. } => "gate",
            StrengthKind::Mixed => "mixed",
        }
    }

    fn is_source(&self, graph: &Graph, node: NodeId) -> bool {
        self.part(graph, node).is_some_and(|part| part.is_source(graph, node))
    }

    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError> {
        let Some(part) = self.part(graph, node) else { return Ok(Vec::new()) };
        let (unit, mut values) =
            (self.unit_in(graph, node, parameters), part.values(graph, node, parameters)?);
        for value in &mut values {
            *value = (f64::from(*value) * unit) as f32;
        }
        Ok(values)
    }

    /// At the threshold or above for gates, strictly above for the others.
    fn is_alive(&self, value: f32, threshold: f32) -> bool {
        if self.is_probability() { value >= threshold } else { value > threshold }
    }

    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError> {
        match self.part(graph, node) {
            Some(part) => {
                let unit = self.unit_in(graph, node, parameters);
                let upstream: Vec<f64> = upstream.iter().map(|value| value * unit).collect();
                part.add_gradient(graph, node, parameters, &upstream, gradient)
            }
            None => Ok(()),
        }
    }

    fn is_probability(&self) -> bool {
        matches!(self.kind, StrengthKind::Gate { .. })
    }
}

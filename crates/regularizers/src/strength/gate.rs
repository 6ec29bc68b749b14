//! Stochastic gates as strengths.

use std::collections::BTreeMap;

use graph::{Graph, NodeId, Op, Role};
use training::Parameters;

use super::{Strength, add_to, values_of};
use crate::StrengthError;

/// The probability `sigmoid(logit)` that a gate is on (`LogisticSigmoidRegularizer` with both flags off).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate;

/// The mask of one training step, drawn from given noise (`LogisticSigmoidRegularizer` as it comes).
#[derive(Clone, Debug, PartialEq)]
pub struct SampledGate {
    /// How the mask is drawn.
    pub relaxation: Relaxation,
    /// Noise of every gate, one value per channel.
    pub noise: BTreeMap<NodeId, Vec<f32>>,
}

/// How a training step draws the mask of a gate from its logits and logistic noise (`LogisticSigmoidGating`).
///
/// `mask = sigmoid((logit + noise) / temperature)`, or `[logit + noise > 0]` when straight-through; the derivative is always
/// that of the sigmoid. With `keep_first` the first entry is at least 1, and its logit gets a derivative only if the sample
/// itself was 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relaxation {
    temperature: f32,
    straight_through: bool,
    keep_first: bool,
}

impl Relaxation {
    /// An error unless the temperature is above 0.
    pub fn new(
        temperature: f32,
        straight_through: bool,
        keep_first: bool,
    ) -> Result<Self, StrengthError> {
        if temperature > 0.0 {
            Ok(Self { temperature, straight_through, keep_first })
        } else {
            Err(StrengthError::Temperature(temperature))
        }
    }

    /// The mask of every channel.
    pub fn mask(&self, logits: &[f32], noise: &[f32]) -> Vec<f32> {
        let mut mask = self.sample(logits, noise);
        if let (true, Some(first)) = (self.keep_first, mask.first_mut()) {
            *first = first.max(1.0);
        }
        mask
    }

    /// Derivative with respect to the logits, where `upstream` is the derivative with respect to the mask.
    pub fn gradient(&self, logits: &[f32], noise: &[f32], upstream: &[f64]) -> Vec<f64> {
        let mask = self.sample(logits, noise);
        let soft = logits.iter().zip(noise).map(|(logit, noise)| self.soft(*logit, *noise));
        let slope =
            |soft: f32| f64::from(soft) * f64::from(1.0 - soft) / f64::from(self.temperature);
        let mut gradient: Vec<f64> =
            soft.zip(upstream).map(|(soft, upstream)| upstream * slope(soft)).collect();
        if let (true, Some(first)) =
            (self.keep_first && mask.first() < Some(&1.0), gradient.first_mut())
        {
            *first = 0.0;
        }
        gradient
    }

    /// In single precision up to the sigmoid, since a small temperature magnifies the rounding of the sum.
    fn soft(self, logit: f32, noise: f32) -> f32 {
        sigmoid((logit + noise) / self.temperature)
    }

    fn sample(self, logits: &[f32], noise: &[f32]) -> Vec<f32> {
        let one = |(logit, noise): (&f32, &f32)| {
            if !self.straight_through {
                self.soft(*logit, *noise)
            } else if logit + noise > 0.0 {
                1.0
            } else {
                0.0
            }
        };
        logits.iter().zip(noise).map(one).collect()
    }
}

/// The mask of a gate at inference: `[logit > 0]`, times `sigmoid(logit)` when `soft`; the first entry at least 1 with
/// `keep_first`.
pub fn gate_inference(logits: &[f32], soft: bool, keep_first: bool) -> Vec<f32> {
    let one = |logit: &f32| match (*logit > 0.0, soft) {
        (false, _) => 0.0,
        (true, true) => sigmoid(*logit),
        (true, false) => 1.0,
    };
    let mut mask: Vec<f32> = logits.iter().map(one).collect();
    if let (true, Some(first)) = (keep_first, mask.first_mut()) {
        *first = first.max(1.0);
    }
    mask
}

/// `1 / (1 + exp(-x))`.
fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

fn logits<'a>(
    graph: &Graph,
    node: NodeId,
    parameters: &'a Parameters,
) -> Result<&'a [f32], StrengthError> {
    values_of(graph, node, Role::Logit, graph.node(node).shape.channels, parameters)
}

fn is_gate(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.node(node).op, Op::Gate)
}

impl Strength for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn is_source(&self, graph: &Graph, node: NodeId) -> bool {
        is_gate(graph, node)
    }

    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError> {
        Ok(logits(graph, node, parameters)?.iter().map(|logit| sigmoid(*logit)).collect())
    }

    /// At the threshold or above.
    fn is_alive(&self, value: f32, threshold: f32) -> bool {
        value >= threshold
    }

    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError> {
        let logits = logits(graph, node, parameters)?;
        let terms = logits.iter().zip(upstream).map(|(logit, upstream)| {
            let on = 1.0 / (1.0 + (-f64::from(*logit)).exp());
            upstream * on * (1.0 - on)
        });
        add_to(gradient, parameters, (node, Role::Logit), terms);
        Ok(())
    }

    fn is_probability(&self) -> bool {
        true
    }
}

impl SampledGate {
    fn noise(&self, graph: &Graph, node: NodeId) -> Result<&[f32], StrengthError> {
        let noise = self.noise.get(&node).map_or(&[][..], Vec::as_slice);
        let gate = graph.node(node);
        if noise.len() == gate.shape.channels {
            return Ok(noise);
        }
        let (node, expected, found) = (gate.name.clone(), gate.shape.channels, noise.len());
        Err(StrengthError::Noise { node, expected, found })
    }
}

impl Strength for SampledGate {
    fn name(&self) -> &'static str {
        "sampled-gate"
    }

    fn is_source(&self, graph: &Graph, node: NodeId) -> bool {
        is_gate(graph, node)
    }

    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError> {
        let logits = logits(graph, node, parameters)?;
        Ok(self.relaxation.mask(logits, self.noise(graph, node)?))
    }

    /// At the threshold or above.
    fn is_alive(&self, value: f32, threshold: f32) -> bool {
        value >= threshold
    }

    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError> {
        let logits = logits(graph, node, parameters)?;
        let slopes = self.relaxation.gradient(logits, self.noise(graph, node)?, upstream);
        add_to(gradient, parameters, (node, Role::Logit), slopes.into_iter());
        Ok(())
    }

    fn is_probability(&self) -> bool {
        true
    }
}

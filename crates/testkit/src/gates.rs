//! Masks of gates.

use std::collections::BTreeMap;

use graph::NodeId;

/// The masks of one training step: `sigmoid((logit + noise) / temperature)`, or `[logit + noise > 0]` when straight-through,
/// and 1 for the first of the largest logits of a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateDraws {
    /// Temperature, above 0.
    pub temperature: f64,
    /// Hard masks with the derivative of the sigmoid.
    pub straight_through: bool,
    /// Noise of every gate, one value per channel.
    pub noise: BTreeMap<NodeId, Vec<f64>>,
}

impl GateDraws {
    /// Noise of a gate.
    pub(crate) fn noise(&self, gate: NodeId) -> &[f64] {
        self.noise.get(&gate).unwrap_or_else(|| panic!("no noise for {gate:?}"))
    }

    /// The mask of a gate with these logits.
    pub(crate) fn mask(&self, gate: NodeId, logits: &[f64]) -> Vec<f64> {
        let mut mask = self.sample(gate, logits);
        mask[strongest(logits)] = 1.0;
        mask
    }

    /// The mask before the strongest channel is turned on.
    pub(crate) fn sample(&self, gate: NodeId, logits: &[f64]) -> Vec<f64> {
        let one = |(logit, noise): (&f64, &f64)| {
            let sum = logit + noise;
            match (self.straight_through, sum > 0.0) {
                (false, _) => sigmoid(sum / self.temperature),
                (true, true) => 1.0,
                (true, false) => 0.0,
            }
        };
        logits.iter().zip(self.noise(gate)).map(one).collect()
    }
}

/// The mask at inference.
pub(crate) fn expected(logits: &[f64]) -> Vec<f64> {
    let one = |logit: &f64| if *logit > 0.0 { sigmoid(*logit) } else { 0.0 };
    logits.iter().map(one).collect()
}

/// The first of the largest logits.
pub(crate) fn strongest(logits: &[f64]) -> usize {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter().position(|logit| *logit == largest).expect("a gate has channels")
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

//! How gates are trained: what a recipe says of them, and the noise of their masks.

use std::collections::BTreeMap;

use datasets::Streams;
use graph::{Graph, NodeId, Op};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// How a network with gates is trained and evaluated (`LogisticSigmoidGating` of `FiGS`); nothing to networks without.
///
/// In training every gate draws one mask per step, `sigmoid((logit + noise) / temperature)` with logistic noise, for all
/// images and positions; its strongest channel is always on, so that signal and gradient pass. At inference the mask is
/// `[logit > 0]`, all zero if no logit is positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateRecipe {
    /// Temperature of the masks at the start, above 0. Towards 0 a mask is 0 or 1, and its gradient rare and large.
    pub temperature: f64,
    /// Masks of 0 or 1, `[logit + noise > 0]`, with the gradient of the sigmoid.
    pub straight_through: bool,
    /// Epochs (fractions allowed, above 0) in which the temperature falls to a tenth; it stays as it is if absent.
    pub annealing_epochs: Option<f64>,
    /// At inference, scale what passes by `sigmoid(logit)`.
    pub soft_inference: bool,
}

impl Default for GateRecipe {
    fn default() -> Self {
        Self {
            temperature: 0.5,
            straight_through: true,
            annealing_epochs: None,
            soft_inference: true,
        }
    }
}

impl GateRecipe {
    /// Whether all is as in [`GateRecipe::default`].
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The temperature at a time in epochs (fractions allowed): `temperature * 0.1 ^ (time / annealing_epochs)`.
    pub fn temperature_at(&self, time: f64) -> f64 {
        let exponent = self.annealing_epochs.map_or(0.0, |epochs| time / epochs);
        self.temperature * 0.1_f64.powf(exponent)
    }

    /// An error unless temperature and epochs of annealing are above 0.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if !positive(self.temperature) {
            return Err(TrainError::Gates { what: "temperature", found: self.temperature });
        }
        match self.annealing_epochs.filter(|epochs| !positive(*epochs)) {
            Some(found) => Err(TrainError::Gates { what: "annealing_epochs", found }),
            None => Ok(()),
        }
    }
}

/// The noise that training adds to the logits of every gate: for every step and channel an independent draw from the
/// standard logistic distribution.
///
/// A gate `NAME` draws from the stream `gates/NAME`; the draws of any step can be made again at any time.
#[derive(Clone, Debug)]
pub struct GateNoise {
    gates: BTreeMap<NodeId, ChaCha8Rng>,
}

impl GateNoise {
    /// The noise of all gates of a graph, by the streams that the run has.
    pub fn new(graph: &Graph, streams: Streams) -> Self {
        let gates = graph.nodes().filter(|(_, node)| matches!(node.op, Op::Gate));
        let stream = |name: &str| streams.stream(&format!("gates/{name}"));
        Self { gates: gates.map(|(id, node)| (id, stream(&node.name))).collect() }
    }

    /// The gates, in the order of their nodes.
    pub fn gates(&self) -> impl Iterator<Item = NodeId> {
        self.gates.keys().copied()
    }

    /// Fills `noise`, a value per channel of the gate, with its draws at a step of the run, counted from 1.
    ///
    /// # Panics
    ///
    /// If the node is not a gate of the graph.
    pub fn draw(&self, gate: NodeId, step: u64, noise: &mut [f32]) {
        let mut stream = self.gates[&gate].clone();
        stream.set_word_pos(u128::from(step) * noise.len() as u128);
        for value in noise {
            // In (0, 1), symmetric, and neither end is reached.
            let uniform = (f64::from(stream.next_u32()) + 0.5) / 2.0_f64.powi(32);
            *value = (uniform.ln() - (1.0 - uniform).ln()) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use graph::{Builder, Shape};

    use super::*;

    fn gates() -> (Graph, [NodeId; 2]) {
        let mut build = Builder::new();
        let image = build.add("image", Op::Input(Shape::new(1, 1, 4)), &[]).unwrap();
        let first = build.add("first", Op::Gate, &[image]).unwrap();
        let second = build.add("second", Op::Gate, &[first]).unwrap();
        (build.finish(&[second]).unwrap(), [first, second])
    }

    fn draw(noise: &GateNoise, gate: NodeId, step: u64) -> [f32; 4] {
        let mut values = [0.0; 4];
        noise.draw(gate, step, &mut values);
        values
    }

    #[test]
    fn noise_depends_on_seed_gate_and_step_only() {
        let (graph, [first, second]) = gates();
        let noise = GateNoise::new(&graph, Streams::new(1));
        assert_eq!(noise.gates().collect::<Vec<_>>(), [first, second]);
        let at_seven = draw(&noise, first, 7);
        draw(&noise, first, 8);
        assert_eq!(draw(&noise, first, 7), at_seven);
        assert_eq!(draw(&GateNoise::new(&graph, Streams::new(1)), first, 7), at_seven);
        let others = [
            draw(&noise, first, 8),
            draw(&noise, second, 7),
            draw(&GateNoise::new(&graph, Streams::new(2)), first, 7),
        ];
        for other in others {
            assert!(other.iter().all(|value| !at_seven.contains(value)), "{other:?}");
        }
    }

    #[test]
    fn noise_opens_a_gate_with_the_probability_of_its_logit() {
        let (graph, [gate, _]) = gates();
        let noise = GateNoise::new(&graph, Streams::new(3));
        let draws: Vec<f32> = (1..=10_000).flat_map(|step| draw(&noise, gate, step)).collect();
        for logit in [-5.5_f32, -1.0, 0.0, 0.5, 2.5] {
            let open = draws.iter().filter(|noise| logit + **noise > 0.0).count();
            let found = open as f64 / draws.len() as f64;
            let expected = 1.0 / (1.0 + f64::from(-logit).exp());
            // The deviation of the mean of 40,000 draws is at most 0.0025.
            assert!((found - expected).abs() < 0.01, "{logit}: {found}, not {expected}");
        }
    }

    #[test]
    fn the_temperature_falls_to_a_tenth_in_the_epochs_of_annealing() {
        let recipe =
            GateRecipe { temperature: 0.5, annealing_epochs: Some(4.0), ..GateRecipe::default() };
        assert!((recipe.temperature_at(0.0) - 0.5).abs() < 1e-15);
        assert!((recipe.temperature_at(2.0) - 0.5 * 0.1_f64.sqrt()).abs() < 1e-15);
        assert!((recipe.temperature_at(8.0) - 0.005).abs() < 1e-15);
        let constant = GateRecipe { annealing_epochs: None, ..recipe };
        assert!((constant.temperature_at(8.0) - 0.5).abs() < 1e-15);
    }
}

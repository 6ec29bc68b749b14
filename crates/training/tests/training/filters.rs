//! Penalties on filters that stay on the device.

use datasets::Streams;
use graph::{NodeId, Role};
use training::{
    Control, Filters, Network, Parameters, Penalty, PenaltyStep, Recipe, Trainer, stateless,
};

use crate::{OPTIMIZERS, bars, bars_batches, bars_recipe, toy_for_bars};

/// Takes a quarter off the filters of every kernel that are stronger than 0.2, and all of the first of each, from their values
/// or where they lie; remembers the strengths.
struct Trim {
    kernels: Vec<(NodeId, usize)>,
    in_place: bool,
    seen: Vec<f32>,
}

impl Trim {
    fn share(channel: usize, strength: f32) -> f32 {
        match (channel, strength > 0.2) {
            (0, _) => 1.0,
            (_, true) => 0.25,
            (_, false) => 0.0,
        }
    }
}

impl Penalty for Trim {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        self.kernels.iter().map(|(node, _)| (*node, Role::Weight)).collect()
    }

    fn filters(&self) -> Vec<NodeId> {
        let kernels = self.kernels.iter().filter(|_| self.in_place);
        kernels.map(|(node, _)| *node).collect()
    }

    fn apply(&mut self, parameters: &mut Parameters, filters: &mut Filters, _: PenaltyStep) -> f64 {
        for (node, channels) in &self.kernels {
            if self.in_place {
                assert!(parameters.get(*node, Role::Weight).is_none(), "the kernel was copied");
                let strengths = filters.strengths(*node).unwrap().to_vec();
                let shares = filters.shares_mut(*node).unwrap();
                assert!(shares.iter().all(|share| *share == 0.0));
                for (channel, (share, strength)) in shares.iter_mut().zip(&strengths).enumerate() {
                    *share = Self::share(channel, *strength);
                }
                self.seen.extend(strengths);
                continue;
            }
            assert_eq!(filters.strengths(*node), None);
            let values = parameters.values_mut(*node, Role::Weight).unwrap();
            for channel in 0..*channels {
                let filter = || values.iter().skip(channel).step_by(*channels);
                let squares: f64 = filter().map(|value| f64::from(*value).powi(2)).sum();
                let strength = (squares / filter().count() as f64).sqrt() as f32;
                for value in values.iter_mut().skip(channel).step_by(*channels) {
                    *value *= 1.0 - Self::share(channel, strength);
                }
                self.seen.push(strength);
            }
        }
        0.0
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        stateless(state)
    }
}

#[test]
fn a_penalty_on_filters_does_the_same_where_they_lie_as_on_their_values() {
    let (train, _) = bars();
    let recipe = Recipe { epochs: 2, ..bars_recipe(OPTIMIZERS[0]) };
    let network = Network::init(toy_for_bars(), Streams::new(0));
    let specs = network.graph.parameters().into_iter();
    let kernels: Vec<(NodeId, usize)> = specs
        .filter(|spec| spec.role == Role::Weight)
        .map(|spec| (spec.node, *spec.dimensions.last().unwrap()))
        .collect();
    let batches = bars_batches(&recipe, &train);
    let run = |in_place, threads| {
        let device = testkit::cpu(threads);
        let mut trainer = Trainer::new(&network, &recipe, Streams::new(0), &device).unwrap();
        let mut trim = Trim { kernels: kernels.clone(), in_place, seen: Vec::new() };
        while !trainer.is_finished() {
            trainer.epoch(&batches, &mut trim, &mut |_| Control::Continue).unwrap();
        }
        (trainer.network().parameters, trim.seen)
    };
    let (expected, strengths) = run(false, 1);
    let trimmed = strengths.iter().filter(|strength| **strength > 0.2).count();
    assert!(trimmed > 0 && trimmed < strengths.len(), "{trimmed} of {}", strengths.len());
    for threads in 1..=3 {
        let (found, seen) = run(true, threads);
        assert_eq!(seen, strengths, "{threads} threads");
        assert_eq!(found, expected, "{threads} threads");
    }
}

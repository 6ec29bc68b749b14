//! Scores of networks: accuracy, or mean average precision where images have several labels.

use anyhow::Context;
use datasets::{Evaluation, LabelSets, Normalization, Samples};
use graph::Graph;
use tensor_ops::Cpu;
use training::{Evaluator, GateRecipe, Network};

/// Images per batch when a network is scored.
const SCORING_BATCH: usize = 250;

/// Scores networks of one graph by the metric of its images.
pub(crate) struct Scorer<'a, 'd> {
    evaluator: Evaluator<'d, Cpu>,
    normalization: &'a Normalization,
}

impl<'a, 'd> Scorer<'a, 'd> {
    /// For images whose labels are numbers of `sets`, if they have several.
    pub(crate) fn new(
        graph: &Graph,
        gates: GateRecipe,
        sets: Option<&LabelSets>,
        normalization: &'a Normalization,
        device: &'d Cpu,
    ) -> anyhow::Result<Self> {
        let evaluator = Evaluator::for_labels(graph, SCORING_BATCH, gates, sets, device)?;
        Ok(Self { evaluator, normalization })
    }

    /// What the metric is, a fraction.
    pub(crate) fn score(&mut self, network: &Network, set: &Samples) -> anyhow::Result<f64> {
        let images = Evaluation::new(set, self.normalization, SCORING_BATCH)?;
        match set.label_sets() {
            None => Ok(self.evaluator.score(network, &images)?.accuracy),
            Some(_) => self
                .evaluator
                .precision(network, &images)?
                .mean_average_precision
                .context("there is no average precision: the network gives no numbers"),
        }
    }
}

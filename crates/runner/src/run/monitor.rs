//! What a search looks like from epoch to epoch: `monitor.jsonl`, and the same for `TensorBoard`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use graph::{Graph, NodeId};
use regularizers::{Bimodality, MorphNet, bimodality};
use report::events::{self, Event};
use serde::{Deserialize, Serialize};
use tensor_ops::Cpu;
use training::{EpochRecord, Trainer};

use crate::store;

/// One line of `monitor.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Observation {
    /// Loss, penalty and the like.
    #[serde(flatten)]
    epoch: EpochRecord,
    /// Of the validation images, if images have several labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation_mean_average_precision: Option<f64>,
    /// Strength of the penalty on every resource, in units of `1 / cost` of the network that the search began with.
    lambda: Vec<f64>,
    /// Cost of what is alive, of every resource, as a share of that network's.
    alive_cost: Vec<f64>,
    /// Alive channels of every convolution and linear layer.
    alive: BTreeMap<String, usize>,
    /// Strengths of the groups that can die.
    strengths: Distribution,
    /// Where they part into two heaps; nothing if all are alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bimodality: Option<Bimodality>,
    /// Epochs, with this one, that have ended with the same groups alive.
    stable_epochs: u32,
    /// SHA-256 of which groups are alive.
    decision: String,
}

/// How strengths are distributed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Distribution {
    least: f64,
    greatest: f64,
    sum: f64,
    sum_of_squares: f64,
    /// Strengths up to each of [`EDGES`] and above the edge before; at the end those above the last.
    counts: Vec<u64>,
}

/// Upper ends of the buckets of strengths.
const EDGES: [f64; 16] =
    [0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0];

/// The observations of one search.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    folder: PathBuf,
    /// As they were written: a number that is read and written again may differ in its last digit.
    lines: Vec<String>,
    seen: Vec<Observation>,
}

impl Monitor {
    /// Goes on after so many epochs; what a killed run observed after its checkpoint is forgotten.
    pub(crate) fn resume(folder: &Path, epochs: usize) -> anyhow::Result<Self> {
        let mut monitor = Self { folder: folder.to_owned(), lines: Vec::new(), seen: Vec::new() };
        let path = monitor.path();
        let bytes = store::read(&path)?.unwrap_or_default();
        let damaged = || format!("`{}` is damaged; start over with `--fresh`", path.display());
        for line in String::from_utf8_lossy(&bytes).lines().take(epochs) {
            monitor.seen.push(serde_json::from_str(line).with_context(damaged)?);
            monitor.lines.push(line.to_owned());
        }
        anyhow::ensure!(monitor.lines.len() == epochs, damaged());
        Ok(monitor)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("monitor.jsonl")
    }

    /// Writes down what an epoch ended with; the mean average precision is that of the validation images, if they have several
    /// labels.
    pub(crate) fn observe(
        &mut self,
        start: &Graph,
        penalty: &MorphNet,
        trainer: &Trainer<'_, Cpu>,
        validation_mean_average_precision: Option<f64>,
    ) -> anyhow::Result<()> {
        let Some(epoch) = trainer.history().last() else { return Ok(()) };
        let parameters = trainer.network().parameters;
        let strengths = penalty.strengths(&parameters);
        let groups = penalty.alive(&strengths);
        let bits: Vec<u8> = groups.iter().map(|alive| u8::from(*alive)).collect();
        let decision = store::digest(&bits);
        let stable_epochs = match self.seen.last() {
            Some(last) if last.decision == decision => last.stable_epochs + 1,
            Some(_) | None => 1,
        };
        let count = |id: NodeId| {
            penalty.channels().on(id).iter().filter(|group| groups[group.index()]).count()
        };
        let producers = start.nodes().filter(|(_, node)| node.op.is_producer());
        let observation = Observation {
            epoch: *epoch,
            validation_mean_average_precision,
            lambda: penalty.driven_strengths(),
            alive_cost: penalty.alive_shares(&parameters),
            alive: producers.map(|(id, node)| (node.name.clone(), count(id))).collect(),
            strengths: Distribution::of(&strengths),
            bimodality: bimodality(&strengths),
            stable_epochs,
            decision,
        };
        self.lines.push(serde_json::to_string(&observation).context("observations are finite")?);
        self.seen.push(observation);
        let text = self.lines.join("\n") + "\n";
        store::write(&self.path(), text.as_bytes())?;
        let events: Vec<Event> = self.seen.iter().map(Observation::event).collect();
        let path = self.folder.join("events.out.tfevents.0.search");
        store::write(&path, &events::event_file(&events))
    }

    /// Epochs that have ended with the same groups alive, up to now.
    pub(crate) fn stable_epochs(&self) -> u32 {
        self.seen.last().map_or(0, |last| last.stable_epochs)
    }

    /// The share of the cost that was alive after every epoch; of several resources, the first.
    pub(crate) fn alive_costs(&self) -> Vec<f64> {
        self.seen.iter().filter_map(|seen| seen.alive_cost.first().copied()).collect()
    }

    /// The last shares of the cost that is alive, of every resource.
    pub(crate) fn alive_cost(&self) -> &[f64] {
        self.seen.last().map_or(&[], |last| &last.alive_cost)
    }
}

impl Distribution {
    /// Of the groups that can die: their strengths are finite.
    fn of(strengths: &[f32]) -> Self {
        let finite: Vec<f64> =
            strengths.iter().filter(|it| it.is_finite()).map(|it| f64::from(*it)).collect();
        let mut counts = vec![0; EDGES.len() + 1];
        for strength in &finite {
            counts[EDGES.iter().position(|edge| strength <= edge).unwrap_or(EDGES.len())] += 1;
        }
        Self {
            least: finite.iter().copied().reduce(f64::min).unwrap_or(0.0),
            greatest: finite.iter().copied().reduce(f64::max).unwrap_or(0.0),
            sum: finite.iter().sum(),
            sum_of_squares: finite.iter().map(|value| value * value).sum(),
            counts,
        }
    }
}

impl Observation {
    fn event(&self) -> Event {
        let EpochRecord { epoch, loss, accuracy, penalty, learning_rate } = self.epoch;
        let (name, score) = match self.validation_mean_average_precision {
            None => ("training/accuracy", accuracy),
            Some(precision) => ("validation/mean_average_precision", precision),
        };
        let mut scalars = vec![
            ("training/loss".to_owned(), loss),
            (name.to_owned(), score),
            ("training/learning_rate".to_owned(), learning_rate),
            ("search/penalty".to_owned(), penalty),
        ];
        for (name, values) in [("lambda", &self.lambda), ("alive_cost", &self.alive_cost)] {
            for (index, value) in values.iter().enumerate() {
                let which = if values.len() > 1 { format!("_{index}") } else { String::new() };
                scalars.push((format!("search/{name}{which}"), *value));
            }
        }
        if let Some(Bimodality { gap, suggested_threshold, .. }) = self.bimodality {
            scalars.push(("search/gap".to_owned(), gap));
            scalars.push(("search/suggested_threshold".to_owned(), suggested_threshold));
        }
        let counts = self.alive.iter();
        scalars.extend(counts.map(|(layer, count)| (format!("alive/{layer}"), *count as f64)));
        let Distribution { least, greatest, sum, sum_of_squares, counts } = &self.strengths;
        let edges = EDGES.into_iter().chain([f64::MAX]);
        let histogram = events::Histogram {
            range: [*least, *greatest],
            sum: *sum,
            sum_of_squares: *sum_of_squares,
            buckets: edges.zip(counts.iter().copied()).collect(),
        };
        let histograms = vec![("search/strengths".to_owned(), histogram)];
        Event { step: u64::from(epoch), scalars, histograms }
    }
}

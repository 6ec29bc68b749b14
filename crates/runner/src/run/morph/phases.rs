//! The phases that train, each of which leaves a network.

use std::path::PathBuf;

use cost_models::{CostForm, Summary};
use datasets::{Batches, Streams};
use graph::{Channels, Graph};
use regularizers::MorphNet;
use serde::{Deserialize, Serialize};
use surgery::{Costs, Structure, structure_hash};
use tensor_ops::Cpu;
use training::{Control, EpochRecord, GateRecipe, Network, Penalty, Recipe, Trainer};

use super::super::monitor::Monitor;
use super::super::scoring::Scorer;
use super::super::training::{Ending, resume, train};
use super::{Images, Morph, Original};
use crate::store::{self, Checkpoints};

/// Most images that the statistics of added batch norms are measured on.
const MEASURED: usize = 1024;

/// What a finished phase leaves beside its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// SHA-256 of the network's file.
    network: String,
    /// Its epochs.
    epochs: Vec<EpochRecord>,
}

type OnEpoch<'a, P> = dyn FnMut(&Trainer<'_, Cpu>, &P) -> anyhow::Result<Control> + 'a;

impl Morph<'_> {
    fn folder(&self, phase: &str) -> PathBuf {
        self.settings.output.join("state").join(phase)
    }

    /// Where the structure lies that the search found.
    pub(super) fn structure_path(&self) -> PathBuf {
        self.settings.output.join("structure.json")
    }

    /// The network that a finished phase left.
    fn finished(&self, phase: &str) -> anyhow::Result<Option<Network>> {
        let folder = self.folder(phase);
        let record: Option<Record> = store::read_json(&folder.join("done.json"))?;
        let bytes = store::read(&folder.join("network.safetensors"))?;
        match (record, bytes) {
            (Some(record), Some(bytes)) if record.network == store::digest(&bytes) => {
                Ok(Some(Network::from_bytes(&bytes)?))
            }
            _ => Ok(None),
        }
    }

    fn finish(
        &self,
        phase: &str,
        network: &Network,
        epochs: Vec<EpochRecord>,
    ) -> anyhow::Result<()> {
        let folder = self.folder(phase);
        let bytes = network.to_bytes()?;
        store::write(&folder.join("network.safetensors"), &bytes)?;
        let record = Record { network: store::digest(&bytes), epochs };
        store::write_json(&folder.join("done.json"), &record)?;
        Checkpoints::new(&folder).clear()
    }

    fn streams(&self, phase: &str) -> Streams {
        Streams::new(self.plan.seed).derive(phase)
    }

    /// Operations of a training, for the estimate of time: the backward pass costs twice the forward pass.
    fn work(&self, recipe: &Recipe, flops: u64) -> f64 {
        let images = self.images.split.train.count() as f64 * f64::from(recipe.epochs);
        3.0 * flops as f64 * images
    }

    /// Announces what has yet to be trained.
    pub(super) fn expect_work(&self, original: &Original) -> anyhow::Result<()> {
        let (plan, flops) = (self.plan, self.plan.original_cost.flops);
        let is_untrained = matches!(original, Original::Untrained(_));
        for (phase, is_needed, recipe, flops) in [
            ("original", is_untrained, &plan.retrain, flops),
            ("search", true, &plan.search, flops),
            ("retrain", true, &plan.retrain, if plan.expand { flops } else { flops / 2 }),
        ] {
            if is_needed && self.finished(phase)?.is_none() {
                self.progress.expect(1, self.work(recipe, flops));
            }
        }
        Ok(())
    }

    /// The original with weights: trained if it came without.
    pub(super) fn original(&self, original: &Original) -> anyhow::Result<Option<Network>> {
        let graph = match original {
            Original::Trained(network) => return Ok(Some(network.clone())),
            Original::Untrained(graph) => graph,
        };
        if let Some(network) = self.finished("original")? {
            return Ok(Some(network));
        }
        let network = Network::init(graph.clone(), self.streams("original"));
        let recipe = &self.plan.retrain;
        let trained =
            self.fit("original", &network, recipe, &mut (), &mut |_, ()| Ok(Control::Continue))?;
        let Some((network, epochs)) = trained else { return Ok(None) };
        self.finish("original", &network, epochs)?;
        Ok(Some(network))
    }

    /// Learns widths and removes what died. None if it was stopped.
    pub(super) fn search(&self, original: &Network) -> anyhow::Result<Option<Network>> {
        if let (Some(network), true) = (self.finished("search")?, self.structure_path().exists()) {
            return Ok(Some(network));
        }
        let (plan, recipe) = (self.plan, &self.plan.search);
        let network = self.prepared(original)?;
        let start = &network.graph;
        let mut penalty = plan.target.penalty(&plan.regularizer, start, plan.seed)?;
        for warning in penalty.warnings_before() {
            self.progress.say(&format!("warning: search: {warning}"));
        }
        let folder = self.folder("search");
        let mut monitor = None;
        let mut scorer = match self.images.label_sets() {
            None => None,
            Some(_) => Some(self.scorer(start)?),
        };
        let trained = self.fit(
            "search",
            &network,
            recipe,
            &mut penalty,
            &mut |trainer, penalty: &MorphNet| {
                let monitor = if let Some(monitor) = &mut monitor {
                    monitor
                } else {
                    let before = trainer.history().len().saturating_sub(1);
                    monitor.insert(Monitor::resume(&folder, before)?)
                };
                let validation = &self.images.split.validation;
                let precision = scorer.as_mut();
                let precision =
                    precision.map(|scorer| scorer.score(&trainer.network(), validation));
                monitor.observe(start, penalty, trainer, precision.transpose()?)?;
                Ok(Control::Continue)
            },
        )?;
        let Some((trained, epochs)) = trained else { return Ok(None) };
        let decision = penalty.decide(&trained.parameters)?;
        for warning in penalty.warnings_after(&decision) {
            self.progress.say(&format!("warning: search: {warning}"));
        }
        let shrunk = surgery::shrink(&trained, &decision.survivors)?;
        let channels = Channels::tied(start, &plan.regularizer.scope(start)?.tied)?;
        let structure = Structure {
            schema: Structure::SCHEMA,
            hash: structure_hash(&shrunk.graph),
            regularization_strength: penalty.driven_strengths()[0],
            cost: plan.target.to_string(),
            alive_threshold: plan.regularizer.alive_threshold,
            seed: plan.seed,
            costs: Costs { before: Summary::of(start), after: Summary::of(&shrunk.graph) },
            layers: Structure::layers(start, &channels, &decision.survivors),
        };
        store::write_json(&self.structure_path(), &structure)?;
        self.finish("search", &shrunk, epochs)?;
        Ok(Some(shrunk))
    }

    /// Scores networks of a graph, which has no gates.
    pub(super) fn scorer(&self, graph: &Graph) -> anyhow::Result<Scorer<'_, '_>> {
        let Images { normalization, .. } = &self.images;
        let sets = self.images.label_sets();
        Scorer::new(graph, GateRecipe::default(), sets, normalization, &self.device)
    }

    /// The network that the search trains: the original, with batch norms if they were asked for.
    fn prepared(&self, original: &Network) -> anyhow::Result<Network> {
        if !self.plan.add_batch_norm {
            return Ok(original.clone());
        }
        let train = &self.images.split.train;
        let sample = train.take(MEASURED.min(train.count()))?;
        let batch = self.plan.search.batch_size.min(sample.count());
        let none = datasets::Augmentation::default();
        let normalization = &self.images.normalization;
        let batches =
            Batches::new(&sample, normalization, batch, none, self.streams("batch-norm"))?;
        Ok(surgery::add_batch_norms(original, &batches, &self.device)?)
    }

    /// Trains what is left, widened first if that was asked for. None if it was stopped.
    pub(super) fn retrain(
        &self,
        original: &Network,
        found: &Network,
    ) -> anyhow::Result<Option<Network>> {
        if let Some(network) = self.finished("retrain")? {
            return Ok(Some(network));
        }
        let plan = self.plan;
        let graph = if plan.expand { self.expanded(original, found)? } else { found.graph.clone() };
        let streams = self.streams("retrain");
        let network = if plan.from_scratch {
            Network::init(graph, streams)
        } else if graph == found.graph {
            found.clone()
        } else {
            surgery::grow(found, &graph, streams)?
        };
        let trained = self
            .fit("retrain", &network, &plan.retrain, &mut (), &mut |_, ()| Ok(Control::Continue))?;
        let Some((network, epochs)) = trained else { return Ok(None) };
        self.finish("retrain", &network, epochs)?;
        Ok(Some(network))
    }

    /// The widest multiple of what is left that costs no more than the original.
    fn expanded(&self, original: &Network, found: &Network) -> anyhow::Result<Graph> {
        let (model, graph) = (&self.plan.regularizer.cost, &original.graph);
        let budget = CostForm::of(model, graph).at(&graph.widths());
        Ok(surgery::expand(&found.graph, model, budget, 1)?.graph)
    }

    /// Trains a network by a recipe, with checkpoints. None if it was stopped.
    fn fit<P: Penalty>(
        &self,
        phase: &str,
        network: &Network,
        recipe: &Recipe,
        penalty: &mut P,
        on_epoch: &mut OnEpoch<'_, P>,
    ) -> anyhow::Result<Option<(Network, Vec<EpochRecord>)>> {
        let streams = self.streams(phase);
        let batches = Batches::new(
            &self.images.split.train,
            &self.images.normalization,
            recipe.batch_size,
            recipe.augmentation,
            streams,
        )?;
        let sets = self.images.label_sets();
        let mut trainer = Trainer::for_labels(network, recipe, sets, streams, &self.device)?;
        let steps = batches.per_epoch() as u64 * u64::from(recipe.epochs);
        let work = self.work(recipe, Summary::of(&network.graph).flops);
        let mut task = self.progress.start(phase, steps, work);
        let checkpoints = Checkpoints::new(&self.folder(phase));
        resume(&mut trainer, penalty, &checkpoints, &mut task, batches.per_epoch())?;
        let ending = train(
            &mut trainer,
            &batches,
            penalty,
            &checkpoints,
            &self.lock,
            &self.interrupt,
            &mut |step| task.step(&format!("epoch {} loss {:.3}", step.epoch, step.loss)),
            on_epoch,
        );
        if ending? == Ending::Stopped {
            task.abandon();
            return Ok(None);
        }
        let epochs = trainer.history().to_vec();
        let last = epochs.last().map_or(String::new(), |last| format!("loss {:.3}", last.loss));
        task.finish(&last);
        Ok(Some((trainer.network(), epochs)))
    }
}

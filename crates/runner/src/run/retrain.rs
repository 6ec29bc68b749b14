//! One retraining: the network of a point, scored at the end.

use std::path::PathBuf;

use anyhow::Context;
use datasets::{Batches, Streams};
use graph::Graph;
use serde::{Deserialize, Serialize};
use surgery::structure_hash;
use tensor_ops::Cpu;
use training::{Control, EpochRecord, GateRecipe, Network, Recipe, Trainer};

use super::Run;
use super::point::key_from_scratch;
use super::scoring::Scorer;
use super::training::{Ending, resume, train};
use crate::plan::{PointPlan, metric, reads_weights};
use crate::store::{self, Checkpoints, Lock};

/// What a retraining leaves. Points of equal keys share it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retrained {
    /// What the metric is on the validation images.
    #[serde(alias = "validation_accuracy")]
    pub(crate) validation_score: f64,
    /// What it is on the test images, which are read once, after the last epoch.
    #[serde(alias = "test_accuracy")]
    pub(crate) test_score: f64,
    /// Its epochs.
    pub(crate) epochs: Vec<EpochRecord>,
}

/// A network to retrain.
#[derive(Clone, Debug)]
pub(crate) struct Retraining {
    /// Name for people.
    pub(crate) name: String,
    /// The network.
    pub(crate) graph: Graph,
    /// What the retraining is known by.
    pub(crate) key: String,
    /// Seed of the random streams.
    pub(crate) seed: u64,
    /// FLOPs per image.
    pub(crate) flops: u64,
    /// How it is trained.
    pub(crate) recipe: Recipe,
    /// The point whose learned weights it begins with; fresh ones if there is none.
    pub(crate) carried: Option<PointPlan>,
}

impl Run<'_> {
    /// Where the state of a retraining lies.
    pub(crate) fn retraining_folder(&self, key: &str) -> PathBuf {
        self.state_folder().join("retrainings").join(&self.outline.scope.retrain).join(key)
    }

    /// The result of a finished retraining.
    pub(crate) fn retrained(&self, key: &str) -> anyhow::Result<Option<Retrained>> {
        store::read_json(&self.retraining_folder(key).join("done.json"))
    }

    /// Whether a retraining leaves its weights behind: that of the seed, if a baseline is chosen by them.
    pub(crate) fn keeps_weights(&self, job: &Retraining) -> bool {
        self.plan.baselines.iter().any(|baseline| reads_weights(baseline.arm()))
            && job.key == self.seed_key(job.seed)
    }

    fn seed_key(&self, seed: u64) -> String {
        key_from_scratch(&structure_hash(&self.outline.seed), seed)
    }

    /// The retraining of the seed from scratch.
    pub(crate) fn seed_job(&self, seed: u64) -> Retraining {
        Retraining {
            name: format!("uniform x1 seed {seed}"),
            graph: self.outline.seed.clone(),
            key: self.seed_key(seed),
            seed,
            flops: self.plan.seed_cost.flops,
            recipe: self.plan.retrain.clone(),
            carried: None,
        }
    }

    /// The seed as its retraining left it. None while it is not trained.
    pub(crate) fn trained_seed(&self, device: &Cpu, seed: u64) -> anyhow::Result<Option<Network>> {
        let key = self.seed_key(seed);
        if self.retrained(&key)?.is_none() {
            return Ok(None);
        }
        let streams = Streams::new(seed).derive("retrain");
        let network = Network::init(self.outline.seed.clone(), streams);
        let sets = self.data().images.label_sets();
        let mut trainer = Trainer::for_labels(&network, &self.plan.retrain, sets, streams, device)?;
        let folder = self.retraining_folder(&key);
        let bytes = Checkpoints::new(&folder).latest()?.intact.with_context(|| {
            format!(
                "the weights in `{}` are gone; delete the folder and run again",
                folder.display()
            )
        })?;
        trainer.load(&bytes, &mut ())?;
        Ok(Some(trainer.network()))
    }

    /// Floating-point operations of a retraining, for the estimate of time.
    pub(crate) fn retraining_work(&self, recipe: &Recipe, flops: f64) -> f64 {
        let split = &self.data().images.split;
        let scored = split.validation.count() + split.test.count();
        self.training_work(recipe, flops) + flops * scored as f64
    }

    /// Floating-point operations of training alone: the backward pass costs twice the forward pass.
    pub(crate) fn training_work(&self, recipe: &Recipe, flops: f64) -> f64 {
        3.0 * flops * self.data().images.split.train.count() as f64 * f64::from(recipe.epochs)
    }

    /// Does a retraining. None if it was stopped.
    pub(crate) fn retrain(
        &self,
        device: &Cpu,
        job: &Retraining,
        lock: &Lock<'_>,
    ) -> anyhow::Result<Option<Retrained>> {
        self.recorder()?.begin()?;
        let recipe = &job.recipe;
        let streams = Streams::new(job.seed).derive("retrain");
        let split = &self.data().images.split;
        let batches = Batches::new(
            &split.train,
            &self.data().images.normalization,
            recipe.batch_size,
            recipe.augmentation,
            streams,
        )?;
        let checkpoints = Checkpoints::new(&self.retraining_folder(&job.key));
        let network = match job.carried {
            Some(point) if checkpoints.latest()?.intact.is_none() => {
                self.carry(device, point, &job.graph, &batches, streams)?
            }
            Some(_) | None => Network::init(job.graph.clone(), streams),
        };
        let sets = self.data().images.label_sets();
        let mut trainer = Trainer::for_labels(&network, recipe, sets, streams, device)?;

        let steps = batches.per_epoch() as u64 * u64::from(recipe.epochs);
        let mut task =
            self.progress.start(&job.name, steps, self.retraining_work(recipe, job.flops as f64));
        resume(&mut trainer, &mut (), &checkpoints, &mut task, batches.per_epoch())?;
        let ending = train(
            &mut trainer,
            &batches,
            &mut (),
            &checkpoints,
            lock,
            self.interrupt,
            &mut |step| task.step(&format!("epoch {} loss {:.3}", step.epoch, step.loss)),
            &mut |_, ()| Ok(Control::Continue),
        );
        if ending? == Ending::Stopped {
            task.abandon();
            return Ok(None);
        }
        let network = trainer.network();
        let normalization = &self.data().images.normalization;
        let mut scorer =
            Scorer::new(&network.graph, GateRecipe::default(), sets, normalization, device)?;
        let validation_score = scorer.score(&network, &split.validation)?;
        let test_score = scorer.score(&network, &split.test)?;
        let epochs = trainer.history().to_vec();
        let result = Retrained { validation_score, test_score, epochs };
        lock.confirm()?;
        if self.keeps_weights(job) {
            checkpoints.keep_last()?;
        }
        store::write_json(&self.retraining_folder(&job.key).join("done.json"), &result)?;
        if !self.keeps_weights(job) {
            checkpoints.clear()?;
        }
        let unit = metric(self.plan.labels).unit();
        task.finish(&format!(
            "{:.2} MFLOPs, validation {:.2} {unit}, test {:.2} {unit}",
            job.flops as f64 / 1e6,
            100.0 * validation_score,
            100.0 * test_score
        ));
        Ok(Some(result))
    }
}

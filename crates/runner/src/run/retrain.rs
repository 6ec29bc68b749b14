//! One retraining: the network of a point, scored at the end.

use std::path::PathBuf;

use anyhow::Context;
use datasets::{Batches, Evaluation, Samples, Streams};
use graph::Graph;
use serde::{Deserialize, Serialize};
use surgery::structure_hash;
use tensor_ops::Cpu;
use training::{Control, EpochRecord, Evaluator, Network, Recipe, Trainer};

use super::Run;
use super::point::key_from_scratch;
use super::training::{Ending, resume, train};
use crate::plan::{PointPlan, reads_weights};
use crate::store::{self, Checkpoints};

/// Images per batch when a network is scored.
const SCORING_BATCH: usize = 250;

/// What a retraining leaves. Points of equal keys share it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retrained {
    /// Fraction of validation images classified correctly.
    pub(crate) validation_accuracy: f64,
    /// Fraction of test images classified correctly; read once, after the last epoch.
    pub(crate) test_accuracy: f64,
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
    fn retraining_folder(&self, key: &str) -> PathBuf {
        self.state_folder().join("retrainings").join(key)
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
        key_from_scratch(&structure_hash(&self.seed), seed)
    }

    /// The retraining of the seed from scratch.
    pub(crate) fn seed_job(&self, seed: u64) -> Retraining {
        Retraining {
            name: format!("uniform x1 seed {seed}"),
            graph: self.seed.clone(),
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
        let network = Network::init(self.seed.clone(), streams);
        let mut trainer = Trainer::new(&network, &self.plan.retrain, streams, device)?;
        let folder = self.retraining_folder(&key);
        let bytes = Checkpoints::new(&folder).load()?.with_context(|| {
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
        let split = &self.images.split;
        let scored = split.validation.count() + split.test.count();
        self.training_work(recipe, flops) + flops * scored as f64
    }

    /// Floating-point operations of training alone: the backward pass costs twice the forward pass.
    pub(crate) fn training_work(&self, recipe: &Recipe, flops: f64) -> f64 {
        3.0 * flops * self.images.split.train.count() as f64 * f64::from(recipe.epochs)
    }

    /// Does a retraining. None if it was stopped.
    pub(crate) fn retrain(
        &self,
        device: &Cpu,
        job: &Retraining,
    ) -> anyhow::Result<Option<Retrained>> {
        self.recorder.begin()?;
        let recipe = &job.recipe;
        let streams = Streams::new(job.seed).derive("retrain");
        let split = &self.images.split;
        let batches = Batches::new(
            &split.train,
            &self.images.normalization,
            recipe.batch_size,
            recipe.augmentation,
            streams,
        )?;
        let checkpoints = Checkpoints::new(&self.retraining_folder(&job.key));
        let network = match job.carried {
            Some(point) if checkpoints.load()?.is_none() => {
                self.carry(device, point, &job.graph, &batches, streams)?
            }
            Some(_) | None => Network::init(job.graph.clone(), streams),
        };
        let mut trainer = Trainer::new(&network, recipe, streams, device)?;

        let steps = batches.per_epoch() as u64 * u64::from(recipe.epochs);
        let mut task =
            self.progress.start(&job.name, steps, self.retraining_work(recipe, job.flops as f64));
        resume(&mut trainer, &mut (), &checkpoints, &mut task, batches.per_epoch())?;
        let ending = train(
            &mut trainer,
            &batches,
            &mut (),
            &checkpoints,
            self.interrupt,
            &mut |step| task.step(&format!("epoch {} loss {:.3}", step.epoch, step.loss)),
            &mut |_, ()| Ok(Control::Continue),
        );
        if ending? == Ending::Stopped {
            task.abandon();
            return Ok(None);
        }
        let network = trainer.network();
        let mut evaluator = Evaluator::new(&network.graph, SCORING_BATCH, device)?;
        let mut score = |set: &Samples| -> anyhow::Result<f64> {
            let images = Evaluation::new(set, &self.images.normalization, SCORING_BATCH)?;
            Ok(evaluator.score(&network, &images)?.accuracy)
        };
        let validation_accuracy = score(&split.validation)?;
        let test_accuracy = score(&split.test)?;
        let epochs = trainer.history().to_vec();
        let result = Retrained { validation_accuracy, test_accuracy, epochs };
        store::write_json(&self.retraining_folder(&job.key).join("done.json"), &result)?;
        if !self.keeps_weights(job) {
            checkpoints.clear()?;
        }
        task.finish(&format!(
            "{:.2} MFLOPs, validation {:.2} %, test {:.2} %",
            job.flops as f64 / 1e6,
            100.0 * validation_accuracy,
            100.0 * test_accuracy
        ));
        Ok(Some(result))
    }
}

//! One retraining: the network of a point from scratch, scored at the end.

use std::path::PathBuf;

use datasets::{Batches, Evaluation, Samples, Streams};
use graph::Graph;
use serde::{Deserialize, Serialize};
use tensor_ops::Cpu;
use training::{Control, EpochRecord, Evaluator, Network, Recipe, Trainer};

use super::Run;
use super::training::{Ending, resume, train};
use crate::store::{self, Checkpoints};

/// Images per batch when a network is scored.
const SCORING_BATCH: usize = 250;

/// What a retraining leaves. Points of equal networks and seeds share it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retrained {
    /// Fraction of validation images classified correctly.
    pub(crate) validation_accuracy: f64,
    /// Fraction of test images classified correctly; read once, after the last epoch.
    pub(crate) test_accuracy: f64,
    /// Its epochs.
    pub(crate) epochs: Vec<EpochRecord>,
}

/// A network to retrain, by its structure's hash.
#[derive(Clone, Debug)]
pub(crate) struct Retraining {
    /// Name for people.
    pub(crate) name: String,
    /// The network.
    pub(crate) graph: Graph,
    /// Its hash.
    pub(crate) structure: String,
    /// Seed of the random streams.
    pub(crate) seed: u64,
    /// FLOPs per image.
    pub(crate) flops: u64,
}

impl Run<'_> {
    fn retraining_folder(&self, structure: &str, seed: u64) -> PathBuf {
        self.state_folder().join("retrainings").join(format!("{structure}-seed-{seed}"))
    }

    /// The result of a finished retraining.
    pub(crate) fn retrained(
        &self,
        structure: &str,
        seed: u64,
    ) -> anyhow::Result<Option<Retrained>> {
        store::read_json(&self.retraining_folder(structure, seed).join("done.json"))
    }

    /// Floating-point operations of a retraining, for the estimate of time.
    pub(crate) fn retraining_work(&self, flops: f64) -> f64 {
        let split = &self.images.split;
        let scored = split.validation.count() + split.test.count();
        self.training_work(&self.plan.retrain, flops) + flops * scored as f64
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
        let recipe = &self.plan.retrain;
        let streams = Streams::new(job.seed).derive("retrain");
        let network = Network::init(job.graph.clone(), streams);
        let split = &self.images.split;
        let batches = Batches::new(
            &split.train,
            &self.images.normalization,
            recipe.batch_size,
            recipe.augmentation,
            streams,
        )?;
        let mut trainer = Trainer::new(&network, recipe, streams, device)?;

        let folder = self.retraining_folder(&job.structure, job.seed);
        let steps = batches.per_epoch() as u64 * u64::from(recipe.epochs);
        let mut task =
            self.progress.start(&job.name, steps, self.retraining_work(job.flops as f64));
        let checkpoints = Checkpoints::new(&folder);
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
        store::write_json(&folder.join("done.json"), &result)?;
        checkpoints.clear()?;
        task.finish(&format!(
            "{:.2} MFLOPs, validation {:.2} %, test {:.2} %",
            job.flops as f64 / 1e6,
            100.0 * validation_accuracy,
            100.0 * test_accuracy
        ));
        Ok(Some(result))
    }
}

//! The training loop.

use std::thread;

use datasets::{Ahead, Batches, LabelSets, Streams};
use graph::{NodeId, Role};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tensor_ops::{Device, GateSample, Scalars};

use crate::session::Session;
use crate::{
    Filters, GateNoise, Network, Parameters, Penalty, PenaltyStep, Program, Recipe, TrainError,
};

/// What to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop here; the trainer can be saved and goes on later as if nothing had happened.
    Stop,
}

/// A step that was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Step within the epoch, from 1.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Mean loss of the batch.
    pub loss: f64,
}

/// An epoch that was completed: means over its training images and its last penalty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Mean training loss.
    pub loss: f64,
    /// Training accuracy, on augmented images and with changing parameters; if images have several labels, the share of those
    /// whose largest logit is one of them.
    pub accuracy: f64,
    /// Penalty after the last step.
    pub penalty: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
}

/// How an epoch ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EpochEnd {
    /// All its steps are done.
    Completed(EpochRecord),
    /// Stopped on request, in the middle.
    Stopped,
}

/// Where a run is: everything besides the values in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Position {
    /// Epochs completed.
    pub(crate) epoch: u32,
    /// Steps done of the epoch under way.
    pub(crate) step: usize,
    /// Sums over the steps of the epoch under way.
    pub(crate) loss: f64,
    pub(crate) correct: u64,
    pub(crate) penalty: f64,
}

/// Trains one network by a recipe; can stop after any step and go on later.
pub struct Trainer<'d, D: Device> {
    pub(crate) graph: graph::Graph,
    pub(crate) recipe: Recipe,
    pub(crate) session: Session<'d, D>,
    pub(crate) position: Position,
    pub(crate) history: Vec<EpochRecord>,
    dropout_seed: u64,
    gate_noise: GateNoise,
    samples: Vec<(NodeId, GateSample)>,
    /// Noise of one gate.
    noise: Vec<f32>,
}

impl<'d, D: Device> Trainer<'d, D> {
    /// Plans the training of a network. Dropout draws from the stream `dropout`, gates as in [`GateNoise`].
    pub fn new(
        network: &Network,
        recipe: &Recipe,
        streams: Streams,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        let program = Program::training(&network.graph, recipe)?;
        Self::of(Session::new(program, device)?, network, recipe, streams)
    }

    /// As [`Trainer::new`], for images with several labels: the labels of batches are numbers of `sets`, and the loss is the mean
    /// over classes of the cross entropy of sigmoid(logit). An image counts as classified correctly if its largest logit is one
    /// of its labels.
    pub fn multi_label(
        network: &Network,
        recipe: &Recipe,
        sets: &LabelSets,
        streams: Streams,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        let program = Program::multi_label_training(&network.graph, recipe)?;
        Self::of(Session::multi_label(program, sets.clone(), device)?, network, recipe, streams)
    }

    /// As [`Trainer::new`], or as [`Trainer::multi_label`] where there are sets of labels.
    pub fn for_labels(
        network: &Network,
        recipe: &Recipe,
        sets: Option<&LabelSets>,
        streams: Streams,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        match sets {
            None => Self::new(network, recipe, streams, device),
            Some(sets) => Self::multi_label(network, recipe, sets, streams, device),
        }
    }

    fn of(
        mut session: Session<'d, D>,
        network: &Network,
        recipe: &Recipe,
        streams: Streams,
    ) -> Result<Self, TrainError> {
        let samples = session.program.layout.samples().collect();
        session.load(&network.graph, &network.parameters)?;
        Ok(Self {
            graph: network.graph.clone(),
            recipe: recipe.clone(),
            session,
            position: Position::default(),
            history: Vec::new(),
            dropout_seed: streams.stream("dropout").next_u64(),
            gate_noise: GateNoise::new(&network.graph, streams),
            samples,
            noise: Vec::new(),
        })
    }

    /// Whether all epochs are done.
    pub fn is_finished(&self) -> bool {
        self.position.epoch >= self.recipe.epochs
    }

    /// The epochs completed, also those before a checkpoint was loaded.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// Steps done, of all epochs; `steps` is the number of an epoch.
    pub fn steps_done(&self, steps: usize) -> u64 {
        u64::from(self.position.epoch) * steps as u64 + self.position.step as u64
    }

    /// Runs the epoch under way to its end, or until `observe` says stop.
    ///
    /// One step: take the batch, which may have been filled meanwhile ([`datasets::Epoch::ahead`]), execute the program, apply the penalty.
    pub fn epoch(
        &mut self,
        batches: &Batches,
        penalty: &mut dyn Penalty,
        observe: &mut dyn FnMut(Step) -> Control,
    ) -> Result<EpochEnd, TrainError> {
        fits(&self.session.program, batches.shape())?;
        let order = batches.epoch(u64::from(self.position.epoch));
        let left = self.position.step..batches.per_epoch();
        thread::scope(|scope| self.steps(batches, &mut order.ahead(scope, left), penalty, observe))
    }

    /// Runs the epoch under way on the batches that are left of it.
    fn steps(
        &mut self,
        batches: &Batches,
        ahead: &mut Ahead<'_>,
        penalty: &mut dyn Penalty,
        observe: &mut dyn FnMut(Step) -> Control,
    ) -> Result<EpochEnd, TrainError> {
        let (steps, [count, ..]) = (batches.per_epoch(), batches.shape());
        let (mut wanted, kernels) = (penalty.parameters(), penalty.filters());
        wanted.retain(|(node, role)| *role != Role::Weight || !kernels.contains(node));
        let mut steps_on_filters = self.session.filter_steps(&kernels)?;
        let (mut penalized, mut filters) = (Parameters::new(), Filters::new());
        let mut rate = 0.0;
        while self.position.step < steps {
            let done = steps as f64 * f64::from(self.position.epoch) + self.position.step as f64;
            rate = self
                .recipe
                .learning_rate
                .rate((done + 0.5) / steps as f64, f64::from(self.recipe.epochs));
            let scalars =
                Scalars { rate: rate as f32, step: done as u64 + 1, seed: self.dropout_seed };
            self.draw_gates(scalars.step, done / steps as f64);
            let (images, labels) = ahead.next_batch()?;
            let result = self.session.run(images, labels, count, scalars);
            if !wanted.is_empty() || !kernels.is_empty() {
                self.session.read(&wanted, &mut penalized);
                self.session.measure(&mut steps_on_filters, &mut filters);
                let step = PenaltyStep {
                    learning_rate: rate,
                    step: done as u64 + 1,
                    steps: steps as u64 * u64::from(self.recipe.epochs),
                };
                self.position.penalty = penalty.apply(&mut penalized, &mut filters, step);
                self.session.write(&wanted, &penalized);
                self.session.shrink(&mut steps_on_filters, &filters);
            }
            self.position.step += 1;
            self.position.loss += result.loss;
            self.position.correct += result.correct;
            let (epoch, step) = (self.position.epoch + 1, self.position.step);
            let loss = result.loss / count as f64;
            if !loss.is_finite() {
                return Err(TrainError::Diverged { loss, epoch, step });
            }
            if observe(Step { epoch, step, steps, loss }) == Control::Stop && step < steps {
                return Ok(EpochEnd::Stopped);
            }
        }
        let images = (steps * count) as f64;
        let Position { epoch, loss, correct, penalty, .. } = self.position;
        self.position = Position { epoch: epoch + 1, penalty, ..Position::default() };
        let accuracy = correct as f64 / images;
        let record = EpochRecord {
            epoch: epoch + 1,
            loss: loss / images,
            accuracy,
            penalty,
            learning_rate: rate,
        };
        self.history.push(record);
        Ok(EpochEnd::Completed(record))
    }

    /// Copies noise and temperature of a step's gates to the device; the time is in epochs.
    fn draw_gates(&mut self, step: u64, time: f64) {
        let temperature = self.recipe.gates.temperature_at(time) as f32;
        let temperature = [temperature.max(f32::MIN_POSITIVE)];
        for position in 0..self.samples.len() {
            let (gate, sample) = self.samples[position];
            self.noise.resize(sample.noise.len, 0.0);
            self.gate_noise.draw(gate, step, &mut self.noise);
            self.session.upload(sample.noise, &self.noise);
            self.session.upload(sample.temperature, &temperature);
        }
    }

    /// The network as it is now.
    pub fn network(&self) -> Network {
        Network { graph: self.graph.clone(), parameters: self.session.parameters() }
    }
}

/// Whether batches of this shape, `[batch, height, width, channels]`, are what a program was planned for.
pub(crate) fn fits(program: &Program, shape: [usize; 4]) -> Result<(), TrainError> {
    let input = program.input;
    let expected = [program.batch, input.height, input.width, input.channels];
    if shape == expected {
        return Ok(());
    }
    let text = |shape: [usize; 4]| {
        format!("{} images of {}x{}x{} at a time", shape[0], shape[1], shape[2], shape[3])
    };
    Err(TrainError::ImageShape { found: text(shape), expected: text(expected) })
}

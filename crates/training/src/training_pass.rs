//! A training step on a device, whole or one instruction at a time.

use graph::NodeId;
use tensor_ops::{Device, Instruction, Scalars};

use crate::{Network, Program, Recipe, TrainError, session::Session};

/// The training step of a network on a batch of made-up images, for those who measure it: forward pass, loss, backward pass
/// and optimizer, the instructions that [`crate::Trainer`] executes.
pub struct TrainingPass<'d, D: Device> {
    device: &'d D,
    session: Session<'d, D>,
    steps: Vec<D::Executable>,
    images: Vec<f32>,
    labels: Vec<u32>,
    scalars: Scalars,
}

impl<'d, D: Device> TrainingPass<'d, D> {
    /// Plans the step and copies the parameters to the device.
    pub fn new(network: &Network, recipe: &Recipe, device: &'d D) -> Result<Self, TrainError> {
        let program = Program::training(&network.graph, recipe)?;
        let classes = network.graph.node(network.graph.outputs()[0]).shape.channels;
        let values = program.layout.images.len;
        let images = (0..values).map(|at| (at % 13) as f32 / 6.0 - 1.0).collect();
        let labels = (0..program.batch).map(|at| (at % classes) as u32).collect();
        let mut session = Session::new(program, device)?;
        session.load(&network.graph, &network.parameters)?;
        let rate = recipe.learning_rate.rate(0.0, f64::from(recipe.epochs)) as f32;
        let scalars = Scalars { rate, step: 1, seed: 0 };
        Ok(Self { device, session, steps: Vec::new(), images, labels, scalars })
    }

    /// The instructions of a step, and for every one the node that it works for; none for the loss and the optimizer.
    pub fn instructions(&self) -> impl Iterator<Item = (&Instruction, Option<NodeId>)> {
        let program = &self.session.program;
        program.instructions().iter().zip(program.nodes().iter().copied())
    }

    /// Bytes of device memory that the step works on.
    pub fn arena_bytes(&self) -> usize {
        self.session.program.arena_bytes()
    }

    /// Copies the batch to the device and executes a step. The mean loss.
    pub fn run(&mut self) -> f64 {
        let result = self.session.run(&self.images, &self.labels, self.labels.len(), self.scalars);
        self.scalars.step += 1;
        result.loss / self.labels.len() as f64
    }

    /// Executes one instruction. In order, all together do what [`TrainingPass::run`] does, less the copies.
    ///
    /// # Panics
    ///
    /// If there is no such instruction.
    pub fn run_step(&mut self, step: usize) -> Result<(), TrainError> {
        if self.steps.is_empty() {
            let program = &self.session.program;
            let single = |instruction: &Instruction| {
                self.device.prepare(vec![instruction.clone()], program.arena)
            };
            self.steps = program.instructions.iter().map(single).collect::<Result<_, _>>()?;
        }
        self.session.execute_other(&mut self.steps[step], self.scalars);
        Ok(())
    }
}

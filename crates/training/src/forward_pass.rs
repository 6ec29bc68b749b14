//! The forward pass on a device, whole or one instruction at a time.

use graph::NodeId;
use tensor_ops::{Device, Scalars};

use crate::{Network, Program, TrainError, session::Session};

/// The forward pass of a network on a batch of made-up images, for those who measure it.
///
/// The instructions are those that [`crate::Evaluator`] executes, the loss at the end included.
pub struct ForwardPass<'d, D: Device> {
    session: Session<'d, D>,
    steps: Vec<D::Executable>,
}

impl<'d, D: Device> ForwardPass<'d, D> {
    /// Plans the forward pass and copies the parameters to the device.
    pub fn new(network: &Network, batch: usize, device: &'d D) -> Result<Self, TrainError> {
        let program = Program::inference(&network.graph, batch)?;
        let single = |instruction: &tensor_ops::Instruction| {
            device.prepare(vec![instruction.clone()], program.arena)
        };
        let steps = program.instructions.iter().map(single).collect::<Result<Vec<_>, _>>()?;
        let mut session = Session::new(program, device)?;
        session.load(&network.graph, &network.parameters)?;
        let images = session.program.layout.images;
        let values: Vec<f32> = (0..images.len).map(|at| (at % 13) as f32 / 6.0 - 1.0).collect();
        session.upload(images, &values);
        Ok(Self { session, steps })
    }

    /// For every step the node that it works for; none for the loss.
    pub fn nodes(&self) -> &[Option<NodeId>] {
        self.session.program.nodes()
    }

    /// Bytes of device memory that the pass works on.
    pub fn arena_bytes(&self) -> usize {
        self.session.program.arena_bytes()
    }

    /// Executes all steps.
    pub fn run(&mut self) {
        self.session.execute(SCALARS);
    }

    /// Loss of every image of the batch, all of which have label 0.
    pub fn losses(&self) -> Vec<f32> {
        self.session.download(self.session.program.layout.losses)
    }

    /// The images of the batch, rows of pixels, channels fastest.
    pub fn images(&self) -> Vec<f32> {
        self.session.download(self.session.program.layout.images)
    }

    /// Logits of every image of the batch, `[image, class]`.
    pub fn logits(&self) -> Vec<f32> {
        self.session.logits()
    }

    /// Executes one step. In order, all steps together do what [`ForwardPass::run`] does.
    ///
    /// # Panics
    ///
    /// If there is no such step.
    pub fn run_step(&mut self, step: usize) {
        self.session.execute_other(&mut self.steps[step], SCALARS);
    }
}

const SCALARS: Scalars = Scalars { rate: 0.0, step: 1, seed: 0 };

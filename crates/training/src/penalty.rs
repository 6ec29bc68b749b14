//! What training knows of regularization: something that changes parameters after each step.

use graph::{NodeId, Role};

use crate::{Filters, Parameters};

/// The optimizer step that a penalty follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PenaltyStep {
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Steps done with this one, from 1.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
}

/// A penalty applied as a proximal step after every optimizer step.
///
/// Training knows no more of it than this; `()` is ordinary training.
pub trait Penalty {
    /// The parameters that it reads and changes. Asked once per epoch.
    fn parameters(&self) -> Vec<(NodeId, Role)>;

    /// The kernels among these of which it need not have the values: it reads the strengths of their filters and shrinks them, and
    /// that is done where they lie. Their output channels run fastest. Asked once per epoch.
    fn filters(&self) -> Vec<NodeId>;

    /// Changes the parameters after a step, and returns the value of the penalty term. Present are those asked for, and only
    /// those; of the kernels whose filters suffice, these instead of the values.
    fn apply(
        &mut self,
        parameters: &mut Parameters,
        filters: &mut Filters,
        step: PenaltyStep,
    ) -> f64;

    /// What it remembers from step to step; kept in checkpoints.
    fn state(&self) -> Vec<u8>;

    /// Goes on from what [`Penalty::state`] gave. An error, and no change, if that is of another penalty.
    fn restore(&mut self, state: &[u8]) -> Result<(), String>;
}

impl Penalty for () {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        Vec::new()
    }

    fn filters(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn apply(&mut self, _: &mut Parameters, _: &mut Filters, _: PenaltyStep) -> f64 {
        0.0
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        stateless(state)
    }
}

/// The [`Penalty::restore`] of a penalty that remembers nothing.
pub fn stateless(state: &[u8]) -> Result<(), String> {
    if state.is_empty() {
        Ok(())
    } else {
        Err(format!("{} bytes of a penalty's state, expected none", state.len()))
    }
}

//! What training knows of regularization: something that changes parameters after each step.

use graph::{NodeId, Role};

use crate::Parameters;

/// A penalty applied as a proximal step after every optimizer step.
///
/// Training knows no more of it than this; `()` is ordinary training.
pub trait Penalty {
    /// The parameters that it reads and changes. Asked once per epoch.
    fn parameters(&self) -> Vec<(NodeId, Role)>;

    /// Changes the parameters (those asked for, and only those, are present) after a step at this learning rate, and
    /// returns the value of the penalty term.
    fn apply(&mut self, parameters: &mut Parameters, learning_rate: f64) -> f64;
}

impl Penalty for () {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        Vec::new()
    }

    fn apply(&mut self, _: &mut Parameters, _: f64) -> f64 {
        0.0
    }
}

//! What can go wrong in training.

use tensor_ops::DeviceError;
use thiserror::Error;

/// A program that cannot be planned or a run that cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Training needs exactly one output of logits.
    #[error("the network must have one output of shape 1x1xclasses to be trained, found {0}")]
    Output(String),
    /// A volume.
    #[error(
        "node `{node}` ({op}) cannot be trained or evaluated: volumes are priced and analysed only, \
         leave it out or put a 2-d operator in its place"
    )]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Kind of operator.
        op: &'static str,
    },
    /// Images of another shape than the network's input.
    #[error("images are {found}, the network expects {expected}")]
    ImageShape {
        /// Shape of the images.
        found: String,
        /// Shape of the input node.
        expected: String,
    },
    /// More classes in the data than logits.
    #[error("the data has {classes} classes, the network has {logits} logits")]
    Classes {
        /// Classes of the data.
        classes: usize,
        /// Width of the output.
        logits: usize,
    },
    /// A number in the recipe of gates that makes no mask.
    #[error("`gates.{what}` is {found}, expected a number above 0")]
    Gates {
        /// Name of the number.
        what: &'static str,
        /// What it is.
        found: f64,
    },
    /// Label sets for another number of classes than the network tells apart.
    #[error(
        "the label sets are of {found} classes, but the network has {expected} logits: use the sets of its data"
    )]
    LabelClasses {
        /// Classes of the sets.
        found: usize,
        /// Logits of the network.
        expected: usize,
    },
    /// A network must have one image input.
    #[error("the network must have one input, found {0}")]
    Inputs(usize),
    /// The loss is not a number any more.
    #[error("the loss became {loss} at epoch {epoch}, step {step}: lower the learning rate")]
    Diverged {
        /// The loss.
        loss: f64,
        /// Epoch, from 1.
        epoch: u32,
        /// Step within the epoch, from 1.
        step: usize,
    },
    /// A parameter tensor that is missing or of the wrong size.
    #[error("parameter `{name}`: {problem}")]
    Parameter {
        /// Node name and role.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A checkpoint that does not belong to this run or is damaged.
    #[error("checkpoint cannot be used: {0}")]
    Checkpoint(String),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The data.
    #[error(transparent)]
    Data(#[from] datasets::DatasetError),
}

//! What is counted besides the convention of the original.

use serde::{Deserialize, Serialize};

/// What to count beyond the original, which counts kernels, and the memory traffic of a few other operators. Nothing by
/// default.
///
/// A value is one number of the node's output for one image; `C` is its number of channels. What a set option adds:
///
/// | option | to FLOPs | to parameters | to bytes |
/// |---|---|---|---|
/// | `bias` | 1 per value that a bias is added to | C | the bias, read once; input and output where it is a node of its own |
/// | `batch_norm` | 2 per value: one product, one sum, since at inference it is an affine map | C for the shift, C for the scale | the same, read once |
/// | `pooling` | taps per value; for a global pool these are all positions of the input | - | input and output |
/// | `activation` | 1 per value, whatever the function: softmax, local response norm and gates too | - | input and output of what the original leaves out |
/// | `join` | 1 per value and operand after the first | - | each operand and output of differences, maxima and minima |
/// | `movement` | - | - | input and output of selections, blocks, resizing, padding and permutations |
///
/// Without options, FLOPs and parameters are those of kernels, and bytes those of the table at [`crate::Bytes`]. MACs,
/// activations and macts have no options. Gates have no parameters at inference. Other views of the same values, dropout
/// and the image are always free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Counting {
    /// Biases, of kernels and alone.
    pub bias: bool,
    /// Batch normalisation.
    pub batch_norm: bool,
    /// Pools, windowed and global.
    pub pooling: bool,
    /// Functions of values, and gates.
    pub activation: bool,
    /// Element-wise joins.
    pub join: bool,
    /// Values that go to other places.
    pub movement: bool,
}

impl Counting {
    /// Everything that can be counted.
    pub const ALL: Self = Self {
        bias: true,
        batch_norm: true,
        pooling: true,
        activation: true,
        join: true,
        movement: true,
    };

    /// Whether this is the convention of the original.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

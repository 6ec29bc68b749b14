//! What can be wrong with a graph.

use thiserror::Error;

use crate::{MAX_ELEMENTS, MAX_WIDTH, Shape, Window};

/// A graph that cannot be built or rewritten.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The operator does not fit its inputs.
    #[error("node `{node}` ({op}): {problem}")]
    Shape {
        /// Name of the node.
        node: String,
        /// Kind of operator.
        op: &'static str,
        /// What does not fit.
        problem: Box<ShapeProblem>,
    },
    /// Two nodes share a name.
    #[error("node `{0}` is there already: names must be unique")]
    DuplicateName(String),
    /// An input id that is not in the graph.
    #[error("node `{node}`: input {input} is not a node of this graph")]
    UnknownInput {
        /// Name of the node.
        node: String,
        /// The offending index.
        input: usize,
    },
    /// A node that no output needs.
    #[error("node `{0}` reaches no output: connect it or leave it out")]
    Unused(String),
    /// No output was given.
    #[error("a graph needs at least one output")]
    NoOutput,
    /// New widths remove every path from the image to an output.
    #[error("nothing is left of output `{0}`: the widths cut every path from the image to it")]
    Cut(String),
    /// A join would lose part of an input, which no network of this kind can express.
    #[error(
        "node `{node}` ({op}) would lose part of an input: keep a channel of every producer that feeds it"
    )]
    PartialLoss {
        /// Name of the join.
        node: String,
        /// Kind of operator.
        op: &'static str,
    },
    /// Widths alone do not say which channels are selected.
    #[error(
        "node `{0}` selects channels of a wire that changes width, or pads it by another number: say which channels stay with a channel map, not with widths"
    )]
    NeedsChannels(String),
    /// Sharing of something other than kernels.
    #[error(
        "node `{node}` cannot share with `{owner}` ({op}): only convolutions and linear layers have kernels to share"
    )]
    CannotShare {
        /// Name of the node.
        node: String,
        /// Name of the node it would share with.
        owner: String,
        /// Kind of operator of the owner.
        op: &'static str,
    },
    /// A shared kernel on another number of channels.
    #[error(
        "node `{node}` has {found} input channels, the kernel that it shares with `{owner}` has {expected}"
    )]
    SharedWidth {
        /// Name of the node.
        node: String,
        /// Name of the node it shares with.
        owner: String,
        /// Input channels of the owner.
        expected: usize,
        /// Input channels of the node.
        found: usize,
    },
    /// Wires that are to be tied channel by channel, but differ in width.
    #[error(
        "`{first}` has {first_width} channels and `{second}` {second_width}: only equal widths can be tied"
    )]
    Tie {
        /// Name of a node.
        first: String,
        /// Its width.
        first_width: usize,
        /// Name of another.
        second: String,
        /// Its width.
        second_width: usize,
    },
    /// A wire wider than allowed.
    #[error("`{0}` would have more than {MAX_WIDTH} channels: use a smaller width multiplier")]
    TooWide(String),
    /// Copies that belong to another graph.
    #[error("copies of {found} channel groups given for a graph of {expected}")]
    WrongCopies {
        /// Number of groups in the graph.
        expected: usize,
        /// Number of copies given.
        found: usize,
    },
    /// Widths that belong to another graph.
    #[error("widths of {found} wires given for a graph of {expected}")]
    WrongWidths {
        /// Number of wires in the graph.
        expected: usize,
        /// Number of widths given.
        found: usize,
    },
}

/// Why an operator does not fit its inputs.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ShapeProblem {
    /// Wrong number of inputs.
    #[error("{found} inputs given, expected {expected}")]
    Arity {
        /// Number of inputs given.
        found: usize,
        /// What is expected, in words.
        expected: &'static str,
    },
    /// A dimension of zero.
    #[error("shape {0} has a dimension of zero")]
    Empty(Shape),
    /// Beyond the limits that protect memory.
    #[error(
        "shape {shape} is too large: at most {MAX_WIDTH} channels and {MAX_ELEMENTS} values are allowed",
        shape = .0
    )]
    TooLarge(Shape),
    /// Beyond the limits that protect memory.
    #[error("too many weights: at most {MAX_ELEMENTS} are allowed in one tensor")]
    TooManyWeights,
    /// Kernel, stride or dilation of zero.
    #[error("kernel, stride and dilation must be at least 1")]
    ZeroWindow,
    /// Padding that a whole window could lie in.
    #[error(
        "padding must be smaller than the extent of the kernel, or some windows see nothing of the image"
    )]
    PaddingBeyondKernel,
    /// The window does not fit.
    #[error(
        "a {}x{} window (dilation {}x{}) does not fit an input of {input}: use a larger image or a smaller kernel",
        window.kernel[0], window.kernel[1], window.dilation[0], window.dilation[1]
    )]
    WindowTooLarge {
        /// The window.
        window: Window,
        /// Shape of the input.
        input: Shape,
    },
    /// Channels that cannot be cut into equal blocks.
    #[error("{groups} groups must divide {input} input and {output} output channels")]
    Groups {
        /// Number of groups.
        groups: usize,
        /// Input channels.
        input: usize,
        /// Output channels.
        output: usize,
    },
    /// A linear layer on an image.
    #[error("input of shape {0} has several positions: put `flatten` or a global pool before it")]
    NotFlat(Shape),
    /// Shapes that should be equal.
    #[error("shapes {0} and {1} do not fit together")]
    Mismatch(Shape, Shape),
    /// A volume where an image is expected.
    #[error("input of shape {0} is a volume: this operator works on images of depth 1")]
    Volume(Shape),
    /// A kernel larger than the volume.
    #[error("a {}x{}x{} kernel does not fit an input of {input}", kernel[0], kernel[1], kernel[2])]
    KernelTooLarge {
        /// Depth, height and width of the kernel.
        kernel: [usize; 3],
        /// Shape of the input.
        input: Shape,
    },
    /// Explicit padding of a volume.
    #[error("a 3-d convolution is padded `same` or `valid`: put `pad` before it for anything else")]
    ExplicitVolume,
    /// A channel that is not there.
    #[error("channel {channel} is selected of an input of {input}")]
    NoChannel {
        /// The channel.
        channel: usize,
        /// Shape of the input.
        input: Shape,
    },
    /// A block that does not divide the input.
    #[error("blocks of {block}x{block} do not divide an input of {input}")]
    Block {
        /// Side of the block.
        block: usize,
        /// Shape of the input.
        input: Shape,
    },
    /// Positions that do not divide the number of values.
    #[error("an input of {input} cannot be laid out on {}x{} positions", positions[0], positions[1])]
    Reshape {
        /// Height and width asked for.
        positions: [usize; 2],
        /// Shape of the input.
        input: Shape,
    },
    /// Axes that are no permutation.
    #[error("a permutation names height, width and channels once each")]
    Permutation,
    /// Settings under which the divisor may vanish.
    #[error(
        "local response norm needs a size of at least 1, alpha of at least 0, a positive bias and finite numbers"
    )]
    LocalResponse,
    /// A dropout rate outside its range.
    #[error("rate must be in [0, 1), is {0}")]
    Rate(f32),
    /// An epsilon under which the deviation may be zero or is not a number.
    #[error("epsilon must be positive and finite, is {0}")]
    Epsilon(f32),
}

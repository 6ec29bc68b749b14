//! What is wrong with a structure, by the name of the layer.

use graph::GraphError;
use thiserror::Error;

/// A structure that does not describe a part of a network.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum StructureError {
    /// A file of another version.
    #[error("the structure has schema {found}, this version reads schema {expected}")]
    Schema {
        /// The file's.
        found: u32,
        /// The only one that is read.
        expected: u32,
    },
    /// Text that is not a structure.
    #[error("not a structure: {0}")]
    Json(String),
    /// A name that no layer has.
    #[error(
        "`{name}` is no convolution or linear layer of the network; the nearest is `{nearest}`"
    )]
    UnknownLayer {
        /// The name.
        name: String,
        /// The layer that begins most alike.
        nearest: String,
    },
    /// A layer that is not mentioned.
    #[error("layer `{0}` of the network is missing: give its channels, or none to remove it")]
    MissingLayer(String),
    /// A layer of another width.
    #[error(
        "layer `{layer}` has {found} channels before in the structure, {expected} in the network"
    )]
    Before {
        /// The layer.
        layer: String,
        /// Width in the structure.
        found: usize,
        /// Width in the network.
        expected: usize,
    },
    /// A channel that is not there, or not in its place.
    #[error(
        "layer `{layer}` keeps channel {channel}: expected rising numbers below its width of {width}"
    )]
    Kept {
        /// The layer.
        layer: String,
        /// The number.
        channel: usize,
        /// Width of the layer.
        width: usize,
    },
    /// A width that is not the number of channels kept.
    #[error("layer `{layer}` keeps {kept} channels and says {after} after: the two must agree")]
    After {
        /// The layer.
        layer: String,
        /// Width after.
        after: usize,
        /// Channels kept.
        kept: usize,
    },
    /// Groups that part channels which the network ties.
    #[error(
        "the groups of layer `{0}` part channels that the network ties: leave groups as they were written"
    )]
    Groups(String),
    /// A channel that may not die.
    #[error(
        "layer `{layer}` must keep channel {channel}: nothing may change the width of an output"
    )]
    Frozen {
        /// The layer.
        layer: String,
        /// The channel.
        channel: usize,
    },
    /// Tied channels with different fates.
    #[error(
        "`{keeps}` keeps channel {kept} and `{drops}` drops channel {dropped}, which are tied: \
         keep both, drop both, or drop all channels of a layer whose input is gone"
    )]
    Tied {
        /// A layer that keeps.
        keeps: String,
        /// Its channel.
        kept: usize,
        /// A layer that drops.
        drops: String,
        /// Its channel.
        dropped: usize,
    },
    /// A layer that cannot have the channels that it is given.
    #[error(
        "layer `{layer}` keeps {kept} channels, but {remain} remain of it, since what it reads or feeds is gone: \
         keep none there, or more elsewhere"
    )]
    Unreachable {
        /// The layer.
        layer: String,
        /// Channels in the structure.
        kept: usize,
        /// Channels that remain.
        remain: usize,
    },
    /// A layer that is said to be gone and is not.
    #[error(
        "layer `{layer}` keeps nothing, but its input is there, and its {remain} channels are those of an output or tied to \
         channels that are kept: keep the same ones"
    )]
    Stays {
        /// The layer.
        layer: String,
        /// Channels that remain.
        remain: usize,
    },
    /// Tied layers with different numbers of channels.
    #[error(
        "`{first}` has {first_count} channels alive and `{second}` has {second_count}, but they are tied: \
         give both the same number, or one of them 0"
    )]
    TiedCounts {
        /// A layer.
        first: String,
        /// Its channels.
        first_count: usize,
        /// A layer that is tied with it.
        second: String,
        /// Its channels.
        second_count: usize,
    },
    /// More channels than a layer has.
    #[error("`{layer}` has {count} channels alive, but the network's layer has {width}")]
    TooMany {
        /// The layer.
        layer: String,
        /// Channels alive.
        count: usize,
        /// Its width.
        width: usize,
    },
    /// An operation that stands for no layer.
    #[error(
        "operation `{0}` stands for no layer of the network: strip the prefix that all names share, or give its layer a name"
    )]
    UnknownOperation(String),
    /// A layer that two operations stand for.
    #[error(
        "`{first}` and `{second}` both stand for layer `{layer}`: give it the name of one of them"
    )]
    Ambiguous {
        /// The layer.
        layer: String,
        /// An operation.
        first: String,
        /// Another one.
        second: String,
    },
    /// The network that remains is none.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

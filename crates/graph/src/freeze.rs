//! Why a channel group may never die.

use std::fmt;

use crate::NodeId;

/// A group that may never die, the node that forbids it, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// The node.
    pub node: NodeId,
    /// What about it forbids it.
    pub reason: FreezeReason,
}

/// Why a node forbids that channels die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FreezeReason {
    /// The channels of an image are given.
    Image,
    /// The channels of an output are asked for.
    Output,
    /// One channel is used for all channels of the other operand.
    Spread,
    /// Channels and positions are mixed so that no channel of the output belongs to channels of the input.
    Mixed,
    /// The value of a channel depends on its neighbours, also on those that are zero.
    Neighbours,
}

impl fmt::Display for FreezeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "the channels of an image are given",
            Self::Output => "the channels of an output are asked for",
            Self::Spread => "one channel serves all channels of the other operand",
            Self::Mixed => "channels and positions are mixed",
            Self::Neighbours => "every channel depends on its neighbours, even on silent ones",
        })
    }
}

//! Residual blocks of both versions (He et al. 2015 and 2016), for `ImageNet` and CIFAR networks alike.

use graph::{Activation::Relu, NodeId, Op, Pad, Window};
use serde::{Deserialize, Serialize};

use crate::{
    Version,
    assembly::{Assembly, Wire, avg_pool, below, conv},
};

/// The layers of a block; `width` is that of its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// `3x3, 3x3`, out of which come `width` channels.
    Basic,
    /// `1x1, 3x3, 1x1`, out of which come `4 * width` channels.
    Bottleneck,
}

/// How a block's input reaches its sum where height, width or channels change (options A and B of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shortcut {
    /// Option A: every other position, and channels of zeros on both sides; no weights.
    Pad,
    /// Option B: a 1x1 convolution, in version 1 with batch norm.
    Projection,
}

/// A kind of residual network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Residual {
    pub(crate) version: Version,
    pub(crate) block: Block,
    pub(crate) shortcut: Shortcut,
}

impl Block {
    /// Channels that come out of a block.
    pub(crate) fn out(self, width: usize) -> usize {
        match self {
            Self::Basic => width,
            Self::Bottleneck => 4 * width,
        }
    }
}

impl Residual {
    /// Stages one after the other, each with its blocks and width at multiplier 1, and what version 2 has after the last.
    /// Every stage but the first begins with a step of 2.
    pub(crate) fn stages(
        self,
        assembly: &mut Assembly,
        stages: &[(usize, usize)],
        input: NodeId,
    ) -> Wire {
        let mut wire = input;
        for (index, (blocks, width)) in stages.iter().enumerate() {
            for block in 1..=*blocks {
                let stride = if index > 0 && block == 1 { 2 } else { 1 };
                let changes = block == 1 && (index > 0 || self.block == Block::Bottleneck);
                let name = format!("stage{}/block{block}", index + 1);
                wire = self.block(assembly, &name, *width, stride, changes, wire)?;
            }
        }
        match self.version {
            Version::V1 => Ok(wire),
            Version::V2 => assembly.norm("last", Some(Relu), wire),
        }
    }

    fn block(
        self,
        assembly: &mut Assembly,
        name: &str,
        width: usize,
        stride: usize,
        changes: bool,
        input: NodeId,
    ) -> Wire {
        let out = assembly.width(self.block.out(width));
        let input = match self.version {
            Version::V2 if changes => assembly.norm(name, Some(Relu), input)?,
            Version::V1 | Version::V2 => input,
        };
        let shortcut =
            if changes { self.shortcut(assembly, name, out, stride, input)? } else { input };
        let inner = assembly.width(width);
        let layers = match self.block {
            Block::Basic => vec![conv(inner, 3, stride), conv(out, 3, 1)],
            Block::Bottleneck => vec![conv(inner, 1, 1), conv(inner, 3, stride), conv(out, 1, 1)],
        };
        let last = layers.len();
        let mut wire = input;
        for (layer, position) in layers.into_iter().zip(1..) {
            let conv = format!("{name}/conv{position}");
            wire = match self.version {
                Version::V1 => {
                    assembly.normalized(&conv, layer, (position < last).then_some(Relu), wire)?
                }
                // The first norm of a changing block is there already: the shortcut reads it, too.
                Version::V2 if changes && position == 1 => assembly.node(&conv, layer, wire)?,
                Version::V2 => assembly.preactivated(&conv, layer, Relu, wire)?,
            };
        }
        let sum = assembly.add(name, wire, shortcut)?;
        match self.version {
            Version::V1 => assembly.activation(name, Relu, sum),
            Version::V2 => Ok(sum),
        }
    }

    fn shortcut(
        self,
        assembly: &mut Assembly,
        block: &str,
        out: usize,
        stride: usize,
        input: NodeId,
    ) -> Wire {
        let name = below(block, "shortcut");
        match (self.shortcut, self.version) {
            (Shortcut::Projection, Version::V1) => {
                assembly.normalized(&name, conv(out, 1, stride), None, input)
            }
            (Shortcut::Projection, Version::V2) => {
                assembly.node(&name, conv(out, 1, stride), input)
            }
            (Shortcut::Pad, Version::V1 | Version::V2) => {
                let apart = avg_pool(Window::square(1).stride(stride));
                let thinned = assembly.node(&below(&name, "thin"), apart, input)?;
                let missing = out.saturating_sub(assembly.channels(input));
                let channels = [missing / 2, missing - missing / 2];
                assembly.node(&name, Op::Pad(Pad { channels, ..Pad::default() }), thinned)
            }
        }
    }
}

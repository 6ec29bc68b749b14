//! Inverted residual blocks (Sandler et al. 2018, arXiv 1801.04381): wide inside, narrow where they are joined.

use graph::{Activation, NodeId};

use crate::{
    Stem,
    assembly::{Assembly, Wire, below, conv, depthwise},
};

/// A block with its widths as they are built: 1x1 to `expanded` channels, a filter per channel, squeeze and excitation, and
/// 1x1 to `out` channels without activation.
pub(crate) struct Inverted {
    /// Nothing if there is no first convolution.
    pub(crate) expanded: Option<usize>,
    /// Side of the filters.
    pub(crate) side: usize,
    pub(crate) stride: usize,
    /// Width inside squeeze and excitation, with its two activations.
    pub(crate) squeezed: Option<(usize, [Activation; 2])>,
    pub(crate) out: usize,
    pub(crate) activation: Activation,
    /// Whether the input is added to what comes out.
    pub(crate) adds: bool,
}

impl Inverted {
    pub(crate) fn build(self, assembly: &mut Assembly, name: &str, input: NodeId) -> Wire {
        let activation = Some(self.activation);
        let mut wire = input;
        if let Some(width) = self.expanded {
            let expand = below(name, "expand");
            wire = assembly.normalized(&expand, conv(width, 1, 1), activation, wire)?;
        }
        let filters = depthwise(self.side, self.stride);
        wire = assembly.normalized(&below(name, "depthwise"), filters, activation, wire)?;
        if let Some((width, activations)) = self.squeezed {
            wire = assembly.squeeze_excite(&below(name, "squeeze"), width, activations, wire)?;
        }
        wire = assembly.normalized(&below(name, "project"), conv(self.out, 1, 1), None, wire)?;
        if self.adds { assembly.add(name, wire, input) } else { Ok(wire) }
    }
}

/// The steps of a network: with stem `small` the first two steps of 2 are steps of 1.
pub(crate) struct Steps {
    left_out: usize,
}

impl Steps {
    pub(crate) fn of(stem: Stem) -> Self {
        Self { left_out: stem.choose(0, 2) }
    }

    /// The step of the next layer, given that of the table.
    pub(crate) fn next(&mut self, stride: usize) -> usize {
        if stride > 1 && self.left_out > 0 {
            self.left_out -= 1;
            1
        } else {
            stride
        }
    }
}

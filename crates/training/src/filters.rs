//! What a penalty sees of kernels that stay on the device.

use std::collections::BTreeMap;

use graph::NodeId;

/// The filters of some kernels in one step of a penalty: how strong they are, and what they lose.
///
/// The filters of a kernel are its columns: all values of one output channel, which has to run fastest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    kernels: BTreeMap<NodeId, Kernel>,
}

#[derive(Clone, Debug, PartialEq)]
struct Kernel {
    strengths: Vec<f32>,
    shares: Vec<f32>,
}

impl Filters {
    /// Of no kernels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the filters of a kernel in place, none of which loses anything yet.
    pub fn insert(&mut self, node: NodeId, strengths: Vec<f32>) {
        let shares = vec![0.0; strengths.len()];
        self.kernels.insert(node, Kernel { strengths, shares });
    }

    /// Root mean squares of a kernel's filters, if the kernel is among these.
    pub fn strengths(&self, node: NodeId) -> Option<&[f32]> {
        self.kernels.get(&node).map(|kernel| kernel.strengths.as_slice())
    }

    /// What the filters of a kernel lose of every value, if the kernel is among these: from 0, nothing, to 1, which leaves exactly
    /// zero.
    pub fn shares(&self, node: NodeId) -> Option<&[f32]> {
        self.kernels.get(&node).map(|kernel| kernel.shares.as_slice())
    }

    /// As [`Filters::shares`], to change them.
    pub fn shares_mut(&mut self, node: NodeId) -> Option<&mut [f32]> {
        self.kernels.get_mut(&node).map(|kernel| kernel.shares.as_mut_slice())
    }

    /// The strengths to be overwritten; from here on nothing loses anything.
    pub(crate) fn renew(&mut self, node: NodeId) -> Option<&mut [f32]> {
        let kernel = self.kernels.get_mut(&node)?;
        kernel.shares.fill(0.0);
        Some(&mut kernel.strengths)
    }
}

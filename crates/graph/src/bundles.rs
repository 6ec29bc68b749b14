//! Groups that are interchangeable.

use std::collections::BTreeMap;

use crate::{Channels, Graph, GroupId, NodeId, Widths};

/// Groups that lie on the same wires equally often, so that they are interchangeable: a width multiplier scales their
/// number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The groups, in order.
    pub groups: Vec<GroupId>,
    /// Wires that hold these groups, in order, with the channels per group.
    pub wires: Vec<(NodeId, usize)>,
    /// Whether the number of groups is fixed: some node forbids that they die.
    pub frozen: bool,
}

impl Bundle {
    /// Producers (convolutions and linear layers) whose output holds these groups, with the channels per group.
    pub fn producers(&self, graph: &Graph) -> Vec<(NodeId, usize)> {
        let mut producers = self.wires.clone();
        producers.retain(|(id, _)| graph.node(*id).op.is_producer());
        producers
    }

    /// How often every group of the bundle is copied so that `size` channels of each kind are left: the first ones once more
    /// often than the last.
    pub fn copies(&self, size: usize) -> impl Iterator<Item = (GroupId, usize)> + use<'_> {
        let (each, more) = (size / self.groups.len(), size % self.groups.len());
        let copies = move |position| each + usize::from(position < more);
        self.groups.iter().enumerate().map(move |(position, group)| (*group, copies(position)))
    }
}

impl Channels {
    /// The groups sorted into [`Bundle`]s, in order of their first group.
    pub fn bundles(&self) -> Vec<Bundle> {
        let mut wires: Vec<Vec<(NodeId, usize)>> = vec![Vec::new(); self.len()];
        for (index, wire) in self.wires.iter().enumerate() {
            let id = NodeId(index);
            for group in wire {
                match wires[group.index()].last_mut() {
                    Some((last, channels)) if *last == id => *channels += 1,
                    Some(_) | None => wires[group.index()].push((id, 1)),
                }
            }
        }
        let mut order: BTreeMap<(bool, Vec<(NodeId, usize)>), usize> = BTreeMap::new();
        let mut bundles: Vec<Bundle> = Vec::new();
        for (group, wires) in self.groups().zip(wires) {
            let frozen = self.is_frozen(group);
            let position = *order.entry((frozen, wires)).or_insert_with_key(|(_, wires)| {
                bundles.push(Bundle { groups: Vec::new(), wires: wires.clone(), frozen });
                bundles.len() - 1
            });
            bundles[position].groups.push(group);
        }
        bundles
    }
}

impl Graph {
    /// Widths in which every bundle has the given number of groups; `sizes` is parallel to `bundles`, which are those of this
    /// graph. What lies beyond an emptied wire is not followed.
    pub fn widths_of_bundles(&self, bundles: &[Bundle], sizes: &[usize]) -> Widths {
        let mut wires = vec![0_usize; self.len()];
        for (bundle, size) in bundles.iter().zip(sizes) {
            for (wire, channels) in &bundle.wires {
                let width = &mut wires[wire.index()];
                *width = width.saturating_add(channels.saturating_mul(*size));
            }
        }
        Widths::from_wires(wires)
    }
}

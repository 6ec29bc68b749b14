//! Channel groups: which channels of which wires live and die together.
//!
//! Every channel of every wire gets a group, in one pass in node order with union-find: a convolution makes fresh
//! channels, an addition unites its operands channel by channel, a concatenation appends, a depthwise convolution
//! carries. The original does this with slices, a work queue and an iteration limit (`op_regularizer_manager.py`); per
//! channel none of them is needed.

use std::collections::BTreeMap;

use crate::{Graph, NodeId, Op, Widths};

/// Index of a channel group; groups are numbered in order of their first channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(usize);

impl GroupId {
    /// Position among all groups.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Groups that occur on the same producers equally often, so that they are interchangeable: a width multiplier scales
/// their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The groups, in order.
    pub groups: Vec<GroupId>,
    /// Producers (convolutions and linear layers) whose output holds these groups, with the channels per group.
    pub producers: Vec<(NodeId, usize)>,
    /// Whether the number of groups is fixed: image channels and logits.
    pub frozen: bool,
}

/// The channel groups of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    wires: Vec<Vec<GroupId>>,
    frozen: Vec<bool>,
}

/// Which groups stay alive. Made by [`Channels`], so that it fits its graph and frozen groups stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    alive: Vec<bool>,
}

impl Keep {
    /// Whether the group stays.
    pub fn is_alive(&self, group: GroupId) -> bool {
        self.alive[group.0]
    }

    /// Number of groups that stay.
    pub fn count(&self) -> usize {
        self.alive.iter().filter(|alive| **alive).count()
    }
}

impl Channels {
    /// Finds the groups of a graph.
    pub fn of(graph: &Graph) -> Self {
        let mut union = Union::default();
        let mut wires: Vec<Vec<usize>> = Vec::with_capacity(graph.len());
        let mut pinned: Vec<usize> = Vec::new();
        for (_, node) in graph.nodes() {
            let input = |position: usize| &wires[node.inputs[position].0];
            let wire = match &node.op {
                Op::Input(shape) => {
                    let fresh = union.fresh(shape.channels);
                    pinned.extend(&fresh);
                    fresh
                }
                Op::Conv2d(conv) => {
                    let fresh = union.fresh(conv.out);
                    if conv.groups > 1 {
                        union.tie_blocks(input(0), conv.groups);
                        union.tie_blocks(&fresh, conv.groups);
                    }
                    fresh
                }
                Op::Linear(linear) => union.fresh(linear.out),
                Op::Depthwise(depthwise) => {
                    let each = depthwise.multiplier;
                    input(0)
                        .iter()
                        .flat_map(|channel| std::iter::repeat_n(*channel, each))
                        .collect()
                }
                Op::Add => {
                    let first = input(0).clone();
                    for position in 1..node.inputs.len() {
                        union.tie(&first, input(position));
                    }
                    first
                }
                Op::Mul => {
                    let (first, second) = (input(0).clone(), input(1));
                    if second.len() == first.len() {
                        union.tie(&first, second);
                    } else {
                        pinned.extend(second);
                    }
                    first
                }
                Op::Concat => {
                    node.inputs.iter().flat_map(|id| wires[id.0].iter().copied()).collect()
                }
                Op::Flatten => {
                    let area = graph.node(node.inputs[0]).shape.area();
                    input(0).repeat(area)
                }
                Op::BatchNorm(_)
                | Op::Activation(_)
                | Op::MaxPool(_)
                | Op::AvgPool(_)
                | Op::GlobalAvgPool
                | Op::GlobalMaxPool
                | Op::Dropout { .. } => input(0).clone(),
            };
            wires.push(wire);
        }
        pinned.extend(graph.outputs().iter().flat_map(|id| wires[id.0].iter().copied()));
        union.number(&wires, &pinned)
    }

    /// The group of every channel of a wire, in channel order.
    pub fn on(&self, wire: NodeId) -> &[GroupId] {
        &self.wires[wire.0]
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.frozen.len()
    }

    /// Whether there is no group; never true, since an image has channels.
    pub fn is_empty(&self) -> bool {
        self.frozen.is_empty()
    }

    /// All groups in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = GroupId> + use<> {
        (0..self.len()).map(GroupId)
    }

    /// Whether the group may never die: image channels, outputs, and the one-channel operand of a product.
    pub fn is_frozen(&self, group: GroupId) -> bool {
        self.frozen[group.0]
    }

    /// Keeps the groups for which `alive` holds, and all frozen ones.
    pub fn keep_where(&self, alive: impl Fn(GroupId) -> bool) -> Keep {
        Keep { alive: self.groups().map(|group| self.is_frozen(group) || alive(group)).collect() }
    }

    /// Keeps everything.
    pub fn keep_all(&self) -> Keep {
        self.keep_where(|_| true)
    }

    /// Alive channels on every wire; what lies beyond an emptied wire is not followed (see [`crate::Survivors`]).
    pub fn alive_widths(&self, keep: &Keep) -> Widths {
        let alive =
            |wire: &Vec<GroupId>| wire.iter().filter(|group| keep.is_alive(**group)).count();
        Widths::from_wires(self.wires.iter().map(alive).collect())
    }

    /// The groups sorted into [`Bundle`]s, in order of their first group.
    pub fn bundles(&self, graph: &Graph) -> Vec<Bundle> {
        let mut producers: Vec<Vec<(NodeId, usize)>> = vec![Vec::new(); self.len()];
        for (id, node) in graph.nodes() {
            if node.op.is_producer() {
                for group in self.on(id) {
                    match producers[group.0].last_mut() {
                        Some((last, channels)) if *last == id => *channels += 1,
                        Some(_) | None => producers[group.0].push((id, 1)),
                    }
                }
            }
        }
        let mut order: BTreeMap<(bool, Vec<(NodeId, usize)>), usize> = BTreeMap::new();
        let mut bundles: Vec<Bundle> = Vec::new();
        for (group, producers) in self.groups().zip(producers) {
            let frozen = self.is_frozen(group);
            let position = *order.entry((frozen, producers.clone())).or_insert_with(|| {
                bundles.push(Bundle { groups: Vec::new(), producers, frozen });
                bundles.len() - 1
            });
            bundles[position].groups.push(group);
        }
        bundles
    }
}

impl Op {
    /// Whether the operator makes fresh channels with a width of its own: dense and grouped convolutions, linear layers.
    pub fn is_producer(&self) -> bool {
        match self {
            Self::Conv2d(_) | Self::Linear(_) => true,
            Self::Input(_)
            | Self::Depthwise(_)
            | Self::BatchNorm(_)
            | Self::Activation(_)
            | Self::Add
            | Self::Mul
            | Self::Concat
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::GlobalAvgPool
            | Self::GlobalMaxPool
            | Self::Flatten
            | Self::Dropout { .. } => false,
        }
    }
}

/// Union-find over provisional channels; the smaller index is the root, so that numbering follows first use.
#[derive(Default)]
struct Union {
    parent: Vec<usize>,
}

impl Union {
    fn fresh(&mut self, count: usize) -> Vec<usize> {
        let start = self.parent.len();
        self.parent.extend(start..start + count);
        (start..start + count).collect()
    }

    fn root(&mut self, mut channel: usize) -> usize {
        while self.parent[channel] != channel {
            self.parent[channel] = self.parent[self.parent[channel]];
            channel = self.parent[channel];
        }
        channel
    }

    fn tie(&mut self, left: &[usize], right: &[usize]) {
        for (a, b) in left.iter().zip(right) {
            let (a, b) = (self.root(*a), self.root(*b));
            self.parent[a.max(b)] = a.min(b);
        }
    }

    /// Channel `k` of every block lives with channel `k` of the first, so that blocks stay of equal size.
    fn tie_blocks(&mut self, wire: &[usize], blocks: usize) {
        let (first, rest) = wire.split_at(wire.len() / blocks);
        for block in rest.chunks(first.len()) {
            self.tie(first, block);
        }
    }

    fn number(mut self, wires: &[Vec<usize>], pinned: &[usize]) -> Channels {
        let mut numbers = vec![None; self.parent.len()];
        let mut frozen = Vec::new();
        let wires = wires
            .iter()
            .map(|wire| {
                wire.iter()
                    .map(|channel| {
                        *numbers[self.root(*channel)].get_or_insert_with(|| {
                            frozen.push(false);
                            GroupId(frozen.len() - 1)
                        })
                    })
                    .collect()
            })
            .collect();
        for channel in pinned {
            let group: GroupId =
                numbers[self.root(*channel)].expect("every channel lies on a wire");
            frozen[group.0] = true;
        }
        Channels { wires, frozen }
    }
}

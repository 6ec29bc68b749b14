//! Operators that only move and mix values: linear maps without parameters.

use std::{ops::Range, sync::Arc};

use graph::{Axis, Gather, Graph, Node, NodeId, Op, Pad, Shape};
use tensor_ops::{Instruction, Taps, Tensor};

use super::emit::Emitter;
use super::maps;

/// A map from some channels of an input to some channels of the output. An operator's output is the sum of its moves;
/// those that do not write the same channels write disjoint ones, and together they write all.
#[derive(Clone, Debug)]
struct Move {
    /// Position among the node's inputs.
    input: usize,
    /// Channels of the input.
    from: Range<usize>,
    /// Channels of the output.
    to: Range<usize>,
    map: Map,
}

impl Move {
    /// Of all channels.
    fn all(position: usize, input: Shape, output: Shape, map: Map) -> Self {
        Self { input: position, from: 0..input.channels, to: 0..output.channels, map }
    }
}

#[derive(Clone, Debug)]
enum Map {
    Copy,
    Positions(Arc<Taps>),
    Channels(Arc<Taps>),
    /// Of whole images.
    Values(Arc<Taps>),
}

impl Map {
    /// The map of the gradient.
    fn transposed(&self) -> Self {
        let turned = |taps: &Taps| Arc::new(taps.transposed());
        match self {
            Self::Copy => Self::Copy,
            Self::Positions(taps) => Self::Positions(turned(taps)),
            Self::Channels(taps) => Self::Channels(turned(taps)),
            Self::Values(taps) => Self::Values(turned(taps)),
        }
    }

    fn instruction(self, input: Tensor, output: Tensor, accumulate: bool) -> Instruction {
        match self {
            Self::Copy => Instruction::Sum { inputs: vec![input], output, accumulate },
            Self::Positions(taps) => Instruction::MapPositions { taps, input, output, accumulate },
            Self::Channels(taps) => Instruction::MapChannels { taps, input, output, accumulate },
            Self::Values(taps) => Instruction::MapValues { taps, input, output, accumulate },
        }
    }
}

/// More runs of neighbouring channels than these are one map of channels instead of as many copies.
const FEW_RUNS: usize = 4;

/// The first channel, if the channels follow each other.
pub(crate) fn consecutive(gather: &Gather) -> Option<usize> {
    let first = *gather.channels.first()?;
    gather.channels.iter().copied().eq(first..first + gather.channels.len()).then_some(first)
}

fn size(shape: Shape) -> [usize; 2] {
    [shape.height, shape.width]
}

/// Parts laid end to end along height (axis 0) or width (axis 1).
fn laid_end_to_end(parts: &[Shape], whole: Shape, axis: usize) -> Vec<Move> {
    let mut corner = [0, 0];
    let mut moves = Vec::new();
    for (input, part) in parts.iter().enumerate() {
        let taps = maps::placed(size(*part), size(whole), corner);
        moves.push(Move::all(input, *part, whole, Map::Positions(Arc::new(taps))));
        corner[axis] += size(*part)[axis];
    }
    moves
}

/// Copies of runs of neighbouring channels if they are few, else one map.
fn selected(gather: &Gather, input: Shape, output: Shape) -> Vec<Move> {
    let mut runs: Vec<Move> = Vec::new();
    for (to, &from) in gather.channels.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.from.end == from => {
                run.from.end += 1;
                run.to.end += 1;
            }
            Some(_) | None => {
                let (from, to) = (from..from + 1, to..to + 1);
                runs.push(Move { input: 0, from, to, map: Map::Copy });
            }
        }
    }
    if runs.len() <= FEW_RUNS {
        return runs;
    }
    let taps = Taps::gather(input.channels, gather.channels.iter().copied());
    vec![Move::all(0, input, output, Map::Channels(Arc::new(taps)))]
}

/// Blocks of positions of `fine` to channels, or, with `back`, channels to blocks of positions.
fn blocks(fine: Shape, block: usize, back: bool) -> Vec<Move> {
    let offsets = (0..block * block).map(|offset| (offset, [offset / block, offset % block]));
    let of = |(slice, offset): (usize, [usize; 2])| {
        let taps = maps::of_blocks(size(fine), block, offset);
        let deep = slice * fine.channels..(slice + 1) * fine.channels;
        let map = Map::Positions(Arc::new(taps));
        if back {
            Move { input: 0, from: deep, to: 0..fine.channels, map: map.transposed() }
        } else {
            Move { input: 0, from: 0..fine.channels, to: deep, map }
        }
    };
    offsets.map(of).collect()
}

/// The image inside zeros.
fn padded(pad: &Pad, input: Shape, output: Shape) -> Vec<Move> {
    let [before, after] = pad.channels;
    let map = if before + after == 0 {
        let taps = maps::placed(size(input), size(output), [pad.top, pad.left]);
        Map::Positions(Arc::new(taps))
    } else if size(input) == size(output) {
        let inside = before..before + input.channels;
        Map::Channels(Arc::new(Taps::gather(output.channels, inside).transposed()))
    } else {
        Map::Values(Arc::new(maps::placed_values(input, output, [pad.top, pad.left, before])))
    };
    vec![Move::all(0, input, output, map)]
}

/// The moves that an operator consists of; nothing for operators that compute, only look at their input in another way, or
/// join along channels.
fn moves(graph: &Graph, node: &Node) -> Option<Vec<Move>> {
    let output = node.shape;
    let inputs: Vec<Shape> = node.inputs.iter().map(|input| graph.node(*input).shape).collect();
    let all = |map| Some(vec![Move::all(0, inputs[0], output, map)]);
    match &node.op {
        Op::Concat(Axis::Height) => Some(laid_end_to_end(&inputs, output, 0)),
        Op::Concat(Axis::Width) => Some(laid_end_to_end(&inputs, output, 1)),
        Op::Gather(gather) => Some(selected(gather, inputs[0], output)),
        Op::DepthToSpace { block } => Some(blocks(output, *block, true)),
        Op::SpaceToDepth { block } => Some(blocks(inputs[0], *block, false)),
        Op::Resize(resize) => {
            let taps = maps::resized(size(inputs[0]), size(output), resize.method);
            all(Map::Positions(Arc::new(taps)))
        }
        Op::Pad(pad) => Some(padded(pad, inputs[0], output)),
        Op::Permute(permutation) => {
            all(Map::Values(Arc::new(maps::permuted(inputs[0], *permutation))))
        }
        Op::Input(_)
        | Op::Conv2d(_)
        | Op::Conv3d(_)
        | Op::ConvTranspose(_)
        | Op::Depthwise(_)
        | Op::Linear(_)
        | Op::BatchNorm(_)
        | Op::Bias
        | Op::Gate
        | Op::Activation(_)
        | Op::Softmax
        | Op::LocalResponseNorm(_)
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Maximum
        | Op::Minimum
        | Op::Concat(Axis::Channels)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Flatten
        | Op::Reshape { .. }
        | Op::Dropout { .. } => None,
    }
}

impl Emitter<'_> {
    /// Appends the moves of a node.
    pub(crate) fn rearrange(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let mut written: Vec<Range<usize>> = Vec::new();
        for Move { input, from, to, map } in moves(self.graph, node).unwrap_or_default() {
            let source = self.wires.value(node.inputs[input]).slice(from.start, from.len());
            let target = self.wires.value(id).slice(to.start, to.len());
            let (source, target) = (self.tensor(source), self.tensor(target));
            self.push(map.instruction(source, target, written.contains(&to)));
            written.push(to);
        }
    }

    /// Appends the gradients of the moves of a node.
    pub(crate) fn rearrange_gradients(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let all = moves(self.graph, node).unwrap_or_default();
        for (position, input) in node.inputs.iter().enumerate() {
            let Some((whole, mut accumulate)) = self.gradient_to_write(*input) else { continue };
            let moves: Vec<&Move> = all.iter().filter(|one| one.input == position).collect();
            if !accumulate && !overwrite(&moves, whole.channels) {
                self.clear(*input, id);
                accumulate = true;
            }
            let mut written: Vec<Range<usize>> = Vec::new();
            for Move { from, to, map, .. } in moves {
                let views = [(id, to), (*input, from)].map(|(wire, channels)| {
                    let view = self.wires.gradient(wire).expect("needed, as checked above");
                    view.slice(channels.start, channels.len())
                });
                let [source, target] = views.map(|view| self.tensor(view));
                let accumulate = accumulate || written.contains(from);
                self.push(map.transposed().instruction(source, target, accumulate));
                written.push(from.clone());
            }
        }
    }

    /// Sets the gradient of the input of a selection of channels to zero; a map without taps needs a tensor to read.
    fn clear(&mut self, input: NodeId, selection: NodeId) {
        let (source, target) = (self.gradient(selection), self.gradient(input));
        let nothing = vec![Vec::new(); target.channels];
        let taps = Arc::new(Taps::new(source.channels, nothing));
        self.push(Instruction::MapChannels {
            taps,
            input: source,
            output: target,
            accumulate: false,
        });
    }
}

/// Whether the gradients of these moves write each channel of the input, if those that write the same ones are added.
fn overwrite(moves: &[&Move], width: usize) -> bool {
    let mut slices: Vec<&Range<usize>> = moves.iter().map(|one| &one.from).collect();
    slices.sort_by_key(|slice| (slice.start, slice.end));
    slices.dedup();
    let mut end = 0;
    for slice in slices {
        if slice.start != end {
            return false;
        }
        end = slice.end;
    }
    end == width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_overwrite_if_the_moves_read_every_channel_and_overlap_wholly_or_not() {
        let check = |slices: &[(usize, usize)]| {
            let of = |&(start, end): &(usize, usize)| Move {
                input: 0,
                from: start..end,
                to: 0..end - start,
                map: Map::Copy,
            };
            let moves: Vec<Move> = slices.iter().map(of).collect();
            overwrite(&moves.iter().collect::<Vec<_>>(), 5)
        };
        assert!(check(&[(0, 5)]));
        assert!(check(&[(0, 5), (0, 5)]));
        assert!(check(&[(2, 5), (0, 2)]));
        assert!(check(&[(2, 5), (0, 2), (2, 5)]));
        assert!(!check(&[(0, 4)]));
        assert!(!check(&[(1, 5)]));
        assert!(!check(&[(0, 3), (2, 5)]));
        assert!(!check(&[(0, 2), (3, 5)]));
        assert!(!check(&[(0, 5), (0, 2)]));
        assert!(!check(&[]));
    }

    #[test]
    fn few_runs_of_channels_are_copies_and_many_are_one_map() {
        let shape = |channels| Shape::new(3, 3, channels);
        let moves = |channels: Vec<usize>| {
            let output = shape(channels.len());
            selected(&Gather { channels }, shape(8), output)
        };
        let runs = moves(vec![4, 5, 6, 0, 1]);
        let slices: Vec<_> = runs.iter().map(|one| (one.from.clone(), one.to.clone())).collect();
        assert_eq!(slices, [(4..7, 0..3), (0..2, 3..5)]);
        assert_eq!(moves(vec![7, 6, 5, 4, 3]).len(), 1);
    }
}

//! Constructs that select, move or lay out channels.

use graph::{Axis, FreezeReason, Gather, Linear, Op, Pad, Pool, Shape, Window};

use super::super::sketch::{Drawn, Sketch};
use super::{Outcome, of, refused_operator};
use crate::check::Check;

pub(super) fn split(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let whole = sketch.normed("whole", 6, image)?;
    let left = sketch.add("left", Op::Gather(Gather::range(0, 4)), &[whole])?;
    let right = sketch.add("right", Op::Gather(Gather::range(4, 2)), &[whole])?;
    let left = sketch.normed("a", 3, left)?;
    let right = sketch.normed("b", 4, right)?;
    let join = sketch.add("join", Op::Concat(Axis::Channels), &[left, right])?;
    let drawn = sketch.classify(join)?;
    drawn.tied("left", of("whole", 0..4), check)?;
    drawn.tied("right", of("whole", 4..6), check)?;
    drawn.free("whole", check)?;
    drawn.compacts(check)
}

pub(super) fn split_and_reorder(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let whole = sketch.normed("whole", 5, image)?;
    let left = sketch.add("left", Op::Gather(Gather::range(0, 2)), &[whole])?;
    let right = sketch.add("right", Op::Gather(Gather::range(2, 3)), &[whole])?;
    let join = sketch.add("join", Op::Concat(Axis::Channels), &[right, left])?;
    let drawn = sketch.classify(join)?;
    drawn.tied("join", of("whole", [2, 3, 4, 0, 1]), check)?;
    drawn.compacts(check)
}

/// A selection of the channels of a convolution.
pub(super) fn gathered(gather: &Gather, check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 6, image)?;
    let gathered = sketch.add("gathered", Op::Gather(gather.clone()), &[conv])?;
    let next = sketch.normed("next", 4, gathered)?;
    let drawn = sketch.classify(next)?;
    drawn.tied("gathered", of("conv", gather.channels.iter().copied()), check)?;
    drawn.free("gathered", check)?;
    drawn.compacts(check)
}

/// A spatial slice with a step is a pool of one tap; there is no operator that crops.
pub(super) fn every_second_position(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 6, image)?;
    let window = Window::square(1).stride(2);
    let sliced = sketch.add("sliced", Op::MaxPool(Pool { window }), &[conv])?;
    let drawn = sketch.classify(sliced)?;
    check.equal("shape", drawn.graph.node(sliced).shape, Shape::new(2, 2, 6));
    drawn.tied("sliced", of("conv", 0..6), check)?;
    drawn.compacts(check)?;
    refused_operator("crop", check)
}

pub(super) fn padded(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let narrow = sketch.normed("narrow", 4, image)?;
    let pad = Pad { channels: [1, 2], ..Pad::default() };
    let padded = sketch.add("padded", Op::Pad(pad), &[narrow])?;
    let wide = sketch.normed("wide", 7, narrow)?;
    let sum = sketch.add("sum", Op::Add, &[wide, padded])?;
    let drawn = sketch.classify(sum)?;
    drawn.tied("narrow", of("padded", 1..5), check)?;
    drawn.tied("wide", of("padded", 0..7), check)?;
    drawn.compacts(check)
}

pub(super) fn restacked(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 4, image)?;
    let mut parts = Vec::new();
    for channel in [2, 0, 3, 1] {
        let part = Op::Gather(Gather::range(channel, 1));
        parts.push(sketch.add(&format!("part{channel}"), part, &[conv])?);
    }
    let stack = sketch.add("stack", Op::Concat(Axis::Channels), &parts)?;
    let drawn = sketch.classify(stack)?;
    drawn.tied("stack", of("conv", [2, 0, 3, 1]), check)?;
    drawn.compacts(check)
}

/// Reducing a new axis is a sum or a maximum.
pub(super) fn stacked(check: &mut Check) -> Outcome {
    for join in [Op::Add, Op::Maximum] {
        let mut sketch = Sketch::default();
        let image = sketch.image("image")?;
        let left = sketch.normed("left", 5, image)?;
        let right = sketch.normed("right", 5, image)?;
        let reduced = sketch.add("reduced", join, &[left, right])?;
        let drawn = sketch.classify(reduced)?;
        drawn.tied("reduced", of("left", 0..5), check)?;
        drawn.tied("reduced", of("right", 0..5), check)?;
        drawn.compacts(check)?;
    }
    Ok(())
}

/// A convolution, one operator on it, and another convolution.
pub(super) fn moved(op: Op, out: usize) -> Result<Drawn, String> {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", out, image)?;
    let moved = sketch.add("moved", op, &[conv])?;
    let next = sketch.normed("next", 3, moved)?;
    sketch.classify(next)
}

pub(super) fn positions_and_channels(check: &mut Check) -> Outcome {
    let drawn = moved(Op::SpaceToDepth { block: 2 }, 5)?;
    drawn.tied("moved", of("conv", (0..20).map(|channel| channel % 5)), check)?;
    drawn.compacts(check)?;

    let drawn = moved(Op::DepthToSpace { block: 2 }, 8)?;
    for block in 0..4 {
        drawn.tied("moved", of("conv", 2 * block..2 * block + 2), check)?;
    }
    drawn.compacts(check)?;

    // Rows and columns change places, or are cut otherwise: the channels stay.
    let transposed = Op::Permute([Axis::Width, Axis::Height, Axis::Channels]);
    for op in [transposed, Op::Reshape { height: 8, width: 2 }] {
        let drawn = moved(op, 5)?;
        drawn.tied("moved", of("conv", 0..5), check)?;
        drawn.compacts(check)?;
    }

    let drawn = moved(Op::Gather(Gather::shuffle(2, 6)), 6)?;
    drawn.tied("moved", of("conv", [0, 3, 1, 4, 2, 5]), check)?;
    drawn.compacts(check)?;

    // Where channels and positions are mixed, the channels are frozen, on both sides, and the rest can be pruned.
    let drawn = moved(Op::Permute([Axis::Height, Axis::Channels, Axis::Width]), 5)?;
    drawn.frozen("conv", FreezeReason::Mixed, "moved", check)?;
    drawn.frozen("moved", FreezeReason::Mixed, "moved", check)?;
    drawn.free("next", check)?;
    drawn.compacts(check)
}

pub(super) fn flattened(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 5, image)?;
    let flat = sketch.add("flat", Op::Flatten, &[conv])?;
    let logits = sketch.add("logits", Op::Linear(Linear::new(2)), &[flat])?;
    let drawn = sketch.finish(&[logits])?;
    drawn.tied("flat", of("conv", (0..80).map(|at| at % 5)), check)?;
    drawn.free("conv", check)?;
    drawn.compacts(check)
}

/// Wires are channels-last. A network that brings the other layout permutes, which mixes positions and channels.
pub(super) fn channels_first(check: &mut Check) -> Outcome {
    let drawn = moved(Op::Permute([Axis::Channels, Axis::Height, Axis::Width]), 5)?;
    drawn.frozen("conv", FreezeReason::Mixed, "moved", check)?;
    drawn.free("next", check)?;
    drawn.compacts(check)
}

pub(super) fn concat_with_unregularized(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let constant = sketch.image("constant")?;
    let conv = sketch.normed("conv", 5, image)?;
    let join = sketch.add("join", Op::Concat(Axis::Channels), &[constant, conv])?;
    let next = sketch.normed("next", 4, join)?;
    let drawn = sketch.classify(next)?;
    drawn.tied("join", [of("constant", 0..3), of("conv", 0..5)].concat(), check)?;
    drawn.frozen("constant", FreezeReason::Image, "constant", check)?;
    drawn.free("conv", check)?;
    drawn.compacts(check)
}

/// Two heads with 2 anchors of 3 values each, at 4x4 and 2x2 positions, in one list of anchors.
pub(super) fn detection_heads(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let fine = sketch.normed("fine", 5, image)?;
    let coarse = sketch.normed("coarse", 7, fine)?;
    let window = Window::square(2).stride(2);
    let coarse = sketch.add("half", Op::MaxPool(Pool { window }), &[coarse])?;
    let one = sketch.conv("head1", 6, fine)?;
    let two = sketch.conv("head2", 6, coarse)?;
    let one = sketch.add("list1", Op::Reshape { height: 32, width: 1 }, &[one])?;
    let two = sketch.add("list2", Op::Reshape { height: 8, width: 1 }, &[two])?;
    let all = sketch.add("all", Op::Concat(Axis::Height), &[one, two])?;
    let drawn = sketch.finish(&[all])?;
    for head in ["head1", "head2"] {
        drawn.tied(head, of("all", [0, 1, 2, 0, 1, 2]), check)?;
        drawn.frozen(head, FreezeReason::Output, "all", check)?;
    }
    drawn.free("fine", check)?;
    drawn.free("coarse", check)?;
    drawn.compacts(check)
}

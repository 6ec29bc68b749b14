//! Constructs that are layers, or element-wise.

use graph::{
    Activation, Axis, BatchNorm, Conv2d, Conv3d, Depthwise, FreezeReason, Gather, Linear,
    LocalResponseNorm, Op, Pool, Shape, Window,
};
use regularizers::{Gamma, Strength};

use super::super::sketch::Sketch;
use super::wires::moved;
use super::{Outcome, of, refused_operator};
use crate::check::Check;

/// A layer at every position is a 1x1 convolution; the linear operator says that it takes one position.
pub(super) fn connected_at_every_position(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 5, image)?;
    let refusal = sketch.add("linear", Op::Linear(Linear::new(4)), &[conv]);
    let refusal = refusal.err().ok_or("a linear layer on 4x4 positions is accepted")?;
    check.that(refusal.contains("has several positions"), || format!("refused with: {refusal}"));
    let each = sketch.add("each", Op::Conv2d(Conv2d::square(4, 1)), &[conv])?;
    let drawn = sketch.classify(each)?;
    drawn.free("conv", check)?;
    drawn.free("each", check)?;
    drawn.compacts(check)
}

pub(super) fn one_dimensional(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let signal = sketch.add("signal", Op::Input(Shape::new(1, 12, 3)), &[])?;
    let window = Window::new([1, 5]);
    let one = sketch.add("one", Op::Conv2d(Conv2d::new(6, window)), &[signal])?;
    let norm = sketch.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[one])?;
    let two = sketch.add("two", Op::Conv2d(Conv2d::new(4, window)), &[norm])?;
    let drawn = sketch.classify(two)?;
    drawn.tied("norm", of("one", 0..6), check)?;
    drawn.free("one", check)?;
    drawn.compacts(check)
}

/// A kernel has one layout, `[in, out]`: whoever has it transposed transposes its values.
pub(super) fn one_kernel_layout(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let pool = sketch.add("mean", Op::GlobalAvgPool, &[image])?;
    let hidden = sketch.add("hidden", Op::Linear(Linear::new(6)), &[pool])?;
    let logits = sketch.add("logits", Op::Linear(Linear::new(2)), &[hidden])?;
    let drawn = sketch.finish(&[logits])?;
    let kernel = drawn.graph.parameters().into_iter().find(|spec| spec.node == hidden);
    check.equal("kernel", kernel.map(|spec| spec.dimensions), Some(vec![3, 6]));
    drawn.free("hidden", check)?;
    drawn.compacts(check)
}

/// Three steps of a long short-term memory of width 4, unrolled, with one kernel.
pub(super) fn recurrent(check: &mut Check) -> Outcome {
    const WIDTH: usize = 4;
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let signal = sketch.add("signal", Op::GlobalAvgPool, &[image])?;
    let start = |sketch: &mut Sketch, name: &str| {
        sketch.add(name, Op::Linear(Linear { out: WIDTH, bias: false }), &[signal])
    };
    let (mut state, mut memory) = (start(&mut sketch, "state0")?, start(&mut sketch, "memory0")?);
    let mut owner = None;
    for step in 1..=3 {
        let named = |part: &str| format!("{part}{step}");
        let both = sketch.add(&named("both"), Op::Concat(Axis::Channels), &[signal, state])?;
        let gates = match owner {
            None => {
                let kernel = Op::Linear(Linear { out: 4 * WIDTH, bias: false });
                sketch.add(&named("gates"), kernel, &[both])?
            }
            Some(owner) => sketch.share(&named("gates"), owner, both)?,
        };
        owner = owner.or(Some(gates));
        let mut gate = |part: &str, index: usize, function: Activation| {
            let range = Op::Gather(Gather::range(index * WIDTH, WIDTH));
            let range = sketch.add(&named(&format!("{part}/part")), range, &[gates])?;
            sketch.add(&named(part), Op::Activation(function), &[range])
        };
        let write = gate("write", 0, Activation::Sigmoid)?;
        let forget = gate("forget", 1, Activation::Sigmoid)?;
        let read = gate("read", 2, Activation::Sigmoid)?;
        let news = gate("news", 3, Activation::Tanh)?;
        let kept = sketch.add(&named("kept"), Op::Mul, &[memory, forget])?;
        let written = sketch.add(&named("written"), Op::Mul, &[news, write])?;
        memory = sketch.add(&named("memory"), Op::Add, &[kept, written])?;
        let shown = sketch.add(&named("shown"), Op::Activation(Activation::Tanh), &[memory])?;
        state = sketch.add(&named("state"), Op::Mul, &[shown, read])?;
    }
    let logits = sketch.add("logits", Op::Linear(Linear::new(2)), &[state])?;
    let drawn = sketch.finish(&[logits])?;
    for wire in ["state0", "memory0", "memory3", "state3"] {
        drawn.tied(wire, of("state1", 0..WIDTH), check)?;
    }
    drawn.tied("gates1", of("state1", (0..4 * WIDTH).map(|gate| gate % WIDTH)), check)?;
    drawn.tied("gates3", of("gates1", 0..4 * WIDTH), check)?;
    drawn.free("state3", check)?;
    drawn.compacts(check)
}

pub(super) fn multiplied_image(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let depthwise = Depthwise { multiplier: 2, window: Window::square(3), bias: false };
    let depthwise = sketch.add("depthwise", Op::Depthwise(depthwise), &[image])?;
    let next = sketch.normed("next", 6, depthwise)?;
    let drawn = sketch.classify(next)?;
    drawn.tied("depthwise", of("image", [0, 0, 1, 1, 2, 2]), check)?;
    drawn.frozen("depthwise", FreezeReason::Image, "image", check)?;
    drawn.free("next", check)?;
    drawn.compacts(check)
}

/// A norm without a scale is no source, so that its channels have no strength and stay.
pub(super) fn norm_without_scale(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.conv("conv", 5, image)?;
    let norm = Op::BatchNorm(BatchNorm { scale: false, epsilon: 1e-3 });
    let norm = sketch.add("norm", norm, &[conv])?;
    let next = sketch.normed("next", 4, norm)?;
    let drawn = sketch.classify(next)?;
    check.that(!Gamma.is_source(&drawn.graph, norm), || "it is a source".to_owned());
    check.that(Gamma.is_source(&drawn.graph, next), || "a norm with scale is none".to_owned());
    let prunable = drawn.prunable();
    let stays = drawn.on("conv")?.iter().all(|group| !prunable.contains(*group));
    check.that(stays, || "a channel that a norm without scale reads could die".to_owned());
    drawn.compacts_where(|group| prunable.contains(group), check)
}

/// There is one batch norm, whatever made it.
pub(super) fn one_batch_norm(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let norm = sketch.normed("conv", 5, image)?;
    let drawn = sketch.classify(norm)?;
    check.that(Gamma.is_source(&drawn.graph, norm), || "it is no source".to_owned());
    drawn.free("conv", check)?;
    drawn.compacts(check)
}

pub(super) fn grouped(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 6, image)?;
    let grouped = Op::Conv2d(Conv2d { groups: 2, ..Conv2d::square(8, 3) });
    let grouped = sketch.add("grouped", grouped, &[conv])?;
    let norm = sketch.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[grouped])?;
    let drawn = sketch.classify(norm)?;
    drawn.tied("conv", of("conv", [0, 1, 2, 0, 1, 2]), check)?;
    drawn.tied("grouped", of("grouped", [0, 1, 2, 3, 0, 1, 2, 3]), check)?;
    drawn.compacts(check)
}

pub(super) fn shared(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let stem = sketch.normed("stem", 5, image)?;
    let one = sketch.conv("one", 5, stem)?;
    let two = sketch.share("two", one, one)?;
    let drawn = sketch.classify(two)?;
    drawn.tied("two", of("one", 0..5), check)?;
    drawn.tied("stem", of("one", 0..5), check)?;
    drawn.free("one", check)?;
    drawn.compacts(check)
}

pub(super) fn norm_of_a_volume(check: &mut Check) -> Outcome {
    let mut sketch = Sketch::default();
    let volume = sketch.add("volume", Op::Input(Shape::volume(3, 4, 4, 2)), &[])?;
    let conv = sketch.add("conv", Op::Conv3d(Conv3d::new(5, [2, 3, 3])), &[volume])?;
    let norm = sketch.add("norm", Op::BatchNorm(BatchNorm::scaled()), &[conv])?;
    let next = sketch.add("next", Op::Conv3d(Conv3d::new(4, [3, 1, 1])), &[norm])?;
    let drawn = sketch.classify(next)?;
    check.that(Gamma.is_source(&drawn.graph, norm), || "it is no source".to_owned());
    drawn.tied("norm", of("conv", 0..5), check)?;
    drawn.free("conv", check)?;
    drawn.compacts(check)
}

pub(super) fn element_wise(check: &mut Check) -> Outcome {
    let scale = Activation::Scale { factor: 0.5 };
    let each = Depthwise { multiplier: 1, window: Window::square(1), bias: false };
    for op in [
        Op::Activation(Activation::Silu),
        Op::Activation(Activation::HardSwish),
        Op::Activation(scale),
        Op::Dropout { rate: 0.25 },
        Op::Depthwise(each),
        Op::MaxPool(Pool { window: Window::square(2).stride(2) }),
    ] {
        let drawn = moved(op, 5)?;
        drawn.tied("moved", of("conv", 0..5), check)?;
        drawn.free("conv", check)?;
        drawn.compacts(check)?;
    }

    // A slope per channel: relu(x) - a * relu(-x).
    let mut sketch = Sketch::default();
    let image = sketch.image("image")?;
    let conv = sketch.normed("conv", 5, image)?;
    let right = sketch.add("right", Op::Activation(Activation::Relu), &[conv])?;
    let minus = Op::Activation(Activation::Scale { factor: -1.0 });
    let minus = sketch.add("minus", minus, &[conv])?;
    let left = sketch.add("left", Op::Activation(Activation::Relu), &[minus])?;
    let left = sketch.add("slopes", Op::Depthwise(each), &[left])?;
    let prelu = sketch.add("prelu", Op::Sub, &[right, left])?;
    let drawn = sketch.classify(prelu)?;
    drawn.tied("prelu", of("conv", 0..5), check)?;
    drawn.free("conv", check)?;
    drawn.compacts(check)?;

    // A mean square over neighbours changes when a channel goes, even a silent one.
    let norm = LocalResponseNorm { size: 3, alpha: 1.0, beta: 0.5, bias: 1.0 };
    let drawn = moved(Op::LocalResponseNorm(norm), 5)?;
    drawn.frozen("conv", FreezeReason::Neighbours, "moved", check)?;
    drawn.free("next", check)?;
    drawn.compacts(check)?;
    refused_operator("select", check)?;
    refused_operator("max-pool-with-argmax", check)
}

pub(super) fn one_channel(check: &mut Check) -> Outcome {
    for (join, sum) in [(Op::Mul, false), (Op::Add, true)] {
        let mut sketch = Sketch::default();
        let image = sketch.image("image")?;
        let conv = sketch.normed("conv", 5, image)?;
        let map = sketch.conv("map", 1, conv)?;
        let join = sketch.add("join", join, &[conv, map])?;
        let next = sketch.normed("next", 4, join)?;
        let drawn = sketch.classify(next)?;
        drawn.tied("join", of("conv", 0..5), check)?;
        drawn.frozen("map", FreezeReason::Spread, "join", check)?;
        drawn.free("conv", check)?;
        drawn.free("next", check)?;
        // To a product a silent channel is silent. A sum would show the operand in its place, so that the channel stays.
        let prunable = drawn.prunable();
        let own = drawn.on("conv")?;
        let readers: Vec<&str> = prunable
            .leaks()
            .iter()
            .filter(|leak| own.contains(&leak.group))
            .map(|leak| drawn.graph.node(leak.reader).name.as_str())
            .collect();
        let expected = if sum { vec!["next"; 5] } else { Vec::new() };
        check.equal("readers of what would not be silent", readers, expected);
        drawn.compacts_where(|group| !sum || prunable.contains(group), check)?;
    }
    Ok(())
}

pub(super) fn twice(check: &mut Check) -> Outcome {
    for (join, copies) in [(Op::Add, 1), (Op::Concat(Axis::Channels), 2)] {
        let mut sketch = Sketch::default();
        let image = sketch.image("image")?;
        let conv = sketch.normed("conv", 5, image)?;
        let join = sketch.add("join", join, &[conv, conv])?;
        let drawn = sketch.classify(join)?;
        drawn.tied("join", of("conv", (0..5 * copies).map(|channel| channel % 5)), check)?;
        drawn.free("conv", check)?;
        drawn.compacts(check)?;
    }
    Ok(())
}

//! Gradients by an automatic differentiation that is not ours: a graph on a dfdx tape, in `f64`.
//!
//! Every wire is one flat dfdx tensor in the layout `[batch, height, width, channels]`. Data movement of any kind (patches of
//! a convolution, windows of a pool, broadcasts, concatenation) is one gather with a table of positions; arithmetic is
//! dfdx's matmul, sums and element-wise functions. No derivative is written here.
//!
//! Batch normalisation uses the statistics of the batch (biased variance), dropout passes its input on. Gates
//! have the masks that they are given. 3-d convolutions, which the engine does not train either, are refused; every other
//! operator is here.
//!
//! Limits of dfdx 0.13.0 that callers should know; in `f64` no operator used here is wrong:
//! - `max` gives the whole gradient to *every* maximum of a tie, so a maximum is a gather of the first one;
//! - `clamp` has slope 1 at both bounds, so bounds are made of `relu`: at a kink, every function here has its slope from
//!   the left;
//! - the backward pass of a binary operator on one tensor twice panics, so a second operand is always a copy;
//! - `conv2d`, `pool2d` and concatenation with constant shapes need a nightly compiler and are not used.

mod layout;
mod moves;
mod recorder;

use graph::{
    Activation, Axis, BatchNorm, Conv2d, ConvTranspose, Depthwise, Graph, LocalResponseNorm,
    NodeId, Op, Role, Shape, Window,
};

use self::{
    layout::{Layout, Tap},
    recorder::{Flat, Recorder, Taped},
};
use crate::{GateDraws, Parameters, gates::strongest};

/// Loss of a graph and its derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Mean over the batch of the cross entropy with smoothed labels.
    pub loss: f64,
    /// Derivative of the loss by every trained parameter, in the parameter's own layout.
    pub gradients: Parameters,
}

/// Loss and gradients of the first output of `graph`, whose values are read as logits, one class each.
///
/// `images` is `[batch, height, width, channels]` with one image per label. The loss is the mean over the batch of
/// `-sum_k target_k * log softmax(logits)_k`, where `target = (1 - smoothing) * onehot(label) + smoothing / classes`.
/// Outputs beyond the first have no part in it; a parameter that only they need has gradient zero.
///
/// # Panics
/// If a parameter of the graph is missing, a length does not fit, or there is a gate or a 3-d convolution.
pub fn gradients(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    labels: &[usize],
    smoothing: f64,
) -> Gradients {
    gated_gradients(graph, parameters, images, labels, smoothing, None)
}

/// As [`gradients`], with masks of gates that were drawn. The logit of the channel that is always on has a derivative only if
/// its sample is 1 by itself.
///
/// # Panics
/// As [`gradients`], but that gates may be there which have draws.
pub fn gated_gradients(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    labels: &[usize],
    smoothing: f64,
    draws: Option<&GateDraws>,
) -> Gradients {
    let batch = labels.len();
    let mut tape = Recorder::default();
    let trained: Vec<(NodeId, Role, Flat)> = graph
        .parameters()
        .iter()
        .filter(|spec| spec.role.is_trained())
        .map(|spec| {
            let values = parameters.get(&(spec.node, spec.role)).unwrap_or_else(|| {
                panic!("`{}` has no {:?}", graph.node(spec.node).name, spec.role)
            });
            assert_eq!(values.len(), spec.len(), "length of {:?} of {:?}", spec.role, spec.node);
            (spec.node, spec.role, tape.tensor(values.clone()))
        })
        .collect();

    let mut wires: Vec<Flat> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let inputs: Vec<&Flat> = node.inputs.iter().map(|input| &wires[input.index()]).collect();
        let shapes: Vec<Shape> = node.inputs.iter().map(|input| graph.node(*input).shape).collect();
        let parameter = |role: Role| {
            let found =
                trained.iter().find(|(owner, its, _)| (*owner, *its) == (graph.owner(id), role));
            found.map(|(_, _, tensor)| tensor)
        };
        let weight = || parameter(Role::Weight).expect("the operator has a weight");
        let out = Layout { batch, shape: node.shape };
        let wire = match &node.op {
            Op::Input(shape) => {
                assert_eq!(
                    images.len(),
                    batch * shape.elements(),
                    "one image of {shape} per label"
                );
                tape.tensor(images.to_vec())
            }
            Op::Conv2d(conv) => {
                let sums = convolution(&mut tape, inputs[0], shapes[0], weight(), conv, out);
                add_bias(&mut tape, &sums, parameter(Role::Bias), out)
            }
            Op::Depthwise(depthwise) => {
                let sums = per_channel(&mut tape, inputs[0], shapes[0], weight(), depthwise, out);
                add_bias(&mut tape, &sums, parameter(Role::Bias), out)
            }
            Op::Linear(linear) => {
                let sums =
                    tape.matmul(inputs[0], weight(), (batch, shapes[0].channels, linear.out));
                add_bias(&mut tape, &sums, parameter(Role::Bias), out)
            }
            Op::BatchNorm(norm) => {
                let beta = parameter(Role::Beta).expect("batch normalisation has a shift");
                batch_norm(&mut tape, inputs[0], parameter(Role::Gamma), beta, *norm, out)
            }
            Op::Activation(activation) => activate(&mut tape, inputs[0], *activation),
            Op::Add => {
                let mut sum = inputs[0].clone();
                for (input, shape) in inputs.iter().zip(&shapes).skip(1) {
                    let spread = tape.gather(input, out.broadcast(*shape));
                    sum = tape.pair(&sum, &spread, |a, b| a + b);
                }
                sum
            }
            Op::Sub => {
                let spread = tape.gather(inputs[1], out.broadcast(shapes[1]));
                tape.pair(inputs[0], &spread, |a, b| a - b)
            }
            Op::Mul => {
                let spread = tape.gather(inputs[1], out.broadcast(shapes[1]));
                tape.pair(inputs[0], &spread, |a, b| a * b)
            }
            // Where the operands are equal, the slope is that of the first.
            Op::Maximum => {
                let spread = tape.gather(inputs[1], out.broadcast(shapes[1]));
                let excess = tape.pair(&spread, inputs[0], |b, a| (b - a).relu());
                tape.pair(inputs[0], &excess, |a, excess| a + excess)
            }
            Op::Minimum => {
                let spread = tape.gather(inputs[1], out.broadcast(shapes[1]));
                let excess = tape.pair(inputs[0], &spread, |a, b| (a - b).relu());
                tape.pair(inputs[0], &excess, |a, excess| a - excess)
            }
            Op::Concat(axis) => {
                let mut joined = inputs[0].clone();
                for input in &inputs[1..] {
                    joined = tape.join(&joined, input);
                }
                tape.gather(&joined, out.end_to_end(*axis, &shapes))
            }
            Op::ConvTranspose(conv) => {
                let sums = transposed(&mut tape, inputs[0], shapes[0], weight(), conv, out);
                add_bias(&mut tape, &sums, parameter(Role::Bias), out)
            }
            Op::Bias => add_bias(&mut tape, inputs[0], parameter(Role::Bias), out),
            Op::Softmax => softmax(&mut tape, inputs[0], out),
            Op::LocalResponseNorm(norm) => response_norm(&mut tape, inputs[0], *norm, out),
            Op::Gather(gather) => tape.gather(inputs[0], out.selected(&gather.channels, shapes[0])),
            Op::DepthToSpace { block } => {
                tape.gather(inputs[0], out.blocks_of(shapes[0], *block, false))
            }
            Op::SpaceToDepth { block } => {
                tape.gather(inputs[0], out.blocks_of(shapes[0], *block, true))
            }
            Op::Resize(resize) => {
                let (table, weights) = out.interpolated(shapes[0], resize.method);
                let weights = tape.tensor(weights);
                let values = tape.gather(inputs[0], table);
                let products = tape.pair(&values, &weights, |a, b| a * b);
                tape.sums(&products, moves::NEIGHBOURS)
            }
            Op::Pad(pad) => tape.gather_padded(inputs[0], &out.padded(shapes[0], pad)),
            Op::Permute(axes) => tape.gather(inputs[0], out.permuted(shapes[0], *axes)),
            Op::Gate => {
                let draws = draws.unwrap_or_else(|| panic!("`{}` has no draws", node.name));
                let logits = parameter(Role::Logit).expect("a gate has logits");
                let mask = mask(&mut tape, id, logits, draws);
                let spread = tape.gather(&mask, out.channel_of_each());
                tape.pair(inputs[0], &spread, |a, b| a * b)
            }
            Op::Conv3d(_) => panic!("{} is not trained", node.op.kind()),
            Op::MaxPool(pool) => {
                let taps = out.windows(&pool.window, shapes[0]);
                maximum(&mut tape, inputs[0], &taps, pool.window.taps())
            }
            Op::AvgPool(pool) => average(&mut tape, inputs[0], shapes[0], &pool.window, out),
            Op::GlobalAvgPool => {
                let positions = tape.gather(inputs[0], out.positions_last(shapes[0]));
                let sums = tape.sums(&positions, shapes[0].area());
                tape.map(&sums, |sums| sums / shapes[0].area() as f64)
            }
            Op::GlobalMaxPool => {
                let taps: Vec<Tap> =
                    out.positions_last(shapes[0]).into_iter().map(Tap::At).collect();
                maximum(&mut tape, inputs[0], &taps, shapes[0].area())
            }
            Op::Flatten | Op::Reshape { .. } | Op::Dropout { .. } => inputs[0].clone(),
        };
        wires.push(wire);
    }

    let logits = graph.outputs()[0];
    let classes = graph.node(logits).shape.elements();
    let targets = smoothed(labels, classes, smoothing);
    let leaves: Vec<&Flat> = trained.iter().map(|(_, _, tensor)| tensor).collect();
    let (loss, derivatives) =
        tape.cross_entropy(&wires[logits.index()], targets, (batch, classes), &leaves);
    let keys = trained.iter().map(|(node, role, _)| (*node, *role));
    Gradients { loss, gradients: keys.zip(derivatives).collect() }
}

/// `(1 - smoothing) * onehot + smoothing / classes`, `[batch, classes]`.
fn smoothed(labels: &[usize], classes: usize, smoothing: f64) -> Vec<f64> {
    let mut targets = vec![smoothing / classes as f64; labels.len() * classes];
    for (image, label) in labels.iter().enumerate() {
        assert!(*label < classes, "label {label} of {classes} classes");
        targets[image * classes + label] += 1.0 - smoothing;
    }
    targets
}

/// Per group: patches `[positions, taps * in]` times kernel `[taps * in, out]`.
fn convolution(
    tape: &mut Recorder,
    input: &Flat,
    shape: Shape,
    weight: &Flat,
    conv: &Conv2d,
    out: Layout,
) -> Flat {
    let (fan_in, fan_out) = (shape.channels / conv.groups, conv.out / conv.groups);
    let size = (out.positions(), conv.window.taps() * fan_in, fan_out);
    let mut joined: Option<Flat> = None;
    for group in 0..conv.groups {
        let patches = out.patches(&conv.window, shape, group * fan_in..(group + 1) * fan_in);
        let patches = tape.gather_padded(input, &patches);
        let columns = group * fan_out..(group + 1) * fan_out;
        let kernel = tape.gather(weight, layout::columns(size.1, conv.out, columns));
        let part = tape.matmul(&patches, &kernel, size);
        joined = Some(match joined {
            Some(before) => tape.join(&before, &part),
            None => part,
        });
    }
    let parts = vec![out.shape.with_channels(fan_out); conv.groups];
    tape.gather(&joined.expect("there is a group"), out.end_to_end(Axis::Channels, &parts))
}

/// Patches `[positions, taps * in]` of the input positions that the taps of an output position come from, times kernel
/// `[taps * in, out]`.
fn transposed(
    tape: &mut Recorder,
    input: &Flat,
    shape: Shape,
    weight: &Flat,
    conv: &ConvTranspose,
    out: Layout,
) -> Flat {
    let taps = conv.window.taps();
    let patches = tape.gather_padded(input, &out.sources(&conv.window, shape));
    let kernel = tape.gather(weight, layout::transposed_taps(taps, conv.out, shape.channels));
    tape.matmul(&patches, &kernel, (out.positions(), taps * shape.channels, conv.out))
}

/// The mask that was drawn, with the derivative of its sigmoid: the sigmoid, times 0 where there is no derivative, plus what
/// is missing to the mask.
fn mask(tape: &mut Recorder, gate: NodeId, logits: &Flat, draws: &GateDraws) -> Flat {
    let noise = tape.tensor(draws.noise(gate).to_vec());
    let temperature = draws.temperature;
    let soft = tape.pair(logits, &noise, |a, b| ((a + b) / temperature).sigmoid());
    let logits = logits.as_vec();
    let strongest = strongest(&logits);
    let mut slopes = vec![1.0; logits.len()];
    if draws.sample(gate, &logits)[strongest] < 1.0 {
        slopes[strongest] = 0.0;
    }
    let mask = draws.mask(gate, &logits);
    let values = soft.as_vec();
    let missing: Vec<f64> = mask
        .iter()
        .zip(&slopes)
        .zip(&values)
        .map(|((mask, slope), soft)| mask - slope * soft)
        .collect();
    let (slopes, missing) = (tape.tensor(slopes), tape.tensor(missing));
    let sloped = tape.pair(&soft, &slopes, |a, b| a * b);
    tape.pair(&sloped, &missing, |a, b| a + b)
}

fn softmax(tape: &mut Recorder, input: &Flat, out: Layout) -> Flat {
    let exponentials = tape.map(input, Taped::exp);
    let sums = tape.sums(&exponentials, out.shape.channels);
    let inverse = tape.map(&sums, Taped::recip);
    let inverse = tape.gather(&inverse, out.position_of_each());
    tape.pair(&exponentials, &inverse, |a, b| a * b)
}

fn response_norm(tape: &mut Recorder, input: &Flat, norm: LocalResponseNorm, out: Layout) -> Flat {
    let squares = tape.map(input, Taped::square);
    let windows = tape.gather_padded(&squares, &out.neighbours(norm.size));
    let sums = tape.sums(&windows, norm.size);
    let (bias, beta) = (f64::from(norm.bias), f64::from(norm.beta));
    let scale = f64::from(norm.alpha) / norm.size as f64;
    let powers = tape.map(&sums, |sums| ((sums * scale + bias).ln() * -beta).exp());
    tape.pair(input, &powers, |a, b| a * b)
}

/// Windows `[positions, out, taps]` times kernels of the same shape, summed over taps.
fn per_channel(
    tape: &mut Recorder,
    input: &Flat,
    shape: Shape,
    weight: &Flat,
    depthwise: &Depthwise,
    out: Layout,
) -> Flat {
    let taps = depthwise.window.taps();
    let windows = tape.gather_padded(input, &out.windows(&depthwise.window, shape));
    let kernels = tape.gather(weight, out.kernels_per_position(taps));
    let products = tape.pair(&windows, &kernels, |a, b| a * b);
    tape.sums(&products, taps)
}

fn add_bias(tape: &mut Recorder, sums: &Flat, bias: Option<&Flat>, out: Layout) -> Flat {
    match bias {
        Some(bias) => {
            let spread = tape.gather(bias, out.channel_of_each());
            tape.pair(sums, &spread, |a, b| a + b)
        }
        None => sums.clone(),
    }
}

fn batch_norm(
    tape: &mut Recorder,
    input: &Flat,
    gamma: Option<&Flat>,
    beta: &Flat,
    norm: BatchNorm,
    out: Layout,
) -> Flat {
    let count = out.positions();
    let each = out.channel_of_each();
    let by_channel = tape.gather(input, out.channels_first());
    let sums = tape.sums(&by_channel, count);
    let means = tape.map(&sums, |sums| sums / count as f64);
    let means = tape.gather(&means, each.clone());
    let centered = tape.pair(input, &means, |a, b| a - b);

    let squares = tape.map(&centered, Taped::square);
    let squares = tape.gather(&squares, out.channels_first());
    let sums = tape.sums(&squares, count);
    let scales =
        tape.map(&sums, |sums| (sums / count as f64 + f64::from(norm.epsilon)).sqrt().recip());
    let scales = match gamma {
        Some(gamma) => tape.pair(&scales, gamma, |a, b| a * b),
        None => scales,
    };
    let scales = tape.gather(&scales, each.clone());
    let scaled = tape.pair(&centered, &scales, |a, b| a * b);
    let shifts = tape.gather(beta, each);
    tape.pair(&scaled, &shifts, |a, b| a + b)
}

/// The first maximum of each `count` taps.
fn maximum(tape: &mut Recorder, input: &Flat, taps: &[Tap], count: usize) -> Flat {
    let values = input.as_vec();
    let first_maximum = |taps: &[Tap]| {
        let inside = taps.iter().filter_map(|tap| match tap {
            Tap::At(position) => Some(*position),
            Tap::Beside => None,
        });
        inside
            .reduce(|best, next| if values[next] > values[best] { next } else { best })
            .expect("a window covers a value of the image")
    };
    tape.gather(input, taps.chunks(count).map(first_maximum).collect())
}

/// Sum of the taps over the image divided by their number.
fn average(tape: &mut Recorder, input: &Flat, shape: Shape, window: &Window, out: Layout) -> Flat {
    let taps = out.windows(window, shape);
    let inverse_counts = taps
        .chunks(window.taps())
        .map(|taps| 1.0 / taps.iter().filter(|tap| matches!(tap, Tap::At(_))).count() as f64)
        .collect();
    let inverse_counts = tape.tensor(inverse_counts);
    let windows = tape.gather_padded(input, &taps);
    let sums = tape.sums(&windows, window.taps());
    tape.pair(&sums, &inverse_counts, |a, b| a * b)
}

fn activate(tape: &mut Recorder, input: &Flat, activation: Activation) -> Flat {
    match activation {
        Activation::Relu => tape.map(input, Taped::relu),
        Activation::Relu6 => {
            let above = tape.map(input, |x| (x - 6.0).relu());
            let positive = tape.map(input, Taped::relu);
            tape.pair(&positive, &above, |a, b| a - b)
        }
        Activation::LeakyRelu { slope } => {
            let slope = f64::from(slope);
            let line = tape.map(input, |x| x * slope);
            let rise = tape.map(input, |x| x.relu() * (1.0 - slope));
            tape.pair(&line, &rise, |a, b| a + b)
        }
        Activation::Elu => {
            let positive = tape.map(input, Taped::relu);
            let negative = tape.pair(input, &positive, |a, b| (a - b).exp() - 1.0);
            tape.pair(&positive, &negative, |a, b| a + b)
        }
        Activation::Sigmoid => tape.map(input, Taped::sigmoid),
        Activation::Tanh => tape.map(input, Taped::tanh),
        Activation::Silu => {
            let gate = tape.map(input, Taped::sigmoid);
            tape.pair(input, &gate, |a, b| a * b)
        }
        Activation::Scale { factor } => tape.map(input, |x| x * f64::from(factor)),
        Activation::HardSigmoid => hard_sigmoid(tape, input),
        Activation::HardSwish => {
            let gate = hard_sigmoid(tape, input);
            tape.pair(input, &gate, |a, b| a * b)
        }
    }
}

fn hard_sigmoid(tape: &mut Recorder, input: &Flat) -> Flat {
    let above = tape.map(input, |x| (x - 3.0).relu());
    let positive = tape.map(input, |x| (x + 3.0).relu());
    tape.pair(&positive, &above, |a, b| (a - b) / 6.0)
}

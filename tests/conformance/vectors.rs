//! `unit_vectors.json`: groupings, group lasso, gates and the alignment of slices.

use graph::{
    Axis, Builder, Channels, Conv2d, Conv3d, ConvTranspose, Graph, Linear, NodeId, Op, Role, Shape,
    Window,
};
use ndarray::{ArrayD, IxDyn};
use regularizers::{GroupLasso, Grouping, Relaxation, Strength, gate_inference};
use serde::Deserialize;
use training::Parameters;

use crate::check::{Check, GRADIENT, GRADIENT_FLOOR};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vectors {
    schema_version: u32,
    grouping: Vec<GroupingCase>,
    group_lasso: Vec<LassoCase>,
    gate: Vec<GateCase>,
    aligned_sizes: Vec<AlignmentCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupingCase {
    kind: String,
    members: Vec<Member>,
    threshold: Option<f32>,
    weights: Vec<f64>,
    reg: Vec<f64>,
    alive: String,
    grad: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    reg: Vec<f32>,
    alive: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LassoCase {
    op: String,
    shape: Vec<usize>,
    values: Vec<f32>,
    l1_fraction: f32,
    threshold: f32,
    reg: Vec<f64>,
    alive: String,
    grad: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
enum GateCase {
    Training {
        logits: Vec<f32>,
        noise: Vec<f32>,
        temperature: f32,
        straight_through: bool,
        keep_first_channel_alive: bool,
        weights: Vec<f64>,
        mask: Vec<f64>,
        grad: Vec<f64>,
    },
    Inference {
        logits: Vec<f32>,
        soft_mask_for_inference: bool,
        keep_first_channel_alive: bool,
        mask: Vec<f64>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlignmentCase {
    sizes: Vec<Vec<usize>>,
    aligned: Vec<usize>,
}

/// Which part of the file to check.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Grouping,
    GroupLasso,
    Gate,
    AlignedSizes,
}

impl Part {
    pub(crate) const ALL: [Self; 4] =
        [Self::Grouping, Self::GroupLasso, Self::Gate, Self::AlignedSizes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grouping => "grouping",
            Self::GroupLasso => "group_lasso",
            Self::Gate => "gate",
            Self::AlignedSizes => "aligned_sizes",
        }
    }
}

pub(crate) fn verify(vectors: &Vectors, part: Part, check: &mut Check) -> Result<(), String> {
    check.equal("schema version", vectors.schema_version, 1);
    match part {
        Part::Grouping => vectors.grouping.iter().try_for_each(|case| grouping(case, check)),
        Part::GroupLasso => vectors.group_lasso.iter().try_for_each(|case| lasso(case, check)),
        Part::Gate => vectors.gate.iter().try_for_each(|case| gate(case, check)),
        Part::AlignedSizes => {
            vectors.aligned_sizes.iter().try_for_each(|case| alignment(case, check))
        }
    }
}

/// `0` and `1` per channel.
pub(crate) fn mask(alive: impl IntoIterator<Item = bool>) -> String {
    alive.into_iter().map(|alive| if alive { '1' } else { '0' }).collect()
}

pub(crate) fn compare_gradient<'a>(
    what: &str,
    found: impl IntoIterator<Item = f64>,
    expected: impl IntoIterator<Item = &'a f64> + Clone,
    check: &mut Check,
) {
    let largest = expected.clone().into_iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let mut found = found.into_iter();
    for (position, expected) in expected.into_iter().enumerate() {
        let found = found.next().unwrap_or(f64::NAN);
        let tolerance = (GRADIENT, GRADIENT_FLOOR * largest);
        check.near(format_args!("{what}[{position}]"), found, *expected, tolerance);
    }
    check.that(found.next().is_none(), || format!("{what} has more values than expected"));
}

fn grouping(case: &GroupingCase, check: &mut Check) -> Result<(), String> {
    let grouping = match (case.kind.as_str(), case.threshold) {
        ("max", None) => Grouping::Max,
        ("l2", Some(threshold)) => Grouping::L2 { threshold },
        ("probabilistic", None) => Grouping::Probabilistic,
        other => return Err(format!("an unknown grouping {other:?}")),
    };
    let mut alive = Vec::new();
    let mut gradients = vec![Vec::new(); case.members.len()];
    for channel in 0..case.reg.len() {
        let members: Vec<f32> = case.members.iter().map(|member| member.reg[channel]).collect();
        let are_alive: Vec<bool> =
            case.members.iter().map(|member| member.alive.as_bytes()[channel] == b'1').collect();
        let what = format!("{} of channel {channel}", case.kind);
        check.close(what, f64::from(grouping.combine(&members)), case.reg[channel]);
        alive.push(grouping.is_alive(&members, &are_alive));
        for (gradient, slope) in gradients.iter_mut().zip(grouping.gradient(&members)) {
            gradient.push(slope * case.weights[channel]);
        }
    }
    check.equal("alive", mask(alive), case.alive.clone());
    for (member, gradient) in gradients.into_iter().enumerate() {
        compare_gradient(
            &format!("gradient of member {member}"),
            gradient,
            &case.grad[member],
            check,
        );
    }
    Ok(())
}

/// A graph whose only source is of this kind and has a kernel of this shape.
fn kernel(op: &str, shape: &[usize]) -> Result<(Graph, NodeId), String> {
    let (image, op) = match (op, shape) {
        ("conv2d", [height, width, input, out]) => {
            let conv = Conv2d::new(*out, Window::new([*height, *width]));
            (Shape::new(4, 4, *input), Op::Conv2d(conv))
        }
        ("conv2d_transpose", [height, width, out, input]) => {
            let conv = ConvTranspose::new(*out, Window::new([*height, *width]));
            (Shape::new(4, 4, *input), Op::ConvTranspose(conv))
        }
        ("conv3d", [depth, height, width, input, out]) => {
            let conv = Conv3d::new(*out, [*depth, *height, *width]);
            (Shape::volume(4, 4, 4, *input), Op::Conv3d(conv))
        }
        ("matmul", [input, out]) => {
            (Shape::new(1, 1, *input), Op::Linear(Linear { out: *out, bias: false }))
        }
        other => return Err(format!("an unknown kernel {other:?}")),
    };
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(image), &[]).map_err(|error| error.to_string())?;
    let node = build.add("node", op, &[image]).map_err(|error| error.to_string())?;
    Ok((build.finish(&[node]).map_err(|error| error.to_string())?, node))
}

fn lasso(case: &LassoCase, check: &mut Check) -> Result<(), String> {
    let (graph, node) = kernel(&case.op, &case.shape)?;
    let mut parameters = Parameters::new();
    let values = ArrayD::from_shape_vec(IxDyn(&case.shape), case.values.clone());
    parameters.insert(node, Role::Weight, values.map_err(|error| error.to_string())?);
    let strength = GroupLasso::new(case.l1_fraction).map_err(|error| error.to_string())?;
    check.that(strength.is_source(&graph, node), || format!("{} is no source", case.op));
    let found = strength.values(&graph, node, &parameters).map_err(|error| error.to_string())?;
    check.equal("number of channels", found.len(), case.reg.len());
    for (found, expected) in found.iter().zip(&case.reg) {
        check.close(format_args!("norm of a {} filter", case.op), f64::from(*found), *expected);
    }
    let alive = found.iter().map(|value| strength.is_alive(*value, case.threshold));
    check.equal("alive", mask(alive), case.alive.clone());
    let mut gradient = Parameters::new();
    let ones = vec![1.0; found.len()];
    strength
        .add_gradient(&graph, node, &parameters, &ones, &mut gradient)
        .map_err(|error| error.to_string())?;
    let gradient = gradient.values(node, Role::Weight).unwrap_or_default();
    compare_gradient("gradient", gradient.iter().map(|value| f64::from(*value)), &case.grad, check);
    Ok(())
}

fn gate(case: &GateCase, check: &mut Check) -> Result<(), String> {
    match case {
        GateCase::Training {
            logits,
            noise,
            temperature,
            straight_through,
            keep_first_channel_alive,
            weights,
            mask,
            grad,
        } => {
            let relaxation =
                Relaxation::new(*temperature, *straight_through, *keep_first_channel_alive)
                    .map_err(|error| error.to_string())?;
            for (found, expected) in relaxation.mask(logits, noise).iter().zip(mask) {
                check.close("mask in training", f64::from(*found), *expected);
            }
            let gradient = relaxation.gradient(logits, noise, weights);
            compare_gradient("gradient of the mask", gradient, grad, check);
        }
        GateCase::Inference { logits, soft_mask_for_inference, keep_first_channel_alive, mask } => {
            let found = gate_inference(logits, *soft_mask_for_inference, *keep_first_channel_alive);
            for (found, expected) in found.iter().zip(mask) {
                check.close("mask at inference", f64::from(*found), *expected);
            }
        }
    }
    Ok(())
}

/// The original cuts wires into slices and aligns their boundaries. Here channels that lie on the same wires form a bundle:
/// where several concatenations are added, the runs of one bundle are the aligned slices.
fn alignment(case: &AlignmentCase, check: &mut Check) -> Result<(), String> {
    let (graph, sum) = added_concatenations(&case.sizes).map_err(|error| error.to_string())?;
    let channels = Channels::of(&graph);
    let bundles = channels.bundles();
    let bundle_of: Vec<usize> = channels
        .on(sum)
        .iter()
        .filter_map(|group| bundles.iter().position(|bundle| bundle.groups.contains(group)))
        .collect();
    let runs: Vec<usize> = bundle_of.chunk_by(|a, b| a == b).map(<[usize]>::len).collect();
    check.equal(format_args!("alignment of {:?}", case.sizes), runs, case.aligned.clone());
    Ok(())
}

/// The sum of one concatenation of convolutions per list of widths.
fn added_concatenations(lists: &[Vec<usize>]) -> Result<(Graph, NodeId), graph::GraphError> {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(2, 2, 1)), &[])?;
    let mut wholes = Vec::new();
    for (list, sizes) in lists.iter().enumerate() {
        let mut parts = Vec::new();
        for (part, size) in sizes.iter().enumerate() {
            let conv = Op::Conv2d(Conv2d::square(*size, 1));
            parts.push(build.add(&format!("conv{list}.{part}"), conv, &[image])?);
        }
        wholes.push(build.add(&format!("concat{list}"), Op::Concat(Axis::Channels), &parts)?);
    }
    // A list alone is added to itself.
    if let [whole] = wholes[..] {
        wholes.push(whole);
    }
    let sum = build.add("sum", Op::Add, &wholes)?;
    let end = build.add("end", Op::Conv2d(Conv2d::square(1, 1)), &[sum])?;
    Ok((build.finish(&[end])?, sum))
}

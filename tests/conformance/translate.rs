//! Operators of the golden files as operators of our graphs.

use graph::{
    Activation, Axis, BatchNorm, Conv2d, Conv3d, ConvTranspose, Depthwise, Interpolation, Linear,
    LocalResponseNorm, Op, Pad, Padding, Pool, Resize, Shape, Window,
};

use crate::schema::Node;

/// What the name of an attribute that an operator needs stands for.
fn needed<T: Clone>(node: &Node, name: &str, value: Option<&T>) -> Result<T, String> {
    value.cloned().ok_or_else(|| format!("`{}` ({}) has no `{name}`", node.id, node.op))
}

/// A golden shape without its batch axis; the rows of a matrix become rows of the image.
pub(crate) fn shape(dimensions: &[usize]) -> Result<Shape, String> {
    match *dimensions {
        [channels] => Ok(Shape::new(1, 1, channels)),
        [rows, channels] => Ok(Shape::new(rows, 1, channels)),
        [_, height, width, channels] => Ok(Shape::new(height, width, channels)),
        [_, depth, height, width, channels] => Ok(Shape::volume(depth, height, width, channels)),
        _ => Err(format!("a shape of {} dimensions", dimensions.len())),
    }
}

/// The same with a matrix as one row, which is what the original counts.
pub(crate) fn shape_of_one_row(dimensions: &[usize]) -> Result<Shape, String> {
    match *dimensions {
        [_, channels] => Ok(Shape::new(1, 1, channels)),
        _ => shape(dimensions),
    }
}

fn padding(node: &Node) -> Result<Padding, String> {
    match needed(node, "padding", node.padding.as_ref())?.as_str() {
        "SAME" => Ok(Padding::Same),
        "VALID" => Ok(Padding::Valid),
        other => Err(format!("`{}` has padding `{other}`", node.id)),
    }
}

fn sizes<const N: usize>(
    node: &Node,
    name: &str,
    value: Option<&Vec<usize>>,
) -> Result<[usize; N], String> {
    let found = needed(node, name, value)?;
    found.try_into().map_err(|found| format!("`{}` has `{name}` {found:?}, not {N} sizes", node.id))
}

fn window(node: &Node) -> Result<Window, String> {
    Ok(Window {
        kernel: sizes(node, "kernel", node.kernel.as_ref())?,
        stride: sizes(node, "stride", node.stride.as_ref())?,
        dilation: node.dilation.unwrap_or([1, 1]),
        padding: padding(node)?,
    })
}

/// The axis of a concatenation: 0 is the batch.
pub(crate) fn concat_axis(node: &Node) -> Result<Option<Axis>, String> {
    let rank = node.out_shape.len() as isize;
    let axis = needed(node, "axis", node.axis.as_ref())?;
    let axis = if axis < 0 { rank + axis } else { axis };
    match (rank, axis) {
        (4, 0) => Ok(None),
        (4, 1) => Ok(Some(Axis::Height)),
        (4, 2) => Ok(Some(Axis::Width)),
        (rank, axis) if axis == rank - 1 => Ok(Some(Axis::Channels)),
        _ => Err(format!("`{}` concatenates along axis {axis} of {rank}", node.id)),
    }
}

fn axis(dimension: usize) -> Result<Axis, String> {
    match dimension {
        1 => Ok(Axis::Height),
        2 => Ok(Axis::Width),
        3 => Ok(Axis::Channels),
        other => Err(format!("axis {other} of a transposition")),
    }
}

/// The operator of a node that has inputs, of which the first has this shape.
///
/// A concatenation along the batch, which our wires do not have, becomes a sum: it ties its inputs in the same way. A global
/// sum becomes a global mean, which differs by a constant factor.
pub(crate) fn op(node: &Node, first: Shape) -> Result<Op, String> {
    if let Some(unknown) = node.unknown.keys().next() {
        return Err(format!("`{}` ({}) has an unknown attribute `{unknown}`", node.id, node.op));
    }
    Ok(match node.op.as_str() {
        "conv2d" => Op::Conv2d(Conv2d {
            groups: node.groups.unwrap_or(1),
            ..Conv2d::new(needed(node, "out", node.out.as_ref())?, window(node)?)
        }),
        "conv3d" => Op::Conv3d(Conv3d {
            out: needed(node, "out", node.out.as_ref())?,
            kernel: sizes(node, "kernel", node.kernel.as_ref())?,
            stride: sizes(node, "stride", node.stride.as_ref())?,
            padding: padding(node)?,
            bias: false,
        }),
        "conv2d_transpose" => Op::ConvTranspose(ConvTranspose::new(
            needed(node, "out", node.out.as_ref())?,
            window(node)?,
        )),
        "depthwise_conv2d" => Op::Depthwise(Depthwise {
            multiplier: needed(node, "multiplier", node.multiplier.as_ref())?,
            window: window(node)?,
            bias: false,
        }),
        // A fully connected layer at every row is a 1x1 convolution.
        "matmul" if first.area() > 1 => {
            Op::Conv2d(Conv2d::square(needed(node, "out", node.out.as_ref())?, 1))
        }
        "matmul" => {
            Op::Linear(Linear { out: needed(node, "out", node.out.as_ref())?, bias: false })
        }
        "bias_add" => Op::Bias,
        "batch_norm" => Op::BatchNorm(BatchNorm::scaled()),
        "gate" => Op::Gate,
        "relu" => Op::Activation(Activation::Relu),
        "relu6" => Op::Activation(Activation::Relu6),
        "elu" => Op::Activation(Activation::Elu),
        "leaky_relu" => Op::Activation(Activation::LeakyRelu { slope: 0.2 }),
        "sigmoid" => Op::Activation(Activation::Sigmoid),
        "tanh" => Op::Activation(Activation::Tanh),
        "mul_scalar" => Op::Activation(Activation::Scale {
            factor: needed(node, "value", node.value.as_ref())?,
        }),
        "softmax" => Op::Softmax,
        "lrn" => {
            Op::LocalResponseNorm(LocalResponseNorm { size: 11, alpha: 11.0, beta: 0.5, bias: 1.0 })
        }
        "identity" => Op::Dropout { rate: 0.0 },
        "max_pool" => Op::MaxPool(Pool { window: window(node)? }),
        "avg_pool" => Op::AvgPool(Pool { window: window(node)? }),
        "global_avg_pool" | "global_sum_pool" => Op::GlobalAvgPool,
        "add" | "add_n" => Op::Add,
        "sub" => Op::Sub,
        "mul" => Op::Mul,
        "maximum" => Op::Maximum,
        "minimum" => Op::Minimum,
        "concat" => concat_axis(node)?.map_or(Op::Add, Op::Concat),
        "pad" => match needed(node, "paddings", node.paddings.as_ref())?[..] {
            [[0, 0], [top, bottom], [left, right], [before, after]] => {
                Op::Pad(Pad { top, bottom, left, right, channels: [before, after] })
            }
            ref other => return Err(format!("`{}` pads by {other:?}", node.id)),
        },
        "resize_nearest" | "resize_bilinear" => {
            let [height, width] = needed(node, "size", node.size.as_ref())?;
            let nearest = node.op == "resize_nearest";
            let method = if nearest { Interpolation::Nearest } else { Interpolation::Bilinear };
            Op::Resize(Resize { height, width, method })
        }
        "flatten" => Op::Flatten,
        "reshape" => {
            let Shape { height, width, .. } = shape(&needed(node, "shape", node.shape.as_ref())?)?;
            Op::Reshape { height, width }
        }
        "squeeze" => Op::Reshape { height: 1, width: 1 },
        "transpose" => match needed(node, "perm", node.perm.as_ref())?[..] {
            [0, a, b, c] => Op::Permute([axis(a)?, axis(b)?, axis(c)?]),
            ref other => return Err(format!("`{}` transposes by {other:?}", node.id)),
        },
        "space_to_depth" => Op::SpaceToDepth { block: needed(node, "block", node.block.as_ref())? },
        "depth_to_space" => Op::DepthToSpace { block: needed(node, "block", node.block.as_ref())? },
        other => return Err(format!("`{}` is of an unknown kind `{other}`", node.id)),
    })
}

/// Whether the operator's second input is spread over the first, or the first over the second.
pub(crate) fn is_join(node: &Node) -> bool {
    ["add", "add_n", "sub", "mul", "maximum", "minimum"].contains(&node.op.as_str())
}

/// Whether the operator has a kernel.
pub(crate) fn has_kernel(node: &Node) -> bool {
    ["conv2d", "conv3d", "conv2d_transpose", "depthwise_conv2d", "matmul"]
        .contains(&node.op.as_str())
}

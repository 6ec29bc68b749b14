//! From the graph's words to the device's.

use graph::{LocalResponseNorm, Shape, Spread, Window};
use tensor_ops::{Broadcast, Geometry, ResponseNorm};

/// The device's activation.
pub(crate) fn activation(function: graph::Activation) -> tensor_ops::Activation {
    use graph::Activation as From;
    use tensor_ops::Activation as To;
    match function {
        From::Relu => To::Relu,
        From::Relu6 => To::Relu6,
        From::LeakyRelu { slope } => To::LeakyRelu { slope },
        From::Elu => To::Elu,
        From::Sigmoid => To::Sigmoid,
        From::Tanh => To::Tanh,
        From::Silu => To::Silu,
        From::HardSigmoid => To::HardSigmoid,
        From::HardSwish => To::HardSwish,
        From::Scale { factor } => To::Scale { factor },
    }
}

/// A window over `input` that gives `output`, for a batch.
pub(crate) fn geometry(window: &Window, batch: usize, input: Shape, output: Shape) -> Geometry {
    let before = |axis: usize, size: usize| {
        let (_, before) = window.along(axis, size).expect("the graph proved that the window fits");
        before
    };
    Geometry {
        batch,
        input: [input.height, input.width],
        output: [output.height, output.width],
        kernel: window.kernel,
        stride: window.stride,
        dilation: window.dilation,
        padding: [before(0, input.height), before(1, input.width)],
    }
}

/// How the second operand of a join is spread over the first.
pub(crate) fn broadcast(first: Shape, second: Shape) -> Broadcast {
    match Spread::of(first, second).expect("the graph proved that the operands fit") {
        Spread::Equal => Broadcast::None,
        Spread::Positions => Broadcast::Positions { area: first.area() },
        Spread::Channels => Broadcast::Channels,
    }
}

/// The device's window and constants: the mean over the window is a sum times a constant.
pub(crate) fn response_norm(norm: &LocalResponseNorm) -> ResponseNorm {
    ResponseNorm {
        before: (norm.size - 1) / 2,
        after: norm.size / 2,
        alpha: norm.alpha / norm.size as f32,
        beta: norm.beta,
        bias: norm.bias,
    }
}

/// One window that covers all of `input`.
pub(crate) fn whole(batch: usize, input: Shape) -> Geometry {
    Geometry {
        batch,
        input: [input.height, input.width],
        output: [1, 1],
        kernel: [input.height, input.width],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [0, 0],
    }
}

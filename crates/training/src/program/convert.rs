//! From the graph's words to the device's.

use graph::{Shape, Window};
use tensor_ops::Geometry;

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
        From::Scale { .. } => unreachable!("refused by `Program::plan`"),
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

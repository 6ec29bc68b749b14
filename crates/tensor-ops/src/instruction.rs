//! The closed set of instructions that a device executes.
//!
//! A program is a list of instructions on one arena of `f32`. Forward and derivative stand side by side. Fields named
//! `accumulate` say whether a gradient is added to what is there (true) or overwrites it (false). No instruction's output
//! overlaps its inputs unless its documentation allows it.

use crate::{Span, Tensor};

/// A window sliding over the images of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Number of images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Vertical and horizontal distance between taps.
    pub dilation: [usize; 2],
    /// Rows above and columns to the left of the image; what lies below and to the right follows from `output`.
    pub padding: [usize; 2],
}

impl Geometry {
    /// A kernel of one tap that moves over single positions: a linear layer on `batch` rows.
    pub fn pointwise(batch: usize) -> Self {
        Self {
            batch,
            input: [1, 1],
            output: [1, 1],
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            padding: [0, 0],
        }
    }

    /// Rows of the input tensor.
    pub fn input_rows(&self) -> usize {
        self.batch * self.input[0] * self.input[1]
    }

    /// Rows of the output tensor.
    pub fn output_rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// Number of taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// Element-wise functions; see each for `f(x)`. Derivatives at kinks are those of the left side (0 for rectifiers).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` if positive, else `slope * x`.
    LeakyRelu {
        /// Slope for values that are not positive.
        slope: f32,
    },
    /// `x` if positive, else `exp(x) - 1`.
    Elu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x * sigmoid(x)`.
    Silu,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x * hard_sigmoid(x)`.
    HardSwish,
}

impl Activation {
    /// Whether the derivative is a function of the output alone, so that the input need not be kept.
    pub fn derivative_from_output(self) -> bool {
        match self {
            Self::Identity
            | Self::Relu
            | Self::Relu6
            | Self::LeakyRelu { .. }
            | Self::Elu
            | Self::Sigmoid
            | Self::Tanh
            | Self::HardSigmoid => true,
            Self::Silu | Self::HardSwish => false,
        }
    }
}

/// How the second operand of a product is spread over the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// Equal shapes.
    None,
    /// The second has one row per image, used for all `area` positions of it.
    Positions {
        /// Positions per image of the first operand.
        area: usize,
    },
    /// The second has one channel, used for all channels.
    Channels,
}

/// The rule that turns a gradient into a step. State spans have the length of the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UpdateRule {
    /// `v = momentum * v + g; p -= rate * v`, or with Nesterov `p -= rate * (g + momentum * v)` (PyTorch's form).
    Sgd {
        /// Fraction of the velocity that is kept.
        momentum: f32,
        /// Look ahead by one step.
        nesterov: bool,
        /// Velocity `v`.
        velocity: Span,
    },
    /// `s = decay * s + (1 - decay) * g^2; v = momentum * v + g / sqrt(s + epsilon); p -= rate * v` (TensorFlow's form,
    /// epsilon inside the root).
    RmsProp {
        /// Fraction of the mean square that is kept.
        decay: f32,
        /// Fraction of the velocity that is kept.
        momentum: f32,
        /// Added under the root.
        epsilon: f32,
        /// Mean square `s`.
        mean_square: Span,
        /// Velocity `v`.
        velocity: Span,
    },
    /// `m = b1 * m + (1 - b1) * g; s = b2 * s + (1 - b2) * g^2; p -= rate * m' / (sqrt(s') + epsilon)` with
    /// `m' = m / (1 - b1^t)`, `s' = s / (1 - b2^t)` and `t` from [`Scalars::step`].
    Adam {
        /// Fraction of the first moment that is kept.
        beta1: f32,
        /// Fraction of the second moment that is kept.
        beta2: f32,
        /// Added to the root.
        epsilon: f32,
        /// First moment `m`.
        first_moment: Span,
        /// Second moment `s`.
        second_moment: Span,
    },
}

/// Values that change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalars {
    /// Learning rate.
    pub rate: f32,
    /// Number of the step, from 1.
    pub step: u64,
    /// Seed of the run's dropout masks; each mask also depends on `step` and on the instruction's own `stream`.
    pub seed: u64,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// `output = conv(input, weight) + bias`. Weight is `[kernel height, kernel width, in / groups, out]`, outputs of group
    /// `k` read inputs of group `k`. `input` has `geometry.input_rows()` rows, `output` `geometry.output_rows()`.
    Conv {
        /// Window and batch.
        geometry: Geometry,
        /// Blocks that input and output channels are cut into.
        groups: usize,
        /// Input.
        input: Tensor,
        /// Kernel.
        weight: Span,
        /// Bias per output channel.
        bias: Option<Span>,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `Conv` with respect to its input.
    ConvGradInput {
        /// Window and batch of the forward convolution.
        geometry: Geometry,
        /// Blocks that input and output channels are cut into.
        groups: usize,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Kernel.
        weight: Span,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Gradient of `Conv` with respect to kernel and bias; overwrites both.
    ConvGradWeight {
        /// Window and batch of the forward convolution.
        geometry: Geometry,
        /// Blocks that input and output channels are cut into.
        groups: usize,
        /// Input of the forward convolution.
        input: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the kernel.
        grad_weight: Span,
        /// Gradient of the bias.
        grad_bias: Option<Span>,
    },
    /// Depthwise convolution: output channel `i * multiplier + q` is input channel `i` filtered by kernel
    /// `[kernel height, kernel width, in * multiplier]`.
    Depthwise {
        /// Window and batch.
        geometry: Geometry,
        /// Output channels per input channel.
        multiplier: usize,
        /// Input.
        input: Tensor,
        /// Kernel.
        weight: Span,
        /// Bias per output channel.
        bias: Option<Span>,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `Depthwise` with respect to its input.
    DepthwiseGradInput {
        /// Window and batch of the forward convolution.
        geometry: Geometry,
        /// Output channels per input channel.
        multiplier: usize,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Kernel.
        weight: Span,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Gradient of `Depthwise` with respect to kernel and bias; overwrites both.
    DepthwiseGradWeight {
        /// Window and batch of the forward convolution.
        geometry: Geometry,
        /// Output channels per input channel.
        multiplier: usize,
        /// Input of the forward convolution.
        input: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the kernel.
        grad_weight: Span,
        /// Gradient of the bias.
        grad_bias: Option<Span>,
    },
    /// Batch normalisation with the batch's own statistics, then an activation:
    /// `output = f(gamma * (input - mean) * inv_std + beta)`, biased variance.
    /// Also `running = running + momentum * (statistic - running)`, with the unbiased variance (PyTorch).
    BatchNormTrain {
        /// Input.
        input: Tensor,
        /// Scale; 1 if absent.
        gamma: Option<Span>,
        /// Shift.
        beta: Span,
        /// Mean over the rows, written for the backward pass.
        mean: Span,
        /// `1 / sqrt(variance + epsilon)`, written for the backward pass.
        inv_std: Span,
        /// Running mean, updated.
        running_mean: Span,
        /// Running variance, updated.
        running_variance: Span,
        /// Added to the variance.
        epsilon: f32,
        /// Weight of the batch in the running statistics.
        momentum: f32,
        /// Applied last; its derivative must follow from the output.
        activation: Activation,
        /// Output; may be the same tensor as `input` in no case, since the backward pass reads both.
        output: Tensor,
    },
    /// Gradient of `BatchNormTrain`. `grad_input` may be the same tensor as `grad_output` if `accumulate` is false.
    BatchNormGrad {
        /// Input of the forward pass.
        input: Tensor,
        /// Output of the forward pass, for the activation's derivative.
        output: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Scale; 1 if absent.
        gamma: Option<Span>,
        /// Mean of the batch.
        mean: Span,
        /// Inverse standard deviation of the batch.
        inv_std: Span,
        /// Activation of the forward pass.
        activation: Activation,
        /// Gradient of the scale; overwritten.
        grad_gamma: Option<Span>,
        /// Gradient of the shift; overwritten.
        grad_beta: Span,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Batch normalisation with running statistics, then an activation. `output` may be the same tensor as `input`.
    BatchNormInfer {
        /// Input.
        input: Tensor,
        /// Scale; 1 if absent.
        gamma: Option<Span>,
        /// Shift.
        beta: Span,
        /// Running mean.
        mean: Span,
        /// Running variance.
        variance: Span,
        /// Added to the variance.
        epsilon: f32,
        /// Applied last.
        activation: Activation,
        /// Output.
        output: Tensor,
    },
    /// `output = f(input)`.
    Activate {
        /// The function `f`.
        activation: Activation,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// `grad_input = grad_output * f'(input)`. `output` is read if the derivative follows from it, else `input`.
    /// `grad_input` may be the same tensor as `grad_output` if `accumulate` is false.
    ActivateGrad {
        /// The function `f`.
        activation: Activation,
        /// Input of the forward pass.
        input: Tensor,
        /// Output of the forward pass.
        output: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// `output = sum of inputs`, equal shapes, at least one input; added in order. One input makes it a copy.
    Sum {
        /// Summands.
        inputs: Vec<Tensor>,
        /// Output.
        output: Tensor,
        /// Add to `output`.
        accumulate: bool,
    },
    /// `output = first * second`.
    Product {
        /// First factor, of the output's shape.
        first: Tensor,
        /// Second factor.
        second: Tensor,
        /// How the second factor is spread.
        broadcast: Broadcast,
        /// Output.
        output: Tensor,
    },
    /// Gradients of `Product` with respect to both factors.
    ProductGrad {
        /// First factor.
        first: Tensor,
        /// Second factor.
        second: Tensor,
        /// How the second factor is spread.
        broadcast: Broadcast,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the first factor and whether to add to it; absent if nobody needs it.
        grad_first: Option<(Tensor, bool)>,
        /// Gradient of the second factor and whether to add to it; absent if nobody needs it.
        grad_second: Option<(Tensor, bool)>,
    },
    /// Maximum over a window; padding never wins.
    MaxPool {
        /// Window and batch.
        geometry: Geometry,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `MaxPool`: each output's gradient goes to the first input of its window, in row order, that equals it.
    MaxPoolGrad {
        /// Window and batch.
        geometry: Geometry,
        /// Input of the forward pass.
        input: Tensor,
        /// Output of the forward pass.
        output: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Mean over the positions of a window that lie in the image.
    AvgPool {
        /// Window and batch.
        geometry: Geometry,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `AvgPool`.
    AvgPoolGrad {
        /// Window and batch.
        geometry: Geometry,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// `output = input * mask / (1 - rate)` with an independent mask per value, a function of seed, step, `stream` and the
    /// value's index only.
    Dropout {
        /// Fraction of values zeroed.
        rate: f32,
        /// Tells this mask from others of the same step.
        stream: u64,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `Dropout`, with the mask made again.
    DropoutGrad {
        /// Fraction of values zeroed.
        rate: f32,
        /// Tells this mask from others of the same step.
        stream: u64,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Per row the cross entropy of softmax(logits) against `(1 - smoothing) * onehot + smoothing / classes`, whether the
    /// largest logit (the first of equals) is the label's, and the gradient of the mean loss over all rows.
    /// Labels are stored as whole numbers in `f32`.
    SoftmaxCrossEntropy {
        /// Logits, one row per image.
        logits: Tensor,
        /// Label per row.
        labels: Span,
        /// Label smoothing in `[0, 1)`.
        smoothing: f32,
        /// Loss per row.
        losses: Span,
        /// 1 if the row is classified correctly, else 0.
        correct: Span,
        /// Gradient of the mean loss; absent for evaluation.
        grad_logits: Option<Tensor>,
    },
    /// One optimizer step: `g = grad + decay * parameter`, then the rule.
    Update {
        /// Parameters, updated.
        parameters: Span,
        /// Gradients.
        gradients: Span,
        /// Weight decay.
        decay: f32,
        /// The rule.
        rule: UpdateRule,
    },
}

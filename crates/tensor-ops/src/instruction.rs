//! The closed set of instructions that a device executes.
//!
//! A program is a list of instructions on one arena of `f32`. `accumulate` adds to an output instead of overwriting it. No
//! output overlaps an input unless its documentation allows it. The gradient of a map is a map with [`Taps::transposed`].
//! *Perhaps in place*: `grad_input` may be the same tensor as `grad_output` if it does not accumulate.

mod epilogue;
mod filters;
mod function;
mod gate;
mod geometry;
mod kind;
mod operands;
mod update;
mod work;

pub use epilogue::{Clamp, Epilogue, Norm};
pub use filters::FilterStep;
pub use function::{Activation, BinaryFunction, Broadcast, ResponseNorm};
pub use gate::{GateMask, GateSample, NormGate};
pub use geometry::Geometry;
pub(crate) use operands::{Operand, operands};
pub use update::{Scalars, UpdateRule};
pub use work::Work;

use std::sync::Arc;

use crate::{Span, Taps, Tensor};

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
        /// Add to `output`.
        accumulate: bool,
        /// What is done with the sums before they are written; nothing if they are added to the output.
        epilogue: Epilogue,
    },
    /// Gradient of `Conv` by its input; as transposed convolution its gradients are `Conv` and `ConvGradWeight`, exchanged.
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
        /// What is done with the sums before they are written.
        epilogue: Epilogue,
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
    /// Batch normalisation with the batch's own statistics, then an activation and perhaps a gate:
    /// `output = mask * f(gamma * (input - mean) * inv_std + beta)`, biased variance.
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
        /// Its derivative must follow from its result.
        activation: Activation,
        /// Applied last. The activation must be one with [`Activation::is_homogeneous`].
        gate: Option<NormGate>,
        /// Output; may be the same tensor as `input` in no case, since the backward pass reads the input.
        output: Tensor,
    },
    /// Gradient of `BatchNormTrain`, perhaps in place.
    BatchNormGrad {
        /// Input of the forward pass.
        input: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Scale; 1 if absent.
        gamma: Option<Span>,
        /// Shift.
        beta: Span,
        /// Mean of the batch.
        mean: Span,
        /// Inverse standard deviation of the batch.
        inv_std: Span,
        /// Activation of the forward pass.
        activation: Activation,
        /// Gate of the forward pass, and the gradient of its logits; overwritten.
        gate: Option<(NormGate, Span)>,
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
    /// `grad_input = grad_output * f'(input)`, perhaps in place. If the derivative follows from `output`, `input` is not read.
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
    /// `output = function(first, second)`. `output` may be the same tensor as `first`.
    Binary {
        /// The function.
        function: BinaryFunction,
        /// First operand, of the output's shape.
        first: Tensor,
        /// Second operand.
        second: Tensor,
        /// How the second operand is spread.
        broadcast: Broadcast,
        /// Output.
        output: Tensor,
    },
    /// Gradients of `Binary` with respect to both operands. That of a spread operand is a sum over what it was spread on.
    BinaryGrad {
        /// The function.
        function: BinaryFunction,
        /// First operand of the forward pass.
        first: Tensor,
        /// Second operand of the forward pass.
        second: Tensor,
        /// How the second operand is spread.
        broadcast: Broadcast,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the first operand and whether to add to it; absent if nobody needs it.
        grad_first: Option<(Tensor, bool)>,
        /// Gradient of the second operand and whether to add to it; absent if nobody needs it.
        grad_second: Option<(Tensor, bool)>,
    },
    /// `output = input + bias` in every row. `output` may be the same tensor as `input`.
    AddBias {
        /// Bias per channel.
        bias: Span,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of a bias: `grad_bias = sum over the rows of grad_output`; overwrites it.
    SumRows {
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the bias.
        grad_bias: Span,
    },
    /// `output[p] = sum over taps (source, weight) of target p: weight * input[source]` for the positions of every image,
    /// all channels alike: moves, copies and interpolates positions. A position without taps is zero.
    MapPositions {
        /// From the positions of an image of `input` to those of one of `output`.
        taps: Arc<Taps>,
        /// Input, `images * taps.sources()` rows.
        input: Tensor,
        /// Output, `images * taps.targets()` rows.
        output: Tensor,
        /// Add to `output`.
        accumulate: bool,
    },
    /// `output[c] = sum over taps (source, weight) of target c: weight * input[source]` for the channels of every row:
    /// selects, repeats and permutes channels. A channel without taps is zero.
    MapChannels {
        /// From the channels of `input` to those of `output`.
        taps: Arc<Taps>,
        /// Input, `taps.sources()` channels.
        input: Tensor,
        /// Output, `taps.targets()` channels.
        output: Tensor,
        /// Add to `output`.
        accumulate: bool,
    },
    /// `output[v] = sum over taps (source, weight) of target v: weight * input[source]` for all values of every image in
    /// row-major order. A value without taps is zero.
    MapValues {
        /// From the values of an image of `input` to those of one of `output`.
        taps: Arc<Taps>,
        /// Input, `images * taps.sources() / input.channels` rows.
        input: Tensor,
        /// Output, `images * taps.targets() / output.channels` rows.
        output: Tensor,
        /// Add to `output`.
        accumulate: bool,
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
    /// `output = input * mask` with one factor per channel for all rows.
    Gate {
        /// Logit per channel.
        logits: Span,
        /// The mask that the logits give.
        mask: GateMask,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `Gate` with a sampled mask, from the same logits and noise, perhaps in place.
    GateGrad {
        /// Logit per channel.
        logits: Span,
        /// How the mask was drawn.
        sample: GateSample,
        /// Input of the forward pass.
        input: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the logits; overwritten.
        grad_logits: Span,
        /// Gradient of the input and whether to add to it; absent if nobody needs it.
        grad_input: Option<(Tensor, bool)>,
    },
    /// `output = input * mask / (1 - rate)`; the mask of a value is a function of seed, step, `stream` and its index only.
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
    /// `output = exp(input) / sum over the channels of exp(input)` in every row.
    Softmax {
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `Softmax`, perhaps in place: `grad_input = output * (grad_output - sum over channels of grad_output * output)`.
    SoftmaxGrad {
        /// Output of the forward pass.
        output: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Local response normalisation across channels, see [`ResponseNorm`].
    LocalResponseNorm {
        /// Window and constants.
        norm: ResponseNorm,
        /// Input.
        input: Tensor,
        /// Output.
        output: Tensor,
    },
    /// Gradient of `LocalResponseNorm`.
    LocalResponseNormGrad {
        /// Window and constants.
        norm: ResponseNorm,
        /// Input of the forward pass.
        input: Tensor,
        /// Gradient of the output.
        grad_output: Tensor,
        /// Gradient of the input.
        grad_input: Tensor,
        /// Add to `grad_input`.
        accumulate: bool,
    },
    /// Per row the cross entropy of softmax(logits) against `(1 - smoothing) * onehot + smoothing / classes`, whether the
    /// largest logit (the first of equals) is the label's, and the gradient of the mean loss over all rows.
    SoftmaxCrossEntropy {
        /// Logits, one row per image.
        logits: Tensor,
        /// Label per row, a whole number in `f32`.
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
    /// As `SoftmaxCrossEntropy` with the mean over classes of the cross entropy of sigmoid(logit) against `(1 - smoothing) *
    /// target + smoothing / 2`; a row is classified correctly if the target of its largest logit is above one half.
    SigmoidCrossEntropy {
        /// Logits, one row per image.
        logits: Tensor,
        /// For every class of every row the probability that the image has it.
        targets: Tensor,
        /// Label smoothing in `[0, 1)`.
        smoothing: f32,
        /// Loss per row.
        losses: Span,
        /// 1 if the image has the class of the largest logit, else 0.
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
    /// Strengths of the filters of a kernel, or a step that shrinks them.
    Filters(FilterStep),
}

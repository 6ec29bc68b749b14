//! What each instruction reads and writes.

use super::Operand;
use crate::{GateMask, GateSample, Instruction, Span, Tensor, UpdateRule};

/// Operands in the order of the instruction's fields.
pub(super) struct Operands {
    pub(super) all: Vec<Operand>,
    /// Names of two operands that may be one and the same.
    pub(super) may_be_same: Option<(&'static str, &'static str)>,
}

impl Operands {
    fn new() -> Self {
        Self { all: Vec::new(), may_be_same: None }
    }

    fn add(mut self, name: &'static str, region: Tensor, written: bool) -> Self {
        self.all.push(Operand { name, region, written });
        self
    }

    fn reads(self, name: &'static str, tensor: Tensor) -> Self {
        self.add(name, tensor, false)
    }

    fn writes(self, name: &'static str, tensor: Tensor) -> Self {
        self.add(name, tensor, true)
    }

    fn reads_span(self, name: &'static str, span: impl Into<Option<Span>>) -> Self {
        match span.into() {
            Some(Span { offset, len }) => self.add(name, Tensor::dense(offset, 1, len), false),
            None => self,
        }
    }

    fn writes_span(self, name: &'static str, span: impl Into<Option<Span>>) -> Self {
        match span.into() {
            Some(Span { offset, len }) => self.add(name, Tensor::dense(offset, 1, len), true),
            None => self,
        }
    }

    fn reads_sample(self, sample: GateSample) -> Self {
        let GateSample { noise, temperature, straight_through: _ } = sample;
        self.reads_span("noise", noise).reads_span("temperature", temperature)
    }

    fn may_be_same(mut self, first: &'static str, second: &'static str, condition: bool) -> Self {
        self.may_be_same = condition.then_some((first, second));
        self
    }
}

pub(super) fn of(instruction: &Instruction) -> Operands {
    let operands = Operands::new();
    match *instruction {
        Instruction::Conv {
            geometry: _,
            groups: _,
            input,
            weight,
            bias,
            output,
            accumulate: _,
        }
        | Instruction::Depthwise { geometry: _, multiplier: _, input, weight, bias, output } => {
            operands
                .reads("input", input)
                .reads_span("weight", weight)
                .reads_span("bias", bias)
                .writes("output", output)
        }
        Instruction::ConvGradInput {
            geometry: _,
            groups: _,
            grad_output,
            weight,
            grad_input,
            accumulate: _,
        }
        | Instruction::DepthwiseGradInput {
            geometry: _,
            multiplier: _,
            grad_output,
            weight,
            grad_input,
            accumulate: _,
        } => operands
            .reads("grad_output", grad_output)
            .reads_span("weight", weight)
            .writes("grad_input", grad_input),
        Instruction::ConvGradWeight {
            geometry: _,
            groups: _,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        }
        | Instruction::DepthwiseGradWeight {
            geometry: _,
            multiplier: _,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        } => operands
            .reads("input", input)
            .reads("grad_output", grad_output)
            .writes_span("grad_weight", grad_weight)
            .writes_span("grad_bias", grad_bias),
        Instruction::BatchNormTrain {
            input,
            gamma,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon: _,
            momentum: _,
            activation: _,
            output,
        } => operands
            .reads("input", input)
            .reads_span("gamma", gamma)
            .reads_span("beta", beta)
            .writes_span("mean", mean)
            .writes_span("inv_std", inv_std)
            .writes_span("running_mean", running_mean)
            .writes_span("running_variance", running_variance)
            .writes("output", output),
        Instruction::BatchNormGrad {
            input,
            output,
            grad_output,
            gamma,
            mean,
            inv_std,
            activation: _,
            grad_gamma,
            grad_beta,
            grad_input,
            accumulate,
        } => operands
            .reads("input", input)
            .reads("output", output)
            .reads("grad_output", grad_output)
            .reads_span("gamma", gamma)
            .reads_span("mean", mean)
            .reads_span("inv_std", inv_std)
            .writes_span("grad_gamma", grad_gamma)
            .writes_span("grad_beta", grad_beta)
            .writes("grad_input", grad_input)
            .may_be_same("grad_output", "grad_input", !accumulate),
        Instruction::BatchNormInfer {
            input,
            gamma,
            beta,
            mean,
            variance,
            epsilon: _,
            activation: _,
            output,
        } => operands
            .reads("input", input)
            .reads_span("gamma", gamma)
            .reads_span("beta", beta)
            .reads_span("mean", mean)
            .reads_span("variance", variance)
            .writes("output", output)
            .may_be_same("input", "output", true),
        Instruction::Activate { activation: _, input, output }
        | Instruction::MaxPool { geometry: _, input, output }
        | Instruction::AvgPool { geometry: _, input, output }
        | Instruction::Dropout { rate: _, stream: _, input, output }
        | Instruction::MapPositions { taps: _, input, output, accumulate: _ }
        | Instruction::MapChannels { taps: _, input, output, accumulate: _ }
        | Instruction::MapValues { taps: _, input, output, accumulate: _ }
        | Instruction::Softmax { input, output }
        | Instruction::LocalResponseNorm { norm: _, input, output } => {
            operands.reads("input", input).writes("output", output)
        }
        Instruction::ActivateGrad {
            activation: _,
            input,
            output,
            grad_output,
            grad_input,
            accumulate,
        } => operands
            .reads("input", input)
            .reads("output", output)
            .reads("grad_output", grad_output)
            .writes("grad_input", grad_input)
            .may_be_same("grad_output", "grad_input", !accumulate),
        Instruction::Sum { ref inputs, output, accumulate: _ } => inputs
            .iter()
            .fold(operands, |operands, &input| operands.reads("inputs", input))
            .writes("output", output),
        Instruction::Binary { function: _, first, second, broadcast: _, output } => operands
            .reads("first", first)
            .reads("second", second)
            .writes("output", output)
            .may_be_same("first", "output", true),
        Instruction::BinaryGrad {
            function: _,
            first,
            second,
            broadcast: _,
            grad_output,
            grad_first,
            grad_second,
        } => {
            let mut operands = operands
                .reads("first", first)
                .reads("second", second)
                .reads("grad_output", grad_output);
            if let Some((tensor, _)) = grad_first {
                operands = operands.writes("grad_first", tensor);
            }
            if let Some((tensor, _)) = grad_second {
                operands = operands.writes("grad_second", tensor);
            }
            operands
        }
        Instruction::AddBias { bias, input, output } => operands
            .reads_span("bias", bias)
            .reads("input", input)
            .writes("output", output)
            .may_be_same("input", "output", true),
        Instruction::SumRows { grad_output, grad_bias } => {
            operands.reads("grad_output", grad_output).writes_span("grad_bias", grad_bias)
        }
        Instruction::Gate { logits, mask, input, output } => {
            let operands = operands.reads_span("logits", logits);
            match mask {
                GateMask::Sampled(sample) => operands.reads_sample(sample),
                GateMask::Expected { soft: _ } => operands,
            }
            .reads("input", input)
            .writes("output", output)
        }
        Instruction::GateGrad { logits, sample, input, grad_output, grad_logits, grad_input } => {
            let operands = operands
                .reads_span("logits", logits)
                .reads_sample(sample)
                .reads("input", input)
                .reads("grad_output", grad_output)
                .writes_span("grad_logits", grad_logits);
            match grad_input {
                Some((tensor, accumulate)) => operands.writes("grad_input", tensor).may_be_same(
                    "grad_output",
                    "grad_input",
                    !accumulate,
                ),
                None => operands,
            }
        }
        Instruction::SoftmaxGrad { output, grad_output, grad_input, accumulate } => operands
            .reads("output", output)
            .reads("grad_output", grad_output)
            .writes("grad_input", grad_input)
            .may_be_same("grad_output", "grad_input", !accumulate),
        Instruction::LocalResponseNormGrad {
            norm: _,
            input,
            grad_output,
            grad_input,
            accumulate: _,
        } => operands
            .reads("input", input)
            .reads("grad_output", grad_output)
            .writes("grad_input", grad_input),
        Instruction::MaxPoolGrad {
            geometry: _,
            input,
            output,
            grad_output,
            grad_input,
            accumulate: _,
        } => operands
            .reads("input", input)
            .reads("output", output)
            .reads("grad_output", grad_output)
            .writes("grad_input", grad_input),
        Instruction::AvgPoolGrad { geometry: _, grad_output, grad_input, accumulate: _ }
        | Instruction::DropoutGrad { rate: _, stream: _, grad_output, grad_input, accumulate: _ } => {
            operands.reads("grad_output", grad_output).writes("grad_input", grad_input)
        }
        Instruction::SigmoidCrossEntropy {
            logits,
            targets,
            smoothing: _,
            losses,
            correct,
            grad_logits,
        } => {
            let operands = operands
                .reads("logits", logits)
                .reads("targets", targets)
                .writes_span("losses", losses)
                .writes_span("correct", correct);
            match grad_logits {
                Some(tensor) => operands.writes("grad_logits", tensor),
                None => operands,
            }
        }
        Instruction::SoftmaxCrossEntropy {
            logits,
            labels,
            smoothing: _,
            losses,
            correct,
            grad_logits,
        } => {
            let operands = operands
                .reads("logits", logits)
                .reads_span("labels", labels)
                .writes_span("losses", losses)
                .writes_span("correct", correct);
            match grad_logits {
                Some(tensor) => operands.writes("grad_logits", tensor),
                None => operands,
            }
        }
        Instruction::Update { parameters, gradients, decay: _, rule } => {
            let operands =
                operands.writes_span("parameters", parameters).reads_span("gradients", gradients);
            match rule {
                UpdateRule::Sgd { momentum: _, nesterov: _, velocity } => {
                    operands.writes_span("velocity", velocity)
                }
                UpdateRule::RmsProp {
                    decay: _,
                    momentum: _,
                    epsilon: _,
                    mean_square,
                    velocity,
                } => operands
                    .writes_span("mean_square", mean_square)
                    .writes_span("velocity", velocity),
                UpdateRule::Adam {
                    beta1: _,
                    beta2: _,
                    epsilon: _,
                    first_moment,
                    second_moment,
                } => operands
                    .writes_span("first_moment", first_moment)
                    .writes_span("second_moment", second_moment),
            }
        }
    }
}

//! What each instruction reads and writes.

use crate::{
    BinaryFunction, FilterStep, GateMask, GateSample, Instruction, Norm, NormGate, Span, Tensor,
    UpdateRule,
};

/// An operand as a matrix; a span is one row.
pub(crate) struct Operand {
    pub(crate) name: &'static str,
    pub(crate) region: Tensor,
    /// Its values before the instruction count.
    pub(crate) read: bool,
    pub(crate) written: bool,
}

/// Operands in the order of the instruction's fields.
pub(crate) struct Operands {
    pub(crate) all: Vec<Operand>,
    /// Names of two operands that may be one and the same.
    pub(crate) may_be_same: Option<(&'static str, &'static str)>,
}

impl Operands {
    fn new() -> Self {
        Self { all: Vec::new(), may_be_same: None }
    }

    fn add(mut self, name: &'static str, region: Tensor, read: bool, written: bool) -> Self {
        self.all.push(Operand { name, region, read, written });
        self
    }

    fn reads(self, name: &'static str, tensor: Tensor) -> Self {
        self.add(name, tensor, true, false)
    }

    /// An operand whose values the instruction needs only sometimes.
    fn may_read(self, name: &'static str, tensor: Tensor, read: bool) -> Self {
        self.add(name, tensor, read, false)
    }

    fn writes(self, name: &'static str, tensor: Tensor) -> Self {
        self.add(name, tensor, false, true)
    }

    /// Overwrites the operand, or adds to it.
    fn adds(self, name: &'static str, tensor: Tensor, accumulate: bool) -> Self {
        self.add(name, tensor, accumulate, true)
    }

    fn reads_span(self, name: &'static str, span: impl Into<Option<Span>>) -> Self {
        match span.into() {
            Some(Span { offset, len }) => self.reads(name, Tensor::dense(offset, 1, len)),
            None => self,
        }
    }

    fn reads_norm(self, norm: Option<Norm>) -> Self {
        match norm {
            Some(Norm { gamma, beta, mean, variance, epsilon: _ }) => self
                .reads_span("gamma", gamma)
                .reads_span("beta", beta)
                .reads_span("mean", mean)
                .reads_span("variance", variance),
            None => self,
        }
    }

    fn writes_span(self, name: &'static str, span: impl Into<Option<Span>>) -> Self {
        match span.into() {
            Some(Span { offset, len }) => self.writes(name, Tensor::dense(offset, 1, len)),
            None => self,
        }
    }

    fn updates_span(self, name: &'static str, Span { offset, len }: Span) -> Self {
        self.add(name, Tensor::dense(offset, 1, len), true, true)
    }

    fn reads_sample(self, sample: GateSample) -> Self {
        let GateSample { noise, temperature, straight_through: _ } = sample;
        self.reads_span("noise", noise).reads_span("temperature", temperature)
    }

    fn reads_gate(self, gate: Option<NormGate>) -> Self {
        match gate {
            Some(NormGate { logits, sample }) => {
                self.reads_span("logits", logits).reads_sample(sample)
            }
            None => self,
        }
    }

    fn may_be_same(mut self, first: &'static str, second: &'static str, condition: bool) -> Self {
        self.may_be_same = condition.then_some((first, second));
        self
    }
}

/// The operands of an instruction.
pub(crate) fn operands(instruction: &Instruction) -> Operands {
    let operands = Operands::new();
    match *instruction {
        Instruction::Conv {
            geometry: _,
            groups: _,
            input,
            weight,
            bias,
            output,
            accumulate,
            epilogue,
        } => operands
            .reads("input", input)
            .reads_span("weight", weight)
            .reads_span("bias", bias)
            .adds("output", output, accumulate)
            .reads_norm(epilogue.norm),
        Instruction::Depthwise {
            geometry: _,
            multiplier: _,
            input,
            weight,
            bias,
            output,
            epilogue,
        } => operands
            .reads("input", input)
            .reads_span("weight", weight)
            .reads_span("bias", bias)
            .writes("output", output)
            .reads_norm(epilogue.norm),
        Instruction::ConvGradInput {
            geometry: _,
            groups: _,
            grad_output,
            weight,
            grad_input,
            accumulate,
        }
        | Instruction::DepthwiseGradInput {
            geometry: _,
            multiplier: _,
            grad_output,
            weight,
            grad_input,
            accumulate,
        } => operands.reads("grad_output", grad_output).reads_span("weight", weight).adds(
            "grad_input",
            grad_input,
            accumulate,
        ),
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
            gate,
            output,
        } => operands
            .reads_gate(gate)
            .reads("input", input)
            .reads_span("gamma", gamma)
            .reads_span("beta", beta)
            .writes_span("mean", mean)
            .writes_span("inv_std", inv_std)
            .updates_span("running_mean", running_mean)
            .updates_span("running_variance", running_variance)
            .writes("output", output),
        Instruction::BatchNormGrad {
            input,
            grad_output,
            gamma,
            beta,
            mean,
            inv_std,
            activation: _,
            gate,
            grad_gamma,
            grad_beta,
            grad_input,
            accumulate,
        } => operands
            .reads_gate(gate.map(|(gate, _)| gate))
            .writes_span("grad_logits", gate.map(|(_, grad_logits)| grad_logits))
            .reads("input", input)
            .reads("grad_output", grad_output)
            .reads_span("gamma", gamma)
            .reads_span("beta", beta)
            .reads_span("mean", mean)
            .reads_span("inv_std", inv_std)
            .writes_span("grad_gamma", grad_gamma)
            .writes_span("grad_beta", grad_beta)
            .adds("grad_input", grad_input, accumulate)
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
        | Instruction::Softmax { input, output }
        | Instruction::LocalResponseNorm { norm: _, input, output } => {
            operands.reads("input", input).writes("output", output)
        }
        Instruction::MapPositions { taps: _, input, output, accumulate }
        | Instruction::MapChannels { taps: _, input, output, accumulate }
        | Instruction::MapValues { taps: _, input, output, accumulate } => {
            operands.reads("input", input).adds("output", output, accumulate)
        }
        Instruction::ActivateGrad {
            activation,
            input,
            output,
            grad_output,
            grad_input,
            accumulate,
        } => operands
            .may_read("input", input, !activation.derivative_from_output())
            .may_read("output", output, activation.derivative_from_output())
            .reads("grad_output", grad_output)
            .adds("grad_input", grad_input, accumulate)
            .may_be_same("grad_output", "grad_input", !accumulate),
        Instruction::Sum { ref inputs, output, accumulate } => inputs
            .iter()
            .fold(operands, |operands, &input| operands.reads("inputs", input))
            .adds("output", output, accumulate),
        Instruction::Binary { function: _, first, second, broadcast: _, output } => operands
            .reads("first", first)
            .reads("second", second)
            .writes("output", output)
            .may_be_same("first", "output", true),
        Instruction::BinaryGrad {
            function,
            first,
            second,
            broadcast: _,
            grad_output,
            grad_first,
            grad_second,
        } => {
            let values = !matches!(function, BinaryFunction::Add | BinaryFunction::Subtract);
            let mut operands = operands
                .may_read("first", first, values)
                .may_read("second", second, values)
                .reads("grad_output", grad_output);
            if let Some((tensor, accumulate)) = grad_first {
                operands = operands.adds("grad_first", tensor, accumulate);
            }
            if let Some((tensor, accumulate)) = grad_second {
                operands = operands.adds("grad_second", tensor, accumulate);
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
                Some((tensor, accumulate)) => operands
                    .adds("grad_input", tensor, accumulate)
                    .may_be_same("grad_output", "grad_input", !accumulate),
                None => operands,
            }
        }
        Instruction::SoftmaxGrad { output, grad_output, grad_input, accumulate } => operands
            .reads("output", output)
            .reads("grad_output", grad_output)
            .adds("grad_input", grad_input, accumulate)
            .may_be_same("grad_output", "grad_input", !accumulate),
        Instruction::LocalResponseNormGrad {
            norm: _,
            input,
            grad_output,
            grad_input,
            accumulate,
        } => operands.reads("input", input).reads("grad_output", grad_output).adds(
            "grad_input",
            grad_input,
            accumulate,
        ),
        Instruction::MaxPoolGrad {
            geometry: _,
            input,
            output,
            grad_output,
            grad_input,
            accumulate,
        } => operands
            .reads("input", input)
            .reads("output", output)
            .reads("grad_output", grad_output)
            .adds("grad_input", grad_input, accumulate),
        Instruction::AvgPoolGrad { geometry: _, grad_output, grad_input, accumulate }
        | Instruction::DropoutGrad { rate: _, stream: _, grad_output, grad_input, accumulate } => {
            operands.reads("grad_output", grad_output).adds("grad_input", grad_input, accumulate)
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
        Instruction::Filters(FilterStep::RootMeanSquares { kernel, strengths }) => {
            operands.reads("kernel", kernel).writes_span("strengths", strengths)
        }
        Instruction::Filters(FilterStep::Shrink { kernel, shares }) => {
            operands.add("kernel", kernel, true, true).reads_span("shares", shares)
        }
        Instruction::Update { parameters, gradients, decay: _, rule } => {
            let operands =
                operands.updates_span("parameters", parameters).reads_span("gradients", gradients);
            match rule {
                UpdateRule::Sgd { momentum: _, nesterov: _, velocity } => {
                    operands.updates_span("velocity", velocity)
                }
                UpdateRule::RmsProp {
                    decay: _,
                    momentum: _,
                    epsilon: _,
                    mean_square,
                    velocity,
                } => operands
                    .updates_span("mean_square", mean_square)
                    .updates_span("velocity", velocity),
                UpdateRule::Adam {
                    beta1: _,
                    beta2: _,
                    epsilon: _,
                    first_moment,
                    second_moment,
                } => operands
                    .updates_span("first_moment", first_moment)
                    .updates_span("second_moment", second_moment),
            }
        }
    }
}

//! The kernels of each instruction.

use super::activation::{Activate, ActivateGrad};
use super::batch_norm::{BatchNormGrad, BatchNormInfer, BatchNormTrain};
use super::binary::{Binary, BinaryGradFirst, BinaryGradSecond};
use super::context::Kernel;
use super::conv::{self, Finish, depthwise};
use super::dropout::Dropout;
use super::filters::{RootMeanSquares, Shrink};
use super::gate::{Gate, GateGrad};
use super::level::Level;
use super::loss::SoftmaxCrossEntropy;
use super::maps::{MapChannels, MapPositions, MapValues};
use super::multi_label_loss::SigmoidCrossEntropy;
use super::pooling::{avg_pool, avg_pool_grad, max_pool, max_pool_grad};
use super::response_norm::{LocalResponseNorm, LocalResponseNormGrad};
use super::rows::Target;
use super::softmax::{Softmax, SoftmaxGrad};
use super::sum::Sum;
use super::sum_rows::SumRows;
use super::update::Update;
use crate::{BinaryFunction, Broadcast, FilterStep, Instruction, Tensor};

/// The kernels of a checked instruction, in order: one, except for `BinaryGrad`.
pub(super) fn of(instruction: Instruction, level: Level) -> Vec<Box<dyn Kernel>> {
    let kernel: Box<dyn Kernel> = match instruction {
        Instruction::Conv {
            geometry,
            groups,
            input,
            weight,
            bias,
            output: tensor,
            accumulate,
            epilogue,
        } => {
            let target = Target { tensor, accumulate };
            let finish = Finish { bias, epilogue, channels: tensor.channels };
            conv::forward(level, geometry, groups, input, weight, finish, target)
        }
        Instruction::ConvGradInput {
            geometry,
            groups,
            grad_output,
            weight,
            grad_input: tensor,
            accumulate,
        } => {
            let target = Target { tensor, accumulate };
            conv::grad_input(level, geometry, groups, grad_output, weight, target)
        }
        Instruction::ConvGradWeight {
            geometry,
            groups,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        } => conv::grad_weight(level, geometry, groups, input, grad_output, grad_weight, grad_bias),
        Instruction::Depthwise { geometry, multiplier, input, weight, bias, output, epilogue } => {
            let finish = Finish { bias, epilogue, channels: output.channels };
            depthwise::forward(geometry, multiplier, input, weight, finish, output)
        }
        Instruction::DepthwiseGradInput {
            geometry,
            multiplier,
            grad_output,
            weight,
            grad_input: tensor,
            accumulate,
        } => {
            let target = Target { tensor, accumulate };
            depthwise::grad_input(geometry, multiplier, grad_output, weight, target)
        }
        Instruction::DepthwiseGradWeight {
            geometry,
            multiplier,
            input,
            grad_output,
            grad_weight,
            grad_bias,
        } => {
            depthwise::grad_weight(geometry, multiplier, input, grad_output, grad_weight, grad_bias)
        }
        Instruction::BatchNormTrain {
            input,
            gamma,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon,
            momentum,
            activation,
            gate,
            output,
        } => Box::new(BatchNormTrain {
            input,
            gamma,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon,
            momentum,
            activation,
            gate,
            output,
        }),
        Instruction::BatchNormGrad {
            input,
            grad_output,
            gamma,
            beta,
            mean,
            inv_std,
            activation,
            gate,
            grad_gamma,
            grad_beta,
            grad_input: tensor,
            accumulate,
        } => Box::new(BatchNormGrad {
            input,
            grad_output,
            gamma,
            beta,
            mean,
            inv_std,
            activation,
            gate,
            grad_gamma,
            grad_beta,
            target: Target { tensor, accumulate },
        }),
        Instruction::BatchNormInfer {
            input,
            gamma,
            beta,
            mean,
            variance,
            epsilon,
            activation,
            output,
        } => Box::new(BatchNormInfer {
            input,
            gamma,
            beta,
            mean,
            variance,
            epsilon,
            activation,
            output,
        }),
        Instruction::Activate { activation, input, output } => {
            Box::new(Activate { activation, input, output })
        }
        Instruction::ActivateGrad {
            activation,
            input,
            output,
            grad_output,
            grad_input: tensor,
            accumulate,
        } => {
            let target = Target { tensor, accumulate };
            Box::new(ActivateGrad { activation, input, output, grad_output, target })
        }
        Instruction::Sum { inputs, output: tensor, accumulate } => {
            Box::new(Sum { inputs, target: Target { tensor, accumulate } })
        }
        Instruction::Binary { function, first, second, broadcast, output: tensor } => {
            let target = Target { tensor, accumulate: false };
            Box::new(Binary { function, first, second, broadcast, target })
        }
        Instruction::BinaryGrad {
            function,
            first,
            second,
            broadcast,
            grad_output,
            grad_first,
            grad_second,
        } => {
            let mut kernels: Vec<Box<dyn Kernel>> = Vec::new();
            if let Some((tensor, accumulate)) = grad_first {
                let target = Target { tensor, accumulate };
                kernels.push(Box::new(BinaryGradFirst {
                    function,
                    first,
                    second,
                    broadcast,
                    grad_output,
                    target,
                }));
            }
            if let Some((tensor, accumulate)) = grad_second {
                let target = Target { tensor, accumulate };
                kernels.push(Box::new(BinaryGradSecond {
                    function,
                    first,
                    second,
                    broadcast,
                    grad_output,
                    target,
                }));
            }
            return kernels;
        }
        // A bias is a tensor of one row, spread over the rows of the input.
        Instruction::AddBias { bias, input: first, output: tensor } => Box::new(Binary {
            function: BinaryFunction::Add,
            first,
            second: Tensor::dense(bias.offset, 1, bias.len),
            broadcast: Broadcast::Positions { area: first.rows },
            target: Target { tensor, accumulate: false },
        }),
        Instruction::SumRows { grad_output: input, grad_bias: sums } => {
            Box::new(SumRows { input, sums })
        }
        Instruction::MapPositions { taps, input, output: tensor, accumulate } => {
            Box::new(MapPositions { taps, input, target: Target { tensor, accumulate } })
        }
        Instruction::MapChannels { taps, input, output: tensor, accumulate } => {
            Box::new(MapChannels::new(taps, input, Target { tensor, accumulate }))
        }
        Instruction::MapValues { taps, input, output: tensor, accumulate } => {
            Box::new(MapValues::new(&taps, input, Target { tensor, accumulate }))
        }
        Instruction::MaxPool { geometry, input, output } => max_pool(geometry, input, output),
        Instruction::AvgPool { geometry, input, output } => avg_pool(geometry, input, output),
        Instruction::MaxPoolGrad {
            geometry,
            input,
            output,
            grad_output,
            grad_input: tensor,
            accumulate,
        } => {
            let target = Target { tensor, accumulate };
            max_pool_grad(geometry, input, output, grad_output, target)
        }
        Instruction::AvgPoolGrad { geometry, grad_output, grad_input: tensor, accumulate } => {
            avg_pool_grad(geometry, grad_output, Target { tensor, accumulate })
        }
        Instruction::Gate { logits, mask, input, output } => {
            Box::new(Gate { logits, mask, input, output })
        }
        Instruction::GateGrad { logits, sample, input, grad_output, grad_logits, grad_input } => {
            let target = grad_input.map(|(tensor, accumulate)| Target { tensor, accumulate });
            Box::new(GateGrad { logits, sample, input, grad_output, grad_logits, target })
        }
        Instruction::Dropout { rate, stream, input: source, output: tensor } => {
            Box::new(Dropout { rate, stream, source, target: Target { tensor, accumulate: false } })
        }
        Instruction::DropoutGrad {
            rate,
            stream,
            grad_output: source,
            grad_input: tensor,
            accumulate,
        } => Box::new(Dropout { rate, stream, source, target: Target { tensor, accumulate } }),
        Instruction::Softmax { input, output } => Box::new(Softmax { input, output }),
        Instruction::SoftmaxGrad { output, grad_output, grad_input: tensor, accumulate } => {
            Box::new(SoftmaxGrad { output, grad_output, target: Target { tensor, accumulate } })
        }
        Instruction::LocalResponseNorm { norm, input, output } => {
            Box::new(LocalResponseNorm { norm, input, output })
        }
        Instruction::LocalResponseNormGrad {
            norm,
            input,
            grad_output,
            grad_input: tensor,
            accumulate,
        } => {
            let target = Target { tensor, accumulate };
            Box::new(LocalResponseNormGrad { norm, input, grad_output, target })
        }
        Instruction::SoftmaxCrossEntropy {
            logits,
            labels,
            smoothing,
            losses,
            correct,
            grad_logits,
        } => Box::new(SoftmaxCrossEntropy {
            logits,
            labels,
            smoothing,
            losses,
            correct,
            grad_logits,
        }),
        Instruction::SigmoidCrossEntropy {
            logits,
            targets,
            smoothing,
            losses,
            correct,
            grad_logits,
        } => Box::new(SigmoidCrossEntropy {
            logits,
            targets,
            smoothing,
            losses,
            correct,
            grad_logits,
        }),
        Instruction::Filters(FilterStep::RootMeanSquares { kernel, strengths }) => {
            Box::new(RootMeanSquares { kernel, strengths })
        }
        Instruction::Filters(FilterStep::Shrink { kernel, shares }) => {
            Box::new(Shrink { kernel, shares })
        }
        Instruction::Update { parameters, gradients, decay, rule } => {
            Box::new(Update { parameters, gradients, decay, rule })
        }
    };
    vec![kernel]
}

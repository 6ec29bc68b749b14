//! What kinds of instructions there are.

use crate::{FilterStep, Instruction};

impl Instruction {
    /// Name of its kind, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "Conv",
            Self::ConvGradInput { .. } => "ConvGradInput",
            Self::ConvGradWeight { .. } => "ConvGradWeight",
            Self::Depthwise { .. } => "Depthwise",
            Self::DepthwiseGradInput { .. } => "DepthwiseGradInput",
            Self::DepthwiseGradWeight { .. } => "DepthwiseGradWeight",
            Self::BatchNormTrain { .. } => "BatchNormTrain",
            Self::BatchNormGrad { .. } => "BatchNormGrad",
            Self::BatchNormInfer { .. } => "BatchNormInfer",
            Self::Activate { .. } => "Activate",
            Self::ActivateGrad { .. } => "ActivateGrad",
            Self::Sum { .. } => "Sum",
            Self::Binary { .. } => "Binary",
            Self::BinaryGrad { .. } => "BinaryGrad",
            Self::AddBias { .. } => "AddBias",
            Self::SumRows { .. } => "SumRows",
            Self::MapPositions { .. } => "MapPositions",
            Self::MapChannels { .. } => "MapChannels",
            Self::MapValues { .. } => "MapValues",
            Self::MaxPool { .. } => "MaxPool",
            Self::MaxPoolGrad { .. } => "MaxPoolGrad",
            Self::AvgPool { .. } => "AvgPool",
            Self::AvgPoolGrad { .. } => "AvgPoolGrad",
            Self::Gate { .. } => "Gate",
            Self::GateGrad { .. } => "GateGrad",
            Self::Dropout { .. } => "Dropout",
            Self::DropoutGrad { .. } => "DropoutGrad",
            Self::Softmax { .. } => "Softmax",
            Self::SoftmaxGrad { .. } => "SoftmaxGrad",
            Self::LocalResponseNorm { .. } => "LocalResponseNorm",
            Self::LocalResponseNormGrad { .. } => "LocalResponseNormGrad",
            Self::SoftmaxCrossEntropy { .. } => "SoftmaxCrossEntropy",
            Self::SigmoidCrossEntropy { .. } => "SigmoidCrossEntropy",
            Self::Update { .. } => "Update",
            Self::Filters(FilterStep::RootMeanSquares { .. }) => "RootMeanSquares",
            Self::Filters(FilterStep::Shrink { .. }) => "Shrink",
        }
    }
}

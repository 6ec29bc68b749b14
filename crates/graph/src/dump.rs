//! A deterministic text form of a graph, one node a line.

use std::fmt;

use crate::{Activation, Graph, Op, Padding, Window};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, node) in self.nodes() {
            write!(f, "{} = {}", node.name, node.op)?;
            for (position, input) in node.inputs.iter().enumerate() {
                let separator = if position == 0 { " of " } else { ", " };
                write!(f, "{separator}{}", self.node(*input).name)?;
            }
            let mark = if self.outputs().contains(&id) { " (output)" } else { "" };
            writeln!(f, " -> {}{mark}", node.shape)?;
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bias = |bias: bool| if bias { " bias" } else { "" };
        write!(f, "{}", self.kind())?;
        match self {
            Self::Conv2d(conv) => {
                write!(f, " {}{}", conv.window, bias(conv.bias))?;
                if conv.groups > 1 { write!(f, " groups {}", conv.groups) } else { Ok(()) }
            }
            Self::Depthwise(depthwise) => {
                write!(
                    f,
                    " {} multiplier {}{}",
                    depthwise.window,
                    depthwise.multiplier,
                    bias(depthwise.bias)
                )
            }
            Self::Linear(linear) => write!(f, "{}", bias(linear.bias)),
            Self::BatchNorm(norm) => {
                let scale = if norm.scale { " scale" } else { "" };
                write!(f, "{scale} epsilon {}", norm.epsilon)
            }
            Self::Activation(activation) => write!(f, " {activation}"),
            Self::MaxPool(pool) | Self::AvgPool(pool) => write!(f, " {}", pool.window),
            Self::Dropout { rate } => write!(f, " {rate}"),
            Self::Input(_)
            | Self::Add
            | Self::Mul
            | Self::Concat
            | Self::GlobalAvgPool
            | Self::GlobalMaxPool
            | Self::Flatten => Ok(()),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::LeakyRelu { slope } => return write!(f, "leaky-relu {slope}"),
            Self::Elu => "elu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Silu => "silu",
            Self::HardSigmoid => "hard-sigmoid",
            Self::HardSwish => "hard-swish",
        };
        write!(f, "{name}")
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |pair: [usize; 2]| format!("{}x{}", pair[0], pair[1]);
        write!(f, "{}", pair(self.kernel))?;
        if self.stride != [1, 1] {
            write!(f, " stride {}", pair(self.stride))?;
        }
        if self.dilation != [1, 1] {
            write!(f, " dilation {}", pair(self.dilation))?;
        }
        match self.padding {
            Padding::Same => write!(f, " same"),
            Padding::Valid => write!(f, " valid"),
            Padding::Explicit { top, bottom, left, right } => {
                write!(f, " pad {top},{bottom},{left},{right}")
            }
        }
    }
}

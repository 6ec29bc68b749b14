//! A deterministic text form of a graph, one node a line.

use std::fmt;

use crate::{
    Activation, Axis, Depthwise, Gather, Graph, Interpolation, LocalResponseNorm, Op, Pad, Padding,
    Resize, Window,
};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, node) in self.nodes() {
            write!(f, "{} = {}", node.name, node.op)?;
            for (position, input) in node.inputs.iter().enumerate() {
                let separator = if position == 0 { " of " } else { ", " };
                write!(f, "{separator}{}", self.node(*input).name)?;
            }
            if let Some(owner) = node.shares {
                write!(f, " with the kernel of {}", self.node(owner).name)?;
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
            Self::Conv3d(conv) => {
                let [depth, height, width] = conv.kernel;
                write!(f, " {depth}x{height}x{width}")?;
                if conv.stride != [1, 1, 1] {
                    let [depth, height, width] = conv.stride;
                    write!(f, " stride {depth}x{height}x{width}")?;
                }
                write!(f, " {}{}", conv.padding, bias(conv.bias))
            }
            Self::ConvTranspose(conv) => write!(f, " {}{}", conv.window, bias(conv.bias)),
            Self::Depthwise(Depthwise { multiplier, window, bias: with_bias }) => {
                write!(f, " {window} multiplier {multiplier}{}", bias(*with_bias))
            }
            Self::Linear(linear) => write!(f, "{}", bias(linear.bias)),
            Self::BatchNorm(norm) => {
                let scale = if norm.scale { " scale" } else { "" };
                write!(f, "{scale} epsilon {}", norm.epsilon)
            }
            Self::Activation(activation) => write!(f, " {activation}"),
            Self::LocalResponseNorm(LocalResponseNorm { size, alpha, beta, bias }) => {
                write!(f, " size {size} alpha {alpha} beta {beta} bias {bias}")
            }
            Self::Concat(axis @ (Axis::Height | Axis::Width)) => write!(f, " {axis}"),
            Self::MaxPool(pool) | Self::AvgPool(pool) => write!(f, " {}", pool.window),
            Self::Gather(gather) => write!(f, " {gather}"),
            Self::DepthToSpace { block } | Self::SpaceToDepth { block } => write!(f, " {block}"),
            Self::Resize(Resize { height, width, method }) => {
                let method = match method {
                    Interpolation::Nearest => "nearest",
                    Interpolation::Bilinear => "bilinear",
                };
                write!(f, " {height}x{width} {method}")
            }
            Self::Pad(Pad { top, bottom, left, right, channels: [before, after] }) => {
                write!(f, " {top},{bottom},{left},{right} channels {before},{after}")
            }
            Self::Reshape { height, width } => write!(f, " {height}x{width}"),
            Self::Permute([height, width, channels]) => write!(f, " {height} {width} {channels}"),
            Self::Dropout { rate } => write!(f, " {rate}"),
            // Concatenation along channels is so common that it goes without saying.
            Self::Concat(Axis::Channels)
            | Self::Input(_)
            | Self::Bias
            | Self::Gate
            | Self::Softmax
            | Self::Add
            | Self::Sub
            | Self::Mul
            | Self::Maximum
            | Self::Minimum
            | Self::GlobalAvgPool
            | Self::GlobalMaxPool
            | Self::Flatten => Ok(()),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Height => "height",
            Self::Width => "width",
            Self::Channels => "channels",
        })
    }
}

/// Runs of consecutive channels as `first..end`, single ones as their number.
impl fmt::Display for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.channels.chunk_by(|channel, next| channel.checked_add(1) == Some(*next));
        for (position, run) in runs.enumerate() {
            let separator = if position == 0 { "" } else { "," };
            match run {
                [single] => write!(f, "{separator}{single}")?,
                [first, ..] => write!(f, "{separator}{first}..{}", first + run.len())?,
                [] => {}
            }
        }
        Ok(())
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
            Self::Scale { factor } => return write!(f, "scale {factor}"),
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
        write!(f, " {}", self.padding)
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => write!(f, "same"),
            Self::Valid => write!(f, "valid"),
            Self::Explicit { top, bottom, left, right } => {
                write!(f, "pad {top},{bottom},{left},{right}")
            }
        }
    }
}

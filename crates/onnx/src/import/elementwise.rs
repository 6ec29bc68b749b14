//! Functions of one value.

use graph::{Activation, Depthwise, NodeId, Op, Padding, Role, Window};

use super::{
    Importer, Wired,
    attributes::{Call, dimension},
    joins::Spread,
};
use crate::error::{Trouble, refuse};

/// Constants of `Selu` in the standard.
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_GAMMA: f32 = 1.050_701;

impl Importer {
    pub(super) fn function(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let x = value.wire;
        match call.op() {
            "Relu" => self.activation(call, value, Activation::Relu),
            "Sigmoid" => self.activation(call, value, Activation::Sigmoid),
            "Tanh" => self.activation(call, value, Activation::Tanh),
            "HardSwish" => self.activation(call, value, Activation::HardSwish),
            "Neg" => self.activation(call, value, Activation::Scale { factor: -1.0 }),
            "LeakyRelu" => {
                let slope = call.float("alpha", 0.01);
                self.activation(call, value, Activation::LeakyRelu { slope })
            }
            "HardSigmoid" => self.hard_sigmoid(call, value),
            "Clip" => self.clip(call, value),
            "PRelu" => self.parametric_relu(call, value),
            "Abs" => {
                let negative =
                    self.apply(call, "negative", Activation::Scale { factor: -1.0 }, x)?;
                let wire = self.add(call, "", Op::Maximum, &[x, negative], Vec::new())?;
                self.define(call, wire, value.view)
            }
            "Elu" => match call.float("alpha", 1.0) {
                1.0 => self.activation(call, value, Activation::Elu),
                alpha => {
                    let wire = self.scaled_elu(call, "", x, alpha)?;
                    self.define(call, wire, value.view)
                }
            },
            _ => {
                let (alpha, gamma) =
                    (call.float("alpha", SELU_ALPHA), call.float("gamma", SELU_GAMMA));
                let elu = self.scaled_elu(call, "elu", x, alpha)?;
                let wire = self.apply(call, "", Activation::Scale { factor: gamma }, elu)?;
                self.define(call, wire, value.view)
            }
        }
    }

    fn activation(
        &mut self,
        call: &Call<'_>,
        value: Wired,
        activation: Activation,
    ) -> Result<(), Trouble> {
        let wire = self.apply(call, "", activation, value.wire)?;
        self.define(call, wire, value.view)
    }

    pub(super) fn apply(
        &mut self,
        call: &Call<'_>,
        part: &str,
        activation: Activation,
        wire: NodeId,
    ) -> Result<NodeId, Trouble> {
        self.add(call, part, Op::Activation(activation), &[wire], Vec::new())
    }

    /// `x` if positive, else `alpha * (exp(x) - 1)`: `relu(x) + alpha * (elu(x) - relu(x))`.
    fn scaled_elu(
        &mut self,
        call: &Call<'_>,
        part: &str,
        x: NodeId,
        alpha: f32,
    ) -> Result<NodeId, Trouble> {
        self.note(call, "is written with five nodes, because of its alpha");
        let relu = self.apply(call, "relu", Activation::Relu, x)?;
        let whole = self.apply(call, "elu-of-1", Activation::Elu, x)?;
        let negative = self.add(call, "negative", Op::Sub, &[whole, relu], Vec::new())?;
        let scaled = self.apply(call, "scaled", Activation::Scale { factor: alpha }, negative)?;
        self.add(call, part, Op::Add, &[relu, scaled], Vec::new())
    }

    /// `min(max(alpha * x + beta, 0), 1)`; ours has alpha 1/6 and beta 1/2.
    fn hard_sigmoid(&mut self, call: &Call<'_>, value: Wired) -> Result<(), Trouble> {
        let (alpha, beta) = (call.float("alpha", 0.2), call.float("beta", 0.5));
        let (factor, shift) = (6.0 * alpha, 6.0 * beta - 3.0);
        let mut wire = value.wire;
        if (factor - 1.0).abs() > 1e-6 {
            wire = self.apply(call, "scaled", Activation::Scale { factor }, wire)?;
        }
        wire = self.shifted_by(call, "shifted", wire, shift)?;
        wire = self.apply(call, "", Activation::HardSigmoid, wire)?;
        self.define(call, wire, value.view)
    }

    /// Adds the same number to every channel.
    pub(super) fn shifted_by(
        &mut self,
        call: &Call<'_>,
        part: &str,
        wire: NodeId,
        shift: f32,
    ) -> Result<NodeId, Trouble> {
        if shift == 0.0 {
            return Ok(wire);
        }
        let channels = self.sketch.shape(wire).channels;
        self.spend(channels)?;
        let bias = ndarray::Array1::from_elem(channels, shift).into_dyn();
        self.add(call, part, Op::Bias, &[wire], vec![(Role::Bias, bias)])
    }

    fn clip(&mut self, call: &Call<'_>, value: Wired) -> Result<(), Trouble> {
        let mut bounds = [f32::MIN, f32::MAX];
        for (bound, (name, position)) in bounds.iter_mut().zip([("min", 1), ("max", 2)]) {
            if call.has(name) {
                *bound = call.float(name, *bound);
            } else if let Some(tensor) = self.optional(call, position)? {
                let Some(number) = tensor.scalar() else {
                    return refuse(format!("{name} is no single number"), "clip by one number");
                };
                *bound = number;
            }
        }
        let [low, high] = bounds.map(|bound| Some(bound).filter(|bound| bound.abs() < f32::MAX));
        self.clamp(call, value, low, high)
    }

    /// Keeps values within bounds.
    pub(super) fn clamp(
        &mut self,
        call: &Call<'_>,
        value: Wired,
        low: Option<f32>,
        high: Option<f32>,
    ) -> Result<(), Trouble> {
        let x = value.wire;
        let scale = |factor: f32| Activation::Scale { factor };
        let wire = match (low, high) {
            (None, None) => return self.alias(call, &value, value.view.clone()),
            (Some(0.0), None) => self.apply(call, "", Activation::Relu, x)?,
            (Some(0.0), Some(6.0)) => self.apply(call, "", Activation::Relu6, x)?,
            (Some(low), None) => {
                let above = self.shifted_by(call, "above", x, -low)?;
                let relu = self.apply(call, "relu", Activation::Relu, above)?;
                self.shifted_by(call, "", relu, low)?
            }
            (None, Some(high)) => {
                // min(x, high) = high - relu(high - x)
                let negative = self.apply(call, "negative", scale(-1.0), x)?;
                let below = self.shifted_by(call, "below", negative, high)?;
                let relu = self.apply(call, "relu", Activation::Relu, below)?;
                let back = self.apply(call, "back", scale(-1.0), relu)?;
                self.shifted_by(call, "", back, high)?
            }
            (Some(low), Some(high)) if low < high => {
                let above = self.shifted_by(call, "above", x, -low)?;
                let scaled = self.apply(call, "scaled", scale(6.0 / (high - low)), above)?;
                let relu = self.apply(call, "relu6", Activation::Relu6, scaled)?;
                let part = if low == 0.0 { "" } else { "back" };
                let back = self.apply(call, part, scale((high - low) / 6.0), relu)?;
                self.shifted_by(call, "", back, low)?
            }
            (Some(low), Some(high)) => {
                return refuse(format!("bounds {low} and {high}"), "the lower one must be smaller");
            }
        };
        self.define(call, wire, value.view)
    }

    /// `x` if positive, else `slope * x`: `relu(x) + slope * (x - relu(x))`, the slopes being a depthwise 1x1 kernel.
    fn parametric_relu(&mut self, call: &Call<'_>, value: Wired) -> Result<(), Trouble> {
        let slopes = self.constant(call, 1)?;
        if let Some(slope) = slopes.scalar() {
            return self.activation(call, value, Activation::LeakyRelu { slope });
        }
        // In old files the slopes are one row, whatever the rank.
        let legacy = self.opset < 7 && slopes.rank() == 1;
        let (wire, slopes, view) = match self.spread(value, &slopes, legacy.then_some(1))? {
            Spread::All(..) => {
                return refuse("slopes without values", "the file is damaged: export it again");
            }
            Spread::Channels(wire, slopes, view) => (wire, slopes, view),
        };
        self.note(call, "is written with four nodes, because it has a slope per channel");
        let relu = self.apply(call, "relu", Activation::Relu, wire)?;
        let negative = self.add(call, "negative", Op::Sub, &[wire, relu], Vec::new())?;
        let scaled = self.scaled_channels(call, "slopes", negative, slopes)?;
        let sum = self.add(call, "", Op::Add, &[relu, scaled], Vec::new())?;
        self.define(call, sum, view)
    }

    /// A factor per channel.
    pub(super) fn scaled_channels(
        &mut self,
        call: &Call<'_>,
        part: &str,
        wire: NodeId,
        factors: Vec<f32>,
    ) -> Result<NodeId, Trouble> {
        if self.sketch.shape(wire).depth != 1 {
            return refuse(
                "a factor per channel of a volume",
                "fold it into the convolution or batch norm before it",
            );
        }
        let kernel = ndarray::Array1::from(factors);
        let kernel = kernel.insert_axis(ndarray::Axis(0)).insert_axis(ndarray::Axis(0));
        let window = Window::square(1).padding(Padding::Valid);
        let op = Op::Depthwise(Depthwise { multiplier: 1, window, bias: false });
        self.add(call, part, op, &[wire], vec![(Role::Weight, kernel.into_dyn())])
    }

    pub(super) fn softmax(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let rank = value.view.rank();
        let default = if self.opset < 13 { 1 } else { -1 };
        let axis = dimension(call.int("axis", default), rank)?;
        let Some(dim) = axis.checked_sub(1) else {
            return refuse("a softmax over the batch", "use the dimension of the channels");
        };
        if self.opset < 13 && value.view.sizes()[dim + 1..].iter().any(|size| *size != 1) {
            // Older operator sets take all dimensions from `axis` on together.
            return refuse(
                "a softmax over several dimensions together",
                "flatten before it, or export with operator set 13 or later",
            );
        }
        let (wire, view) = if value.view.channel_dim() == Some(dim) {
            (value.wire, value.view)
        } else if rank == 2 {
            let (wire, _, view) = self.by_channels(value)?;
            (wire, view)
        } else {
            let order: Vec<usize> =
                std::iter::once(dim).chain((0..rank - 1).filter(|other| *other != dim)).collect();
            let (wire, view) = self.realise_as(value, &order)?;
            (wire, view)
        };
        let wire = self.add(call, "", Op::Softmax, &[wire], Vec::new())?;
        self.define(call, wire, view)
    }

    pub(super) fn dropout(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let rate = match self.optional(call, 1)? {
            Some(rate) => rate.scalar().unwrap_or(f32::NAN),
            None => call.float("ratio", 0.5),
        };
        let wire = self.add(call, "", Op::Dropout { rate }, &[value.wire], Vec::new())?;
        self.define(call, wire, value.view)
    }

    pub(super) fn identity(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let problem = match call.op() {
            "Cast" if ![1, 10, 11, 16].contains(&call.int("to", 1)) => {
                Some(format!("a cast of the image to type {}", call.int("to", 1)))
            }
            "CastLike" if self.is_whole(call, 1)? => {
                Some("a cast of the image to whole numbers".to_owned())
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return refuse(problem, "keep values in floating point");
        }
        self.alias(call, &value, value.view.clone())
    }
}

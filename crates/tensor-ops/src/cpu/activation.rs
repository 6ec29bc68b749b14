//! Element-wise functions and their derivatives.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target, map_rows};
use super::simd::{Simd, inlined, map_lanes};
use crate::{Activation, Tensor};

/// `exp(x)` for `x <= 0`, within 2 units in the last place; at least the smallest normal number. Vectorizes.
#[inline(always)]
pub(super) fn exp_of_nonpositive(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding this number rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    // Cephes' minimax polynomial for exp on [-ln(2)/2, ln(2)/2].
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let exp = p * r * r + r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    exp * f32::from_bits(exponent << 23)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let e = exp_of_nonpositive(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let e = exp_of_nonpositive(-2.0 * x.abs());
    let magnitude = (1.0 - e) / (1.0 + e);
    if x < 0.0 { -magnitude } else { magnitude }
}

#[inline(always)]
fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { exp_of_nonpositive(if x > 0.0 { 0.0 } else { x }) - 1.0 }
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

#[inline(always)]
fn silu_derivative(x: f32) -> f32 {
    let s = sigmoid(x);
    s + x * s * (1.0 - s)
}

#[inline(always)]
fn hard_swish_derivative(x: f32) -> f32 {
    if x <= -3.0 {
        0.0
    } else if x > 3.0 {
        1.0
    } else {
        (2.0 * x + 3.0) / 6.0
    }
}

/// `f(x)`.
#[inline(always)]
pub(super) fn apply<S: Simd>(simd: S, activation: Activation, x: S::V) -> S::V {
    let zero = simd.splat(0.0);
    match activation {
        Activation::Identity => x,
        Activation::Relu => simd.at_least(x, zero),
        Activation::Relu6 => simd.at_most(simd.at_least(x, zero), simd.splat(6.0)),
        Activation::LeakyRelu { slope } => {
            simd.add(simd.at_least(x, zero), simd.mul(simd.splat(slope), simd.at_most(x, zero)))
        }
        Activation::Elu => map_lanes(simd, x, elu),
        Activation::Sigmoid => map_lanes(simd, x, sigmoid),
        Activation::Tanh => map_lanes(simd, x, tanh),
        Activation::Silu => map_lanes(simd, x, silu),
        Activation::HardSigmoid => hard_sigmoid(simd, x),
        Activation::HardSwish => simd.mul(x, hard_sigmoid(simd, x)),
        Activation::Scale { factor } => simd.mul(simd.splat(factor), x),
    }
}

#[inline(always)]
fn hard_sigmoid<S: Simd>(simd: S, x: S::V) -> S::V {
    let shifted = simd.add(x, simd.splat(3.0));
    let clipped = simd.at_most(simd.at_least(shifted, simd.splat(0.0)), simd.splat(6.0));
    simd.mul(clipped, simd.splat(1.0 / 6.0))
}

/// `gradient * f'`, from `y = f(x)` if the derivative follows from it.
#[inline(always)]
pub(super) fn gradient_from_output<S: Simd>(
    simd: S,
    activation: Activation,
    y: S::V,
    gradient: S::V,
) -> S::V {
    let one = simd.splat(1.0);
    match activation {
        Activation::Identity | Activation::Silu | Activation::HardSwish => gradient,
        Activation::Relu => simd.where_positive(y, gradient),
        Activation::Relu6 => {
            simd.where_positive(simd.sub(simd.splat(6.0), y), simd.where_positive(y, gradient))
        }
        Activation::LeakyRelu { slope } => {
            let scaled = simd.mul(simd.splat(slope), gradient);
            simd.add(scaled, simd.where_positive(y, simd.sub(gradient, scaled)))
        }
        Activation::Elu => {
            let derivative = simd.add(one, simd.at_most(y, simd.splat(0.0)));
            simd.mul(gradient, derivative)
        }
        Activation::Sigmoid => simd.mul(gradient, simd.mul(y, simd.sub(one, y))),
        Activation::Tanh => simd.mul(gradient, simd.sub(one, simd.mul(y, y))),
        Activation::HardSigmoid => {
            let sixth = simd.mul(gradient, simd.splat(1.0 / 6.0));
            simd.where_positive(simd.sub(one, y), simd.where_positive(y, sixth))
        }
        Activation::Scale { factor } => simd.mul(simd.splat(factor), gradient),
    }
}

/// `gradient * f'(x)` where the derivative does not follow from the output.
#[inline(always)]
fn gradient_from_input<S: Simd>(simd: S, activation: Activation, x: S::V, gradient: S::V) -> S::V {
    match activation {
        Activation::Silu => simd.mul(gradient, map_lanes(simd, x, silu_derivative)),
        Activation::HardSwish => simd.mul(gradient, map_lanes(simd, x, hard_swish_derivative)),
        Activation::Identity
        | Activation::Relu
        | Activation::Relu6
        | Activation::LeakyRelu { .. }
        | Activation::Elu
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::HardSigmoid
        | Activation::Scale { .. } => gradient,
    }
}

pub(super) struct Activate {
    pub(super) activation: Activation,
    pub(super) input: Tensor,
    pub(super) output: Tensor,
}

impl Kernel for Activate {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.input, self.output]).chunks(), self);
    }
}

impl Task for Activate {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let split = RowSplit::of(&[self.input, self.output]);
        let target = Target { tensor: self.output, accumulate: false };
        let f = inlined(
            #[inline(always)]
            |[x]: [S::V; 1]| apply(simd, self.activation, x),
        );
        // SAFETY: the tensors were checked, and chunks hold different rows.
        unsafe { map_rows(simd, context, split, chunk, [self.input], target, f) };
    }
}

pub(super) struct ActivateGrad {
    pub(super) activation: Activation,
    pub(super) input: Tensor,
    pub(super) output: Tensor,
    pub(super) grad_output: Tensor,
    pub(super) target: Target,
}

impl ActivateGrad {
    fn sources(&self) -> [Tensor; 2] {
        let from_output = self.activation.derivative_from_output();
        [if from_output { self.output } else { self.input }, self.grad_output]
    }

    fn split(&self) -> RowSplit {
        let [first, second] = self.sources();
        RowSplit::of(&[first, second, self.target.tensor])
    }
}

impl Kernel for ActivateGrad {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.split().chunks(), self);
    }
}

impl Task for ActivateGrad {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let (split, sources) = (self.split(), self.sources());
        let f = inlined(
            #[inline(always)]
            |[value, gradient]: [S::V; 2]| {
                if self.activation.derivative_from_output() {
                    gradient_from_output(simd, self.activation, value, gradient)
                } else {
                    gradient_from_input(simd, self.activation, value, gradient)
                }
            },
        );
        // SAFETY: the tensors were checked, and chunks hold different rows.
        unsafe { map_rows(simd, context, split, chunk, sources, self.target, f) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_accurate_to_two_units_in_the_last_place() {
        for i in 0..87_000 {
            let x = -(i as f32) * 1e-3;
            let (found, expected) = (f64::from(exp_of_nonpositive(x)), f64::from(x).exp());
            assert!(
                ((found - expected) / expected).abs() < 2.4e-7,
                "exp({x}) = {found}, not {expected}"
            );
        }
        assert!(exp_of_nonpositive(f32::NEG_INFINITY) < 1e-37);
        assert!(exp_of_nonpositive(f32::NAN).is_nan());
    }
}

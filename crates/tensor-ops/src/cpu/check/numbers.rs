//! Attributes that must be numbers of a certain kind.

use super::windows::LIMIT;
use crate::{Activation, ResponseNorm};

pub(super) fn fraction(name: &str, value: f32) -> Result<(), String> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(format!("`{name}` is {value}, not in [0, 1)"))
}

pub(super) fn from_output(activation: Activation) -> Result<(), String> {
    slope(activation)?;
    if activation.derivative_from_output() {
        return Ok(());
    }
    Err(format!(
        "the derivative of `{activation:?}` does not follow from its output: use `Activate`"
    ))
}

pub(super) fn slope(activation: Activation) -> Result<(), String> {
    match activation {
        Activation::LeakyRelu { slope } if !(slope >= 0.0 && slope.is_finite()) => {
            Err(format!("`slope` is {slope}, not a number from 0 on"))
        }
        Activation::Scale { factor } if !factor.is_finite() => {
            Err(format!("`factor` is {factor}, not a finite number"))
        }
        Activation::LeakyRelu { .. }
        | Activation::Identity
        | Activation::Relu
        | Activation::Relu6
        | Activation::Elu
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::Silu
        | Activation::HardSigmoid
        | Activation::HardSwish
        | Activation::Scale { .. } => Ok(()),
    }
}

pub(super) fn response_norm(norm: ResponseNorm) -> Result<(), String> {
    let ResponseNorm { before, after, alpha, beta, bias } = norm;
    if before >= LIMIT || after >= LIMIT {
        return Err(format!("too large a window in {norm:?}"));
    }
    if alpha >= 0.0 && alpha.is_finite() && beta.is_finite() && bias > 0.0 && bias.is_finite() {
        return Ok(());
    }
    Err(format!("`alpha` must be 0 or more, `bias` positive and `beta` finite in {norm:?}"))
}

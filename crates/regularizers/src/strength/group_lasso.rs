//! Norms of filters as strengths.

use graph::{Graph, NodeId, Op, Role};
use training::Parameters;

use super::{Strength, add_to, gamma::sign, values_of};
use crate::StrengthError;

/// `(1 - f) * sqrt(mean w^2) + f * mean |w|` over all weights of an output channel, its bias left out, of every convolution
/// and linear layer (`GroupLassoRegularizer`). The derivative of the root at an all-zero filter is 0, where the original's
/// is not a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupLasso {
    l1_fraction: f32,
}

impl GroupLasso {
    /// With the share `f` of the L1 norm; an error unless it lies in `[0, 1]`.
    pub fn new(l1_fraction: f32) -> Result<Self, StrengthError> {
        if (0.0..=1.0).contains(&l1_fraction) {
            Ok(Self { l1_fraction })
        } else {
            Err(StrengthError::L1Fraction(l1_fraction))
        }
    }
}

/// The kernel of a source, row-major: the channel that an element belongs to is `position / inner % out`, where `inner` is 1
/// unless the input channel runs fastest.
struct Kernel<'a> {
    values: &'a [f32],
    out: usize,
    inner: usize,
}

/// Norms of one filter.
#[derive(Clone, Copy, Default)]
struct Norms {
    squares: f64,
    absolute: f64,
}

impl Norms {
    fn add(&mut self, weight: f32) {
        let weight = f64::from(weight);
        self.squares += weight * weight;
        self.absolute += weight.abs();
    }
}

impl<'a> Kernel<'a> {
    fn of(graph: &Graph, node: NodeId, parameters: &'a Parameters) -> Result<Self, StrengthError> {
        let body = graph.node(node);
        let out = body.shape.channels;
        let input = graph.node(body.inputs[0]).shape.channels;
        let inner = if matches!(body.op, Op::ConvTranspose(_)) { input } else { 1 };
        let rows =
            parameters.get(node, Role::Weight).map_or(1, |kernel| kernel.len() / out / inner);
        let values = values_of(graph, node, Role::Weight, rows * out * inner, parameters)?;
        Ok(Self { values, out, inner })
    }

    /// Number of weights of one output channel.
    fn per_channel(&self) -> f64 {
        (self.values.len() / self.out) as f64
    }

    fn norms(&self) -> Vec<Norms> {
        let mut norms = vec![Norms::default(); self.out];
        for row in self.values.chunks_exact(self.out * self.inner) {
            if self.inner == 1 {
                for (norms, weight) in norms.iter_mut().zip(row) {
                    norms.add(*weight);
                }
                continue;
            }
            for (norms, filter) in norms.iter_mut().zip(row.chunks_exact(self.inner)) {
                for weight in filter {
                    norms.add(*weight);
                }
            }
        }
        norms
    }
}

impl Strength for GroupLasso {
    fn name(&self) -> &'static str {
        "group-lasso"
    }

    fn is_source(&self, graph: &Graph, node: NodeId) -> bool {
        graph.node(node).op.is_producer() && graph.owner(node) == node
    }

    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError> {
        let kernel = Kernel::of(graph, node, parameters)?;
        let (fraction, count) = (f64::from(self.l1_fraction), kernel.per_channel());
        let value = |norms: Norms| {
            (1.0 - fraction) * (norms.squares / count).sqrt() + fraction * norms.absolute / count
        };
        Ok(kernel.norms().into_iter().map(|norms| value(norms) as f32).collect())
    }

    /// Strictly above the threshold.
    fn is_alive(&self, value: f32, threshold: f32) -> bool {
        value > threshold
    }

    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError> {
        let kernel = Kernel::of(graph, node, parameters)?;
        let (fraction, count) = (f64::from(self.l1_fraction), kernel.per_channel());
        // d sqrt(s / n) / d w = w / (n * sqrt(s / n)); the factor of w is 0 for an all-zero filter.
        let factor = |norms: Norms| {
            let root = (norms.squares / count).sqrt();
            if root == 0.0 { 0.0 } else { (1.0 - fraction) / (count * root) }
        };
        let factors: Vec<f64> = kernel.norms().into_iter().map(factor).collect();
        let terms = kernel.values.iter().enumerate().map(|(position, weight)| {
            let channel = position / kernel.inner % kernel.out;
            let slope = factors[channel] * f64::from(*weight) + fraction / count * sign(*weight);
            upstream[channel] * slope
        });
        add_to(gradient, parameters, (node, Role::Weight), terms);
        Ok(())
    }

    fn is_probability(&self) -> bool {
        false
    }
}

//! The original's norms of very long filters.

use graph::{Graph, NodeId, Role};
use regularizers::{GroupLasso, Strength, StrengthError};
use training::Parameters;

/// The group lasso with the original's sums.
///
/// The original sums in single precision, one row of the kernel after another, in four blocks of rows; over the 25,088 weights
/// of a filter of VGG's first fully connected layer this loses up to five parts in 10^5, which is more than the tolerance. Ours
/// sums in double precision. Short filters are ours as they are.
#[derive(Debug)]
pub(crate) struct SinglePrecision {
    ours: GroupLasso,
    l1_fraction: f32,
}

impl SinglePrecision {
    pub(crate) fn new(l1_fraction: f32) -> Result<Self, String> {
        let ours = GroupLasso::new(l1_fraction).map_err(|error| error.to_string())?;
        Ok(Self { ours, l1_fraction })
    }

    /// Whether the weights of a filter are so many that single precision is not precise enough.
    pub(crate) fn is_long(weights: usize) -> bool {
        weights > 1 << 14
    }
}

impl Strength for SinglePrecision {
    fn name(&self) -> &'static str {
        self.ours.name()
    }

    fn is_source(&self, graph: &Graph, node: NodeId) -> bool {
        self.ours.is_source(graph, node)
    }

    fn values(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
    ) -> Result<Vec<f32>, StrengthError> {
        let ours = self.ours.values(graph, node, parameters)?;
        let kernel = parameters.values(node, Role::Weight).unwrap_or_default();
        let (out, rows) = (ours.len(), kernel.len() / ours.len());
        if !Self::is_long(rows) {
            return Ok(ours);
        }
        let (mut squares, mut absolute) = (vec![0.0_f32; out], vec![0.0_f32; out]);
        for block in kernel.chunks(rows.div_ceil(4) * out) {
            let (mut block_squares, mut block_absolute) = (vec![0.0_f32; out], vec![0.0_f32; out]);
            for row in block.chunks(out) {
                for (channel, weight) in row.iter().enumerate() {
                    block_squares[channel] += weight * weight;
                    block_absolute[channel] += weight.abs();
                }
            }
            for channel in 0..out {
                squares[channel] += block_squares[channel];
                absolute[channel] += block_absolute[channel];
            }
        }
        let (fraction, count) = (self.l1_fraction, rows as f32);
        let value = |(squares, absolute): (f32, f32)| {
            (1.0 - fraction) * (squares / count).sqrt() + fraction * (absolute / count)
        };
        Ok(squares.into_iter().zip(absolute).map(value).collect())
    }

    fn is_alive(&self, value: f32, threshold: f32) -> bool {
        self.ours.is_alive(value, threshold)
    }

    fn add_gradient(
        &self,
        graph: &Graph,
        node: NodeId,
        parameters: &Parameters,
        upstream: &[f64],
        gradient: &mut Parameters,
    ) -> Result<(), StrengthError> {
        self.ours.add_gradient(graph, node, parameters, upstream, gradient)
    }

    fn is_probability(&self) -> bool {
        self.ours.is_probability()
    }
}

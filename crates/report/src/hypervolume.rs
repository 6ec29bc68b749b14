//! How much of the plane of cost and quality some points dominate.

use crate::pareto::front;

/// The area that points dominate, up to a reference point.
///
/// A point is `(cost, quality)`; it dominates what costs no less and is no better. The area is that of the union of the
/// rectangles between each point and the reference, the indicator of Zitzler and Thiele (1998) for two objectives. Points
/// that do not dominate the reference have no part in it, and neither has a NaN.
pub fn hypervolume(points: &[(f64, f64)], reference: (f64, f64)) -> f64 {
    let (most, least) = reference;
    let inside: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|&(cost, quality)| cost <= most && quality >= least)
        .collect();
    let front: Vec<(f64, f64)> = front(&inside).into_iter().map(|index| inside[index]).collect();
    let ends = front.iter().skip(1).map(|&(cost, _)| cost).chain([most]);
    front.iter().zip(ends).map(|(&(cost, quality), end)| (end - cost) * (quality - least)).sum()
}

/// The rectangle that points are seen in: cost on a logarithmic scale, from its least to its greatest, and quality likewise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Logarithms of the least and the greatest cost.
    cost: (f64, f64),
    quality: (f64, f64),
}

impl Frame {
    /// The smallest frame around some points. None if all have the same cost or the same quality, or a cost is not positive.
    pub fn around(points: &[(f64, f64)]) -> Option<Self> {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let start = (f64::INFINITY, f64::NEG_INFINITY);
            values.fold(start, |(low, high), value| (low.min(value), high.max(value)))
        };
        let cost = range(&mut points.iter().map(|(cost, _)| cost.ln()));
        let quality = range(&mut points.iter().map(|(_, quality)| *quality));
        let is_range = |(low, high): (f64, f64)| low < high && (high - low).is_finite();
        (is_range(cost) && is_range(quality)).then_some(Self { cost, quality })
    }

    /// The share of the frame that some points dominate, from 0 to 1: their [`hypervolume`], with the greatest cost and the
    /// least quality of the frame as the reference, and the logarithm of cost in place of cost.
    ///
    /// Only shares in the same frame can be compared.
    pub fn share(&self, points: &[(f64, f64)]) -> f64 {
        let place = |low: f64, high: f64, value: f64| ((value - low) / (high - low)).max(0.0);
        let placed: Vec<(f64, f64)> = points
            .iter()
            .map(|(cost, quality)| {
                let across = place(self.cost.0, self.cost.1, cost.ln());
                (across, place(self.quality.0, self.quality.1, *quality).min(1.0))
            })
            .collect();
        hypervolume(&placed, (1.0, 0.0)).min(1.0)
    }
}

//! A maximum without a corner.

use serde::{Deserialize, Serialize};

/// The p-norm `(x1^p + x2^p + ...)^(1/p)` in place of the maximum of numbers that are not negative.
///
/// It is at least the maximum and at most `k^(1/p)` times the maximum of `k` numbers, and comes nearer with a larger `p`. Of
/// the usual smooth maxima it is the one that is homogeneous: it needs no scale in nanoseconds, what is free stays free, and
/// the widths times their prices still add up to the degree times the cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Smooth {
    power: f64,
}

impl Smooth {
    /// Smallest and largest power. Above the largest, the norm is the maximum to within one part in a thousand.
    const RANGE: std::ops::RangeInclusive<f64> = 1.0..=1000.0;

    /// The norm of this power; none outside 1 to 1000. Power 1 is the sum: no overlap of computing and memory at all.
    pub fn new(power: f64) -> Option<Self> {
        Self::RANGE.contains(&power).then_some(Self { power })
    }

    /// The power.
    pub fn power(self) -> f64 {
        self.power
    }

    /// The norm.
    pub fn maximum(self, values: &[f64]) -> f64 {
        let largest = values.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 || !largest.is_finite() {
            return largest;
        }
        let sum: f64 = values.iter().map(|value| (value / largest).powf(self.power)).sum();
        largest * sum.powf(1.0 / self.power)
    }

    /// Derivative of the norm with respect to every value; where all are 0, that of the maximum, which is the first.
    pub fn slopes(self, values: &[f64]) -> Vec<f64> {
        let norm = self.maximum(values);
        if norm == 0.0 || !norm.is_finite() {
            return (0..values.len()).map(|position| f64::from(u8::from(position == 0))).collect();
        }
        values.iter().map(|value| (value / norm).powf(self.power - 1.0)).collect()
    }
}

impl TryFrom<f64> for Smooth {
    type Error = String;

    fn try_from(power: f64) -> Result<Self, String> {
        Self::new(power)
            .ok_or_else(|| format!("must be a power of a norm between 1 and 1000, is {power}"))
    }
}

impl From<Smooth> for f64 {
    fn from(smooth: Smooth) -> Self {
        smooth.power
    }
}

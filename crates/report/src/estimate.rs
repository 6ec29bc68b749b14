//! A quantity that was measured several times.

/// What repeated measurements of one quantity say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Number of measurements, at least 1.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation, with `n - 1` in the denominator; `None` for a single measurement.
    pub std: Option<f64>,
}

impl Estimate {
    /// The estimate by some measurements; `None` without any. The mean lies between the least and the greatest of them,
    /// whatever the rounding.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let least = values.iter().copied().reduce(f64::min)?;
        let greatest = values.iter().copied().reduce(f64::max)?;
        let mean = (values.iter().sum::<f64>() / n as f64).clamp(least, greatest);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        Some(Self { n, mean, std })
    }

    /// Standard error of the mean: the standard deviation divided by the square root of `n`.
    pub fn standard_error(&self) -> Option<f64> {
        self.std.map(|std| std / (self.n as f64).sqrt())
    }
}

//! Learned widths against uniform ones at equal FLOPs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::error::Error;
use crate::mode::Mode;
use crate::row::Arm;
use crate::summary::Summary;

/// Scores of uniform widths as a function of FLOPs.
///
/// Between two uniform points a score is linear in the logarithm of FLOPs; outside their range nothing is
/// claimed. Points of equal FLOPs count as one point of their mean score.
#[derive(Debug, Clone, PartialEq)]
pub struct UniformCurve {
    /// Rising FLOPs, no two equal.
    knots: Vec<Knot>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Knot {
    flops: f64,
    scores: Scores,
}

/// Validation and test score, as fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// On the validation set.
    pub validation: f64,
    /// On the test set.
    pub test: f64,
}

impl Scores {
    fn zip(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            validation: with(self.validation, other.validation),
            test: with(self.test, other.test),
        }
    }
}

impl UniformCurve {
    /// The curve through the uniform points among the summaries; empty when there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if a summary has FLOPs or scores that are out of range or not numbers.
    pub fn of(summaries: &[Summary]) -> Result<Self, Error> {
        Self::through(summaries, |_| true)
    }

    /// The curve through some of the uniform points.
    fn through(summaries: &[Summary], is_on: impl Fn(&Summary) -> bool) -> Result<Self, Error> {
        let mut points = Vec::new();
        for summary in summaries {
            summary.check()?;
            if summary.arm == Arm::Uniform && is_on(summary) {
                points.push(Knot { flops: summary.flops, scores: scores(summary) });
            }
        }
        points.sort_by(|a, b| a.flops.total_cmp(&b.flops));
        let knots = points.chunk_by(|a, b| a.flops == b.flops).map(merge).collect();
        Ok(Self { knots })
    }

    /// Scores at a cost; `None` outside the range of the uniform points.
    pub fn at(&self, flops: f64) -> Option<Scores> {
        let above = self.knots.iter().position(|knot| knot.flops >= flops)?;
        let high = self.knots[above];
        if high.flops == flops {
            return Some(high.scores);
        }
        let low = self.knots[above.checked_sub(1)?];
        // A ratio of distinct floats never rounds to 1, so the denominator is positive.
        let along = (flops / low.flops).ln() / (high.flops / low.flops).ln();
        Some(
            low.scores
                .zip(high.scores, |a, b| (a * (1.0 - along) + b * along).clamp(a.min(b), a.max(b))),
        )
    }
}

fn scores(summary: &Summary) -> Scores {
    Scores { validation: summary.validation_score, test: summary.test_score }
}

fn merge(points: &[Knot]) -> Knot {
    let zero = Scores { validation: 0.0, test: 0.0 };
    let sum = points.iter().fold(zero, |sum, point| sum.zip(point.scores, |a, b| a + b));
    let n = points.len() as f64;
    Knot { flops: points[0].flops, scores: sum.zip(zero, |a, _| a / n) }
}

/// What a point has over the uniform curve at its own FLOPs, in points (0.01 of a fraction).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Validation score, this point's minus uniform.
    pub validation_points: f64,
    /// Test score, this point's minus uniform.
    pub test_points: f64,
}

/// Every point against the uniform curve; what counts wins and means counts learned points only.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// One entry per summary, in their order; `None` for a uniform point and for any other point outside the range
    /// of the uniform curve.
    pub differences: Vec<Option<Difference>>,
    /// Those of learned points.
    of_learned: Vec<Difference>,
    /// Number of learned points, compared or not.
    pub learned: usize,
    /// Number of uniform points.
    pub uniform: usize,
}

impl Comparison {
    /// Number of learned points that have a uniform counterpart.
    pub fn compared(&self) -> usize {
        self.known().count()
    }

    /// Number of learned points strictly above the curve by validation score.
    pub fn validation_wins(&self) -> usize {
        self.known().filter(|difference| difference.validation_points > 0.0).count()
    }

    /// Number of learned points strictly above the curve by test score.
    pub fn test_wins(&self) -> usize {
        self.known().filter(|difference| difference.test_points > 0.0).count()
    }

    /// The mean difference over the learned points compared; `None` when there are none.
    pub fn mean(&self) -> Option<Difference> {
        let n = self.compared() as f64;
        (n > 0.0).then(|| Difference {
            validation_points: self.known().map(|d| d.validation_points).sum::<f64>() / n,
            test_points: self.known().map(|d| d.test_points).sum::<f64>() / n,
        })
    }

    fn known(&self) -> impl Iterator<Item = &Difference> {
        self.of_learned.iter()
    }
}

/// Compares every other summary with the uniform curve of its variant at the same FLOPs, or with that of all variants where they
/// share one: that of its own mode of training, or where there is none, that of the first mode that has one.
///
/// # Errors
///
/// [`Error::Value`] if a summary has FLOPs or scores that are out of range or not numbers.
pub fn compare(summaries: &[Summary]) -> Result<Comparison, Error> {
    let mut curves: BTreeMap<(Option<&str>, Mode), UniformCurve> = BTreeMap::new();
    for summary in summaries {
        let variant = summary.variant.as_deref();
        let of_variant = |it: &&Summary| {
            it.arm == Arm::Uniform && (it.variant.is_none() || it.variant.as_deref() == variant)
        };
        let uniform = || summaries.iter().filter(of_variant);
        let own = uniform().any(|it| it.mode == summary.mode);
        let first = uniform().map(|it| it.mode).min().unwrap_or_default();
        let mode = if own { summary.mode } else { first };
        if let Entry::Vacant(vacant) = curves.entry((variant, summary.mode)) {
            vacant
                .insert(UniformCurve::through(summaries, |it| of_variant(&it) && it.mode == mode)?);
        }
    }
    let difference = |summary: &Summary| {
        let found = (summary.arm != Arm::Uniform).then(|| scores(summary))?;
        let curve = curves.get(&(summary.variant.as_deref(), summary.mode))?;
        let gap = found.zip(curve.at(summary.flops)?, |found, uniform| 100.0 * (found - uniform));
        Some(Difference { validation_points: gap.validation, test_points: gap.test })
    };
    let learned = || summaries.iter().filter(|summary| summary.arm.is_learned());
    Ok(Comparison {
        differences: summaries.iter().map(difference).collect(),
        of_learned: learned().filter_map(difference).collect(),
        learned: learned().count(),
        uniform: summaries.iter().filter(|it| it.arm == Arm::Uniform).count(),
    })
}

//! Differences from uniform widths at equal cost, paired by seed.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Difference, compare};
use crate::error::Error;
use crate::estimate::Estimate;
use crate::row::PointRow;
use crate::summary::{position, summarize};

/// What a point has over uniform widths of equal FLOPs, in accuracy points (0.01 of a fraction).
///
/// A difference is taken within each seed: the accuracy of the point under that seed, minus that of the
/// [`UniformCurve`](crate::UniformCurve) through the uniform networks of the same seed, at the FLOPs that the point has under it.
/// What networks of one seed share (their batches, the luck of their initial weights) is no part of the difference. Mean and
/// deviation are over seeds; those under which the curve does not reach the point are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// By validation accuracy.
    pub validation: Estimate,
    /// By test accuracy.
    pub test: Estimate,
}

/// The paired differences of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedComparison {
    /// For each summary of [`summarize`], in their order, the seeds under which it is compared, rising, with its differences.
    points: Vec<Vec<(u64, Difference)>>,
}

impl PairedComparison {
    /// What the seeds say of the point at this position. None for a uniform point, and where no seed has a uniform network on
    /// both sides.
    pub fn of(&self, point: usize) -> Option<PairedDifference> {
        let differences: Vec<Difference> =
            self.points[point].iter().map(|(_, difference)| *difference).collect();
        estimate(&differences)
    }

    /// The mean over some points under each seed, and what the seeds say of it. None where nothing is compared.
    pub fn mean(&self, points: &[usize]) -> Option<PairedDifference> {
        let mut by_seed: BTreeMap<u64, Vec<Difference>> = BTreeMap::new();
        for (seed, difference) in points.iter().flat_map(|&point| &self.points[point]) {
            by_seed.entry(*seed).or_default().push(*difference);
        }
        let mean = |found: Vec<Difference>| {
            let n = found.len() as f64;
            Difference {
                validation_points: found.iter().map(|it| it.validation_points).sum::<f64>() / n,
                test_points: found.iter().map(|it| it.test_points).sum::<f64>() / n,
            }
        };
        estimate(&by_seed.into_values().map(mean).collect::<Vec<_>>())
    }
}

fn estimate(differences: &[Difference]) -> Option<PairedDifference> {
    let of = |field: fn(&Difference) -> f64| {
        Estimate::of(&differences.iter().map(field).collect::<Vec<f64>>())
    };
    let (validation, test) = (of(|it| it.validation_points)?, of(|it| it.test_points)?);
    Some(PairedDifference { validation, test })
}

/// Compares every point with uniform widths, seed by seed.
///
/// # Errors
///
/// As [`summarize`].
pub fn paired(rows: &[PointRow]) -> Result<PairedComparison, Error> {
    let summaries = summarize(rows)?;
    let seeds: BTreeSet<u64> = rows.iter().map(|row| row.seed).collect();
    let mut points = vec![Vec::new(); summaries.len()];
    for seed in seeds {
        let of_seed: Vec<PointRow> = rows.iter().filter(|row| row.seed == seed).cloned().collect();
        let alone = summarize(&of_seed)?;
        let differences = compare(&alone)?.differences;
        for row in &of_seed {
            let [of_all, of_seed] = [&summaries, &alone]
                .map(|among| position(among, row).expect("every row is a part of a summary"));
            points[of_all].extend(differences[of_seed].map(|difference| (seed, difference)));
        }
    }
    Ok(PairedComparison { points })
}

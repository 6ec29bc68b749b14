//! A point averaged over its seeds.

use std::cmp::Ordering;

use crate::error::Error;
use crate::estimate::Estimate;
use crate::metric::Metric;
use crate::mode::Mode;
use crate::number::compact;
use crate::row::{
    Arm, COLUMNS, MORE_COLUMNS, PointRow, expectation, into_text, is_fraction, is_positive,
    more_columns,
};

/// A point of a sweep, averaged over seeds.
///
/// Learned widths differ between seeds, so the counts and the width multiplier are means; the counts need not be whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How the widths came about.
    pub arm: Arm,
    /// Regularization strength; `None` for [`Arm::Uniform`] and where there is a target.
    pub regularization_strength: Option<f64>,
    /// Width multiplier of the seed whose cost is the budget; `Some` exactly for [`Arm::Expand`].
    pub budget: Option<f64>,
    /// Mean of what the widths were multiplied with.
    pub width_multiplier: f64,
    /// The seeds, rising; their number is the `n` of the means.
    pub seeds: Vec<u64>,
    /// Mean multiply-adds per image.
    pub macs: f64,
    /// Mean floating-point operations per image.
    pub flops: f64,
    /// Mean number of trainable parameters.
    pub params: f64,
    /// Mean activations per image.
    pub activations: f64,
    /// Mean of the validation scores, a fraction.
    pub validation_score: f64,
    /// Sample standard deviation of the validation scores; `None` for a single seed.
    pub validation_std: Option<f64>,
    /// Mean of the test scores, a fraction.
    pub test_score: f64,
    /// Sample standard deviation of the test scores; `None` for a single seed.
    pub test_std: Option<f64>,
    /// Epochs of retraining; the mean, rounded, where each seed has its own.
    pub epochs: u32,
    /// Mean number of dead channels.
    pub dead_channels: f64,
    /// Hash of the widths under each seed, in the order of `seeds`.
    pub structures: Vec<String>,
    /// The target of the search, if it had one.
    pub target: Option<String>,
    /// Cycle of the search, from 1.
    pub cycle: u32,
    /// How the network was trained before it was scored.
    pub mode: Mode,
    /// The variant of the experiment; `None` if there is one, and for uniform networks that are the same in all.
    pub variant: Option<String>,
    /// What the scores are.
    pub metric: Metric,
}

impl Summary {
    /// The point in words: `uniform x0.75` by its multiplier, `shrink 4` by its strength, and `expand 4 to 1` by its
    /// strength and budget. A target stands for the strength; a cycle after the first is added, a mode other than scratch, and the
    /// variant.
    pub fn name(&self) -> String {
        let search = pressure(self.regularization_strength, self.target.as_deref());
        let name = point_name(self.arm, &search, self.budget, self.width_multiplier, self.cycle);
        name + &self.mode.suffix() + &suffix(self.variant.as_deref())
    }

    /// The arm, with the cycle if it is not the first, the mode if it is not scratch, and the variant: `expand, cycle 2, grow`.
    pub(crate) fn series(&self) -> String {
        series(self.arm, self.cycle, self.mode, self.variant.as_deref())
    }

    /// The strength or the target of the search; empty if there was none.
    pub(crate) fn pressure(&self) -> String {
        pressure(self.regularization_strength, self.target.as_deref())
    }

    /// Refuses a summary that cannot be placed on a curve.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let deviation_fits = |deviation: Option<f64>| deviation.is_none_or(is_fraction);
        let checks = [
            (is_positive(self.flops), "flops", self.flops),
            (
                is_fraction(self.validation_score),
                self.metric.column("validation_accuracy"),
                self.validation_score,
            ),
            (is_fraction(self.test_score), self.metric.column("test_accuracy"), self.test_score),
            (
                deviation_fits(self.validation_std),
                self.metric.column(VALIDATION_STD),
                self.validation_std.unwrap_or(0.0),
            ),
            (
                deviation_fits(self.test_std),
                self.metric.column(TEST_STD),
                self.test_std.unwrap_or(0.0),
            ),
        ];
        match checks.into_iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, column, found)) => Err(Error::Value {
                at: self.name(),
                column,
                found: found.to_string(),
                expected: match column {
                    "flops" => "a finite number above 0",
                    _ => expectation("test_accuracy"),
                },
            }),
        }
    }
}

const VALIDATION_STD: &str = "validation_accuracy_std";
const TEST_STD: &str = "test_accuracy_std";

fn pressure(strength: Option<f64>, target: Option<&str>) -> String {
    match (strength, target) {
        (Some(strength), _) => compact(strength),
        (None, Some(target)) => target.to_owned(),
        (None, None) => String::new(),
    }
}

pub(crate) fn series(arm: Arm, cycle: u32, mode: Mode, variant: Option<&str>) -> String {
    let cycle = if cycle == 1 { String::new() } else { format!(", cycle {cycle}") };
    format!("{arm}{cycle}{}{}", mode.suffix(), suffix(variant))
}

/// The variant behind a name.
pub(crate) fn suffix(variant: Option<&str>) -> String {
    variant.map_or_else(String::new, |variant| format!(", {variant}"))
}

fn point_name(
    arm: Arm,
    search: &str,
    budget: Option<f64>,
    width_multiplier: f64,
    cycle: u32,
) -> String {
    let learned = if search.is_empty() { String::new() } else { format!(" {search}") };
    let cycle = if cycle == 1 { String::new() } else { format!(", cycle {cycle}") };
    match (arm, budget) {
        (Arm::Uniform, _) => format!("{arm} x{}", compact(width_multiplier)),
        (_, None) => format!("{arm}{learned}{cycle}"),
        (_, Some(budget)) => format!("{arm}{learned} to {}{cycle}", compact(budget)),
    }
}

/// Averages the rows of each point over seeds. A point is a variant, an arm, a cycle, a strength or target, a scale and a mode. The
/// scale is the budget of an expansion, whatever multiplier spends it under each seed, and the width multiplier otherwise. Uniform
/// networks that are the same in all variants are one summary, of no variant.
///
/// The result is ordered by variant, arm, cycle, strength or target, scale and mode, and does not depend on the order of the rows.
///
/// # Errors
///
/// [`Error::Value`] for a row with a score outside `0..=1`, no FLOPs, or a strength, budget or multiplier that does
/// not fit its arm; [`Error::RepeatedSeed`], [`Error::MixedEpochs`] and [`Error::MixedMetrics`] for rows that cannot be averaged.
pub fn summarize(rows: &[PointRow]) -> Result<Vec<Summary>, Error> {
    for (index, row) in rows.iter().enumerate() {
        row.check(|| format!("row {}", index + 1))?;
    }
    let metric = rows.first().map(|row| row.metric);
    if let (Some(metric), Some(other)) =
        (metric, rows.iter().find(|row| Some(row.metric) != metric))
    {
        return Err(Error::MixedMetrics { first: metric.name(), second: other.metric.name() });
    }
    let mut sorted: Vec<&PointRow> = rows.iter().collect();
    sorted.sort_by(|a, b| by_point(a, b).then(a.seed.cmp(&b.seed)));
    let points = sorted.chunk_by(|a, b| by_point(a, b) == Ordering::Equal);
    Ok(with_shared(points.map(average).collect::<Result<_, _>>()?))
}

/// Uniform summaries that are equal in all variants, once.
fn with_shared(summaries: Vec<Summary>) -> Vec<Summary> {
    let variants = summaries.chunk_by(|a, b| a.variant == b.variant).count();
    if variants < 2 {
        return summaries;
    }
    let without = |summary: &Summary| Summary { variant: None, ..summary.clone() };
    let uniform = summaries.iter().filter(|it| it.arm == Arm::Uniform).map(without);
    let mut counted: Vec<(Summary, usize)> = Vec::new();
    for summary in uniform {
        match counted.iter_mut().find(|(known, _)| *known == summary) {
            Some((_, count)) => *count += 1,
            None => counted.push((summary, 1)),
        }
    }
    counted.retain(|(_, count)| *count == variants);
    let shared: Vec<Summary> = counted.into_iter().map(|(summary, _)| summary).collect();
    let is_own = |it: &Summary| it.arm != Arm::Uniform || !shared.contains(&without(it));
    let own: Vec<Summary> = summaries.into_iter().filter(is_own).collect();
    [shared, own].concat()
}

/// What tells points apart, in the order of [`summarize`].
#[derive(Debug, Clone, Copy)]
struct Identity<'a> {
    variant: Option<&'a str>,
    arm: Arm,
    cycle: u32,
    target: Option<&'a str>,
    strength: f64,
    scale: f64,
    mode: Mode,
}

impl Identity<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.variant
            .cmp(&other.variant)
            .then(self.arm.cmp(&other.arm))
            .then(self.cycle.cmp(&other.cycle))
            .then(self.target.cmp(&other.target))
            .then(self.strength.total_cmp(&other.strength))
            .then(self.scale.total_cmp(&other.scale))
            .then(self.mode.cmp(&other.mode))
    }
}

fn identity(row: &PointRow) -> Identity<'_> {
    Identity {
        variant: row.variant.as_deref(),
        arm: row.arm,
        cycle: row.cycle,
        target: row.target.as_deref(),
        // Adding zero makes -0.0 and 0.0 one strength.
        strength: row.regularization_strength.unwrap_or(0.0) + 0.0,
        scale: row.budget.unwrap_or(row.width_multiplier),
        mode: row.mode,
    }
}

fn by_point(a: &PointRow, b: &PointRow) -> Ordering {
    identity(a).cmp(&identity(b))
}

/// Position of the point that a row belongs to, among the summaries of [`summarize`]: in its variant, or in what all share.
pub(crate) fn position(summaries: &[Summary], row: &PointRow) -> Option<usize> {
    let in_variant = |variant: Option<&str>| {
        let wanted = Identity { variant, ..identity(row) };
        let order = |summary: &Summary| {
            Identity {
                variant: summary.variant.as_deref(),
                arm: summary.arm,
                cycle: summary.cycle,
                target: summary.target.as_deref(),
                strength: summary.regularization_strength.unwrap_or(0.0) + 0.0,
                scale: summary.budget.unwrap_or(summary.width_multiplier),
                mode: summary.mode,
            }
            .cmp(&wanted)
        };
        summaries.binary_search_by(order).ok()
    };
    in_variant(row.variant.as_deref()).or_else(|| in_variant(None))
}

/// One summary of rows that are the same point, in order of seed.
fn average(rows: &[&PointRow]) -> Result<Summary, Error> {
    let first = rows[0];
    let point = || {
        let search = pressure(first.regularization_strength, first.target.as_deref());
        let PointRow { arm, budget, width_multiplier, cycle, mode, .. } = first;
        let name = point_name(*arm, &search, *budget, *width_multiplier, *cycle);
        name + &mode.suffix() + &suffix(first.variant.as_deref())
    };
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].seed == pair[1].seed) {
        return Err(Error::RepeatedSeed { point: point(), seed: pair[0].seed });
    }
    // Learned networks may be trained for equal compute, which each spends on epochs of its own.
    if first.arm == Arm::Uniform
        && let Some(other) = rows.iter().find(|row| row.epochs != first.epochs)
    {
        return Err(Error::MixedEpochs {
            point: point(),
            first: first.epochs.min(other.epochs),
            second: first.epochs.max(other.epochs),
        });
    }
    let n = rows.len() as f64;
    let count = |field: fn(&PointRow) -> u64| {
        rows.iter().map(|row| u128::from(field(row))).sum::<u128>() as f64 / n
    };
    let (validation_score, validation_std) = mean_and_std(rows, |row| row.validation_score);
    let (test_score, test_std) = mean_and_std(rows, |row| row.test_score);
    Ok(Summary {
        arm: first.arm,
        regularization_strength: first.regularization_strength,
        budget: first.budget,
        width_multiplier: mean(rows, |row| row.width_multiplier),
        seeds: rows.iter().map(|row| row.seed).collect(),
        macs: count(|row| row.macs),
        flops: count(|row| row.flops),
        params: count(|row| row.params),
        activations: count(|row| row.activations),
        validation_score,
        validation_std,
        test_score,
        test_std,
        epochs: mean(rows, |row| f64::from(row.epochs)).round() as u32,
        dead_channels: count(|row| row.dead_channels),
        structures: rows.iter().map(|row| row.structure.clone()).collect(),
        target: first.target.clone(),
        cycle: first.cycle,
        mode: first.mode,
        variant: first.variant.clone(),
        metric: first.metric,
    })
}

/// Mean and standard deviation of a field of some rows.
fn mean_and_std(rows: &[&PointRow], field: fn(&PointRow) -> f64) -> (f64, Option<f64>) {
    let values: Vec<f64> = rows.iter().map(|row| field(row)).collect();
    let Estimate { n: _, mean, std } = Estimate::of(&values).expect("a point has a row");
    (mean, std)
}

fn mean(rows: &[&PointRow], field: fn(&PointRow) -> f64) -> f64 {
    mean_and_std(rows, field).0
}

/// The summaries as CSV, in the order given: the columns of `points.csv`, then `n` and the standard deviations, and at the
/// end those of [`MORE_COLUMNS`] that have something to say.
///
/// `seed` and `structure` list the seeds and their structures, separated by spaces; a standard deviation of a
/// single seed is empty.
pub fn to_csv(summaries: &[Summary]) -> String {
    const IN_MEMORY: &str =
        "every record has the same number of fields and a Vec takes every write";
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = columns(summaries);
    writer.write_record(&columns).expect(IN_MEMORY);
    for summary in summaries {
        writer.write_record(&record(summary)[..columns.len()]).expect(IN_MEMORY);
    }
    into_text(writer)
}

/// What the scores of some summaries are, all of one metric.
pub(crate) fn metric_of(summaries: &[Summary]) -> Metric {
    summaries.first().map_or(Metric::default(), |summary| summary.metric)
}

/// Columns of [`to_csv`].
pub(crate) fn columns(summaries: &[Summary]) -> Vec<&'static str> {
    let needs = |summary: &Summary| {
        let has_target_or_cycle = summary.target.is_some() || summary.cycle != 1;
        more_columns(has_target_or_cycle, summary.mode, summary.variant.is_some())
    };
    let more = &MORE_COLUMNS[..summaries.iter().map(needs).max().unwrap_or(0)];
    let own = ["n", VALIDATION_STD, TEST_STD];
    let metric = metric_of(summaries);
    let columns = COLUMNS.iter().chain(&own).chain(more);
    columns.map(|column| metric.column(column)).collect()
}

/// The fields of a summary, in the order of [`columns`], with all of [`MORE_COLUMNS`].
pub(crate) fn record(summary: &Summary) -> [String; COLUMNS.len() + 3 + MORE_COLUMNS.len()] {
    // `{:?}` writes floats as `points.csv` does (1.0); `{}` writes whole means as whole numbers (1).
    let float = |value: f64| format!("{value:?}");
    let optional = |value: Option<f64>| value.map_or_else(String::new, float);
    let seeds: Vec<String> = summary.seeds.iter().map(u64::to_string).collect();
    [
        summary.arm.to_string(),
        optional(summary.regularization_strength),
        optional(summary.budget),
        float(summary.width_multiplier),
        seeds.join(" "),
        summary.macs.to_string(),
        summary.flops.to_string(),
        summary.params.to_string(),
        summary.activations.to_string(),
        float(summary.validation_score),
        float(summary.test_score),
        summary.epochs.to_string(),
        summary.dead_channels.to_string(),
        summary.structures.join(" "),
        summary.seeds.len().to_string(),
        optional(summary.validation_std),
        optional(summary.test_std),
        summary.target.clone().unwrap_or_default(),
        summary.cycle.to_string(),
        summary.mode.to_string(),
        summary.variant.clone().unwrap_or_default(),
    ]
}

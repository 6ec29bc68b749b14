//! From the state of a run to its results: a function of what is finished, and safe to repeat.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use datasets::Streams;
use report::curve::{self, CurveRow, Phase};
use report::{Arm, PointRow};
use training::EpochRecord;

use super::results::{self, Results};
use super::{Run, search};
use crate::clock::Stopwatch;
use crate::plan::{Baseline, Plan, Study, metric};
use crate::provenance::{self, Stream};
use crate::store::{self, Attempt, Presence};

/// Writing what is done so far takes at most one part in so many of the time of a run.
const SHARE: u32 = 20;

/// What is written while a run is at work.
#[derive(Debug, Default)]
pub(super) struct Interim {
    /// When it was last written, and how long that took.
    last: Mutex<Option<(Stopwatch, Duration)>>,
}

impl Interim {
    /// Writes `points.csv`, unless that was done a short while ago or another process or thread is at it.
    pub(super) fn write(&self, runs: &[Run<'_>], presence: &Presence) -> anyhow::Result<()> {
        let Ok(mut last) = self.last.try_lock() else { return Ok(()) };
        let is_soon = |(since, took): &(Stopwatch, Duration)| since.elapsed() < *took * SHARE;
        if last.as_ref().is_some_and(is_soon) {
            return Ok(());
        }
        if let Attempt::Locked(_lock) = presence.try_lock(&presence.folder_lock())? {
            let watch = Stopwatch::start();
            write_points(runs)?;
            *last = Some((watch, watch.elapsed()));
        }
        Ok(())
    }
}

/// Writes `points.csv`: a row per finished point of every variant, in the order of the plan.
fn write_points(runs: &[Run<'_>]) -> anyhow::Result<Vec<PointRow>> {
    let mut all = Vec::new();
    for run in runs {
        all.extend(rows(run)?);
    }
    store::write(&runs[0].folder.join("points.csv"), report::row::to_csv(&all).as_bytes())?;
    Ok(all)
}

/// Writes all results and returns the closing table. What is done is read and written under one lock, so that of several
/// processes the last one writes what all have done.
pub(super) fn write(
    study: &Study,
    runs: &[Run<'_>],
    presence: &Presence,
) -> anyhow::Result<String> {
    let _lock = presence.lock(&presence.folder_lock())?;
    write_points(runs)?;
    let folder = &runs[0].folder;
    let curves = curves(runs)?;
    store::write(&folder.join(results::CURVES), curve::to_csv(&curves).as_bytes())?;
    provenance::write(folder, &study.hash(), streams(study))?;
    Results::of(study, folder).write()
}

/// The epochs of every finished search and retraining, those that variants share once, in the order of the plan.
fn curves(runs: &[Run<'_>]) -> anyhow::Result<Vec<CurveRow>> {
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    for run in runs {
        for search in run.plan.searches() {
            if known.insert(run.networks().search_name(search)) {
                rows.extend(run.search_curve(search)?);
            }
        }
    }
    let mut known = BTreeSet::new();
    for run in runs {
        for plan in run.plan.points() {
            let Some(point) = run.point(plan)? else { continue };
            let name = run.networks().retraining_name(&point.key);
            if !known.insert(name.clone()) {
                continue;
            }
            let Some(result) = run.retrained(&point.key)? else { continue };
            let row = |epoch: &EpochRecord| curve_row(Phase::Retrain, &name, *epoch, None);
            rows.extend(result.epochs.iter().map(row));
        }
    }
    Ok(rows)
}

/// The row of one epoch.
pub(super) fn curve_row(
    phase: Phase,
    name: &str,
    epoch: EpochRecord,
    alive_cost: Option<f64>,
) -> CurveRow {
    let EpochRecord { epoch, loss, accuracy, penalty, learning_rate } = epoch;
    let name = name.to_owned();
    CurveRow { phase, name, epoch, loss, accuracy, penalty, learning_rate, alive_cost }
}

/// The random streams that a run derives from its seeds.
fn streams(study: &Study) -> Vec<Stream> {
    let mut streams = Vec::new();
    let of_variants = study.variants().iter().flat_map(|variant| streams_of(&variant.plan));
    for stream in of_variants {
        if !streams.contains(&stream) {
            streams.push(stream);
        }
    }
    streams
}

fn streams_of(plan: &Plan) -> Vec<Stream> {
    let mut streams = Vec::new();
    for &seed in &plan.seeds {
        let mut names = vec!["retrain".to_owned()];
        for search in plan.searches().into_iter().filter(|search| search.seed == seed) {
            names.push(search::stream(search));
            let is_drawn = |it: &Baseline| matches!(it.arm(), Arm::Shuffled | Arm::Random);
            if plan.baselines.iter().any(is_drawn) {
                names.push(plan.search_file(search));
            }
        }
        let mut known = BTreeSet::new();
        names.retain(|name| known.insert(name.clone()));
        streams.extend(names.into_iter().map(|name| {
            let key = format!("{:016x}", Streams::new(seed).derive(&name).seed());
            Stream { name, seed, key }
        }));
    }
    streams
}

fn rows(run: &Run<'_>) -> anyhow::Result<Vec<PointRow>> {
    let mut rows = Vec::new();
    for plan in run.plan.points() {
        let Some(point) = run.point(plan)? else { continue };
        let Some(result) = run.retrained(&point.key)? else { continue };
        rows.push(PointRow {
            arm: plan.arm,
            regularization_strength: plan.strength,
            budget: (plan.arm == Arm::Expand).then_some(plan.width_multiplier),
            width_multiplier: point.width_multiplier,
            seed: plan.seed,
            macs: point.cost.macs,
            flops: point.cost.flops,
            params: point.cost.params,
            activations: point.cost.activations,
            validation_score: result.validation_score,
            test_score: result.test_score,
            epochs: run.plan.retraining(plan.mode, point.cost.flops).epochs,
            dead_channels: point.dead_channels,
            structure: point.structure,
            target: plan.target.map(|target| run.plan.sweep.targets[target].to_string()),
            cycle: plan.cycle,
            mode: plan.mode,
            variant: Some(run.outline.label.to_owned()).filter(|label| !label.is_empty()),
            metric: metric(run.plan.labels),
        });
    }
    Ok(rows)
}

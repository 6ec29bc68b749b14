//! From the state of a run to its results: a function of what is finished, and safe to repeat.

use std::sync::Mutex;
use std::time::Duration;

use report::{Mode, PointRow};

use super::Run;
use crate::clock::Stopwatch;
use crate::plan::{Plan, Study, metric};
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
    let rows = write_points(runs)?;
    let folder = &runs[0].folder;
    let summaries = report::summarize(&rows)?;
    store::write(&folder.join("pareto.csv"), report::pareto::to_csv(&summaries).as_bytes())?;
    let title = format!("{}: {} against FLOPs", study.name(), metric(study.first().labels).name());
    let figure = report::pareto_figure(&summaries, &title, &subtitle(study))?;
    store::write(&folder.join("pareto.svg"), figure.as_bytes())?;
    let table = report::table(&summaries)?;
    store::write(&folder.join("summary.txt"), table.as_bytes())?;
    Ok(table)
}

/// What was trained and how, as far as all variants agree in it.
fn subtitle(study: &Study) -> String {
    let plans = || study.variants().iter().map(|variant| &variant.plan);
    let shared = |words: &dyn Fn(&Plan) -> String| {
        let first = words(study.first());
        plans().all(|plan| words(plan) == first).then_some(first)
    };
    let family = shared(&|plan| plan.architecture.family().to_string());
    let dataset = shared(&|plan| plan.dataset.name().to_owned());
    let how = shared(&|plan| {
        let modes: Vec<&str> = plan.modes.iter().map(|mode| mode.name()).collect();
        match modes[..] {
            ["scratch"] => "every network trained from scratch".to_owned(),
            _ => format!("trained by {}", modes.join(", ")),
        }
    });
    let epochs = shared(&|plan| {
        let of_seed = if plan.modes.contains(&Mode::ScratchB) { " of the seed" } else { "" };
        format!("for {} epochs{of_seed}", plan.retrain.epochs)
    });
    let seeds = shared(&|plan| match plan.seeds.len() {
        1 => "1 seed".to_owned(),
        count => format!("{count} seeds"),
    });
    let joined = |parts: [Option<String>; 2], between: &str| {
        let known: Vec<String> = parts.into_iter().flatten().collect();
        Some(known.join(between)).filter(|text| !text.is_empty())
    };
    let parts = [joined([family, dataset], " on "), joined([how, epochs], " "), seeds];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn rows(run: &Run<'_>) -> anyhow::Result<Vec<PointRow>> {
    let mut rows = Vec::new();
    for plan in run.plan.points() {
        let Some(point) = run.point(plan)? else { continue };
        let Some(result) = run.retrained(&point.key)? else { continue };
        rows.push(PointRow {
            arm: plan.arm,
            regularization_strength: plan.strength,
            budget: (plan.arm == report::Arm::Expand).then_some(plan.width_multiplier),
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
            variant: Some(run.label.to_owned()).filter(|label| !label.is_empty()),
            metric: metric(run.plan.labels),
        });
    }
    Ok(rows)
}

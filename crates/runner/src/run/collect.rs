//! From the state of a run to its results: a function of what is finished, and safe to repeat.

use std::collections::BTreeSet;
use std::sync::Mutex;

use datasets::Streams;
use report::curve::{self, CurveRow, Phase};
use report::{Arm, PointRow};
use training::EpochRecord;

use super::results::{self, Results};
use super::{Run, search};
use crate::plan::{Baseline, Plan};
use crate::provenance::{self, Stream};
use crate::store;

/// One writer at a time.
static WRITING: Mutex<()> = Mutex::new(());

/// Writes `points.csv`: a row per finished point, in the order of the plan.
pub(super) fn write_points(run: &Run<'_>) -> anyhow::Result<Vec<PointRow>> {
    let _guard = WRITING.lock().expect("no thread panics while it writes");
    let rows = rows(run)?;
    store::write(&run.folder.join("points.csv"), report::row::to_csv(&rows).as_bytes())?;
    Ok(rows)
}

/// Writes all results and returns the closing table.
pub(super) fn write(run: &Run<'_>) -> anyhow::Result<String> {
    write_points(run)?;
    let curves = curves(run)?;
    store::write(&run.folder.join(results::CURVES), curve::to_csv(&curves).as_bytes())?;
    provenance::write(&run.folder, &run.plan.hash(), streams(run.plan))?;
    Results::of(run.plan, &run.folder).write()
}

/// The epochs of every finished search and retraining, in the order of the plan.
fn curves(run: &Run<'_>) -> anyhow::Result<Vec<CurveRow>> {
    let mut rows = Vec::new();
    for search in run.plan.searches() {
        rows.extend(run.search_curve(search)?);
    }
    let mut known = BTreeSet::new();
    for plan in run.plan.points() {
        let Some(point) = run.point(plan)? else { continue };
        if !known.insert(point.key.clone()) {
            continue;
        }
        let Some(result) = run.retrained(&point.key)? else { continue };
        let row = |epoch: &EpochRecord| curve_row(Phase::Retrain, &point.key, *epoch, None);
        rows.extend(result.epochs.iter().map(row));
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
fn streams(plan: &Plan) -> Vec<Stream> {
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
            validation_accuracy: result.validation_accuracy,
            test_accuracy: result.test_accuracy,
            epochs: run.plan.retraining(plan.mode, point.cost.flops).epochs,
            dead_channels: point.dead_channels,
            structure: point.structure,
            target: plan.target.map(|target| run.plan.sweep.targets[target].to_string()),
            cycle: plan.cycle,
            mode: plan.mode,
        });
    }
    Ok(rows)
}

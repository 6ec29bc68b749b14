//! From the state of a run to its results: a function of what is finished, and safe to repeat.

use std::sync::Mutex;

use report::{Mode, PointRow};

use super::Run;
use crate::plan::metric;
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
    let rows = write_points(run)?;
    let summaries = report::summarize(&rows)?;
    store::write(&run.folder.join("pareto.csv"), report::pareto::to_csv(&summaries).as_bytes())?;
    let title = format!("{}: {} against FLOPs", run.plan.name, metric(run.plan.labels).name());
    let seeds = run.plan.seeds.len();
    let modes: Vec<&str> = run.plan.modes.iter().map(|mode| mode.name()).collect();
    let how = match modes[..] {
        ["scratch"] => "every network trained from scratch".to_owned(),
        _ => format!("trained by {}", modes.join(", ")),
    };
    let subtitle = format!(
        "{} on {}; {how} for {} epochs{}; {seeds} seed{}",
        run.plan.architecture.family(),
        run.plan.dataset.name(),
        run.plan.retrain.epochs,
        if run.plan.modes.contains(&Mode::ScratchB) { " of the seed" } else { "" },
        if seeds == 1 { "" } else { "s" }
    );
    let figure = report::pareto_figure(&summaries, &title, &subtitle)?;
    store::write(&run.folder.join("pareto.svg"), figure.as_bytes())?;
    let table = report::table(&summaries)?;
    store::write(&run.folder.join("summary.txt"), table.as_bytes())?;
    Ok(table)
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
            metric: metric(run.plan.labels),
        });
    }
    Ok(rows)
}

//! `--dry-run`: the points of an experiment and what is known of their cost.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use cost_models::{CostForm, CostModel, Summary};
use report::{Arm, Mode};
use serde::Serialize;

use crate::cli::{Experiment, RunOptions};
use crate::plan::{Plan, PointPlan, Study};
use crate::run::survey::{State, survey};

/// What is known of a point before anything is learned.
#[derive(Debug, Serialize)]
struct Row<'a> {
    /// Position of the variant.
    #[serde(skip)]
    at: usize,
    /// What distinguishes the variant, if there are several.
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
    #[serde(flatten)]
    point: PointPlan,
    /// Costs of a uniform network.
    #[serde(flatten)]
    cost: Option<Summary>,
    /// What an expanded network may cost at most, in the unit of the regularizer's cost.
    budget: Option<f64>,
    /// How far it is.
    #[serde(flatten)]
    state: State,
}

/// The whole list, as a table or as JSON; with `--only`, those points.
pub fn describe(study: &Study, options: &RunOptions) -> String {
    let folder = folder(&options.experiment(), study);
    if options.json {
        json(study, &folder, &options.only)
    } else {
        table(study, &folder, &options.only)
    }
}

/// Where the results of an experiment lie.
pub(super) fn folder(experiment: &Experiment, study: &Study) -> PathBuf {
    let Experiment { file, set: _, results } = experiment;
    if file.is_dir() { file.clone() } else { results.join(study.name()) }
}

fn rows<'a>(study: &'a Study, folder: &Path, only: &[usize]) -> Vec<Row<'a>> {
    let variants = study.variants();
    let budgets: Vec<Vec<Budget>> = variants.iter().map(|it| budgets(&it.plan)).collect();
    study
        .points()
        .into_iter()
        .zip(survey(study, folder).points)
        .filter(|(it, _)| only.is_empty() || only.contains(&it.point.index))
        .map(|(it, state)| {
            let (at, variant) = (it.variant, variants[it.variant].label.as_str());
            row(at, variant, it.point, state, &budgets[at])
        })
        .collect()
}

/// The points, or all if none is named, as an array of JSON objects.
pub(super) fn json(study: &Study, folder: &Path, only: &[usize]) -> String {
    let rows = rows(study, folder, only);
    serde_json::to_string_pretty(&rows).expect("rows hold finite numbers") + "\n"
}

/// The points, or all if none is named, as a table.
pub(super) fn table(study: &Study, folder: &Path, only: &[usize]) -> String {
    let rows = rows(study, folder, only);
    let variants = match study.variants().len() {
        1 => String::new(),
        count => format!("{count} variants, "),
    };
    let mut text = format!(
        "{}: {variants}{} searches, {} points, plan {}\n\n{}",
        study.name(),
        study.searches(),
        rows.len(),
        study.id(),
        in_columns(study, &rows)
    );
    for (position, line) in feasibility(study).iter().enumerate() {
        let gap = if position == 0 { "\n" } else { "" };
        text.extend([gap, line, "\n"]);
    }
    text
}

/// The rows in columns; that of the variant is there only if there are axes.
fn in_columns(study: &Study, rows: &[Row<'_>]) -> String {
    let header = ["point", "arm", "strength", "width", "seed", "MACs", "FLOPs", "params", "state"];
    let cells = |row: &Row<'_>| cells(&study.variants()[row.at].plan, row);
    if study.axes().is_empty() {
        let lines = [header.map(str::to_owned)].into_iter().chain(rows.iter().map(cells));
        return aligned(&lines.collect::<Vec<_>>(), &[1, 8]);
    }
    let with =
        |variant: &str,
         [index, arm, strength, width, seed, macs, flops, params, state]: [String; 9]| {
            [index, variant.to_owned(), arm, strength, width, seed, macs, flops, params, state]
        };
    let header = with("variant", header.map(str::to_owned));
    let lines = [header].into_iter().chain(rows.iter().map(|row| with(row.variant, cells(row))));
    aligned(&lines.collect::<Vec<_>>(), &[1, 2, 9])
}

/// What the targets of all variants can reach, in words, each once.
pub(super) fn feasibility(study: &Study) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for variant in study.variants() {
        for line in variant.plan.feasibility() {
            let line = line.to_string();
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// What the seed costs at one width multiplier: all of it, and in the unit of the regularizer.
struct Budget {
    width_multiplier: f64,
    whole: Summary,
    charged: f64,
}

fn budgets(plan: &Plan) -> Vec<Budget> {
    let seed = plan.seed_graph();
    let budget = |multiplier: &f64| {
        let graph =
            plan.uniform_graph(&seed, *multiplier).expect("resolving built every uniform network");
        Budget {
            width_multiplier: *multiplier,
            whole: Summary::of(&graph),
            charged: CostForm::of(&plan.regularizer.cost, &graph).at(&graph.widths()),
        }
    };
    plan.sweep.width_multipliers.iter().map(budget).collect()
}

fn row<'a>(
    at: usize,
    variant: &'a str,
    point: PointPlan,
    state: State,
    budgets: &[Budget],
) -> Row<'a> {
    let budget = budgets.iter().find(|budget| budget.width_multiplier == point.width_multiplier);
    let (cost, budget) = match point.arm {
        Arm::Uniform => (budget.map(|budget| budget.whole), None),
        Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => (None, None),
        Arm::Expand => (None, budget.map(|budget| budget.charged)),
    };
    Row { at, variant, point, cost, budget, state }
}

fn cells(plan: &Plan, row: &Row<'_>) -> [String; 9] {
    let PointPlan { index, arm, strength, width_multiplier, seed, cycle, target, mode } = row.point;
    let [macs, flops, params] = match (row.cost, row.budget) {
        (Some(Summary { macs, flops, params, activations: _ }), _) => {
            [macs, flops, params].map(|cost| cost.to_string())
        }
        (None, None) => ["macs", "flops", "params"].map(|name| limit(plan, row.point, name)),
        (None, Some(budget)) => {
            let column = |name: &str| {
                if name == plan.regularizer.cost.name() {
                    format!("up to {budget}")
                } else {
                    "learned".to_owned()
                }
            };
            ["macs", "flops", "params"].map(column)
        }
    };
    let pressure = match (strength, target) {
        (Some(strength), _) => strength.to_string(),
        (None, Some(target)) => plan.sweep.targets[target].to_string(),
        (None, None) => "-".to_owned(),
    };
    let width = width_multiplier.to_string();
    let mut arm = arm.to_string();
    if cycle > 1 {
        let _ = write!(arm, ", cycle {cycle}");
    }
    if mode != Mode::Scratch {
        let _ = write!(arm, ", {mode}");
    }
    let state = row.state.to_string();
    [index.to_string(), arm, pressure, width, seed.to_string(), macs, flops, params, state]
}

/// What a network without a budget may cost of a resource, if a target says so.
fn limit(plan: &Plan, point: PointPlan, name: &str) -> String {
    let limits = point.target.map_or(&[][..], |target| &plan.sweep.targets[target].limits);
    match limits.iter().find(|limit| limit.resource.name() == name) {
        Some(limit) => format!("up to {}", limit.cost),
        None if point.arm.is_learned() => "learned".to_owned(),
        None if point.target.is_none() && name == plan.regularizer.cost.name() => {
            "as shrunk".to_owned()
        }
        None => "open".to_owned(),
    }
}

/// Cells in columns, two spaces apart; those in `left` begin at the same place, all others end at the same place.
pub(super) fn aligned<const N: usize>(lines: &[[String; N]], left: &[usize]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let (width, is_left) = (*width, left.contains(&column));
            if is_left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

//! `--dry-run`: the points of an experiment and what is known of their cost.

use std::fmt::Write;

use cost_models::{CostForm, CostModel, Summary};
use report::{Arm, Mode};
use serde::Serialize;

use crate::cli::RunOptions;
use crate::plan::{Plan, PointPlan, Study};

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
}

/// The whole list, as a table or as JSON; with `--only`, those points.
pub fn describe(study: &Study, options: &RunOptions) -> String {
    let variants = study.variants();
    let budgets: Vec<Vec<Budget>> = variants.iter().map(|it| budgets(&it.plan)).collect();
    let rows: Vec<Row<'_>> = study
        .points()
        .into_iter()
        .filter(|it| options.only.is_empty() || options.only.contains(&it.point.index))
        .map(|it| row(it.variant, &variants[it.variant].label, it.point, &budgets[it.variant]))
        .collect();
    if options.json {
        return format!(
            "{}\n",
            serde_json::to_string_pretty(&rows).expect("rows hold finite numbers")
        );
    }
    let axes = study.axes().len();
    let counted = |count: usize, thing: &str| {
        format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
    };
    let of_axes = match axes {
        0 => String::new(),
        _ => format!("{}, ", counted(variants.len(), "variant")),
    };
    let mut text = format!(
        "{}: {of_axes}{} searches, {} points, plan {}\n\n{}",
        study.name(),
        study.searches(),
        rows.len(),
        study.id(),
        table(study, &rows)
    );
    let mut lines: Vec<String> = Vec::new();
    for variant in variants {
        for line in variant.plan.feasibility() {
            let line = line.to_string();
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    for (position, line) in lines.iter().enumerate() {
        let gap = if position == 0 { "\n" } else { "" };
        text.extend([gap, line, "\n"]);
    }
    text
}

/// The rows in columns; that of the variant is there only if there are axes.
fn table(study: &Study, rows: &[Row<'_>]) -> String {
    let header = ["point", "arm", "strength", "width", "seed", "MACs", "FLOPs", "params"];
    let cells = |row: &Row<'_>| cells(&study.variants()[row.at].plan, row);
    if study.axes().is_empty() {
        let lines = [header.map(str::to_owned)].into_iter().chain(rows.iter().map(cells));
        return aligned(&lines.collect::<Vec<_>>(), &[1]);
    }
    let with = |variant: &str, cells: [String; 8]| -> [String; 9] {
        let [point, rest @ ..] = cells;
        let mut all = rest.into_iter();
        std::array::from_fn(|column| match column {
            0 => point.clone(),
            1 => variant.to_owned(),
            _ => all.next().unwrap_or_default(),
        })
    };
    let header = with("variant", header.map(str::to_owned));
    let lines = [header].into_iter().chain(rows.iter().map(|row| with(row.variant, cells(row))));
    aligned(&lines.collect::<Vec<_>>(), &[1, 2])
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

fn row<'a>(at: usize, variant: &'a str, point: PointPlan, budgets: &[Budget]) -> Row<'a> {
    let found = budgets.iter().find(|budget| budget.width_multiplier == point.width_multiplier);
    let (cost, budget) = match point.arm {
        Arm::Uniform => (found.map(|budget| budget.whole), None),
        Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => (None, None),
        Arm::Expand => (None, found.map(|budget| budget.charged)),
    };
    Row { at, variant, point, cost, budget }
}

fn cells(plan: &Plan, row: &Row<'_>) -> [String; 8] {
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
    [index.to_string(), arm, pressure, width, seed.to_string(), macs, flops, params]
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

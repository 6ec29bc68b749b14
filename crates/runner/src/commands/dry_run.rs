//! `--dry-run`: the points of a plan and what is known of their cost.

use std::fmt::Write;

use cost_models::{CostForm, CostModel, Summary};
use report::{Arm, Mode};
use serde::Serialize;

use crate::cli::RunOptions;
use crate::plan::{Plan, PointPlan};

/// What is known of a point before anything is learned.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    point: PointPlan,
    /// Costs of a uniform network.
    #[serde(flatten)]
    cost: Option<Summary>,
    /// What an expanded network may cost at most, in the unit of the regularizer's cost.
    budget: Option<f64>,
}

/// The whole list, as a table or as JSON; with `--only`, those points.
pub fn describe(plan: &Plan, options: &RunOptions) -> String {
    let budgets = budgets(plan);
    let rows: Vec<Row> = plan
        .points()
        .into_iter()
        .filter(|point| options.only.is_empty() || options.only.contains(&point.index))
        .map(|point| row(point, &budgets))
        .collect();
    if options.json {
        return format!(
            "{}\n",
            serde_json::to_string_pretty(&rows).expect("rows hold finite numbers")
        );
    }
    let header = ["point", "arm", "strength", "width", "seed", "MACs", "FLOPs", "params"];
    let mut lines = vec![header.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(plan, row)));
    let mut text = format!(
        "{}: {} searches, {} points, plan {}\n\n{}",
        plan.name,
        plan.searches().len(),
        rows.len(),
        plan.id(),
        aligned(&lines, &[1])
    );
    for (position, line) in plan.feasibility().iter().enumerate() {
        let gap = if position == 0 { "\n" } else { "" };
        text.extend([gap, &line.to_string(), "\n"]);
    }
    text
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

fn row(point: PointPlan, budgets: &[Budget]) -> Row {
    let budget = budgets.iter().find(|budget| budget.width_multiplier == point.width_multiplier);
    match point.arm {
        Arm::Uniform => Row { point, cost: budget.map(|budget| budget.whole), budget: None },
        Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
            Row { point, cost: None, budget: None }
        }
        Arm::Expand => Row { point, cost: None, budget: budget.map(|budget| budget.charged) },
    }
}

fn cells(plan: &Plan, row: &Row) -> [String; 8] {
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

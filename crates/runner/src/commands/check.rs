//! `runner check`: parse, resolve, build and price experiment files; train nothing.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use cost_models::Summary;
use graph::{Freeze, FreezeReason};
use regularizers::{Kept, Obstacle};
use serde::Serialize;

use super::{BAD_INPUT, Outcome};
use crate::cli::CheckOptions;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::network::is_yaml;
use crate::plan::{Plan, Study};

/// Folders below each other that are looked into.
const DEEPEST: usize = 16;

/// What `check` says of an experiment.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    points: usize,
    /// Combinations of the values of its axes.
    #[serde(skip_serializing_if = "is_one")]
    variants: usize,
    /// Of the first variant.
    #[serde(flatten)]
    seed: Summary,
    hash: String,
    /// Layers that keep channels although they are neither image nor output, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
    /// The lowest costs that searches can reach, of every resource with a target, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    feasible: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(variants: &usize) -> bool {
    *variants == 1
}

/// One line per experiment that is right, and the faults of each that is wrong.
pub fn check(options: &CheckOptions) -> Outcome {
    let mut rows = Vec::new();
    let mut stderr = String::new();
    let mut report = |faults: &Diagnostics| {
        let gap = if stderr.is_empty() { "" } else { "\n" };
        let _ = write!(stderr, "{gap}{faults}");
    };
    for path in &options.paths {
        let files = match experiment_files(path) {
            Ok(files) => files,
            Err(fault) => {
                report(&fault.into());
                continue;
            }
        };
        for file in files {
            match Study::load(&file, &[]) {
                Ok(study) => rows.push(row(&study)),
                Err(faults) => report(&faults),
            }
        }
    }
    let code = if stderr.is_empty() { 0 } else { BAD_INPUT };
    let stdout = if options.json {
        format!("{}\n", serde_json::to_string_pretty(&rows).expect("rows hold numbers and texts"))
    } else {
        table(&rows)
    };
    Outcome { stdout, stderr, code }
}

fn row(study: &Study) -> Row {
    let plan = study.first();
    Row {
        name: study.name().to_owned(),
        points: study.points().len(),
        variants: study.variants().len(),
        seed: plan.seed_cost,
        hash: study.id(),
        kept: kept(plan),
        feasible: super::dry_run::feasibility(study),
    }
}

/// What a search cannot prune, beyond what every network has to keep.
fn kept(plan: &Plan) -> Vec<String> {
    let graph = plan.seed_graph();
    let expected = |kept: &Kept| match kept.obstacle {
        Obstacle::Frozen(Freeze { reason, .. }) => {
            matches!(reason, FreezeReason::Image | FreezeReason::Output)
        }
        Obstacle::NoSource | Obstacle::Speaks { .. } => false,
    };
    let kept = Kept::by_scales(&graph);
    kept.iter().filter(|kept| !expected(kept)).map(|kept| kept.words(&graph)).collect()
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = ["experiment", "points", "seed MACs", "FLOPs", "params", "activations", "plan"];
    let mut lines = vec![header.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let Summary { macs, flops, params, activations } = row.seed;
        [
            row.name.clone(),
            row.points.to_string(),
            macs.to_string(),
            flops.to_string(),
            params.to_string(),
            activations.to_string(),
            row.hash.clone(),
        ]
    }));
    let mut text = super::dry_run::aligned(&lines, &[0, 6]);
    for row in rows.iter().filter(|row| !row.kept.is_empty()) {
        let _ = writeln!(text, "\n{}: a search cannot prune all layers", row.name);
        for words in &row.kept {
            let _ = writeln!(text, "  {words}");
        }
    }
    for row in rows.iter().filter(|row| !row.feasible.is_empty()) {
        let _ = writeln!(text, "\n{}: targets", row.name);
        for words in &row.feasible {
            let _ = writeln!(text, "  {words}");
        }
    }
    text
}

/// The file, or all `.yaml` and `.yml` files in and below the folder, in order of their paths.
fn experiment_files(path: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    collect(path, 0, &mut files).map_err(|(folder, error)| {
        Diagnostic::new(format!("the folder cannot be read: {error}"))
            .at(Place::File(folder.display().to_string()))
    })?;
    if files.is_empty() {
        return Err(Diagnostic::new("there is no experiment file in this folder")
            .at(Place::File(path.display().to_string()))
            .expected("files that end in `.yaml` or `.yml`"));
    }
    files.sort();
    Ok(files)
}

fn collect(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden && depth < DEEPEST {
            collect(&path, depth + 1, files)?;
        } else if !kind.is_dir() && !hidden && is_yaml(&path) {
            files.push(path);
        }
    }
    Ok(())
}

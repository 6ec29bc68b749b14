//! `--executor slurm`: what is missing is submitted as job arrays, and a collector after them.
//!
//! Nothing of the cluster is read but the answers of `sbatch`, `squeue` and `scontrol`; what is done and what is missing, the
//! results folder says.

mod script;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::cli::RunOptions;
use crate::plan::Study;
use crate::run::{self, Failure, survey::State, survey::survey};
use crate::store;
use script::{Kind, Script};

/// Sizes of arrays are below this where the cluster does not say.
const MAX_ARRAY_SIZE: usize = 1001;

/// What was submitted last, in `slurm/jobs.json`.
#[derive(Serialize, Deserialize)]
struct Submitted {
    jobs: Vec<String>,
}

/// Submits whatever is missing of an experiment.
pub(super) fn submit(study: &Study, folder: &Path, options: &RunOptions) -> Outcome {
    match attempt(study, folder, options) {
        Ok(said) => Outcome::success(said),
        Err(failure) => Outcome::failure(&failure),
    }
}

fn attempt(study: &Study, folder: &Path, options: &RunOptions) -> Result<String, Failure> {
    let folder = &std::path::absolute(folder).context("the results folder has no absolute path")?;
    let record = folder.join("slurm/jobs.json");
    refuse_queued(&record)?;
    run::make_ready(study, &options.file, folder, options.fresh, options.retry_failed)?;
    let found = survey(study, folder);
    let is_asked = |index: &usize| options.only.is_empty() || options.only.contains(index);
    let points: Vec<usize> =
        open(&found.points).into_iter().filter(|index| is_asked(index)).collect();
    if points.is_empty() {
        return Ok(format!("nothing is missing\n\n{}", run::collect(study, folder)?));
    }
    // Single points bring what they need with them.
    let shared = if options.only.is_empty() { open(&found.shared) } else { Vec::new() };

    let chunk = max_array_size();
    let mut jobs = Vec::new();
    let mut said = String::new();
    let mut after = Vec::new();
    for (kind, indices) in [(Kind::Shared, shared), (Kind::Point, points)] {
        let mut submitted = Vec::new();
        for (offset, tasks) in chunks(&indices, chunk) {
            let script = Script { kind, offset, study, folder, options };
            let array = match options.jobs {
                Some(most) => format!("--array={}%{most}", ranges(&tasks)),
                None => format!("--array={}", ranges(&tasks)),
            };
            submitted.push(sbatch(&script, Some(array), &after)?);
        }
        if !submitted.is_empty() {
            let words = kind.words(indices.len());
            let _ = writeln!(said, "{words} as job {}", submitted.join(", "));
            jobs.extend(submitted.iter().cloned());
            after = submitted;
        }
    }
    let collector = Script { kind: Kind::Collect, offset: 0, study, folder, options };
    let job = sbatch(&collector, None, &after)?;
    let _ = writeln!(said, "the collector as job {job}");
    jobs.push(job);
    store::write_json(&record, &Submitted { jobs })?;
    Ok(format!(
        "submitted of {}:\n{said}output goes to {}\n",
        study.name(),
        folder.join("slurm").display()
    ))
}

/// Positions of what nobody does.
fn open(states: &[State]) -> Vec<usize> {
    states.iter().enumerate().filter(|(_, state)| state.is_open()).map(|(index, _)| index).collect()
}

/// What was submitted before and has not ended would be done by two tasks, of which one waits.
fn refuse_queued(record: &Path) -> anyhow::Result<()> {
    let Some(Submitted { jobs }) = store::read_json(record)? else { return Ok(()) };
    let queued = answer("squeue", &["--noheader".into(), "--format=%F".into()])?;
    let queued: Vec<&String> =
        jobs.iter().filter(|job| queued.split_whitespace().any(|queued| queued == *job)).collect();
    let words = match queued.len() {
        0 => return Ok(()),
        1 => "1 job of this experiment is".to_owned(),
        count => format!("{count} jobs of this experiment are"),
    };
    bail!(
        "{words} still queued, first {}: wait, or cancel with `scancel {}`",
        queued[0],
        queued.iter().map(|job| job.as_str()).collect::<Vec<_>>().join(" ")
    )
}

/// Writes a batch script and submits it after other jobs. Returns the number of the job.
fn sbatch(script: &Script<'_>, array: Option<String>, after: &[String]) -> anyhow::Result<String> {
    let program: PathBuf = std::env::current_exe().context("this program has no path")?;
    let path = script.path();
    store::write(&path, script.text(&program)?.as_bytes())?;
    let mut arguments = vec!["--parsable".to_owned()];
    arguments.extend(array);
    if !after.is_empty() {
        arguments.push(format!("--dependency=afterany:{}", after.join(":")));
    }
    arguments.extend(script.options.sbatch.iter().cloned());
    arguments.push(path.display().to_string());
    let said = answer("sbatch", &arguments)?;
    // `JOB` or `JOB;CLUSTER`, after lines that a site may add.
    let job = said.lines().last().unwrap_or_default().split(';').next().unwrap_or_default();
    if job.is_empty() || !job.chars().all(|c| c.is_ascii_digit()) {
        bail!("sbatch said `{}`, expected the number of a job", said.trim_end());
    }
    Ok(job.to_owned())
}

fn max_array_size() -> usize {
    let said = answer("scontrol", &["show".to_owned(), "config".to_owned()]).unwrap_or_default();
    let size = |line: &str| {
        let (key, value) = line.split_once('=')?;
        if key.trim() == "MaxArraySize" { value.trim().parse().ok() } else { None }
    };
    said.lines().find_map(size).filter(|size| *size > 0).unwrap_or(MAX_ARRAY_SIZE)
}

/// What a command of Slurm prints.
fn answer(program: &str, arguments: &[String]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| {
        format!("cannot run `{program}`: submit on a host of the Slurm cluster")
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(anyhow!("`{program} {}` failed: {}", arguments.join(" "), said.trim_end()))
}

/// Indices in chunks whose tasks have numbers below `size`: what is added to the numbers, and the numbers.
fn chunks(indices: &[usize], size: usize) -> Vec<(usize, Vec<usize>)> {
    indices
        .chunk_by(|a, b| a / size == b / size)
        .map(|chunk| {
            let offset = chunk[0] / size * size;
            (offset, chunk.iter().map(|index| index - offset).collect())
        })
        .collect()
}

/// Ascending numbers as Slurm writes them: `1,4,7-9`.
fn ranges(numbers: &[usize]) -> String {
    let range = |run: &[usize]| match run {
        [] => String::new(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
    };
    let runs: Vec<String> = numbers.chunk_by(|a, b| a + 1 == *b).map(range).collect();
    runs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_compact_ranges() {
        assert_eq!(ranges(&[1, 4, 7, 8, 9]), "1,4,7-9");
        assert_eq!(ranges(&[0]), "0");
        assert_eq!(ranges(&[0, 1]), "0-1");
    }

    #[test]
    fn tasks_have_numbers_below_the_largest_size() {
        let indices = [0, 3, 999, 1000, 1001, 2500];
        let expected = [(0, vec![0, 3, 999]), (1000, vec![0, 1]), (2000, vec![500])];
        assert_eq!(chunks(&indices, 1000), expected);
    }
}

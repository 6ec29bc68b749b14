//! `runner point`: one point, or one piece of the work that points share.

use super::experiment::open;
use super::{Outcome, closing, code};
use crate::cli::PointOptions;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Study;
use crate::run::{self, Task};

/// What batch systems call the index of a task.
const INDICES: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];

/// Does what the options name.
pub(super) fn point(options: &PointOptions) -> Outcome {
    let (study, folder) = match open(&options.experiment) {
        Ok(opened) => opened,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    let task = match task(options, &study) {
        Ok(task) => task,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    let settings = run::Settings {
        experiment: options.experiment.file.clone(),
        folder,
        data: options.data_dir.clone(),
        jobs: Some(1),
        threads: options.threads.map(usize::from),
        level: options.simd,
        fresh: false,
        keep_going: false,
        retry_failed: options.retry_failed,
        task,
        changes: options.experiment.set.clone(),
    };
    match run::run(&study, &settings) {
        Ok((outcome, _)) => {
            Outcome { stdout: String::new(), stderr: closing(outcome), code: code(outcome) }
        }
        Err(failure) => Outcome::failure(&failure),
    }
}

fn task(options: &PointOptions, study: &Study) -> Result<Task, Diagnostics> {
    if let Some(shared) = options.shared {
        let count = study.shared().len();
        return if shared < count {
            Ok(Task::Shared(shared))
        } else {
            Err(Diagnostic::new(format!(
                "`--shared {shared}`: there is no such work, the experiment has {count} pieces, numbered from 0"
            ))
            .into())
        };
    }
    let (name, index) = match options.index {
        Some(index) => ("--index".to_owned(), index),
        None => from_environment()?,
    };
    let count = study.points().len();
    if index < count {
        return Ok(Task::Point(index));
    }
    Err(Diagnostic::new(format!(
        "`{name} {index}`: there is no such point, the experiment has {count}, numbered from 0"
    ))
    .help("`runner plan` lists them")
    .into())
}

/// The index that a batch system gives to this task, with the name of the variable.
#[expect(clippy::disallowed_methods, reason = "batch systems say which point by a variable")]
fn from_environment() -> Result<(String, usize), Diagnostics> {
    let found = INDICES.iter().find_map(|name| std::env::var(name).ok().map(|text| (name, text)));
    let Some((name, text)) = found else {
        return Err(Diagnostic::new("no point is named")
            .expected("`--index N`, or a number in SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX")
            .help("`runner plan` lists the points")
            .into());
    };
    match text.parse() {
        Ok(index) => Ok(((*name).to_owned(), index)),
        Err(_) => Err(Diagnostic::new(format!("{name} is `{text}`"))
            .expected("the number of a point")
            .into()),
    }
}

//! An experiment by its file, or by the folder with its results.

use std::path::PathBuf;

use crate::cli::Experiment;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Study;
use crate::store;

/// What an experiment means, and the folder of its results. A folder has its plan with it, which nothing changes.
pub(super) fn open(experiment: &Experiment) -> Result<(Study, PathBuf), Diagnostics> {
    let Experiment { file, set, results } = experiment;
    if !file.is_dir() {
        let study = Study::load(file, set)?;
        let folder = results.join(study.name());
        return Ok((study, folder));
    }
    let shown = file.display();
    if !set.is_empty() {
        return Err(Diagnostic::new(format!(
            "`{shown}` holds results, whose plan cannot be changed"
        ))
        .help("name the experiment file to use `--set`")
        .into());
    }
    let no_plan = |error: String| {
        Diagnostic::new(format!("`{shown}` holds no plan of this program: {error}"))
            .help("name the experiment file")
    };
    let saved: Option<serde_json::Value> =
        store::read_json(&file.join("plan.json")).map_err(|error| no_plan(format!("{error:#}")))?;
    let Some(saved) = saved else {
        return Err(Diagnostic::new(format!("there is no `plan.json` in the folder `{shown}`"))
            .expected("an experiment file, or the folder with the results of one")
            .help("name a file in it, or price all of them with `runner check FOLDER`")
            .into());
    };
    let study = Study::from_json(saved).map_err(no_plan)?;
    Ok((study, file.clone()))
}

//! An experiment by its file, or by the folder with its results.

use std::path::PathBuf;

use crate::cli::Experiment;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::store;

/// The plan of an experiment, and the folder of its results. A folder has its plan with it, which nothing changes.
pub(super) fn open(experiment: &Experiment) -> Result<(Plan, PathBuf), Diagnostics> {
    let Experiment { file, set, results } = experiment;
    if !file.is_dir() {
        let plan = Plan::load(file, set)?;
        let folder = results.join(&plan.name);
        return Ok((plan, folder));
    }
    let shown = file.display();
    if !set.is_empty() {
        return Err(Diagnostic::new(format!(
            "`{shown}` holds results, whose plan cannot be changed"
        ))
        .help("name the experiment file to use `--set`")
        .into());
    }
    match store::read_json(&file.join("plan.json")) {
        Ok(Some(plan)) => Ok((plan, file.clone())),
        Ok(None) => {
            Err(Diagnostic::new(format!("there is no `plan.json` in the folder `{shown}`"))
                .expected("an experiment file, or the folder with the results of one")
                .help("name a file in it, or price all of them with `runner check FOLDER`")
                .into())
        }
        Err(error) => {
            Err(Diagnostic::new(format!("`{shown}` holds no plan of this program: {error:#}"))
                .help("name the experiment file")
                .into())
        }
    }
}

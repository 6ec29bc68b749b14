//! `report`: what people look at, made again from results.

use std::path::Path;

use crate::cli::ReportOptions;
use crate::run::{Failure, Results};

use super::Outcome;

/// Writes tables, figures and the page of every folder; the tables are shown.
pub fn report(options: &ReportOptions) -> Outcome {
    let mut stdout = String::new();
    for folder in &options.folders {
        match write(options, folder) {
            Ok(table) => {
                let page = folder.join("report.html");
                stdout = format!("{stdout}{}\n\n{table}\n", page.display());
            }
            Err(error) => {
                let failure = Failure { error, bad_input: true };
                return Outcome { stdout, ..Outcome::failure(&failure) };
            }
        }
    }
    Outcome::success(stdout)
}

#[cfg_attr(not(feature = "png"), expect(unused_variables, reason = "there is nothing to choose"))]
fn write(options: &ReportOptions, folder: &Path) -> anyhow::Result<String> {
    let results = Results::open(folder)?;
    let table = results.write()?;
    #[cfg(feature = "png")]
    if options.png {
        results.write_png()?;
    }
    Ok(table)
}

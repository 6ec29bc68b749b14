//! `report`: what people look at, made again from results.

use crate::cli::ReportOptions;
use crate::run::{Failure, Results};

use super::Outcome;

/// Writes tables, figures and the page of every folder; the tables are shown.
pub fn report(options: &ReportOptions) -> Outcome {
    let mut shown = String::new();
    for folder in &options.folders {
        match Results::open(folder).and_then(|results| results.write()) {
            Ok(table) => {
                shown.push_str(&format!("{}\n\n{table}\n", folder.join("report.html").display()));
            }
            Err(error) => {
                let failure = Failure { error, bad_input: true };
                return Outcome { stdout: shown, ..Outcome::failure(&failure) };
            }
        }
    }
    Outcome::success(shown)
}

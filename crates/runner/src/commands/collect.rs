//! `runner collect`: the results of what is done so far.

use super::Outcome;
use super::experiment::open;
use crate::cli::CollectOptions;
use crate::run;

/// Writes the results and prints the closing table.
pub(super) fn collect(options: &CollectOptions) -> Outcome {
    let (study, folder) = match open(&options.experiment) {
        Ok(opened) => opened,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    match run::collect(&study, &folder) {
        Ok(table) => Outcome::success(table),
        Err(failure) => Outcome::failure(&failure),
    }
}

//! Options of `report`.

use std::path::PathBuf;

use clap::Args;

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  runner report results/inception
  runner report results/inception results/cycles

The page needs no network: it can be opened from the folder, sent, or published as it is. Numbers are those of points.csv,
widths those of structures/, curves those of curves.csv.";

/// Options of `report`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ReportOptions {
    /// Folders of results, such as results/inception
    #[arg(required = true, value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
    /// Write the figures as PNG as well, in the fonts of this machine
    #[cfg(feature = "png")]
    #[arg(long)]
    pub png: bool,
}

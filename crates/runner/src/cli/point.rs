//! The command line of what looks at single points: `plan`, `point`, `collect`, `status`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tensor_ops::Level;

use super::Experiment;

pub(super) const PLAN_EXAMPLES: &str = "\
Examples:
  runner plan experiments/inception.yaml
  runner plan experiments/inception.yaml --format tsv | parallel -j 4 --colsep '\\t' --header : \\
      runner point experiments/inception.yaml --index {point}
  runner plan experiments/inception.yaml --format k8s --image registry/runner:1 --jobs 8 | kubectl apply -f -";

pub(super) const POINT_EXAMPLES: &str = "\
Examples:
  runner point experiments/inception.yaml --index 3
  sbatch --array=0-9 --wrap 'runner point experiments/inception.yaml'

Work that several points need, such as a search, is done once: whoever needs it waits for whoever is at it.
Exit codes: 0 the point is done, or there is nothing to do for it; 1 it failed; 85 stopped after a checkpoint.";

/// Options of `plan`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ListOptions {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: Experiment,
    /// For whom
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
    /// With --format k8s: the container image, whose entry point is the runner
    #[arg(long, value_name = "IMAGE", default_value = "runner:latest")]
    pub image: String,
    /// With --format k8s: the volume claim that is mounted at /work, where the experiment file and the results lie
    #[arg(long, value_name = "NAME", default_value = "work")]
    pub claim: String,
    /// With --format k8s: pods at the same time
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: u16,
}

/// How the points are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// A table for people
    Table,
    /// An array of objects
    Json,
    /// A line per point with tabs between, for GNU parallel
    Tsv,
    /// The manifest of an Indexed Job
    K8s,
}

/// Options of `point`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct PointOptions {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: Experiment,
    /// Number of the point, as `plan` shows it; by default what `SLURM_ARRAY_TASK_ID` or
    /// `JOB_COMPLETION_INDEX` say
    #[arg(long, value_name = "N", conflicts_with = "shared")]
    pub index: Option<usize>,
    /// In place of a point: this one of the searches and trained seeds that points share, from 0
    #[arg(long, value_name = "N")]
    pub shared: Option<usize>,
    /// Threads; by default all cores. Never changes a result
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Folder with data sets that do not come with the program
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Vector instructions to compute with; by default the best of this machine. Others round differently
    #[arg(long, value_name = "LEVEL")]
    pub simd: Option<Level>,
    /// Try again what failed before; it is left alone otherwise
    #[arg(long)]
    pub retry_failed: bool,
}

/// Options of `collect`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CollectOptions {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: Experiment,
}

/// Options of `status`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct StatusOptions {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: Experiment,
    /// Say it again every two seconds, until all is done
    #[arg(long, short)]
    pub watch: bool,
    /// As JSON on standard output
    #[arg(long)]
    pub json: bool,
}

//! The command line of `run`, and how an experiment is named.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tensor_ops::Level;

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  runner run experiments/smoke.yaml
  runner run experiments/smoke.yaml --set retrain.epochs=10 --set 'seeds=[0, 1, 2]'
  runner run experiments/smoke.yaml --set 'search.optimizer={ adam: {} }' --fresh
  runner run experiments/inception.yaml --jobs 2 --threads 1 --results /data/results
  runner run experiments/inception.yaml --executor slurm --jobs 8 -- --partition=gpu --time=2:00:00

Several runners may be at work on one experiment at the same time, on hosts that share its results folder; none does what
another does.";

/// An experiment: what is asked, and where the answers lie.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct Experiment {
    /// Experiment file, or the folder with the results of one
    pub file: PathBuf,
    /// Change a value of the file: a dotted path and a YAML value; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
    /// Folder for the results of all experiments
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
}

/// Options of `run`.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct RunOptions {
    /// Experiment file, or the folder with the results of one
    pub file: PathBuf,
    /// Change a value of the file: a dotted path and a YAML value; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
    /// Points that are worked on at the same time; by default as many as there are cores. Never changes a result
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Threads of each point; by default the cores shared evenly. Never changes a result
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Keep finished points and go on from checkpoints; this is the default
    #[arg(long, conflicts_with = "fresh")]
    pub resume: bool,
    /// Start over: discard what is there of this experiment
    #[arg(long)]
    pub fresh: bool,
    /// List the points with their state and what they cost; train nothing, write nothing
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// With --dry-run: the list as JSON on standard output
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Folder with data sets that do not come with the program
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder for the results of all experiments
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    pub device: DeviceName,
    /// Vector instructions to compute with, such as avx2 or portable; by default the best of this machine. Others round
    /// differently
    #[arg(long, value_name = "LEVEL")]
    pub simd: Option<Level>,
    /// Work on these points only, by the numbers that --dry-run shows
    #[arg(long, value_name = "INDEX", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<usize>,
    /// Go on with other points when one fails
    #[arg(long, short)]
    pub keep_going: bool,
    /// Try again what failed before; it is left alone otherwise
    #[arg(long)]
    pub retry_failed: bool,
    /// Who does the work: this machine, or a Slurm cluster, to which whatever is missing is submitted
    #[arg(long, value_enum, default_value_t = Executor::Local)]
    pub executor: Executor,
    /// With --executor slurm: flags for sbatch
    #[arg(last = true, value_name = "SBATCH FLAGS", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
}

impl RunOptions {
    /// Which experiment. (Options of a command that need not be named cannot be nested.)
    pub(crate) fn experiment(&self) -> Experiment {
        let Self { file, set, results, .. } = self;
        Experiment { file: file.clone(), set: set.clone(), results: results.clone() }
    }
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Executor {
    /// This machine
    Local,
    /// A Slurm cluster; --jobs is how many tasks run at the same time
    Slurm,
}

/// A device by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// The processor, with all its vector instructions
    Cpu,
    /// A CUDA graphics card
    Cuda,
}

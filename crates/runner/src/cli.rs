//! The command line.

mod bench;
mod morph;
mod point;
mod report;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use graph::Shape;

pub use bench::{BenchOptions, ExportOptions, Mode};
pub use morph::MorphOptions;
pub use point::{CollectOptions, ListOptions, PlanFormat, PointOptions, StatusOptions};
pub use report::ReportOptions;
pub use run::{DeviceName, Executor, Experiment, RunOptions};

/// The whole command line. `runner FILE` is `runner run FILE`.
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(
    name = "runner",
    version,
    about = "Learns layer widths for convolutional networks, and measures what that is worth",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do, if it is not to run a file.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to run, if no command is named.
    #[command(flatten)]
    pub run: Option<RunOptions>,
}

const EXAMPLES: &str = "\
Examples:
  runner experiments/inception.yaml              run an experiment, or go on with it
  runner experiments/inception.yaml --dry-run    list its points and what they cost
  runner status experiments/inception.yaml       what is done, and who is at the rest
  runner check experiments/                      check and price every experiment file
  runner report results/inception                make figures and report.html again
  runner cost inception-v2 --per-layer           price a network
  runner calibrate laptop.json                   measure this machine
  runner bench resnet-50 --batch 8               time training steps
  runner export resnet-50 resnet.onnx            write an ONNX file
  runner morph model.onnx --dataset fashion-mnist --target flops=50%
                                                 make a trained network smaller

Exit codes: 0 done, 1 a point failed, 2 bad input, 85 stopped after a checkpoint.
Machine-readable output is --json, on standard output; progress and errors are on standard error.";

/// What to do.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Run an experiment: search, shrink, expand, retrain, and write its curves
    #[command(after_help = run::RUN_EXAMPLES)]
    Run(RunOptions),
    /// List the points of an experiment: for people, for programs, for GNU parallel or for Kubernetes; trains nothing
    #[command(after_help = point::PLAN_EXAMPLES)]
    Plan(ListOptions),
    /// Do one point of an experiment, with all that it needs; results are left to `collect`
    #[command(after_help = point::POINT_EXAMPLES)]
    Point(PointOptions),
    /// Write the results of what is done so far
    Collect(CollectOptions),
    /// Say what is done, running, interrupted, failed and missing, from the results folder alone
    Status(StatusOptions),
    /// Check and price experiment files; trains nothing
    Check(CheckOptions),
    /// Write tables, figures and report.html again from the results in a folder; trains nothing
    #[command(after_help = report::REPORT_EXAMPLES)]
    Report(ReportOptions),
    /// Price a network, or the seed network of an experiment file
    #[command(after_help = COST_EXAMPLES)]
    Cost(CostOptions),
    /// Make a trained network smaller: learn widths, shrink, retrain, and write it as ONNX
    #[command(after_help = morph::MORPH_EXAMPLES)]
    Morph(MorphOptions),
    /// Measure this machine and write a device file, whose latencies `cost` and experiments can charge
    #[command(after_help = CALIBRATE_EXAMPLES)]
    Calibrate(CalibrateOptions),
    /// Time networks on this machine: training steps or inference, held against its peak
    #[command(after_help = bench::BENCH_EXAMPLES)]
    Bench(BenchOptions),
    /// Write a network as an ONNX file
    #[command(after_help = bench::EXPORT_EXAMPLES)]
    Export(ExportOptions),
}

const COST_EXAMPLES: &str = "\
Examples:
  runner cost inception-v2                       as in the paper: 3x224x224, 1001 classes
  runner cost resnet-50                          in short for 'resnet: { depth: 50 }'
  runner cost 'inception-v2: { stem: small }' --input 1x28x28 --classes 10
  runner cost experiments/inception.yaml --per-layer --json
  runner cost resnet-50 --device v100-fp32 --batch 8 --by latency
  runner cost vgg-16 --count bias
  runner cost mobilenet-v2 --device laptop.json --measure
  runner cost squeezenet --kept

FLOPs are 2 x MACs. Parameters are kernels: no biases, no batch norm; --count adds them.
Activations are output channels of kernels, macts their output values. Time is the larger of
FLOPs / peak and bytes / bandwidth of every layer, or what a device file has measured.";

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  runner calibrate laptop.json
  runner calibrate server.json --threads 8 --batch 32 --name server
  runner calibrate laptop.json --against resnet-18 mobilenet-v2
  runner cost resnet-50 --device laptop.json --measure

Let nothing else run meanwhile. The file holds the measurements and the table fitted to them; it is made, not edited.";

/// Options of `calibrate`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CalibrateOptions {
    /// The device file to write, ending in .json
    #[arg(value_name = "FILE.json", value_parser = json_path)]
    pub file: PathBuf,
    /// Name of the device; by default that of the file
    #[arg(long)]
    pub name: Option<String>,
    /// Threads that a network runs on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub batch: u32,
    /// Networks to hold predicted against measured times of; the comparison is written beside the file, as .csv
    #[arg(long, value_name = "ARCH", num_args = 1..)]
    pub against: Vec<String>,
    /// Networks that are measured; more take longer and fit better
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub networks: u32,
}

/// A path that ends in `.json`, by which `--device` tells a file from a name.
fn json_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        Ok(path)
    } else {
        Err("expected a file that ends in `.json`".to_owned())
    }
}

/// Options of `check`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CheckOptions {
    /// Experiment files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The table as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Options of `cost`.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct CostOptions {
    /// Name of a network, with options as in an experiment file; or an experiment file
    #[arg(value_name = "ARCH|FILE.yaml")]
    pub network: String,
    /// Image as channels x height x width; by default what the network was made for, or the file's
    #[arg(long, value_name = "CxHxW", value_parser = parse_input)]
    pub input: Option<Shape>,
    /// Number of classes; by default that of the data set that the network was made for, or the file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub classes: Option<u32>,
    /// Time on a device, too: its name, or a device file that ends in .json
    #[arg(long, value_name = "D")]
    pub device: Option<String>,
    /// Images in a batch, for bytes and time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// List the channels that a search cannot prune, and why
    #[arg(long)]
    pub kept: bool,
    /// Time the network on this machine as well, with random weights
    #[arg(long)]
    pub measure: bool,
    /// With --measure: threads that it runs on
    #[arg(long, value_name = "N", default_value_t = 1, requires = "measure", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// What to count besides kernels, in FLOPs, parameters, bytes and time
    #[arg(long, value_name = "WHAT", value_enum, num_args = 1.., value_delimiter = ',')]
    pub count: Vec<Counted>,
    /// Every layer that costs something, and every block
    #[arg(long)]
    pub per_layer: bool,
    /// The same, the most expensive first
    #[arg(long, value_name = "RESOURCE", value_enum)]
    pub by: Option<Charge>,
    /// As JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// What layers are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Charge {
    /// Trained values
    Params,
    /// Floating point operations
    Flops,
    /// Time on the device
    Latency,
}

/// What can be counted besides kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Counted {
    /// Biases
    Bias,
    /// Batch norms
    BatchNorm,
    /// Pools
    Pooling,
    /// Functions of values
    Activation,
    /// Sums, products and other joins
    Join,
    /// Values that go to other places
    Movement,
    /// All of these
    All,
}

/// Reads `3x224x224`: channels, height, width.
pub(crate) fn parse_input(text: &str) -> Result<Shape, String> {
    const MOST: usize = 1 << 20;
    let sizes: Vec<Option<usize>> = text
        .split(['x', 'X'])
        .map(|size| size.parse().ok().filter(|size| (1..=MOST).contains(size)))
        .collect();
    match sizes.as_slice() {
        [Some(channels), Some(height), Some(width)] => Ok(Shape::new(*height, *width, *channels)),
        _ => Err("expected channels x height x width, such as 3x224x224".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_file_alone_is_run() {
        let bare = parsed("runner a.yaml --jobs 2 --set x=-1").run;
        let Some(Command::Run(named)) = parsed("runner run a.yaml --jobs 2 --set x=-1").command
        else {
            panic!("`run` was not parsed as a command");
        };
        assert_eq!(bare, Some(named));
    }

    #[test]
    fn inputs_are_channels_height_width() {
        assert_eq!(parse_input("3x224x160"), Ok(Shape::new(224, 160, 3)));
        for text in
            ["", "3", "3x224", "3x224x224x1", "0x2x2", "-1x2x2", "3x224x99999999999999999999"]
        {
            assert!(parse_input(text).is_err(), "{text}");
        }
    }

    #[test]
    fn points_are_chosen_by_number() {
        assert_eq!(parsed("runner a.yaml --only 1,2 --only 5").run.unwrap().only, [1, 2, 5]);
    }

    #[test]
    fn resuming_and_starting_over_exclude_each_other() {
        assert!(Cli::try_parse_from(["runner", "a.yaml", "--resume", "--fresh"]).is_err());
    }
}

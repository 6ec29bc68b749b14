//! Options of `bench` and `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use graph::Shape;
use tensor_ops::Level;

use super::parse_input;

pub(super) const BENCH_EXAMPLES: &str = "\
Examples:
  runner bench resnet-50 --batch 8
  runner bench 'cifar-resnet: { depth: 20 }' experiments/inception.yaml --batch 128 --threads 2
  runner bench model.onnx --mode inference --batch 1
  runner bench inception-v2 --batch 8 --profile
  runner bench --list scripts/networks.json --roofline roofline.svg
  runner bench resnet-20 --search search.csv
  runner bench --widths widths.svg

Let nothing else run meanwhile. The peak is measured before: multiply-adds on registers, on as many threads.";

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  runner export inception-v2 inception.onnx
  runner export experiments/inception.yaml seed.onnx
  runner export model.onnx folded.onnx --fold-batch-norm

Networks that do not come from a file have fresh weights of seed 0.";

/// Options of `bench`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct BenchOptions {
    /// Names of networks, with options as in an experiment file; experiment files; ONNX files
    #[arg(required_unless_present_any = ["list", "widths"], value_name = "ARCH|FILE")]
    pub networks: Vec<String>,
    /// A JSON file of networks: `[{ "name": .., "network": .., "input": .., "classes": .., "batch": .. }]`
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["networks", "batch", "input", "classes"])]
    pub list: Option<PathBuf>,
    /// What is timed
    #[arg(long, value_enum, default_value_t = Mode::Train)]
    pub mode: Mode,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,
    /// Threads; by default as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Vector instructions to compute with, such as avx2 or portable; by default the best of this machine.
    #[arg(long, value_name = "LEVEL")]
    pub simd: Option<Level>,
    /// Seconds that each network is timed for, at least; at least 3 steps are
    #[arg(long, value_name = "S", default_value_t = 2.0, value_parser = seconds)]
    pub seconds: f64,
    /// Image as channels x height x width; by default what the network was made for, or the file's
    #[arg(long, value_name = "CxHxW", value_parser = parse_input)]
    pub input: Option<Shape>,
    /// Number of classes; by default that of the data set that the network was made for, or the file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub classes: Option<u32>,
    /// Time each kind of instruction of a training step as well
    #[arg(long)]
    pub profile: bool,
    /// As JSON on standard output, one line per network
    #[arg(long, conflicts_with = "profile")]
    pub json: bool,
    /// Hold the instructions of training steps against peak and bandwidth: a figure, and the table as .csv beside it
    #[arg(long, value_name = "FILE.svg", value_parser = svg_path, conflicts_with_all = ["mode", "json", "profile"])]
    pub roofline: Option<PathBuf>,
    /// Time the steps of searches against plain training steps, in turns, and write the table
    #[arg(long, value_name = "FILE.csv", value_parser = csv_path, conflicts_with_all = ["mode", "json", "profile", "roofline"])]
    pub search: Option<PathBuf>,
    /// Time one 3x3 convolution and its gradients at every width: a figure, and the table as .csv beside it
    #[arg(long, value_name = "FILE.svg", value_parser = svg_path, conflicts_with_all = ["networks", "list", "mode", "json", "profile", "roofline", "search"])]
    pub widths: Option<PathBuf>,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Whole training steps: forward, loss, backward, stochastic gradient descent with momentum and decay
    Train,
    /// Forward passes with running statistics
    Inference,
}

/// Options of `export`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ExportOptions {
    /// Name of a network, with options as in an experiment file; an experiment file; an ONNX file
    #[arg(value_name = "ARCH|FILE")]
    pub network: String,
    /// The ONNX file to write, ending in .onnx
    #[arg(value_name = "OUT.onnx", value_parser = onnx_path)]
    pub file: PathBuf,
    /// Image as channels x height x width; by default what the network was made for, or the file's
    #[arg(long, value_name = "CxHxW", value_parser = parse_input)]
    pub input: Option<Shape>,
    /// Number of classes; by default that of the data set that the network was made for, or the file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub classes: Option<u32>,
    /// Make batch norms part of the layers before them
    #[arg(long)]
    pub fold_batch_norm: bool,
}

/// A path that ends in `.onnx`, by which other commands tell a file from a name.
fn onnx_path(text: &str) -> Result<PathBuf, String> {
    ending_in("onnx", text)
}

fn svg_path(text: &str) -> Result<PathBuf, String> {
    ending_in("svg", text)
}

fn csv_path(text: &str) -> Result<PathBuf, String> {
    ending_in("csv", text)
}

fn ending_in(wanted: &str, text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(wanted)) {
        Ok(path)
    } else {
        Err(format!("expected a file that ends in `.{wanted}`"))
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds up to 3600".to_owned())
}

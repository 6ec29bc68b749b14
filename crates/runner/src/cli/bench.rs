//! Options of `bench` and `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use graph::Shape;

use super::parse_input;

pub(super) const BENCH_EXAMPLES: &str = "\
Examples:
  runner bench resnet-50 --batch 8
  runner bench 'cifar-resnet: { depth: 20 }' experiments/inception.yaml --batch 128 --threads 2
  runner bench model.onnx --mode inference --batch 1
  runner bench inception-v2 --batch 8 --profile

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
    #[arg(required = true, value_name = "ARCH|FILE")]
    pub networks: Vec<String>,
    /// What is timed
    #[arg(long, value_enum, default_value_t = Mode::Train)]
    pub mode: Mode,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,
    /// Threads; by default as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
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
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
        Ok(path)
    } else {
        Err("expected a file that ends in `.onnx`".to_owned())
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds up to 3600".to_owned())
}

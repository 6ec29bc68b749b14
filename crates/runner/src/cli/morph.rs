//! Options of `morph`.

use std::path::PathBuf;

use clap::Args;
use tensor_ops::Level;

pub(super) const MORPH_EXAMPLES: &str = "\
Examples:
  runner morph model.onnx --dataset cifar-10 --data-dir data/cifar10 --target flops=50%
  runner morph model.onnx --dataset fashion-mnist --target flops=50% params=40% --add-batch-norm
  runner morph model.onnx --dataset npz='{ height: 32, width: 32, classes: 5, train: 900, validation: 50, test: 50 }' --data-dir a.npz --target params=25%
  runner morph resnet-18 --dataset cifar-10 --data-dir data/cifar10 --target flops=70% --expand --from-scratch
  runner morph model.onnx --dataset fashion-mnist --target flops=50% --set search.epochs=20

In the output folder: network.onnx, network.safetensors (weights and graph), structure.json (which channels were
kept), report.json, summary.txt. A run that was stopped goes on where it was. Images reach the network as
(value / 255 - mean) / deviation.";

/// Options of `morph`.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct MorphOptions {
    /// The network: a file that ends in .onnx or .safetensors; or the name of a network, which is trained first
    #[arg(value_name = "MODEL.onnx|ARCH")]
    pub model: String,
    /// The images, as in an experiment file
    #[arg(long, value_name = "D")]
    pub dataset: String,
    /// What the network may cost at most: a resource and a share of what it costs now, or a number
    #[arg(long, value_name = "RESOURCE=COST", required = true, num_args = 1..)]
    pub target: Vec<String>,
    /// Give convolutions without batch norm one, which changes no output, and learn by its scales
    #[arg(long)]
    pub add_batch_norm: bool,
    /// Widen what was learned to what the network costs now
    #[arg(long)]
    pub expand: bool,
    /// Retrain with fresh weights, not with those that are left
    #[arg(long)]
    pub from_scratch: bool,
    /// In the ONNX file, make batch norms part of the convolutions before them
    #[arg(long)]
    pub fold_batch_norm: bool,
    /// Change a value: a dotted path and a YAML value, as in an experiment file; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
    /// Mean of every channel that the network was trained with; by default that of the training images
    #[arg(long, value_name = "M,..", value_delimiter = ',', requires = "deviation")]
    pub mean: Vec<f64>,
    /// Standard deviation of every channel that the network was trained with
    #[arg(long, value_name = "S,..", value_delimiter = ',', requires = "mean")]
    pub deviation: Vec<f64>,
    /// Seed of the random streams
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Folder with data sets that do not come with the program
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder for everything that is left; by default results/morph-NAME
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Threads; by default as many as there are cores. Never changes a result
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Vector instructions to compute with, such as avx2 or portable; by default the best of this machine. Others round
    /// differently
    #[arg(long, value_name = "LEVEL")]
    pub simd: Option<Level>,
    /// Time the networks in ONNX Runtime, too: its shared library
    #[cfg(feature = "onnx-runtime")]
    #[arg(long, value_name = "LIBRARY")]
    pub onnx_runtime: Option<PathBuf>,
    /// Start over: discard what is there
    #[arg(long)]
    pub fresh: bool,
}

//! What an experiment means: every default filled in, every number absolute, every contradiction refused.
//!
//! A plan holds what decides results and nothing else: no paths, no numbers of threads. So equal plans give equal results,
//! and the hash of a plan names them.

mod baseline;
mod cost;
mod cycles;
mod feasibility;
mod images;
mod label;
mod modes;
mod morph;
mod points;
mod problem;
mod proxy;
mod regularizer;
mod resolve;
pub(crate) mod scope;
mod shared;
mod study;
mod target;

use architectures::Architecture;
use cost_models::Summary;
use datasets::{Framing, Labels, LogMel};
use graph::{Graph, Shape};
use report::{Metric, Mode};
use serde::{Deserialize, Serialize};
use surgery::SurgeryError;
use training::Recipe;

pub use baseline::{Baseline, reads_weights};
pub use cycles::{Cycles, StopAfter};
pub use feasibility::Feasibility;
pub use morph::{Model, MorphPlan, Standards};
pub(crate) use morph::{Wish, images_of, resolve as resolve_morph};
pub use points::{PointPlan, Pressure, Search};
pub use problem::Problem;
pub use proxy::Proxy;
pub use regularizer::{Charged, Regularizer, Strength};
pub use resolve::resolve;
pub use scope::Scope;
pub use shared::Shared;
pub use study::{SharedWork, Study, StudyPoint, Variant, Varied};
pub use target::{Limit, Target};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::spec::{self, Override, Source};
use crate::store;

/// An experiment, resolved; one variant of it, if it has axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of this format.
    pub schema: u64,
    /// Name of the experiment: that of its file, without the ending.
    pub name: String,
    /// Seeds of the random streams; not empty, no two equal.
    pub seeds: Vec<u64>,
    /// The images.
    pub dataset: Dataset,
    /// The seed network.
    pub architecture: Architecture,
    /// Shape of an image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// How many of them are labels of an image.
    #[serde(default, skip_serializing_if = "is_one_label")]
    pub labels: Labels,
    /// What images are normalised by; mean and deviation of those trained on if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standards: Option<Standards>,
    /// What channels are charged, and when one is dead.
    pub regularizer: Regularizer,
    /// How widths are learned.
    pub search: Recipe,
    /// How every network is trained.
    pub retrain: Recipe,
    /// What it begins with, and for how long; not empty, no two equal.
    #[serde(default = "modes::scratch", skip_serializing_if = "modes::is_scratch")]
    pub modes: Vec<Mode>,
    /// What is varied.
    pub sweep: Sweep,
    /// What the learned widths are compared with.
    pub baselines: Vec<Baseline>,
    /// How often the loop is repeated.
    #[serde(default, skip_serializing_if = "Cycles::is_one")]
    pub cycles: Cycles,
    /// Searches end after so many epochs with the same groups alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<u32>,
    /// What widths are learned on, if it is not the seed on all its images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// The last phase of every cycle; the expansion if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<StopAfter>,
    /// Costs of the seed.
    pub seed_cost: Summary,
}

/// The images of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Fashion-MNIST, which comes with the program.
    FashionMnist(Images),
    /// MNIST, from the folder given with `--data-dir`.
    Mnist(Images),
    /// CIFAR-10, from the folder given with `--data-dir`.
    #[serde(rename = "cifar-10")]
    Cifar10(Images),
    /// CIFAR-100 with its fine classes, from the folder given with `--data-dir`.
    #[serde(rename = "cifar-100")]
    Cifar100(Images),
    /// Arrays of NumPy, from the `.npz` file or the folder given with `--data-dir`.
    Npz(Images),
    /// Pictures in one folder per class, below the folder given with `--data-dir`.
    ImageFolder {
        /// Which part of a picture is shown.
        framing: Framing,
        /// Corrupt files that are passed over.
        corrupt: usize,
        /// How many images there are.
        images: Images,
    },
    /// Pictures in tar archives, below the folder given with `--data-dir`.
    TarShards {
        /// Which part of a picture is shown.
        framing: Framing,
        /// Samples among which one is drawn.
        buffer: usize,
        /// Corrupt samples that are passed over.
        corrupt: usize,
        /// How many images there are.
        images: Images,
    },
    /// WAV files in one folder per class or with tables of labels, below the folder given with `--data-dir`.
    WavFolder {
        /// How sound becomes patches.
        patches: LogMel,
        /// Corrupt files that are passed over.
        corrupt: usize,
        /// How many patches there are.
        images: Images,
    },
    /// Generated bars ([`datasets::Bars`]), with `train + validation` training images.
    Synthetic {
        /// Height and width in pixels.
        side: usize,
        /// Channels of an image.
        channels: usize,
        /// How many images there are.
        images: Images,
    },
}

/// What networks are scored by on images with so many labels.
pub fn metric(labels: Labels) -> Metric {
    match labels {
        Labels::One => Metric::Accuracy,
        Labels::Several => Metric::MeanAveragePrecision,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one_label(labels: &Labels) -> bool {
    match labels {
        Labels::One => true,
        Labels::Several => false,
    }
}

impl Dataset {
    /// Name for people and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::FashionMnist(_) => "fashion-mnist",
            Self::Mnist(_) => "mnist",
            Self::Cifar10(_) => "cifar-10",
            Self::Cifar100(_) => "cifar-100",
            Self::Npz(_) => "npz",
            Self::ImageFolder { .. } => "image-folder",
            Self::TarShards { .. } => "tar-shards",
            Self::WavFolder { .. } => "wav-folder",
            Self::Synthetic { .. } => "synthetic",
        }
    }

    /// Whether samples are read from files whenever a batch is filled.
    pub fn is_in_files(self) -> bool {
        match self {
            Self::ImageFolder { .. } | Self::TarShards { .. } | Self::WavFolder { .. } => true,
            Self::FashionMnist(_)
            | Self::Mnist(_)
            | Self::Cifar10(_)
            | Self::Cifar100(_)
            | Self::Npz(_)
            | Self::Synthetic { .. } => false,
        }
    }

    /// How many images there are in each part.
    pub fn images(self) -> Images {
        match self {
            Self::FashionMnist(images)
            | Self::Mnist(images)
            | Self::Cifar10(images)
            | Self::Cifar100(images)
            | Self::Npz(images)
            | Self::ImageFolder { images, framing: _, corrupt: _ }
            | Self::TarShards { images, framing: _, buffer: _, corrupt: _ }
            | Self::WavFolder { images, patches: _, corrupt: _ }
            | Self::Synthetic { images, side: _, channels: _ } => images,
        }
    }
}

/// How many images there are in each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Trained on: that many first training images.
    pub train: usize,
    /// Choices are made by them: that many last training images.
    pub validation: usize,
    /// Used once, at the end: that many first test images.
    pub test: usize,
}

/// What is varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Regularization strengths, in units of `1 / cost(seed)`; no two equal.
    pub strengths: Vec<f64>,
    /// Costs that searches end at; no two equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Width multipliers of the seed; no two equal.
    pub width_multipliers: Vec<f64>,
    /// What widths are rounded to multiples of.
    pub channel_divisor: usize,
}

impl Plan {
    /// Reads, checks and prices an experiment file, whose axes are left aside: [`Study::load`] has them. `changes` are the `--set`
    /// arguments, in order.
    pub fn load(path: &std::path::Path, changes: &[String]) -> Result<Self, Diagnostics> {
        let changes = changes.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
        Self::of(&Source::read(path)?.with_overrides(changes))
    }

    /// The plan of a file that has been read, its axes left aside.
    pub fn of(source: &Source) -> Result<Self, Diagnostics> {
        let spec = spec::parse(source)?;
        resolve(&spec, source.name(), source.folder()).map_err(|problems| {
            let placed = |problem: Problem| Diagnostic {
                what: problem.what,
                place: Some(Box::new(source.place(&problem.path, problem.target))),
                expected: problem.expected,
                help: problem.help,
            };
            Diagnostics::of(problems.into_iter().map(placed).collect())
                .expect("resolving fails with at least one problem")
        })
    }

    /// The seed network.
    ///
    /// # Panics
    ///
    /// If the plan was not made by [`resolve`] and its architecture does not fit its input.
    pub fn seed_graph(&self) -> Graph {
        self.architecture.build(self.input, self.classes).expect("resolving built the same graph")
    }

    /// The seed with all widths multiplied, rounded to multiples of the channel divisor.
    pub fn uniform_graph(
        &self,
        seed: &Graph,
        width_multiplier: f64,
    ) -> Result<Graph, SurgeryError> {
        surgery::scale(seed, width_multiplier, self.sweep.channel_divisor)
    }

    /// The plan as one line of JSON, keys in the order of the types.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plan holds finite numbers and texts")
    }

    /// SHA-256 of [`Plan::to_json`] in 64 hex digits. Comments, the order of keys and what is written out or left to a
    /// default do not change it.
    pub fn hash(&self) -> String {
        store::digest(self.to_json().as_bytes())
    }

    /// The first 16 digits of [`Plan::hash`]: what names a run.
    pub fn id(&self) -> String {
        self.hash()[..16].to_owned()
    }
}

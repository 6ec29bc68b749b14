//! A graph compiled once to a static program, and the loop that trains it.
//!
//! [`Program`] turns a graph, a batch size and a [`Recipe`] into one list of device instructions: forward, loss, backward,
//! optimizer. [`Trainer`] executes it step by step and can stop and go on at any step; [`Evaluator`] scores a network.
//! Training knows nothing of MorphNet: it knows a [`Penalty`], and `()` is the penalty of ordinary training.
//!
//! ```
//! use datasets::{Augmentation, Bars, Batches, Normalization, Streams};
//! use graph::{Builder, Conv2d, Linear, Op, Shape};
//! use tensor_ops::Cpu;
//! use training::{Control, Curve, GateRecipe, Network, Optimizer, Recipe, Schedule, Trainer};
//!
//! let streams = Streams::new(0);
//! let (train, _test) = Bars::default().generate(streams)?;
//! let mut build = Builder::new();
//! let image = build.add("image", Op::Input(Shape::new(8, 8, 1)), &[])?;
//! let conv = build.add("conv", Op::Conv2d(Conv2d::square(4, 3)), &[image])?;
//! let flat = build.add("flat", Op::Flatten, &[conv])?;
//! let logits = build.add("logits", Op::Linear(Linear::new(Bars::CLASSES)), &[flat])?;
//! let network = Network::init(build.finish(&[logits])?, streams);
//!
//! let recipe = Recipe {
//!     epochs: 1,
//!     batch_size: 64,
//!     optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: true },
//!     learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate: 0.05 } },
//!     weight_decay: 0.0,
//!     decay_batch_norm: false,
//!     label_smoothing: 0.0,
//!     batch_norm_momentum: 0.1,
//!     augmentation: Augmentation::default(),
//!     gates: GateRecipe::default(),
//! };
//! let batches = Batches::new(&train, &Normalization::of(&train), 64, recipe.augmentation, streams)?;
//! let device = Cpu::new(1)?;
//! let mut trainer = Trainer::new(&network, &recipe, streams, &device)?;
//! while !trainer.is_finished() {
//!     trainer.epoch(&batches, &mut (), &mut |_| Control::Continue)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod gates;
mod recipe;

mod parameters;
mod precision;

mod forward_pass;
mod program;
mod session;
mod training_pass;

mod filters;
mod penalty;
mod trainer;

mod checkpoint;
mod error;
mod file;

pub use error::TrainError;
pub use file::NetworkFileError;
pub use filters::Filters;
pub use forward_pass::ForwardPass;
pub use gates::{GateNoise, GateRecipe};
pub use parameters::{Network, Parameters};
pub use penalty::{Penalty, PenaltyStep, stateless};
pub use precision::average_precision;
pub use program::Program;
pub use recipe::{Curve, Optimizer, Recipe, Schedule};
pub use session::{Evaluator, Precision, Score};
pub use trainer::{Control, EpochEnd, EpochRecord, Step, Trainer};
pub use training_pass::TrainingPass;

//! Image data sets from bytes: readers, splits, normalisation, augmentation, batches, named random streams.
//!
//! The crate opens no file: a reader asks its caller for bytes by name. Images stay `u8` in one shared array; parts of
//! a set are views of it, and a batch becomes normalised `f32` in NHWC order only when it is filled.
//!
//! ```
//! use datasets::{Augmentation, Bars, Batches, Evaluation, Normalization, Split, Streams};
//!
//! let streams = Streams::new(0);
//! let (training, test) = Bars::default().generate(streams)?;
//! let split = Split::new(&training, test, 64)?;
//! let normalization = Normalization::of(&split.train);
//!
//! let augmentation = Augmentation { flip: true, crop: 1 };
//! let batches = Batches::new(&split.train, &normalization, 32, augmentation, streams)?;
//! let [n, height, width, channels] = batches.shape();
//! let mut images = vec![0.0; n * height * width * channels];
//! let mut labels = vec![0; n];
//! for epoch in 0..2 {
//!     let epoch = batches.epoch(epoch);
//!     for batch in 0..batches.per_epoch() {
//!         epoch.fill(batch, &mut images, &mut labels);
//!     }
//! }
//!
//! let evaluation = Evaluation::new(&split.validation, &normalization, 32)?;
//! let valid: usize = (0..evaluation.batches()).map(|b| evaluation.fill(b, &mut images, &mut labels)).sum();
//! assert_eq!(valid, 64);
//! # Ok::<(), datasets::DatasetError>(())
//! ```
#![forbid(unsafe_code)]

mod error;
mod streams;

pub mod cifar;
pub mod idx;
pub mod npy;
pub mod numpy;
pub mod tar;

mod dataset;
mod idx_sources;
mod synthetic;
mod zip;

mod normalization;

mod augment;
mod batches;

pub use augment::Augmentation;
pub use batches::{Batches, Epoch, Evaluation};
pub use cifar::{CIFAR_10, CIFAR_100, CifarImages, CifarSource};
pub use dataset::{ImageSet, Split};
pub use error::DatasetError;
pub use idx_sources::{FASHION_MNIST, IdxFile, IdxPart, IdxSource, MNIST};
pub use normalization::Normalization;
pub use rand_chacha::ChaCha8Rng;
pub use streams::Streams;
pub use synthetic::Bars;

//! Data sets from bytes: readers, splits, normalisation, augmentation, batches, named random streams.
//!
//! The crate opens no file: a reader asks its caller for bytes by name. Small sets are held in memory ([`ImageSet`]): images stay
//! `u8` in one shared array; parts of a set are views of it. Large ones stay in their files ([`StoredSet`]): a set knows where
//! its samples lie, and they are read and decoded batch by batch. Either becomes normalised `f32` in NHWC order only when a
//! batch is filled.
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
//!         epoch.fill(batch, &mut images, &mut labels)?;
//!     }
//! }
//!
//! let evaluation = Evaluation::new(&split.validation, &normalization, 32)?;
//! let mut valid = 0;
//! for batch in 0..evaluation.batches() {
//!     valid += evaluation.fill(batch, &mut images, &mut labels)?;
//! }
//! assert_eq!(valid, 64);
//! # Ok::<(), datasets::DatasetError>(())
//! ```
#![forbid(unsafe_code)]

mod averaged;
mod error;
mod streams;

pub mod cifar;
pub mod idx;
pub mod npy;
pub mod numpy;
pub mod tar;

pub mod shards;

mod dataset;
mod folder;
mod idx_sources;
mod label_sets;
mod label_table;
mod log_mel;
mod picture;
mod resize;
mod samples;
mod shades;
mod stored;
mod synthetic;
mod zip;

mod normalization;

mod ahead;
mod augment;
mod batches;

pub use ahead::Ahead;
pub use augment::Augmentation;
pub use batches::{Batches, Epoch, Evaluation};
pub use cifar::{CIFAR_10, CIFAR_100, CifarImages, CifarSource};
pub use dataset::{ImageSet, Split};
pub use error::DatasetError;
pub use folder::{class_names, folder};
pub use idx_sources::{FASHION_MNIST, IdxFile, IdxPart, IdxSource, MNIST};
pub use label_sets::{LabelSets, Labels};
pub use label_table::{LabelTable, labelled};
pub use log_mel::LogMel;
pub use normalization::Normalization;
pub use picture::Framing;
pub use rand_chacha::ChaCha8Rng;
pub use samples::Samples;
pub use shades::Shades;
pub use stored::{Medium, ReadRange, StoredSet};
pub use streams::Streams;
pub use synthetic::Bars;

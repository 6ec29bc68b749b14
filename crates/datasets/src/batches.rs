//! Normalised batches in NHWC order: shuffled and augmented for training, in order and complete for evaluation.

use rand_chacha::ChaCha8Rng;

use crate::augment::Placement;
use crate::normalization::PixelTables;
use crate::stored::Decoded;
use crate::{Augmentation, DatasetError, ImageSet, LabelSets, Normalization, Samples, Streams};

/// The training batches of a set. Any batch of any epoch can be produced on its own.
///
/// Draws from the streams `batches/order`, `batches/augmentation` and, for what is read from files, `batches/window`, all indexed
/// by the epoch.
#[derive(Debug, Clone)]
pub struct Batches {
    samples: Samples,
    scale: Scale,
    batch_size: usize,
    augmentation: Augmentation,
    streams: Streams,
}

impl Batches {
    /// Batches of `batch_size` samples, which are shared.
    ///
    /// # Errors
    ///
    /// A batch size of 0 or above the number of samples, a crop that could show none of the image, an augmentation of what is no
    /// image, a normalisation of other channels.
    pub fn new(
        samples: impl Into<Samples>,
        normalization: &Normalization,
        batch_size: usize,
        augmentation: Augmentation,
        streams: Streams,
    ) -> Result<Self, DatasetError> {
        let samples = samples.into();
        if !(1..=samples.count()).contains(&batch_size) {
            return Err(DatasetError::BatchSize { found: batch_size, images: samples.count() });
        }
        let is_sound = matches!(&samples, Samples::Stored(set) if !set.holds_pictures());
        if is_sound && augmentation != Augmentation::default() {
            return Err(DatasetError::AugmentedSound);
        }
        let [height, width, channels] = samples.shape();
        let side = height.min(width);
        if augmentation.crop >= side {
            return Err(DatasetError::Crop { found: augmentation.crop, side });
        }
        let scale = Scale::new(normalization, channels)?;
        Ok(Self { samples, scale, batch_size, augmentation, streams })
    }

    /// What labels stand for, if samples have several.
    pub fn label_sets(&self) -> Option<&LabelSets> {
        self.samples.label_sets()
    }

    /// How many batches an epoch has. All are full: the images that are left over wait for another epoch's order.
    pub fn per_epoch(&self) -> usize {
        self.samples.count() / self.batch_size
    }

    /// Shape of a batch, `[batch, height, width, channels]`.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width, channels] = self.samples.shape();
        [self.batch_size, height, width, channels]
    }

    /// The order of the samples in `epoch`: a permutation of all indices, a function of (seed, epoch) alone.
    pub fn order(&self, epoch: u64) -> Vec<u32> {
        self.samples.order(self.streams, epoch)
    }

    /// The batches of `epoch`. Allocates the order; filling batches from memory then allocates nothing.
    pub fn epoch(&self, epoch: u64) -> Epoch<'_> {
        Epoch {
            batches: self,
            order: self.order(epoch),
            augmentation: self.streams.indexed("batches/augmentation", &[epoch]),
            window: self.streams.indexed("batches/window", &[epoch]),
        }
    }
}

/// The batches of one epoch.
#[derive(Debug, Clone)]
pub struct Epoch<'a> {
    batches: &'a Batches,
    order: Vec<u32>,
    augmentation: ChaCha8Rng,
    window: ChaCha8Rng,
}

impl Epoch<'_> {
    /// Shape of a batch, `[batch, height, width, channels]`.
    pub(crate) fn shape(&self) -> [usize; 4] {
        self.batches.shape()
    }

    /// Whether filling a batch reads files.
    pub(crate) fn is_in_files(&self) -> bool {
        matches!(self.batches.samples, Samples::Stored(_))
    }

    /// Indices of the samples of `batch`, in the order in which [`Epoch::fill`] writes them.
    ///
    /// # Panics
    ///
    /// When `batch` is not below [`Batches::per_epoch`].
    pub fn indices(&self, batch: usize) -> &[u32] {
        let (batches, size) = (self.batches.per_epoch(), self.batches.batch_size);
        assert!(batch < batches, "batch {batch} of an epoch of {batches} batches");
        &self.order[batch * size..(batch + 1) * size]
    }

    /// Writes `batch` to `images`, `[batch, height, width, channels]`, and `labels`, `[batch]`.
    ///
    /// # Errors
    ///
    /// Of samples in files alone: a file that cannot be read, more corrupt samples than the set accepts.
    ///
    /// # Panics
    ///
    /// When `batch` is not below [`Batches::per_epoch`], or a slice has another length than [`Batches::shape`] says.
    pub fn fill(
        &self,
        batch: usize,
        images: &mut [f32],
        labels: &mut [u32],
    ) -> Result<(), DatasetError> {
        let Batches { samples, scale, batch_size, augmentation, streams: _ } = self.batches;
        let indices = self.indices(batch);
        let shape = samples.shape();
        let length = length_of(shape);
        assert_eq!(
            (images.len(), labels.len()),
            (batch_size * length, *batch_size),
            "lengths of images and labels"
        );
        let place = |index| augmentation.draw(&self.augmentation, index);
        match samples {
            Samples::Memory(set) => {
                let slots = images.chunks_exact_mut(length).zip(labels);
                for (&index, (out, label)) in indices.iter().zip(slots) {
                    let at = index as usize;
                    let image = &set.pixels()[at * length..][..length];
                    place(index).write(&scale.tables, image, shape, out);
                    *label = u32::from(set.labels()[at]);
                }
                Ok(())
            }
            Samples::Stored(set) => {
                let random = |index| {
                    let mut random = self.window.clone();
                    random.set_stream(u64::from(index));
                    Some(random)
                };
                let write = |index, decoded: &Decoded, out: &mut [f32]| {
                    scale.write(decoded, place(index), shape, out);
                };
                set.fill(indices, &random, &write, images, labels)
            }
        }
    }
}

/// Every sample of a set once, in order and unvaried, in batches of which the last may be partial.
#[derive(Debug, Clone)]
pub struct Evaluation {
    samples: Samples,
    scale: Scale,
    batch_size: usize,
}

impl Evaluation {
    /// Batches of `batch_size` samples, which may be more than there are.
    ///
    /// # Errors
    ///
    /// A batch size of 0, a normalisation of other channels.
    pub fn new(
        samples: impl Into<Samples>,
        normalization: &Normalization,
        batch_size: usize,
    ) -> Result<Self, DatasetError> {
        let samples = samples.into();
        if batch_size == 0 {
            return Err(DatasetError::EvaluationBatchSize);
        }
        let [.., channels] = samples.shape();
        Ok(Self { scale: Scale::new(normalization, channels)?, samples, batch_size })
    }

    /// How many batches hold all samples.
    pub fn batches(&self) -> usize {
        self.samples.count().div_ceil(self.batch_size)
    }

    /// Shape of a batch, `[batch, height, width, channels]`.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width, channels] = self.samples.shape();
        [self.batch_size, height, width, channels]
    }

    /// Writes `batch` to `images`, `[batch, height, width, channels]`, and `labels`, `[batch]`. Returns how many are
    /// valid; the rest is filled with zeros.
    ///
    /// # Errors
    ///
    /// As [`Epoch::fill`].
    ///
    /// # Panics
    ///
    /// When `batch` is not below [`Evaluation::batches`], or a slice has another length than [`Evaluation::shape`] says.
    pub fn fill(
        &self,
        batch: usize,
        images: &mut [f32],
        labels: &mut [u32],
    ) -> Result<usize, DatasetError> {
        assert!(batch < self.batches(), "batch {batch} of {} batches", self.batches());
        let shape = self.samples.shape();
        let length = length_of(shape);
        assert_eq!(
            (images.len(), labels.len()),
            (self.batch_size * length, self.batch_size),
            "lengths of images and labels"
        );
        let start = batch * self.batch_size;
        let valid = self.batch_size.min(self.samples.count() - start);
        let (images, rest) = images.split_at_mut(valid * length);
        rest.fill(0.0);
        let (labels, rest) = labels.split_at_mut(valid);
        rest.fill(0);
        match &self.samples {
            Samples::Memory(set) => self.copy(set, start, images, labels),
            Samples::Stored(set) => {
                let indices: Vec<u32> = (start..start + valid).map(|index| index as u32).collect();
                let write = |_, decoded: &Decoded, out: &mut [f32]| {
                    self.scale.write(decoded, Placement::UNCHANGED, shape, out);
                };
                set.fill(&indices, &|_| None, &write, images, labels)?;
            }
        }
        Ok(valid)
    }

    fn copy(&self, set: &ImageSet, start: usize, images: &mut [f32], labels: &mut [u32]) {
        let shape = set.image_shape();
        let pixels = &set.pixels()[start * length_of(shape)..][..images.len()];
        Placement::UNCHANGED.write(&self.scale.tables, pixels, shape, images);
        for (out, &label) in labels.iter_mut().zip(&set.labels()[start..]) {
            *out = u32::from(label);
        }
    }
}

/// How values are normalised: pixels by tables, others one by one.
#[derive(Debug, Clone)]
struct Scale {
    normalization: Normalization,
    tables: PixelTables,
}

impl Scale {
    fn new(normalization: &Normalization, channels: usize) -> Result<Self, DatasetError> {
        let tables = PixelTables::new(normalization, channels)?;
        Ok(Self { normalization: normalization.clone(), tables })
    }

    /// Writes a sample of `shape`; only pixels can be placed.
    fn write(&self, decoded: &Decoded, placement: Placement, shape: [usize; 3], out: &mut [f32]) {
        match decoded {
            Decoded::Pixels(pixels) => placement.write(&self.tables, pixels, shape, out),
            Decoded::Values(values) => self.normalization.write(values, out),
        }
    }
}

fn length_of(shape: [usize; 3]) -> usize {
    shape.iter().product()
}

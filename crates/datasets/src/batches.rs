//! Normalised batches in NHWC order: shuffled and augmented for training, in order and complete for evaluation.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::augment::Placement;
use crate::normalization::PixelTables;
use crate::{Augmentation, DatasetError, ImageSet, Normalization, Streams};

/// The training batches of a set. Any batch of any epoch can be produced on its own.
///
/// Draws from the streams `batches/order` and `batches/augmentation`, both indexed by the epoch.
#[derive(Debug, Clone)]
pub struct Batches {
    set: ImageSet,
    tables: PixelTables,
    batch_size: usize,
    augmentation: Augmentation,
    streams: Streams,
}

impl Batches {
    /// Batches of `batch_size` images of `set`, whose pixels are shared.
    ///
    /// # Errors
    ///
    /// A batch size of 0 or above the number of images, a crop that could show none of the image, a normalisation of
    /// other channels.
    pub fn new(
        set: &ImageSet,
        normalization: &Normalization,
        batch_size: usize,
        augmentation: Augmentation,
        streams: Streams,
    ) -> Result<Self, DatasetError> {
        if !(1..=set.count()).contains(&batch_size) {
            return Err(DatasetError::BatchSize { found: batch_size, images: set.count() });
        }
        let [height, width, _] = set.image_shape();
        let side = height.min(width);
        if augmentation.crop >= side {
            return Err(DatasetError::Crop { found: augmentation.crop, side });
        }
        let tables = PixelTables::new(normalization, set)?;
        Ok(Self { set: set.clone(), tables, batch_size, augmentation, streams })
    }

    /// How many batches an epoch has. All are full: the images that are left over wait for another epoch's order.
    pub fn per_epoch(&self) -> usize {
        self.set.count() / self.batch_size
    }

    /// Shape of a batch, `[batch, height, width, channels]`.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width, channels] = self.set.image_shape();
        [self.batch_size, height, width, channels]
    }

    /// The order of the images in `epoch`: a permutation of all indices, a function of (seed, epoch) alone.
    pub fn order(&self, epoch: u64) -> Vec<u32> {
        let count =
            u32::try_from(self.set.count()).expect("an image set holds at most 2^32 - 1 images");
        let mut order: Vec<u32> = (0..count).collect();
        order.shuffle(&mut self.streams.indexed("batches/order", &[epoch]));
        order
    }

    /// The batches of `epoch`. Allocates the order; filling batches then allocates nothing.
    pub fn epoch(&self, epoch: u64) -> Epoch<'_> {
        Epoch {
            batches: self,
            order: self.order(epoch),
            augmentation: self.streams.indexed("batches/augmentation", &[epoch]),
        }
    }
}

/// The batches of one epoch.
#[derive(Debug, Clone)]
pub struct Epoch<'a> {
    batches: &'a Batches,
    order: Vec<u32>,
    augmentation: ChaCha8Rng,
}

impl Epoch<'_> {
    /// Indices of the images of `batch`, in the order in which [`Epoch::fill`] writes them.
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
    /// # Panics
    ///
    /// When `batch` is not below [`Batches::per_epoch`], or a slice has another length than [`Batches::shape`] says.
    pub fn fill(&self, batch: usize, images: &mut [f32], labels: &mut [u32]) {
        let Batches { set, tables, batch_size, augmentation, streams: _ } = self.batches;
        let indices = self.indices(batch);
        let length = image_length(set);
        assert_eq!(
            (images.len(), labels.len()),
            (batch_size * length, *batch_size),
            "lengths of images and labels"
        );
        let shape = set.image_shape();
        for ((&index, out), label) in
            indices.iter().zip(images.chunks_exact_mut(length)).zip(labels)
        {
            let at = index as usize;
            let image = &set.pixels()[at * length..][..length];
            augmentation.draw(&self.augmentation, index).write(tables, image, shape, out);
            *label = u32::from(set.labels()[at]);
        }
    }
}

/// Every image of a set once, in order and unvaried, in batches of which the last may be partial.
#[derive(Debug, Clone)]
pub struct Evaluation {
    set: ImageSet,
    tables: PixelTables,
    batch_size: usize,
}

impl Evaluation {
    /// Batches of `batch_size` images of `set`, which may be more than there are.
    ///
    /// # Errors
    ///
    /// A batch size of 0, a normalisation of other channels.
    pub fn new(
        set: &ImageSet,
        normalization: &Normalization,
        batch_size: usize,
    ) -> Result<Self, DatasetError> {
        if batch_size == 0 {
            return Err(DatasetError::EvaluationBatchSize);
        }
        Ok(Self { set: set.clone(), tables: PixelTables::new(normalization, set)?, batch_size })
    }

    /// How many batches hold all images.
    pub fn batches(&self) -> usize {
        self.set.count().div_ceil(self.batch_size)
    }

    /// Shape of a batch, `[batch, height, width, channels]`.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width, channels] = self.set.image_shape();
        [self.batch_size, height, width, channels]
    }

    /// Writes `batch` to `images`, `[batch, height, width, channels]`, and `labels`, `[batch]`. Returns how many are
    /// valid; the rest is filled with zeros.
    ///
    /// # Panics
    ///
    /// When `batch` is not below [`Evaluation::batches`], or a slice has another length than [`Evaluation::shape`] says.
    pub fn fill(&self, batch: usize, images: &mut [f32], labels: &mut [u32]) -> usize {
        assert!(batch < self.batches(), "batch {batch} of {} batches", self.batches());
        let length = image_length(&self.set);
        assert_eq!(
            (images.len(), labels.len()),
            (self.batch_size * length, self.batch_size),
            "lengths of images and labels"
        );
        let start = batch * self.batch_size;
        let valid = self.batch_size.min(self.set.count() - start);
        let pixels = &self.set.pixels()[start * length..][..valid * length];
        let (filled, rest) = images.split_at_mut(valid * length);
        Placement::UNCHANGED.write(&self.tables, pixels, self.set.image_shape(), filled);
        rest.fill(0.0);
        let (filled, rest) = labels.split_at_mut(valid);
        for (out, &label) in filled.iter_mut().zip(&self.set.labels()[start..]) {
            *out = u32::from(label);
        }
        rest.fill(0);
        valid
    }
}

fn image_length(set: &ImageSet) -> usize {
    set.image_shape().iter().product()
}

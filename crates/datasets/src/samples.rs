//! Where the samples of batches come from.

use rand::seq::SliceRandom;

use crate::{DatasetError, ImageSet, LabelSets, StoredSet, Streams};

/// Labelled samples of one shape, found by their index: in memory, or read from files when a batch is filled.
///
/// Clones and parts share what they hold. Whatever the source, what a batch holds is a function of (seed, epoch, batch)
/// alone, so that any batch of any epoch can be asked for, in any order and with any number of threads.
#[derive(Debug, Clone)]
pub enum Samples {
    /// Images in memory.
    Memory(ImageSet),
    /// Pictures or sound in files.
    Stored(StoredSet),
}

impl Samples {
    /// How many samples there are, at least 1.
    pub fn count(&self) -> usize {
        match self {
            Self::Memory(set) => set.count(),
            Self::Stored(set) => set.count(),
        }
    }

    /// The first `count` samples, 1 to all.
    pub fn take(&self, count: usize) -> Result<Self, DatasetError> {
        Ok(match self {
            Self::Memory(set) => Self::Memory(set.take(count)?),
            Self::Stored(set) => Self::Stored(set.take(count)?),
        })
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        match self {
            Self::Memory(set) => set.classes(),
            Self::Stored(set) => set.classes(),
        }
    }

    /// How many samples each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        match self {
            Self::Memory(set) => set.class_counts(),
            Self::Stored(set) => set.class_counts(),
        }
    }

    /// What labels stand for, if samples have several.
    pub fn label_sets(&self) -> Option<&LabelSets> {
        match self {
            Self::Memory(set) => set.label_sets(),
            Self::Stored(set) => set.label_sets(),
        }
    }

    /// `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        match self {
            Self::Memory(set) => set.image_shape(),
            Self::Stored(set) => set.shape(),
        }
    }

    /// The samples, with batches of those in files filled by so many threads.
    pub fn with_threads(self, threads: usize) -> Self {
        match self {
            Self::Memory(set) => Self::Memory(set),
            Self::Stored(set) => Self::Stored(set.with_threads(threads)),
        }
    }

    /// The samples in files that could not be decoded so far, of all parts: name, and why, in words that follow it.
    pub fn corrupt(&self) -> Vec<(String, String)> {
        match self {
            Self::Memory(_) => Vec::new(),
            Self::Stored(set) => set.corrupt(),
        }
    }

    /// The order of the samples in `epoch`: a permutation of all indices, a function of (seed, epoch) alone.
    pub(crate) fn order(&self, streams: Streams, epoch: u64) -> Vec<u32> {
        let mut random = streams.indexed("batches/order", &[epoch]);
        let runs = match self {
            Self::Stored(set) => set.runs(),
            Self::Memory(_) => None,
        };
        if let Some((runs, buffer)) = runs {
            return crate::shards::order(&runs, buffer, &mut random);
        }
        let count = u32::try_from(self.count()).expect("a set has at most 2^32 - 1 samples");
        let mut order: Vec<u32> = (0..count).collect();
        order.shuffle(&mut random);
        order
    }
}

impl From<&ImageSet> for Samples {
    fn from(set: &ImageSet) -> Self {
        Self::Memory(set.clone())
    }
}

impl From<ImageSet> for Samples {
    fn from(set: ImageSet) -> Self {
        Self::Memory(set)
    }
}

impl From<&StoredSet> for Samples {
    fn from(set: &StoredSet) -> Self {
        Self::Stored(set.clone())
    }
}

impl From<StoredSet> for Samples {
    fn from(set: StoredSet) -> Self {
        Self::Stored(set)
    }
}

impl From<&Self> for Samples {
    fn from(samples: &Self) -> Self {
        samples.clone()
    }
}

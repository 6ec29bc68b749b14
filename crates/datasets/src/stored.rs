//! Samples in files: found once, read and decoded when a batch is filled.
//!
//! A set holds where its samples lie and which label they have, some tens of bytes each; of the files it holds nothing. Filling a
//! batch reads and decodes its samples on several threads; a sample's random draws have a stream of their own, so that
//! threads and order change nothing.
//!
//! **Corrupt files.** A sample that cannot be decoded is noted by name ([`StoredSet::corrupt`]), and the next sample of the set
//! that can be takes its place, with its own label and the draws of the first one. When more are found than the set accepts, the
//! batch is an error that names the first of them. A file that cannot be read at all is an error at once.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;

use crate::label_sets::class_counts;
use crate::log_mel::Spectrogram;
use crate::normalization::Histograms;
use crate::{DatasetError, Framing, LabelSets, LogMel, Normalization, picture};

/// Gives the bytes of a file by its name, or a range of them.
pub type ReadRange = dyn Fn(&str, Option<Range<u64>>) -> io::Result<Vec<u8>> + Send + Sync;

/// What the bytes of a sample are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Medium {
    /// JPEG or PNG files that become images of `shape`, `[height, width, channels]`, with 1 channel or 3.
    Pictures {
        /// Which part of a picture is shown.
        framing: Framing,
        /// `[height, width, channels]`.
        shape: [usize; 3],
    },
    /// WAV files that become log-mel patches.
    Sound(LogMel),
}

impl Medium {
    /// How the names of its files end, in lower case.
    pub fn extensions(&self) -> &'static [&'static str] {
        match self {
            Self::Pictures { .. } => &["jpg", "jpeg", "png"],
            Self::Sound(_) => &["wav"],
        }
    }

    /// Whether a file is one of these, by its name; hidden files are not.
    pub(crate) fn holds(&self, name: &str) -> bool {
        if name.rsplit('/').next().is_some_and(|base| base.starts_with('.')) {
            return false;
        }
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        extension.is_some_and(|extension| self.extensions().contains(&&*extension))
    }
}

/// Where one sample lies, and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the files.
    pub(crate) file: u32,
    /// Its class, or the number of its set of classes.
    pub(crate) label: u32,
    /// First byte and number of bytes; the whole file if absent.
    pub(crate) bytes: Option<(u64, u32)>,
}

/// What a sample becomes before it is normalised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decoded {
    Pixels(Vec<u8>),
    Values(Vec<f32>),
}

#[derive(Debug)]
enum Decoder {
    Pictures { framing: Framing, shape: [usize; 3] },
    Sound(Spectrogram),
}

/// What parts of a set share.
struct Source {
    files: Vec<Box<str>>,
    places: Vec<Place>,
    classes: usize,
    sets: Option<LabelSets>,
    decoder: Decoder,
    read: Arc<ReadRange>,
    /// Size of the buffer that shuffles samples in the order of their files; None shuffles all together.
    buffer: Option<usize>,
    most_corrupt: usize,
    /// Why samples could not be decoded, by their index in `places`.
    corrupt: Mutex<BTreeMap<usize, String>>,
}

/// Labelled samples in files. Clones and parts share what is known of them.
#[derive(Clone)]
pub struct StoredSet {
    source: Arc<Source>,
    part: Range<usize>,
    threads: usize,
}

impl fmt::Debug for StoredSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_struct("StoredSet");
        set.field("part", &self.part).field("classes", &self.classes());
        set.field("decoder", &self.source.decoder).finish_non_exhaustive()
    }
}

impl StoredSet {
    /// Checks what cannot be wrong in the files. `places` is not empty.
    pub(crate) fn new(
        files: Vec<Box<str>>,
        places: Vec<Place>,
        classes: usize,
        medium: Medium,
        buffer: Option<usize>,
        read: Arc<ReadRange>,
    ) -> Result<Self, DatasetError> {
        if !(1..=1 << 16).contains(&classes) {
            return Err(DatasetError::Classes { found: classes });
        }
        let decoder = match medium {
            Medium::Pictures { framing, shape } => {
                framing.check()?;
                let [height, width, channels] = shape;
                let sides = 1..=4096;
                if !(sides.contains(&height)
                    && sides.contains(&width)
                    && [1, 3].contains(&channels))
                {
                    return Err(DatasetError::PictureShape { found: format!("{shape:?}") });
                }
                Decoder::Pictures { framing, shape }
            }
            Medium::Sound(settings) => Decoder::Sound(Spectrogram::new(settings)?),
        };
        let part = 0..places.len();
        let (most_corrupt, corrupt) = (0, Mutex::default());
        let source = Source {
            files,
            places,
            classes,
            sets: None,
            decoder,
            read,
            buffer,
            most_corrupt,
            corrupt,
        };
        Ok(Self { source: Arc::new(source), part, threads: 1 })
    }

    /// The set with labels that are numbers of `sets`, which are of its classes.
    ///
    /// # Panics
    ///
    /// If the set was cloned or divided before.
    pub(crate) fn with_label_sets(mut self, sets: LabelSets) -> Self {
        Arc::get_mut(&mut self.source).expect("the set is not shared yet").sets = Some(sets);
        self
    }

    /// The set with so many corrupt files accepted; a new one accepts none.
    ///
    /// # Panics
    ///
    /// If the set was cloned or divided before.
    pub fn accept_corrupt(mut self, most: usize) -> Self {
        Arc::get_mut(&mut self.source).expect("the set is not shared yet").most_corrupt = most;
        self
    }

    /// The set with its batches filled by so many threads, at least one; a new one uses the caller's alone.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// How many samples there are, at least 1.
    pub fn count(&self) -> usize {
        self.part.len()
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.source.classes
    }

    /// How many samples each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let places = &self.source.places[self.part.clone()];
        class_counts(self.classes(), self.label_sets(), places.iter().map(|place| place.label))
    }

    /// What labels stand for, if samples have several.
    pub fn label_sets(&self) -> Option<&LabelSets> {
        self.source.sets.as_ref()
    }

    /// `[height, width, channels]`; of log-mel patches `[frames, mels, 1]`.
    pub fn shape(&self) -> [usize; 3] {
        match &self.source.decoder {
            Decoder::Pictures { shape, .. } => *shape,
            Decoder::Sound(spectrogram) => {
                let LogMel { frames, mels, .. } = spectrogram.settings();
                [frames, mels, 1]
            }
        }
    }

    /// The first `count` samples, 1 to all.
    pub fn take(&self, count: usize) -> Result<Self, DatasetError> {
        if !(1..=self.count()).contains(&count) {
            return Err(DatasetError::Take { found: count, images: self.count() });
        }
        Ok(Self { part: self.part.start..self.part.start + count, ..self.clone() })
    }

    /// All but the last `validation` samples, and those; neither part may be empty.
    pub fn split_last(&self, validation: usize) -> Result<(Self, Self), DatasetError> {
        let most = self.count() - 1;
        if !(1..=most).contains(&validation) {
            return Err(DatasetError::Validation { found: validation, most });
        }
        let middle = self.part.end - validation;
        let part = |part| Self { part, ..self.clone() };
        Ok((part(self.part.start..middle), part(middle..self.part.end)))
    }

    /// The samples that could not be decoded so far, of all parts: name, and why, in words that follow it.
    pub fn corrupt(&self) -> Vec<(String, String)> {
        let corrupt = self.source.corrupt.lock().unwrap_or_else(PoisonError::into_inner);
        corrupt.iter().map(|(&at, reason)| (self.source.name(at), reason.clone())).collect()
    }

    /// Mean and deviation of the first samples, at most `most`, as they are seen in evaluation. A constant channel gets 1.
    pub fn normalization(&self, most: usize) -> Result<Normalization, DatasetError> {
        let [.., channels] = self.shape();
        let mut histograms = Histograms::new(channels);
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for index in 0..self.count().min(most.max(1)) {
            match self.sample(index as u32, None)?.0 {
                Decoded::Pixels(pixels) => histograms.add(&pixels),
                Decoded::Values(values) => {
                    for value in values.into_iter().map(f64::from) {
                        count += 1.0;
                        sum += value;
                        squares += value * value;
                    }
                }
            }
        }
        self.check_corrupt()?;
        match self.source.decoder {
            Decoder::Pictures { .. } => Ok(histograms.normalization()),
            Decoder::Sound(_) => {
                let mean = sum / count;
                let variance = squares / count - mean * mean;
                let std = if variance > 0.0 { variance.sqrt() } else { 1.0 };
                Normalization::new(vec![mean], vec![std])
            }
        }
    }

    /// Whether the samples are pictures, which can be flipped and cropped.
    pub(crate) fn holds_pictures(&self) -> bool {
        matches!(self.source.decoder, Decoder::Pictures { .. })
    }

    /// How many samples of this part each file has, in order, and the size of the buffer; None if all are shuffled together.
    pub(crate) fn runs(&self) -> Option<(Vec<u32>, usize)> {
        let buffer = self.source.buffer?;
        let places = &self.source.places[self.part.clone()];
        let runs = places.chunk_by(|one, next| one.file == next.file);
        Some((runs.map(|run| run.len() as u32).collect(), buffer))
    }

    /// Decodes the samples of `indices` on the set's threads and hands each to `write` with its index and its slice of `images`;
    /// `random` gives the stream of a sample that is varied.
    pub(crate) fn fill(
        &self,
        indices: &[u32],
        random: &(dyn Fn(u32) -> Option<ChaCha8Rng> + Sync),
        write: &(dyn Fn(u32, &Decoded, &mut [f32]) + Sync),
        images: &mut [f32],
        labels: &mut [u32],
    ) -> Result<(), DatasetError> {
        let length: usize = self.shape().iter().product();
        let fill = |indices: &[u32], images: &mut [f32], labels: &mut [u32]| {
            let slots = images.chunks_exact_mut(length).zip(labels);
            for (&index, (image, label)) in indices.iter().zip(slots) {
                let (decoded, found) = self.sample(index, random(index).as_ref())?;
                write(index, &decoded, image);
                *label = found;
            }
            Ok(())
        };
        let share = indices.len().div_ceil(self.threads).max(1);
        let mut shares = indices
            .chunks(share)
            .zip(images.chunks_mut(share * length))
            .zip(labels.chunks_mut(share));
        let first = shares.next();
        std::thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|((indices, images), labels)| {
                    scope.spawn(move || fill(indices, images, labels))
                })
                .collect();
            let mine =
                first.map_or(Ok(()), |((indices, images), labels)| fill(indices, images, labels));
            others.into_iter().fold(mine, |result, other| {
                let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result.and(other)
            })
        })?;
        self.check_corrupt()
    }

    /// The sample with that index, or if it is corrupt the next that is not, and its label.
    fn sample(
        &self,
        index: u32,
        random: Option<&ChaCha8Rng>,
    ) -> Result<(Decoded, u32), DatasetError> {
        let (source, count) = (&*self.source, self.count());
        for further in 0..count.min(source.most_corrupt + 1) {
            let at = self.part.start + (index as usize + further) % count;
            let known =
                source.corrupt.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&at);
            if known {
                continue;
            }
            match source.decode(at, random.cloned())? {
                Ok(decoded) => return Ok((decoded, source.places[at].label)),
                Err(reason) => {
                    let mut corrupt = source.corrupt.lock().unwrap_or_else(PoisonError::into_inner);
                    corrupt.insert(at, reason);
                }
            }
        }
        Err(self.too_corrupt())
    }

    fn check_corrupt(&self) -> Result<(), DatasetError> {
        let corrupt = self.source.corrupt.lock().unwrap_or_else(PoisonError::into_inner);
        let found = corrupt.len();
        drop(corrupt);
        if found > self.source.most_corrupt { Err(self.too_corrupt()) } else { Ok(()) }
    }

    fn too_corrupt(&self) -> DatasetError {
        let corrupt = self.corrupt();
        let named = corrupt.iter().take(3).map(|(name, reason)| format!("{name} {reason}"));
        DatasetError::Corrupt {
            found: corrupt.len(),
            most: self.source.most_corrupt,
            first: named.collect::<Vec<_>>().join(", "),
        }
    }
}

impl Source {
    /// The decoded sample, or why it is corrupt.
    fn decode(
        &self,
        at: usize,
        mut random: Option<ChaCha8Rng>,
    ) -> Result<Result<Decoded, String>, DatasetError> {
        let Place { file, bytes, label: _ } = &self.places[at];
        let range = bytes.map(|(first, count)| first..first + u64::from(count));
        let bytes = (self.read)(&self.files[*file as usize], range).map_err(|source| {
            DatasetError::Unreadable { file: self.files[*file as usize].to_string(), source }
        })?;
        Ok(match &self.decoder {
            Decoder::Pictures { framing, shape } => {
                picture::decode(&bytes, *framing, *shape, random.as_mut()).map(Decoded::Pixels)
            }
            Decoder::Sound(spectrogram) => {
                spectrogram.decode(&bytes, random.as_mut()).map(Decoded::Values)
            }
        })
    }

    /// What a sample is called in messages.
    fn name(&self, at: usize) -> String {
        let Place { file, bytes, label: _ } = &self.places[at];
        let file = &self.files[*file as usize];
        match bytes {
            Some((first, _)) => format!("`{file}` at byte {first}"),
            None => format!("`{file}`"),
        }
    }
}

//! A tiny set that a network can learn in seconds: oriented bars in noise.

use ndarray::Array4;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::idx::MOST_BYTES;
use crate::{DatasetError, ImageSet, LabelSets, Labels, Streams};

/// A generated set of four classes: a horizontal bar, a vertical bar, both (+), both diagonals (x).
///
/// The bars cross at a random point of the middle half, are bright (160..=255), and lie on noise (0..=95); every class
/// has a quarter of the images. Mirroring an image keeps its class. Draws from the streams `bars/training` and
/// `bars/test`, the `ChaCha8Rng` stream number being the image index, so a smaller set is the beginning of a larger one.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `training` | 512 | images of the training part | 1 to 1,000,000 |
/// | `test` | 256 | images of the test part | 1 to 1,000,000 |
/// | `side` | 8 | height and width in pixels | 4 to 256 |
/// | `channels` | 1 | channels, each with its own noise | 1 to 16 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bars {
    /// Images of the training part.
    pub training: usize,
    /// Images of the test part.
    pub test: usize,
    /// Height and width in pixels.
    pub side: usize,
    /// Channels, each with its own noise.
    pub channels: usize,
}

impl Default for Bars {
    fn default() -> Self {
        Self { training: 512, test: 256, side: 8, channels: 1 }
    }
}

impl Bars {
    /// Number of classes.
    pub const CLASSES: usize = 4;

    /// Number of classes of [`Bars::multi_label`].
    pub const DIRECTIONS: usize = 3;

    /// The training and the test part.
    ///
    /// # Errors
    ///
    /// A value outside its range, or a part of more than [`MOST_BYTES`].
    pub fn generate(&self, streams: Streams) -> Result<(ImageSet, ImageSet), DatasetError> {
        self.parts(Labels::One, streams)
    }

    /// As [`Bars::generate`], of images with several labels: a horizontal bar, a vertical one, both diagonals. Each of the eight
    /// combinations has an eighth of the images; one of them is noise alone.
    ///
    /// # Errors
    ///
    /// As [`Bars::generate`].
    pub fn multi_label(&self, streams: Streams) -> Result<(ImageSet, ImageSet), DatasetError> {
        self.parts(Labels::Several, streams)
    }

    fn parts(
        &self,
        labels: Labels,
        streams: Streams,
    ) -> Result<(ImageSet, ImageSet), DatasetError> {
        let Self { training, test, side, channels } = *self;
        within("side", side, 4, 256)?;
        within("channels", channels, 1, 16)?;
        let most = 1_000_000.min(MOST_BYTES as usize / (side * side * channels));
        within("training", training, 1, most)?;
        within("test", test, 1, most)?;
        let part = |count, stream| self.part(count, labels, &streams.stream(stream));
        Ok((part(training, "bars/training")?, part(test, "bars/test")?))
    }

    fn part(
        &self,
        count: usize,
        labels: Labels,
        part: &ChaCha8Rng,
    ) -> Result<ImageSet, DatasetError> {
        let Self { side, channels, training: _, test: _ } = *self;
        let directions: Vec<Vec<u32>> = match labels {
            Labels::One => vec![vec![0], vec![1], vec![0, 1], vec![2]],
            Labels::Several => (0..1 << Self::DIRECTIONS)
                .map(|set| (0..3).filter(|direction| set >> direction & 1 == 1).collect())
                .collect(),
        };
        let mut images = Array4::zeros((count, side, side, channels));
        for (index, mut image) in images.outer_iter_mut().enumerate() {
            let mut random = part.clone();
            random.set_stream(index as u64);
            let (quarter, drawn) = (side as i32 / 4, &directions[index % directions.len()]);
            let mut middle = || random.random_range(quarter..side as i32 - quarter);
            let (center_y, center_x) = (middle(), middle());
            for ((y, x, _), value) in image.indexed_iter_mut() {
                let (down, right) = (y as i32 - center_y, x as i32 - center_x);
                let bar = drawn.iter().any(|direction| match direction {
                    0 => down == 0,
                    1 => right == 0,
                    _ => down.abs() == right.abs(),
                });
                *value =
                    if bar { random.random_range(160..=255) } else { random.random_range(0..=95) };
            }
        }
        let numbers = (0..count).map(|index| index % directions.len());
        match labels {
            Labels::One => {
                ImageSet::new(images, numbers.map(|number| number as u16).collect(), Self::CLASSES)
            }
            Labels::Several => {
                let numbers: Vec<u32> = numbers.map(|number| number as u32).collect();
                let sets = LabelSets::new(Self::DIRECTIONS, directions)?;
                ImageSet::multi_label(images, &numbers, sets)
            }
        }
    }
}

pub(crate) fn within(
    key: &'static str,
    found: usize,
    least: usize,
    most: usize,
) -> Result<(), DatasetError> {
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(DatasetError::Bars { key, found, least, most })
    }
}

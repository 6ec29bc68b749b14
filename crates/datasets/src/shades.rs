//! A tiny set for which the narrowest network that suffices is known: images of one shade, in classes that alternate.

use ndarray::Array4;
use rand::RngExt;

use crate::synthetic::within;
use crate::{DatasetError, ImageSet, Streams};

/// A generated set of two classes: all pixels of an image are equal, and from dark to bright there are `shades` ranges of values
/// whose classes alternate. Ranges are apart by two fifths of their distance, and each class has half of the images.
///
/// **Best width** ([`Shades::best_width`]): a layer of `w` channels of 1x1 with ReLU, its mean over positions, and a linear layer are a
/// piecewise linear function of the shade whose slope changes `w` times. That of the difference of the two logits has to cross zero
/// `shades - 1` times. With all channels rising in brightness the first piece is flat, and each further piece crosses zero once at most;
/// so `shades - 1` channels suffice. For three shades one channel cannot: it is monotone, and mistakes at least the outer range
/// that is smaller, a quarter of the images.
///
/// Draws from the streams `shades/training` and `shades/test`, the `ChaCha8Rng` stream number being the image index.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `training` | 512 | images of the training part | 1 to 1,000,000 |
/// | `test` | 256 | images of the test part | 1 to 1,000,000 |
/// | `side` | 4 | height and width in pixels | 1 to 256 |
/// | `shades` | 3 | ranges of values | 2 to 16 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shades {
    /// Images of the training part.
    pub training: usize,
    /// Images of the test part.
    pub test: usize,
    /// Height and width in pixels.
    pub side: usize,
    /// Ranges of values.
    pub shades: usize,
}

impl Default for Shades {
    fn default() -> Self {
        Self { training: 512, test: 256, side: 4, shades: 3 }
    }
}

impl Shades {
    /// Number of classes.
    pub const CLASSES: usize = 2;

    /// Channels of a layer that suffices.
    pub fn best_width(&self) -> usize {
        self.shades - 1
    }

    /// The training and the test part.
    ///
    /// # Errors
    ///
    /// A value outside its range.
    pub fn generate(&self, streams: Streams) -> Result<(ImageSet, ImageSet), DatasetError> {
        let Self { training, test, side, shades } = *self;
        within("side", side, 1, 256)?;
        within("shades", shades, 2, 16)?;
        let most = 1_000_000.min(crate::idx::MOST_BYTES as usize / (side * side));
        within("training", training, 1, most)?;
        within("test", test, 1, most)?;
        let parts = [("shades/training", training), ("shades/test", test)];
        let [training, test] = parts.map(|(stream, count)| self.part(count, stream, streams));
        Ok((training?, test?))
    }

    fn part(&self, count: usize, stream: &str, streams: Streams) -> Result<ImageSet, DatasetError> {
        let Self { side, shades, training: _, test: _ } = *self;
        let part = streams.stream(stream);
        let mut images = Array4::zeros((count, side, side, 1));
        for (index, mut image) in images.outer_iter_mut().enumerate() {
            let mut random = part.clone();
            random.set_stream(index as u64);
            let class = index % Self::CLASSES;
            let of_class = (shades - class).div_ceil(Self::CLASSES);
            let range = class + Self::CLASSES * random.random_range(0..of_class);
            let within = random.random_range(0.2..0.8);
            image.fill(((range as f64 + within) * 255.0 / shades as f64).round() as u8);
        }
        let labels = (0..count).map(|index| (index % Self::CLASSES) as u16).collect();
        ImageSet::new(images, labels, Self::CLASSES)
    }
}

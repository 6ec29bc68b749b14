//! JPEG and PNG files to bytes of one size: which part of a picture is shown, and at which size.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::DatasetError;
use crate::resize::{Picture, Window, resize};

/// The longest side that a picture in a file may have, in pixels.
const MOST_SIDE: u32 = 16_384;
/// The most bytes that decoding one picture may take.
const MOST_BYTES: u64 = 1 << 29;
/// The widest and the narrowest window of a random crop, width by height (Szegedy et al. 2015).
const RATIOS: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];
/// Windows that are drawn before the largest in the middle is taken.
const DRAWS: usize = 10;

/// How a picture of any size becomes an image of one size.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `centre` | 0.875 | in evaluation: side of the window in the middle, as a part of the largest of that shape | above 0, up to 1 |
/// | `least_area` | 0.08 | in training: a random window shows at least that part of the picture's area; 1 shows what evaluation shows | above 0, up to 1 |
///
/// The window of evaluation has the shape of the image, so that nothing is stretched. That of training has a uniform area and a
/// log-uniform ratio of sides, 3/4 to 4/3 of that of the image, at a uniform place (Szegedy et al. 2015, as in torchvision's
/// `RandomResizedCrop`). Either is brought to the size of the image as Pillow's bilinear filter does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// Side of the window of evaluation, as a part of the largest.
    pub centre: f64,
    /// The least area of the window of training, as a part of the picture's.
    pub least_area: f64,
}

impl Default for Framing {
    fn default() -> Self {
        Self { centre: 0.875, least_area: 0.08 }
    }
}

impl Framing {
    pub(crate) fn check(&self) -> Result<(), DatasetError> {
        for (key, found) in [("centre", self.centre), ("least_area", self.least_area)] {
            if !(found > 0.0 && found <= 1.0) {
                return Err(DatasetError::Framing { key, found });
            }
        }
        Ok(())
    }

    /// The window of a picture of `height` x `width` that an image of `out` shows; a random one where there is a stream.
    fn window(
        self,
        height: usize,
        width: usize,
        out: [usize; 2],
        random: Option<&mut ChaCha8Rng>,
    ) -> Window {
        let (height, width) = (height as f64, width as f64);
        let ratio = out[1] as f64 / out[0] as f64;
        if let Some(random) = random.filter(|_| self.least_area < 1.0) {
            for _ in 0..DRAWS {
                let area = height * width * random.random_range(self.least_area..=1.0);
                let [low, high] = RATIOS.map(f64::ln);
                let ratio = ratio * random.random_range(low..=high).exp();
                let (h, w) = ((area / ratio).sqrt().round(), (area * ratio).sqrt().round());
                if (1.0..=height).contains(&h) && (1.0..=width).contains(&w) {
                    let top = random.random_range(0..=(height - h) as u64) as f64;
                    let left = random.random_range(0..=(width - w) as u64) as f64;
                    return Window { top, left, height: h, width: w };
                }
            }
            return centred(height, width, ratio, 1.0);
        }
        centred(height, width, ratio, self.centre)
    }
}

/// The window in the middle with the given ratio of width to height; its sides are `part` of those of the largest.
fn centred(height: f64, width: f64, ratio: f64, part: f64) -> Window {
    let h = height.min(width / ratio) * part;
    let w = (h * ratio).min(width);
    Window { top: (height - h) / 2.0, left: (width - w) / 2.0, height: h, width: w }
}

/// Decodes a JPEG or PNG file to an image of `shape`, `[height, width, channel]` with 1 channel (grey) or 3 (red, green, blue).
///
/// # Errors
///
/// Why the file is no picture, in words that follow its name.
pub(crate) fn decode(
    bytes: &[u8],
    framing: Framing,
    shape: [usize; 3],
    random: Option<&mut ChaCha8Rng>,
) -> Result<Vec<u8>, String> {
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| matches!(format, ImageFormat::Jpeg | ImageFormat::Png))
        .ok_or("is neither a JPEG nor a PNG file")?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| format!("cannot be decoded ({error})"))?;
    let [height, width, channels] = shape;
    let (tall, wide) = (picture.height() as usize, picture.width() as usize);
    let pixels = pixels(picture, channels);
    let window = framing.window(tall, wide, [height, width], random);
    let whole = Window { top: 0.0, left: 0.0, height: tall as f64, width: wide as f64 };
    if window == whole && [tall, wide] == [height, width] {
        return Ok(pixels);
    }
    let mut out = vec![0; height * width * channels];
    let picture = Picture { pixels: &pixels, height: tall, width: wide, channels };
    resize(picture, window, [height, width], &mut out);
    Ok(out)
}

/// Grey or colour; transparency is dropped, 16 bits become 8.
fn pixels(picture: DynamicImage, channels: usize) -> Vec<u8> {
    if channels == 1 { picture.into_luma8().into_raw() } else { picture.into_rgb8().into_raw() }
}

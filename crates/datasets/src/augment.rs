//! Random flips and crops, one draw per image and epoch.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::normalization::PixelTables;

/// How training images are varied. The default varies nothing.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `flip` | `false` | mirror left to right with probability 1/2 | |
/// | `crop` | 0 | pad each side with that many black pixels, then crop a random window of the original size | less than the shorter side |
///
/// Black is pixel value 0 before normalisation. The draw of an image is a function of (seed, epoch, image index) alone:
/// neither order, threads nor batch size change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Mirror left to right with probability 1/2.
    pub flip: bool,
    /// Black pixels added on each side before a random crop; 0 does not crop.
    pub crop: usize,
}

impl Augmentation {
    /// The draw of `image`, from the stream of its epoch: the `ChaCha8Rng` stream number is the image index.
    pub(crate) fn draw(&self, epoch: &ChaCha8Rng, image: u32) -> Placement {
        if *self == Self::default() {
            return Placement::UNCHANGED;
        }
        let mut random = epoch.clone();
        random.set_stream(u64::from(image));
        let flip = self.flip && random.random::<bool>();
        let crop = self.crop as i32;
        let (down, right) = if crop == 0 {
            (0, 0)
        } else {
            (random.random_range(-crop..=crop), random.random_range(-crop..=crop))
        };
        Placement { flip, down: down as isize, right: right as isize }
    }
}

/// Where the pixels of one image come from: output `(y, x)` shows `(y + down, x + right)` of the image, mirrored first
/// when `flip`, and black outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) flip: bool,
    pub(crate) down: isize,
    pub(crate) right: isize,
}

impl Placement {
    pub(crate) const UNCHANGED: Self = Self { flip: false, down: 0, right: 0 };

    /// Writes `image`, `[height, width, channel]`, normalised, to `out` of the same shape. Needs `|right| <= width`.
    pub(crate) fn write(
        self,
        tables: &PixelTables,
        image: &[u8],
        shape: [usize; 3],
        out: &mut [f32],
    ) {
        if self == Self::UNCHANGED {
            return tables.write(image, false, out);
        }
        let [height, width, channels] = shape;
        let row_length = width * channels;
        let start = (-self.right).max(0) as usize;
        let end = (width as isize - self.right.max(0)) as usize;
        let first = start.strict_add_signed(self.right);
        let last = end.strict_add_signed(self.right);
        let (first, last) = if self.flip { (width - last, width - first) } else { (first, last) };
        for (y, out) in out.chunks_exact_mut(row_length).enumerate() {
            match y.checked_add_signed(self.down) {
                Some(y) if y < height => {
                    let row = &image[y * row_length..][first * channels..last * channels];
                    tables.write_black(&mut out[..start * channels]);
                    tables.write(row, self.flip, &mut out[start * channels..end * channels]);
                    tables.write_black(&mut out[end * channels..]);
                }
                Some(_) | None => tables.write_black(out),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use proptest::prelude::*;

    use super::*;
    use crate::{ImageSet, Normalization, Streams};

    /// The definition, pixel by pixel: mirror, pad with 0, crop, normalise.
    fn reference(placement: Placement, set: &ImageSet, normalization: &Normalization) -> Vec<f32> {
        let [height, width, channels] = set.image_shape();
        let image = set.images();
        let mut out = Vec::new();
        for y in 0..height as isize {
            for x in 0..width as isize {
                for channel in 0..channels {
                    let (from_y, from_x) = (y + placement.down, x + placement.right);
                    let inside = (0..height as isize).contains(&from_y)
                        && (0..width as isize).contains(&from_x);
                    let column = if placement.flip { width as isize - 1 - from_x } else { from_x };
                    let value = if inside {
                        image[[0, from_y as usize, column as usize, channel]]
                    } else {
                        0
                    };
                    let scaled = f64::from(value) / 255.0;
                    out.push(
                        ((scaled - normalization.mean()[channel]) / normalization.std()[channel])
                            as f32,
                    );
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn fast_placement_equals_the_definition(
            height in 1usize..6, width in 1usize..6, channels in 1usize..4, flip: bool, down in -6isize..7,
            right in -6isize..7,
        ) {
            let placement = Placement { flip, down, right: right.clamp(-(width as isize), width as isize) };
            let images = Array4::from_shape_fn((1, height, width, channels), |(_, y, x, c)| (7 + 40 * y + 6 * x + c) as u8);
            let set = ImageSet::new(images, vec![0], 1).unwrap();
            let normalization = Normalization::new(vec![0.25; channels], vec![0.5; channels]).unwrap();
            let tables = PixelTables::new(&normalization, channels).unwrap();
            let mut out = vec![f32::NAN; height * width * channels];
            placement.write(&tables, set.pixels(), set.image_shape(), &mut out);
            prop_assert_eq!(out, reference(placement, &set, &normalization));
        }
    }

    #[test]
    fn half_the_images_flip_and_every_offset_occurs_equally_often() {
        let epoch = Streams::new(3).indexed("batches/augmentation", &[0]);
        let draws: Vec<_> = (0..9000)
            .map(|image| Augmentation { flip: true, crop: 1 }.draw(&epoch, image))
            .collect();
        let flips = draws.iter().filter(|draw| draw.flip).count();
        assert!((4300..4700).contains(&flips), "{flips} of 9000");
        for down in -1..=1 {
            for right in -1..=1 {
                let times =
                    draws.iter().filter(|draw| (draw.down, draw.right) == (down, right)).count();
                assert!((880..1120).contains(&times), "({down}, {right}): {times} of 9000");
            }
        }
    }

    #[test]
    fn no_augmentation_changes_nothing() {
        let epoch = Streams::new(3).stream("any");
        assert!(
            (0..100)
                .all(|image| Augmentation::default().draw(&epoch, image) == Placement::UNCHANGED)
        );
        let flip_only = Augmentation { flip: true, crop: 0 };
        assert!(
            (0..100)
                .map(|image| flip_only.draw(&epoch, image))
                .all(|draw| (draw.down, draw.right) == (0, 0))
        );
        let crop_only = Augmentation { flip: false, crop: 2 };
        assert!((0..100).all(|image| !crop_only.draw(&epoch, image).flip));
    }

    /// Draws of one epoch, pinned: other values mean that no earlier run can be resumed or reproduced.
    #[test]
    fn draws_are_those_of_every_platform_and_version() {
        let epoch = Streams::new(11).indexed("batches/augmentation", &[0]);
        let draws = [0, 1, 2, u32::MAX]
            .map(|image| Augmentation { flip: true, crop: 4 }.draw(&epoch, image));
        assert_eq!(
            draws.map(|draw| (draw.flip, draw.down, draw.right)),
            [(true, 3, -4), (true, 1, -1), (false, -1, -4), (true, 4, 4)]
        );
    }
}

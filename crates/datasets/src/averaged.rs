//! Smaller images, each pixel the mean of a square of pixels.

use ndarray::Array4;

use crate::{DatasetError, ImageSet};

impl ImageSet {
    /// The images at a `factor`-th of their height and width: every pixel is the mean of a square of `factor * factor` pixels,
    /// channel by channel, rounded to the nearest number and halves up.
    ///
    /// # Errors
    ///
    /// A factor that does not divide height and width.
    pub fn averaged(&self, factor: usize) -> Result<Self, DatasetError> {
        let [height, width, channels] = self.image_shape();
        let divides = |side: usize| factor > 0 && side.is_multiple_of(factor);
        if !(divides(height) && divides(width)) {
            return Err(DatasetError::Factor { found: factor, height, width });
        }
        let shape = (self.count(), height / factor, width / factor, channels);
        let mut small = Array4::zeros(shape);
        let (images, count) = (self.images(), factor * factor);
        for ((image, row, column, channel), out) in small.indexed_iter_mut() {
            let mut sum = 0;
            for y in factor * row..factor * (row + 1) {
                for x in factor * column..factor * (column + 1) {
                    sum += usize::from(images[(image, y, x, channel)]);
                }
            }
            *out = u8::try_from((2 * sum + count) / (2 * count)).expect("a mean of bytes is one");
        }
        self.with_images(small)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered() -> ImageSet {
        let images = Array4::from_shape_fn((2, 2, 4, 2), |(image, y, x, channel)| {
            (100 * image + 10 * y + x + 50 * channel) as u8
        });
        ImageSet::new(images, vec![1, 0], 2).unwrap()
    }

    #[test]
    fn a_pixel_is_the_mean_of_its_square_with_halves_rounded_up() {
        let small = numbered().averaged(2).unwrap();
        assert_eq!(small.image_shape(), [1, 2, 2]);
        // (0 + 1 + 10 + 11) / 4 = 5.5, and (2 + 3 + 12 + 13) / 4 = 7.5.
        assert_eq!(small.pixels(), [6, 56, 8, 58, 106, 156, 108, 158]);
        assert_eq!((small.labels(), small.classes()), (&[1, 0][..], 2));
    }

    #[test]
    fn squares_of_one_pixel_are_the_images_themselves() {
        assert_eq!(numbered().averaged(1).unwrap(), numbered());
    }

    #[test]
    fn a_factor_that_does_not_divide_both_sides_is_refused() {
        for factor in [0, 3, 4] {
            assert_eq!(
                numbered().averaged(factor).unwrap_err().to_string(),
                format!(
                    "images of 2 x 4 pixels cannot be averaged by {factor}: take a factor that divides both sides"
                )
            );
        }
    }
}

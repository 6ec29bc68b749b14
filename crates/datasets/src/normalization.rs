//! Pixel values to network inputs, channel by channel.

use serde::Serialize;

use crate::{DatasetError, ImageSet};

/// Mean and standard deviation of each channel, of pixel values scaled to 0..=1.
///
/// A pixel `v` of channel `c` becomes `(v / 255 - mean[c]) / std[c]`, computed in `f64` and rounded once to `f32`. Of values that
/// are not pixels, such as those of a log-mel patch, mean and deviation are of the values themselves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Normalization {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalization {
    /// The statistics of `train`, which must be the part that is trained on. A constant channel gets `std` 1.
    ///
    /// Sums are of integers, so the result depends on neither order nor platform.
    pub fn of(train: &ImageSet) -> Self {
        let [.., channels] = train.image_shape();
        let mut histograms = Histograms::new(channels);
        histograms.add(train.pixels());
        histograms.normalization()
    }

    /// The values `[n, channel]`, normalised, into `out`.
    pub(crate) fn write(&self, values: &[f32], out: &mut [f32]) {
        let channels = self.mean.len();
        for (out, values) in out.chunks_exact_mut(channels).zip(values.chunks_exact(channels)) {
            for ((out, &value), (mean, std)) in
                out.iter_mut().zip(values).zip(self.mean.iter().zip(&self.std))
            {
                *out = ((f64::from(value) - mean) / std) as f32;
            }
        }
    }

    /// A normalisation from elsewhere: one finite mean and one finite, positive standard deviation per channel.
    pub fn new(mean: Vec<f64>, std: Vec<f64>) -> Result<Self, DatasetError> {
        if mean.len() != std.len() || mean.is_empty() {
            return Err(DatasetError::NormalizationLengths { mean: mean.len(), std: std.len() });
        }
        for (channel, (&mean, &std)) in mean.iter().zip(&std).enumerate() {
            if !(mean.is_finite() && std.is_finite() && std > 0.0) {
                return Err(DatasetError::NormalizationValue { channel, mean, std });
            }
        }
        Ok(Self { mean, std })
    }

    /// Mean of each channel.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation of each channel, positive.
    pub fn std(&self) -> &[f64] {
        &self.std
    }
}

/// How often each pixel value occurs, `[channel][value]`.
#[derive(Debug, Clone)]
pub(crate) struct Histograms(Vec<[u64; 256]>);

impl Histograms {
    pub(crate) fn new(channels: usize) -> Self {
        Self(vec![[0; 256]; channels])
    }

    /// Adds the pixels `[n, channel]`.
    pub(crate) fn add(&mut self, pixels: &[u8]) {
        for pixel in pixels.chunks_exact(self.0.len()) {
            for (histogram, &value) in self.0.iter_mut().zip(pixel) {
                histogram[usize::from(value)] += 1;
            }
        }
    }

    pub(crate) fn normalization(&self) -> Normalization {
        let (mean, std) = self.0.iter().map(mean_and_std).unzip();
        Normalization { mean, std }
    }
}

fn mean_and_std(histogram: &[u64; 256]) -> (f64, f64) {
    let (mut count, mut sum, mut square_sum) = (0u128, 0u128, 0u128);
    for (value, &times) in (0u128..).zip(histogram) {
        let times = u128::from(times);
        count += times;
        sum += times * value;
        square_sum += times * value * value;
    }
    let scale = count as f64 * 255.0;
    let spread = count * square_sum - sum * sum;
    let std = if spread == 0 { 1.0 } else { (spread as f64).sqrt() / scale };
    (sum as f64 / scale, std)
}

/// The normalised value of every pixel value, `[channel][value]`.
#[derive(Debug, Clone)]
pub(crate) struct PixelTables(Vec<[f32; 256]>);

impl PixelTables {
    /// Tables for images of `expected` channels, which must be those of the normalisation.
    pub(crate) fn new(
        normalization: &Normalization,
        expected: usize,
    ) -> Result<Self, DatasetError> {
        let found = normalization.mean.len();
        if found != expected {
            return Err(DatasetError::NormalizationChannels { found, expected });
        }
        let tables = normalization.mean.iter().zip(&normalization.std).map(|(mean, std)| {
            std::array::from_fn(|value| ((value as f64 / 255.0 - mean) / std) as f32)
        });
        Ok(Self(tables.collect()))
    }

    /// Writes the pixels `[n, channel]`, the last one first when `reversed`.
    pub(crate) fn write(&self, pixels: &[u8], reversed: bool, out: &mut [f32]) {
        debug_assert_eq!(pixels.len(), out.len());
        let channels = self.0.len();
        match (&self.0[..], reversed) {
            ([grey], false) => look_up(grey, pixels.iter(), out),
            ([grey], true) => look_up(grey, pixels.iter().rev(), out),
            (_, false) => self.write_pixels(pixels.chunks_exact(channels), out),
            (_, true) => self.write_pixels(pixels.chunks_exact(channels).rev(), out),
        }
    }

    /// Writes black pixels `[n, channel]`: value 0 before normalisation.
    pub(crate) fn write_black(&self, out: &mut [f32]) {
        for pixel in out.chunks_exact_mut(self.0.len()) {
            for (out, table) in pixel.iter_mut().zip(&self.0) {
                *out = table[0];
            }
        }
    }

    fn write_pixels<'a>(&self, pixels: impl Iterator<Item = &'a [u8]>, out: &mut [f32]) {
        for (out, pixel) in out.chunks_exact_mut(self.0.len()).zip(pixels) {
            for ((out, &value), table) in out.iter_mut().zip(pixel).zip(&self.0) {
                *out = table[usize::from(value)];
            }
        }
    }
}

fn look_up<'a>(table: &[f32; 256], pixels: impl Iterator<Item = &'a u8>, out: &mut [f32]) {
    for (out, &value) in out.iter_mut().zip(pixels) {
        *out = table[usize::from(value)];
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn statistics_are_of_each_channel_scaled_to_one() {
        // channel 0: 0, 255; channel 1: 51, 51
        let images = Array4::from_shape_vec((2, 1, 1, 2), vec![0, 51, 255, 51]).unwrap();
        let normalization = Normalization::of(&ImageSet::new(images, vec![0, 0], 1).unwrap());
        assert_eq!(normalization, Normalization::new(vec![0.5, 0.2], vec![0.5, 1.0]).unwrap());
    }

    #[test]
    fn reversed_pixels_keep_their_channels_in_order() {
        let images = Array4::from_shape_vec((1, 1, 2, 2), vec![0, 255, 51, 102]).unwrap();
        let set = ImageSet::new(images, vec![0], 1).unwrap();
        let tables =
            PixelTables::new(&Normalization::new(vec![0.0, 0.5], vec![1.0, 0.5]).unwrap(), 2)
                .unwrap();
        let mut out = [0.0; 4];
        tables.write(set.pixels(), false, &mut out);
        assert_eq!(out, [0.0, 1.0, 0.2, -0.2]);
        tables.write(set.pixels(), true, &mut out);
        assert_eq!(out, [0.2, -0.2, 0.0, 1.0]);
        tables.write_black(&mut out);
        assert_eq!(out, [0.0, -1.0, 0.0, -1.0]);
    }

    #[test]
    fn impossible_statistics_are_refused() {
        let message = |mean, std| Normalization::new(mean, std).unwrap_err().to_string();
        assert_eq!(
            message(vec![0.0], vec![]),
            "a normalisation has 1 means and 0 standard deviations: give one of each per channel"
        );
        for std in [0.0, -1.0, f64::INFINITY] {
            assert_eq!(
                message(vec![0.1, 0.5], vec![1.0, std]),
                format!(
                    "channel 1 has mean 0.5 and standard deviation {std}: give finite numbers, the deviation above 0"
                )
            );
        }
    }

    #[test]
    fn a_normalisation_of_other_channels_is_refused() {
        let grey = Normalization::new(vec![0.0], vec![1.0]).unwrap();
        assert_eq!(
            PixelTables::new(&grey, 3).unwrap_err().to_string(),
            "the normalisation is for 1 channels and the images have 3: compute it from the same data set"
        );
    }
}

//! A window of an image at another size, by the triangle filter with a support that grows when an image shrinks.
//!
//! The arithmetic is that of Pillow's `Image.resize(size, Resampling.BILINEAR, box)`: fixed point with 22 bits, first along
//! rows, then along columns, each rounded to bytes. So the bytes are the same on every platform, and those of Pillow.

use std::ops::Range;

/// Bits behind the point of a weight.
const BITS: u32 = 22;

/// An image, `[height, width, channel]`, whose bytes are borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

/// A part of an image, in pixels; it lies inside the image and is not empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) top: f64,
    pub(crate) left: f64,
    pub(crate) height: f64,
    pub(crate) width: f64,
}

/// Writes `window` of `picture` to `out`, `[height, width, channel]`.
pub(crate) fn resize(
    picture: Picture<'_>,
    window: Window,
    [height, width]: [usize; 2],
    out: &mut [u8],
) {
    let Picture { pixels, channels, .. } = picture;
    let columns = Taps::new(window.left, window.width, picture.width, width);
    let rows = Taps::new(window.top, window.height, picture.height, height);
    let used = rows.span();
    let row_length = picture.width * channels;
    let mut narrow = vec![0; used.len() * width * channels];
    let source = pixels[used.start * row_length..used.end * row_length].chunks_exact(row_length);
    for (row, out) in source.zip(narrow.chunks_exact_mut(width * channels)) {
        for ((range, weights), out) in columns.each().zip(out.chunks_exact_mut(channels)) {
            let row = &row[range.start * channels..range.end * channels];
            match out {
                [red, green, blue] => {
                    let mut sums = [1_i32 << (BITS - 1); 3];
                    for (pixel, &weight) in row.chunks_exact(3).zip(weights) {
                        for (sum, &value) in sums.iter_mut().zip(pixel) {
                            *sum += i32::from(value) * weight;
                        }
                    }
                    [*red, *green, *blue] = sums.map(byte);
                }
                _ => {
                    for (channel, out) in out.iter_mut().enumerate() {
                        let values = row[channel..].iter().step_by(channels);
                        *out = byte(weighted(values, weights));
                    }
                }
            }
        }
    }
    let length = width * channels;
    let mut sums = vec![0_i32; length];
    for ((range, weights), out) in rows.each().zip(out.chunks_exact_mut(length)) {
        sums.fill(1 << (BITS - 1));
        let first = (range.start - used.start) * length;
        for (row, &weight) in narrow[first..].chunks_exact(length).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = byte(sum);
        }
    }
}

fn weighted<'a>(values: impl Iterator<Item = &'a u8>, weights: &[i32]) -> i32 {
    let products = values.zip(weights).map(|(&value, &weight)| i32::from(value) * weight);
    (1 << (BITS - 1)) + products.sum::<i32>()
}

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// For every output along one axis, which inputs it is made of and with which weights.
struct Taps {
    ranges: Vec<Range<usize>>,
    /// Of every output the weights, `most` apart.
    weights: Vec<i32>,
    most: usize,
}

impl Taps {
    /// `outputs` values that stand for `extent` of `inputs` values, from `start` on.
    fn new(start: f64, extent: f64, inputs: usize, outputs: usize) -> Self {
        let scale = extent / outputs as f64;
        let support = scale.max(1.0);
        let most = support.ceil() as usize * 2 + 1;
        let mut taps = Self { ranges: Vec::with_capacity(outputs), weights: Vec::new(), most };
        taps.weights.resize(outputs * most, 0);
        for (output, weights) in taps.weights.chunks_exact_mut(most).enumerate() {
            let centre = start + (output as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let last = ((centre + support + 0.5) as usize).min(inputs);
            let triangle =
                |input: usize| 1.0 - ((input as f64 - centre + 0.5) / support).abs().min(1.0);
            let sum: f64 = (first..last).map(triangle).sum();
            for (weight, input) in weights.iter_mut().zip(first..last) {
                *weight = (triangle(input) / sum * f64::from(1 << BITS) + 0.5) as i32;
            }
            taps.ranges.push(first..last);
        }
        taps
    }

    fn each(&self) -> impl Iterator<Item = (Range<usize>, &[i32])> {
        let weights = self.weights.chunks_exact(self.most);
        self.ranges
            .iter()
            .zip(weights)
            .map(|(range, weights)| (range.clone(), &weights[..range.len()]))
    }

    /// All inputs that are used; `ranges` ascend.
    fn span(&self) -> Range<usize> {
        let (first, last) = (self.ranges.first(), self.ranges.last());
        first.map_or(0, |range| range.start)..last.map_or(0, |range| range.end)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        picture: [usize; 2],
        window: [f64; 4],
        size: [usize; 2],
        pixels: Vec<u8>,
    }

    /// The picture of `expected.py`.
    fn picture(height: usize, width: usize) -> Vec<u8> {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                pixels.extend((0..3).map(|c| (7 * x + 13 * y + 50 * c + x * y + x * x / 3) as u8));
            }
        }
        pixels
    }

    #[test]
    fn bytes_are_those_of_pillow() {
        let file = include_str!("../tests/datasets/files/resized.json");
        for case in serde_json::from_str::<Vec<Case>>(file).unwrap() {
            let [height, width] = case.picture;
            let [top, left, tall, wide] = case.window;
            let pixels = picture(height, width);
            let source = Picture { pixels: &pixels, height, width, channels: 3 };
            let window = Window { top, left, height: tall, width: wide };
            let mut out = vec![0; case.pixels.len()];
            resize(source, window, case.size, &mut out);
            assert_eq!(out, case.pixels, "{height} x {width} to {:?}", case.size);
        }
    }

    #[test]
    fn a_channel_does_not_depend_on_the_others() {
        let pixels = picture(13, 9);
        let window = Window { top: 1.0, left: 2.0, height: 11.0, width: 6.5 };
        let mut colour = [0; 5 * 4 * 3];
        resize(
            Picture { pixels: &pixels, height: 13, width: 9, channels: 3 },
            window,
            [5, 4],
            &mut colour,
        );
        let green: Vec<u8> = pixels.iter().skip(1).step_by(3).copied().collect();
        let mut grey = [0; 5 * 4];
        resize(
            Picture { pixels: &green, height: 13, width: 9, channels: 1 },
            window,
            [5, 4],
            &mut grey,
        );
        assert!(grey.iter().eq(colour.iter().skip(1).step_by(3)));
    }
}

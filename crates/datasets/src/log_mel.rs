//! WAV files to log-mel patches, the input of audio networks.

use std::f64::consts::PI;
use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// Added before the logarithm (Hershey et al. 2017), so that silence is finite.
const OFFSET: f32 = 0.01;

/// How sound becomes a patch of `frames` x `mels`, one channel.
///
/// A frame is a window of 25 ms (periodic Hann), one every 10 ms; its spectrum is that of the next power of two. A patch holds
/// `ln(M |spectrum| + 0.01)`, `M` being triangles of height 1 between `lowest` and `highest` Hz whose corners are equally
/// apart in mel, `2595 log10(1 + f / 700)` (O'Shaughnessy 1987; HTK's formula). The defaults are those of Hershey et al. (2017),
/// "CNN architectures for large-scale audio classification".
///
/// In training a patch starts at a random frame, in evaluation it lies in the middle; a recording that is too short goes on
/// with silence. Channels are averaged.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `sample_rate` | 16000 | samples per second; files of another rate are corrupt | 1000 to 192000 |
/// | `frames` | 96 | frames of a patch, its height | 1 to 4096 |
/// | `mels` | 64 | mel bands, its width | 1 to 512 |
/// | `lowest` | 125 | Hz at which the first band starts | from 0 |
/// | `highest` | 7500 | Hz at which the last band ends | up to half the sample rate |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogMel {
    /// Samples per second.
    pub sample_rate: u32,
    /// Frames of a patch.
    pub frames: usize,
    /// Mel bands.
    pub mels: usize,
    /// Hz at which the first band starts.
    pub lowest: u32,
    /// Hz at which the last band ends.
    pub highest: u32,
}

impl Default for LogMel {
    fn default() -> Self {
        Self { sample_rate: 16_000, frames: 96, mels: 64, lowest: 125, highest: 7500 }
    }
}

impl LogMel {
    /// Samples of a frame, 25 ms, and between the starts of two, 10 ms.
    fn frame(self) -> (usize, usize) {
        (self.sample_rate as usize / 40, self.sample_rate as usize / 100)
    }

    /// Refuses what the table of [`LogMel`] does not allow.
    pub fn check(&self) -> Result<(), DatasetError> {
        let Self { sample_rate, frames, mels, lowest, highest } = *self;
        let refuse = |key, found: usize, least: usize, most: usize| {
            Err(DatasetError::LogMel { key, found, least, most })
        };
        if !(1000..=192_000).contains(&sample_rate) {
            return refuse("sample_rate", sample_rate as usize, 1000, 192_000);
        }
        if !(1..=4096).contains(&frames) {
            return refuse("frames", frames, 1, 4096);
        }
        if !(1..=512).contains(&mels) {
            return refuse("mels", mels, 1, 512);
        }
        if !(1..=sample_rate / 2).contains(&highest) {
            return refuse("highest", highest as usize, 1, sample_rate as usize / 2);
        }
        if lowest >= highest {
            return refuse("lowest", lowest as usize, 0, highest as usize - 1);
        }
        Ok(())
    }
}

/// One triangle: the first bin of the spectrum that it weights, and the weights.
#[derive(Debug, Clone, PartialEq)]
struct Band {
    first: usize,
    weights: Vec<f32>,
}

/// A [`LogMel`] with its window, triangles and Fourier transform.
#[derive(Clone)]
pub(crate) struct Spectrogram {
    settings: LogMel,
    window: Vec<f32>,
    bands: Vec<Band>,
    transform: Arc<dyn RealToComplex<f32>>,
}

impl fmt::Debug for Spectrogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spectrogram").field(&self.settings).finish()
    }
}

impl Spectrogram {
    pub(crate) fn new(settings: LogMel) -> Result<Self, DatasetError> {
        settings.check()?;
        let (length, _) = settings.frame();
        let hann = |at: usize| 0.5 - 0.5 * (2.0 * PI * at as f64 / length as f64).cos();
        let window = (0..length).map(|at| hann(at) as f32).collect();
        let size = length.next_power_of_two();
        let transform = RealFftPlanner::new().plan_fft_forward(size);
        Ok(Self { settings, window, bands: bands(settings, size), transform })
    }

    pub(crate) fn settings(&self) -> LogMel {
        self.settings
    }

    /// The patch of a WAV file, `[frames, mels]`; one that starts at random where there is a stream.
    ///
    /// # Errors
    ///
    /// Why the file is no usable recording, in words that follow its name.
    pub(crate) fn decode(
        &self,
        bytes: &[u8],
        random: Option<&mut ChaCha8Rng>,
    ) -> Result<Vec<f32>, String> {
        let samples = samples(bytes, self.settings.sample_rate)?;
        let LogMel { frames, mels, .. } = self.settings;
        let (length, step) = self.settings.frame();
        let there = if samples.len() < length { 1 } else { 1 + (samples.len() - length) / step };
        let spare = there.saturating_sub(frames);
        let first = random.map_or(spare / 2, |random| random.random_range(0..=spare));
        let mut patch = Vec::with_capacity(frames * mels);
        let mut input = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut magnitudes = vec![0.0; spectrum.len()];
        for frame in first..first + frames {
            input.fill(0.0);
            let from = (frame * step).min(samples.len());
            for ((input, sample), window) in
                input.iter_mut().zip(&samples[from..]).zip(&self.window)
            {
                *input = sample * window;
            }
            self.transform
                .process_with_scratch(&mut input, &mut spectrum, &mut scratch)
                .expect("the transform made all three buffers");
            for (magnitude, value) in magnitudes.iter_mut().zip(&spectrum) {
                *magnitude = value.norm();
            }
            patch.extend(self.bands.iter().map(|band| {
                let pairs = band.weights.iter().zip(&magnitudes[band.first..]);
                (pairs.map(|(weight, magnitude)| weight * magnitude).sum::<f32>() + OFFSET).ln()
            }));
        }
        Ok(patch)
    }
}

/// The triangles over the bins of a transform of `size` samples.
fn bands(settings: LogMel, size: usize) -> Vec<Band> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10_f64.powf(mel / 2595.0) - 1.0);
    let (low, high) = (mel(f64::from(settings.lowest)), mel(f64::from(settings.highest)));
    let step = (high - low) / (settings.mels + 1) as f64;
    let corner = |at: usize| hertz(low + step * at as f64);
    let bin = |at: usize| at as f64 * f64::from(settings.sample_rate) / size as f64;
    let band = |band: usize| {
        let (left, top, right) = (corner(band), corner(band + 1), corner(band + 2));
        let weight = |at: usize| {
            let (rise, fall) = ((bin(at) - left) / (top - left), (right - bin(at)) / (right - top));
            rise.min(fall).max(0.0) as f32
        };
        let within = |at: &usize| bin(*at) > left && bin(*at) < right;
        let mut bins = (0..=size / 2).filter(within).peekable();
        Band {
            first: bins.peek().copied().unwrap_or_default(),
            weights: bins.map(weight).collect(),
        }
    };
    (0..settings.mels).map(band).collect()
}

/// The samples of a WAV file from -1 to 1, the mean of its channels.
fn samples(bytes: &[u8], sample_rate: u32) -> Result<Vec<f32>, String> {
    let broken = |error: hound::Error| format!("cannot be decoded ({error})");
    let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(broken)?;
    let spec = reader.spec();
    if spec.sample_rate != sample_rate {
        return Err(format!("has {} samples per second, expected {sample_rate}", spec.sample_rate));
    }
    if reader.len() == 0 || spec.channels == 0 || spec.bits_per_sample == 0 {
        return Err("has no sound".to_owned());
    }
    if reader.len() as usize > bytes.len() {
        return Err(format!("ends before the {} values that its header announces", reader.len()));
    }
    let values: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => reader.into_samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
            let scaled = |value: i32| value as f32 * scale;
            reader.into_samples::<i32>().map(|sample| sample.map(scaled)).collect()
        }
    };
    let values = values.map_err(broken)?;
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(format!("has a sample of {value}"));
    }
    let channels = usize::from(spec.channels);
    Ok(values
        .chunks_exact(channels)
        .map(|frame| frame.iter().sum::<f32>() / channels as f32)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;

    const PATCH: LogMel =
        LogMel { sample_rate: 16_000, frames: 8, mels: 64, lowest: 125, highest: 7500 };

    fn wav(samples: impl IntoIterator<Item = i16>, sample_rate: u32, channels: u16) -> Vec<u8> {
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format };
        let mut file = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        samples.into_iter().for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        file.into_inner()
    }

    /// The sound of `expected.py`.
    fn chirp(count: i64) -> impl Iterator<Item = i16> {
        (0..count).map(|at| ((at * at * 37 + at * 101) % 20001 - 10000) as i16)
    }

    fn decode(settings: LogMel, file: &[u8]) -> Result<Vec<f32>, String> {
        Spectrogram::new(settings).unwrap().decode(file, None)
    }

    #[test]
    fn patches_are_those_of_librosa() {
        let file = include_str!("../tests/datasets/files/log-mel.json");
        let expected: Vec<Vec<f32>> = serde_json::from_str(file).unwrap();
        let found = decode(PATCH, &wav(chirp(1520), 16_000, 1)).unwrap();
        assert_eq!(found.len(), expected.len() * 64);
        for (at, (found, expected)) in found.iter().zip(expected.iter().flatten()).enumerate() {
            assert!((found - expected).abs() < 5e-5, "{at}: {found}, librosa {expected}");
        }
    }

    #[test]
    fn evaluation_shows_the_middle_and_training_any_part() {
        let file = wav(chirp(8000), 16_000, 1);
        let all = decode(LogMel { frames: 48, ..PATCH }, &file).unwrap();
        let spectrogram = Spectrogram::new(PATCH).unwrap();
        // 48 frames, of which 8 are shown.
        assert_eq!(spectrogram.decode(&file, None).unwrap(), all[20 * 64..28 * 64]);
        let streams = Streams::new(1);
        let mut starts: Vec<usize> = (0..400)
            .map(|draw| {
                let mut random = streams.indexed("draw", &[draw]);
                let patch = spectrogram.decode(&file, Some(&mut random)).unwrap();
                (0..=40).find(|from| all[from * 64..][..8 * 64] == patch).unwrap()
            })
            .collect();
        starts.sort_unstable();
        assert_eq!((starts[0], starts[399]), (0, 40));
    }

    #[test]
    fn short_sound_goes_on_with_silence_and_channels_are_averaged() {
        let patch = decode(PATCH, &wav(chirp(100), 16_000, 1)).unwrap();
        assert!(patch[64..].iter().all(|&value| value == OFFSET.ln()));
        assert!(patch[..64].iter().all(|&value| value > OFFSET.ln()));
        let cancelling = chirp(1520).flat_map(|sample| [sample, -sample]);
        let silent = decode(PATCH, &wav(cancelling, 16_000, 2)).unwrap();
        assert!(silent.iter().all(|&value| value == OFFSET.ln()));
    }

    #[test]
    fn sound_that_cannot_be_used_is_refused_with_the_reason() {
        let refused = |file: &[u8]| decode(PATCH, file).unwrap_err();
        assert_eq!(refused(&wav([1, 2], 8000, 1)), "has 8000 samples per second, expected 16000");
        assert_eq!(refused(&wav([], 16_000, 1)), "has no sound");
        assert!(refused(b"RIFF").starts_with("cannot be decoded ("));
        let file = wav(chirp(50), 16_000, 1);
        assert_eq!(
            refused(&file[..file.len() - 98]),
            "ends before the 50 values that its header announces"
        );
        assert!(refused(&file[..file.len() - 20]).starts_with("cannot be decoded ("));
    }

    #[test]
    fn impossible_settings_are_refused() {
        let refused = |settings: LogMel| settings.check().unwrap_err().to_string();
        assert_eq!(
            refused(LogMel { highest: 8001, ..PATCH }),
            "`highest` of log-mel patches is 8001, expected 1 to 8000"
        );
        assert_eq!(
            refused(LogMel { lowest: 7500, ..PATCH }),
            "`lowest` of log-mel patches is 7500, expected 0 to 7499"
        );
        assert_eq!(
            refused(LogMel { frames: 0, ..PATCH }),
            "`frames` of log-mel patches is 0, expected 1 to 4096"
        );
    }
}

//! Data sets that stay in their files.

use serde::Deserialize;

use super::labels::Labels;
use super::number::{Count, Share, Whole};

/// Pictures in files, which are read batch by batch. Below the folder given with `--data-dir` they lie in `train` and `test`:
/// for `image-folder` in one folder per class, for `tar-shards` in archives ([`datasets::shards`] has their layout). Their
/// numbers stand here, so that an experiment can be checked and priced without them.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `height`, `width` | required | sides of the images that pictures become | 1 to 4096 |
/// | `channels` | 3 | 3 for colour, 1 for grey | 1 or 3 |
/// | `classes` | required | number of classes | 1 to 65536 |
/// | `train` | required | so many training pictures are trained on | |
/// | `validation` | required | so many other training pictures are those that choices are made by | |
/// | `test` | required | so many test pictures are used, once, at the end | |
/// | `centre` | 0.875 | side of the window that is shown where nothing is varied, as a part of the largest ([`datasets::Framing`]) | above 0, up to 1 |
/// | `least_area` | 0.08 | random windows show at least that part of a picture; 1 for none | above 0, up to 1 |
/// | `corrupt` | 10 | so many corrupt files are passed over | up to 1000000 |
/// | `buffer` | 1000 | of `tar-shards`: samples among which one is drawn | 1 to 1000000 |
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ height: 224, width: 224, classes: 1000 }`"
)]
pub struct Pictures {
    /// Height of an image.
    pub height: Whole<1, 4096>,
    /// Width of an image.
    pub width: Whole<1, 4096>,
    /// Channels of an image.
    #[serde(default = "colour")]
    pub channels: Whole<1, 3>,
    /// Number of classes.
    pub classes: Whole<1, 65536>,
    /// Pictures trained on.
    pub train: Whole<1, 1_000_000_000>,
    /// Training pictures set aside.
    pub validation: Whole<1, 1_000_000_000>,
    /// Test pictures used.
    pub test: Whole<1, 1_000_000_000>,
    /// Side of the window in the middle, as a part of the largest.
    #[serde(default = "most_of_it")]
    pub centre: Share,
    /// The least area of a random window, as a part of the picture's.
    #[serde(default = "a_little")]
    pub least_area: Share,
    /// Corrupt files that are passed over.
    #[serde(default = "few")]
    pub corrupt: Whole<0, 1_000_000>,
    /// Samples among which one is drawn.
    pub buffer: Option<Count>,
}

/// WAV files, which are read batch by batch and become log-mel patches ([`datasets::LogMel`]). They lie like those of
/// [`Pictures`] in `image-folder`; where a sound has several labels, they lie anywhere in `train` and `test`, and the tables `train.csv` and
/// `test.csv` beside these folders say which labels each has ([`datasets::LabelTable`]). The classes are then the labels that occur in
/// `train.csv`.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `classes`, `train`, `validation`, `test`, `corrupt` | | as of [`Pictures`] | |
/// | `labels` | `one` | labels of a sound | `one`, `several` |
/// | `sample_rate` | 16000 | samples per second | 1000 to 192000 |
/// | `frames` | 96 | frames of 25 ms, one every 10 ms: the height of a patch | 1 to 4096 |
/// | `mels` | 64 | mel bands: the width of a patch | 1 to 512 |
/// | `lowest`, `highest` | 125, 7500 | Hz between which the bands lie | up to half the sample rate |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ classes: 10 }`")]
pub struct Sounds {
    /// Number of classes.
    pub classes: Whole<1, 65536>,
    /// Labels of a sound.
    #[serde(default)]
    pub labels: Labels,
    /// Files trained on.
    pub train: Whole<1, 1_000_000_000>,
    /// Training files set aside.
    pub validation: Whole<1, 1_000_000_000>,
    /// Test files used.
    pub test: Whole<1, 1_000_000_000>,
    /// Corrupt files that are passed over.
    #[serde(default = "few")]
    pub corrupt: Whole<0, 1_000_000>,
    /// Samples per second.
    #[serde(default = "sample_rate")]
    pub sample_rate: Whole<1000, 192_000>,
    /// Frames of a patch.
    #[serde(default = "frames")]
    pub frames: Whole<1, 4096>,
    /// Mel bands.
    #[serde(default = "mels")]
    pub mels: Whole<1, 512>,
    /// Hz at which the first band starts.
    #[serde(default = "lowest")]
    pub lowest: Whole<0, 96_000>,
    /// Hz at which the last band ends.
    #[serde(default = "highest")]
    pub highest: Whole<1, 96_000>,
}

fn colour() -> Whole<1, 3> {
    Whole::known(3)
}

fn most_of_it() -> Share {
    Share::known(datasets::Framing::default().centre)
}

fn a_little() -> Share {
    Share::known(datasets::Framing::default().least_area)
}

fn few() -> Whole<0, 1_000_000> {
    Whole::known(10)
}

fn sample_rate() -> Whole<1000, 192_000> {
    Whole::known(datasets::LogMel::default().sample_rate.into())
}

fn frames() -> Whole<1, 4096> {
    Whole::known(datasets::LogMel::default().frames as u64)
}

fn mels() -> Whole<1, 512> {
    Whole::known(datasets::LogMel::default().mels as u64)
}

fn lowest() -> Whole<0, 96_000> {
    Whole::known(datasets::LogMel::default().lowest.into())
}

fn highest() -> Whole<1, 96_000> {
    Whole::known(datasets::LogMel::default().highest.into())
}

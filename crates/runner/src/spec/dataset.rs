//! Section `dataset`: which images, and how many of them.

use serde::Deserialize;

use super::files::{Pictures, Sounds};
use super::labels::Labels;
use super::number::{Count, Whole};

/// The images of an experiment: `{ fashion-mnist: { validation: 5000 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a data set, such as `{ fashion-mnist: {} }`")]
pub enum Dataset {
    /// Fashion-MNIST, which comes with the program.
    FashionMnist(PublishedImages),
    /// MNIST, from the folder given with `--data-dir`.
    Mnist(PublishedImages),
    /// CIFAR-10, from the folder given with `--data-dir`.
    #[serde(rename = "cifar-10")]
    Cifar10(PublishedImages),
    /// CIFAR-100 with its fine classes, from the folder given with `--data-dir`.
    #[serde(rename = "cifar-100")]
    Cifar100(PublishedImages),
    /// Arrays of NumPy, from the `.npz` file or the folder given with `--data-dir`.
    Npz(Arrays),
    /// JPEG and PNG files in one folder per class, below the folder given with `--data-dir`.
    ImageFolder(Pictures),
    /// Pictures in tar archives, below the folder given with `--data-dir`.
    TarShards(Pictures),
    /// WAV files in one folder per class or with tables of labels, below the folder given with `--data-dir`.
    WavFolder(Sounds),
    /// Generated bars in noise.
    Synthetic(Synthetic),
}

impl Dataset {
    /// How many labels a sample has.
    pub fn labels(&self) -> Labels {
        match self {
            Self::FashionMnist(_)
            | Self::Mnist(_)
            | Self::Cifar10(_)
            | Self::Cifar100(_)
            | Self::ImageFolder(_)
            | Self::TarShards(_) => Labels::One,
            Self::Npz(arrays) => arrays.labels,
            Self::WavFolder(sounds) => sounds.labels,
            Self::Synthetic(synthetic) => synthetic.labels,
        }
    }
}

/// Which images of a published set are used. Its training images are those trained on, and at their end those that
/// choices are made by.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `validation` | 5000 | that many last training images are set aside |
/// | `train` | all others | that many first training images are trained on |
/// | `test` | all | that many first test images are used, once, at the end |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ validation: 5000 }`"
)]
pub struct PublishedImages {
    /// Last training images set aside.
    pub validation: Count,
    /// First training images trained on; all that are not set aside if absent.
    pub train: Option<Count>,
    /// First test images used; all if absent.
    pub test: Option<Count>,
}

impl Default for PublishedImages {
    fn default() -> Self {
        Self { validation: Count::known(5000), train: None, test: None }
    }
}

/// Images in arrays of NumPy ([`datasets::numpy`] has their names and shapes). Their numbers stand here, so that an
/// experiment can be checked and priced without them.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `height`, `width` | required | sides of an image | 1 to 4096 |
/// | `channels` | 1 | channels | 1 to 4 |
/// | `classes` | required | number of classes | 1 to 65536 |
/// | `labels` | `one` | labels of an image; of `several`, labels are arrays `[image, class]` of 0 and 1 | `one`, `several` |
/// | `train` | required | that many first training images are trained on | |
/// | `validation` | required | that many last training images are those that choices are made by | |
/// | `test` | required | that many first test images are used, once, at the end | |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ height: 28, width: 28 }`")]
pub struct Arrays {
    /// Height in pixels.
    pub height: Whole<1, 4096>,
    /// Width in pixels.
    pub width: Whole<1, 4096>,
    /// Channels of an image.
    #[serde(default = "one_channel")]
    pub channels: Whole<1, 4>,
    /// Number of classes.
    pub classes: Whole<1, 65536>,
    /// Labels of an image.
    #[serde(default)]
    pub labels: Labels,
    /// First training images trained on.
    pub train: Count,
    /// Last training images set aside.
    pub validation: Count,
    /// First test images used.
    pub test: Count,
}

fn one_channel() -> Whole<1, 4> {
    Whole::known(1)
}

/// Generated images: bars in noise ([`datasets::Bars`]), the same for every seed of the experiment.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `side` | 8 | height and width | 4 to 256 |
/// | `channels` | 1 | channels | 1 to 16 |
/// | `labels` | `one` | labels of an image: one of four classes, or of `several` a horizontal bar, a vertical one and both diagonals, each there or not | `one`, `several` |
/// | `train` | 512 | images trained on | 1 to 1000000 |
/// | `validation` | 128 | images that choices are made by | 1 to 1000000 |
/// | `test` | 256 | images used once, at the end | 1 to 1000000 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ side: 8 }`")]
pub struct Synthetic {
    /// Height and width in pixels.
    pub side: Whole<4, 256>,
    /// Channels of an image.
    pub channels: Whole<1, 16>,
    /// Labels of an image.
    pub labels: Labels,
    /// Images trained on.
    pub train: Count,
    /// Images that choices are made by.
    pub validation: Count,
    /// Images used once, at the end.
    pub test: Count,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            side: Whole::known(8),
            channels: Whole::known(1),
            labels: Labels::One,
            train: Count::known(512),
            validation: Count::known(128),
            test: Count::known(256),
        }
    }
}

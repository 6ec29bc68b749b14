//! Which images a data set gives, and of what shape.

use datasets::{
    Bars, CIFAR_10, CIFAR_100, CifarSource, FASHION_MNIST, Framing, IdxSource, LogMel, MNIST, cifar,
};
use graph::Shape;

use super::problem::Problems;
use super::{Dataset, Images};
use crate::spec::{self, PublishedImages};

/// The data set with its numbers of images, the shape of an image, and the number of classes.
pub(super) fn images(written: &spec::Dataset, problems: &mut Problems) -> (Dataset, Shape, usize) {
    match written {
        spec::Dataset::FashionMnist(written) => {
            let set = Published::idx(&FASHION_MNIST, "fashion-mnist");
            set.plan(Dataset::FashionMnist, written, problems)
        }
        spec::Dataset::Mnist(written) => {
            Published::idx(&MNIST, "mnist").plan(Dataset::Mnist, written, problems)
        }
        spec::Dataset::Cifar10(written) => {
            Published::cifar(&CIFAR_10, "cifar-10").plan(Dataset::Cifar10, written, problems)
        }
        spec::Dataset::Cifar100(written) => {
            Published::cifar(&CIFAR_100, "cifar-100").plan(Dataset::Cifar100, written, problems)
        }
        spec::Dataset::Npz(spec::Arrays {
            height,
            width,
            channels,
            classes,
            labels: _,
            train,
            validation,
            test,
        }) => {
            let images =
                Images { train: train.size(), validation: validation.size(), test: test.size() };
            let shape = Shape::new(height.size(), width.size(), channels.size());
            (Dataset::Npz(images), shape, classes.size())
        }
        spec::Dataset::ImageFolder(written) => {
            if written.buffer.is_some() {
                problems.push(
                    "dataset.image-folder.buffer",
                    "`buffer` is of `tar-shards` only: files in folders are shuffled all together"
                        .to_owned(),
                    Some("leave it away".to_owned()),
                );
            }
            let Stored { framing, corrupt, images, shape } =
                pictures(written, "image-folder", problems);
            let dataset = Dataset::ImageFolder { framing, corrupt, images };
            (dataset, shape, written.classes.size())
        }
        spec::Dataset::TarShards(written) => {
            let Stored { framing, corrupt, images, shape } =
                pictures(written, "tar-shards", problems);
            let buffer = written.buffer.map_or(BUFFER, spec::Whole::size);
            let dataset = Dataset::TarShards { framing, buffer, corrupt, images };
            (dataset, shape, written.classes.size())
        }
        spec::Dataset::WavFolder(written) => sounds(written, problems),
        spec::Dataset::Synthetic(spec::Synthetic {
            side,
            channels,
            labels,
            train,
            validation,
            test,
        }) => {
            let (side, channels) = (side.size(), channels.size());
            let images =
                Images { train: train.size(), validation: validation.size(), test: test.size() };
            let most = 1_000_000.min(datasets::idx::MOST_BYTES as usize / (side * side * channels));
            for (key, count) in [("train", images.train + images.validation), ("test", images.test)]
            {
                if count > most {
                    let all = if key == "train" {
                        "`train` and `validation` together are"
                    } else {
                        "`test` is"
                    };
                    problems.push(
                        &format!("dataset.synthetic.{key}"),
                        format!("{all} {count} images of {side}x{side}x{channels}, expected at most {most}"),
                        Some("generate fewer or smaller images".to_owned()),
                    );
                }
            }
            let shape = Shape::new(side, side, channels);
            let classes = match labels {
                spec::Labels::One => Bars::CLASSES,
                spec::Labels::Several => Bars::DIRECTIONS,
            };
            (Dataset::Synthetic { side, channels, images }, shape, classes)
        }
    }
}

/// Samples among which one of `tar-shards` is drawn by default.
const BUFFER: usize = 1000;

/// What the two data sets of pictures have in common.
struct Stored {
    framing: Framing,
    corrupt: usize,
    images: Images,
    shape: Shape,
}

fn pictures(written: &spec::Pictures, key: &str, problems: &mut Problems) -> Stored {
    let spec::Pictures {
        height,
        width,
        channels,
        classes: _,
        train,
        validation,
        test,
        centre,
        least_area,
        corrupt,
        buffer: _,
    } = written;
    if channels.size() == 2 {
        problems.push(
            &format!("dataset.{key}.channels"),
            "`channels` is 2, but pictures have 3 (colour) or 1 (grey)".to_owned(),
            None,
        );
    }
    Stored {
        framing: Framing { centre: centre.get(), least_area: least_area.get() },
        corrupt: corrupt.size(),
        images: Images { train: train.size(), validation: validation.size(), test: test.size() },
        shape: Shape::new(height.size(), width.size(), channels.size()),
    }
}

fn sounds(written: &spec::Sounds, problems: &mut Problems) -> (Dataset, Shape, usize) {
    let spec::Sounds {
        classes,
        labels: _,
        train,
        validation,
        test,
        corrupt,
        sample_rate,
        frames,
        mels,
        lowest,
        highest,
    } = written;
    let patches = LogMel {
        sample_rate: sample_rate.get() as u32,
        frames: frames.size(),
        mels: mels.size(),
        lowest: lowest.get() as u32,
        highest: highest.get() as u32,
    };
    if let Err(error) = patches.check() {
        problems.push("dataset.wav-folder.highest", error.to_string(), None);
    }
    let images = Images { train: train.size(), validation: validation.size(), test: test.size() };
    let shape = Shape::new(patches.frames, patches.mels, 1);
    (Dataset::WavFolder { patches, corrupt: corrupt.size(), images }, shape, classes.size())
}

/// What is known of a published set without reading it.
struct Published {
    name: &'static str,
    key: &'static str,
    train: usize,
    test: usize,
    shape: Shape,
    classes: usize,
}

impl Published {
    fn idx(source: &IdxSource, key: &'static str) -> Self {
        let [height, width] = source.side;
        let shape = Shape::new(height, width, 1);
        let (train, test) = (source.train.count, source.test.count);
        Self { name: source.name, key, train, test, shape, classes: source.classes }
    }

    fn cifar(source: &CifarSource, key: &'static str) -> Self {
        let shape = Shape::new(cifar::SIDE, cifar::SIDE, cifar::CHANNELS);
        let (train, test) = (source.train_count(), source.test_count());
        Self { name: source.name, key, train, test, shape, classes: source.classes }
    }

    fn plan(
        &self,
        dataset: fn(Images) -> Dataset,
        written: &PublishedImages,
        problems: &mut Problems,
    ) -> (Dataset, Shape, usize) {
        (dataset(published_images(self, written, problems)), self.shape, self.classes)
    }
}

fn published_images(set: &Published, written: &PublishedImages, problems: &mut Problems) -> Images {
    let PublishedImages { validation, train, test } = written;
    let Published { name, key, train: all, test: all_test, .. } = *set;
    let validation = validation.size();
    let at = |last: &str| format!("dataset.{key}.{last}");
    let left = all.saturating_sub(validation);
    if left == 0 {
        problems.push(
            &at("validation"),
            format!("`validation` is {validation}, but {name} has {all} training images, and some must be left to train on"),
            Some("set fewer images aside, such as 5000".to_owned()),
        );
    }
    let train = train.map_or(left, spec::Whole::size);
    if left > 0 && train > left {
        problems.push(
            &at("train"),
            format!("`train` is {train}, but of the {all} training images of {name} the last {validation} are for validation"),
            Some(format!("train on at most {left}, or set fewer aside")),
        );
    }
    let test = test.map_or(all_test, spec::Whole::size);
    if test > all_test {
        problems.push(
            &at("test"),
            format!("`test` is {test}, but {name} has {all_test} test images"),
            None,
        );
    }
    Images { train, validation, test }
}

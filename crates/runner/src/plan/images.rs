//! Which images a data set gives, and of what shape.

use datasets::{Bars, FASHION_MNIST, IdxSource, MNIST};
use graph::Shape;

use super::problem::Problems;
use super::{Dataset, Images};
use crate::spec::{self, IdxImages};

/// The data set with its numbers of images, the shape of an image, and the number of classes.
pub(super) fn images(written: &spec::Dataset, problems: &mut Problems) -> (Dataset, Shape, usize) {
    let published =
        |source: &IdxSource, key: &str, written: &IdxImages, problems: &mut Problems| {
            let [height, width] = source.side;
            let images = published_images(source, key, written, problems);
            (images, Shape::new(height, width, 1), source.classes)
        };
    match written {
        spec::Dataset::FashionMnist(written) => {
            let (images, shape, classes) =
                published(&FASHION_MNIST, "fashion-mnist", written, problems);
            (Dataset::FashionMnist(images), shape, classes)
        }
        spec::Dataset::Mnist(written) => {
            let (images, shape, classes) = published(&MNIST, "mnist", written, problems);
            (Dataset::Mnist(images), shape, classes)
        }
        spec::Dataset::Synthetic(spec::Synthetic { side, channels, train, validation, test }) => {
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
            (Dataset::Synthetic { side, channels, images }, shape, Bars::CLASSES)
        }
    }
}

fn published_images(
    source: &IdxSource,
    key: &str,
    written: &IdxImages,
    problems: &mut Problems,
) -> Images {
    let IdxImages { validation, train, test } = written;
    let (all, all_test) = (source.train.count, source.test.count);
    let validation = validation.size();
    let (name, at) = (source.name, |last: &str| format!("dataset.{key}.{last}"));
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

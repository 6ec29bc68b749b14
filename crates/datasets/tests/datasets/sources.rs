//! How a published set asks for its files, and what it refuses.

use std::collections::BTreeMap;
use std::io;

use datasets::idx::{IMAGES_MAGIC, LABELS_MAGIC};
use datasets::{DatasetError, FASHION_MNIST, ImageSet};

use crate::{gzip, idx_file, message};

/// Files of the right names with `train` and `test` images of 2 x 2.
fn files(train: u32, test: u32) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (part, count) in [("train", train), ("t10k", test)] {
        let pixels: Vec<u8> = (0..4 * count).map(|at| at as u8).collect();
        let labels: Vec<u8> = (0..count).map(|at| (at % 10) as u8).collect();
        files.insert(
            format!("{part}-images-idx3-ubyte"),
            idx_file(IMAGES_MAGIC, &[count, 2, 2], &pixels),
        );
        files
            .insert(format!("{part}-labels-idx1-ubyte"), idx_file(LABELS_MAGIC, &[count], &labels));
    }
    files
}

fn unpublished(files: &BTreeMap<String, Vec<u8>>) -> Result<(ImageSet, ImageSet), DatasetError> {
    FASHION_MNIST.load_unpublished(&mut |name| {
        files.get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    })
}

#[test]
fn gzip_is_asked_for_first_and_plain_only_when_it_is_not_found() {
    let mut files = files(12, 3);
    let packed = gzip(&files.remove("train-images-idx3-ubyte").unwrap());
    files.insert("train-images-idx3-ubyte.gz".to_owned(), packed);
    let mut asked = Vec::new();
    let (train, test) = FASHION_MNIST
        .load_unpublished(&mut |name| {
            asked.push(name.to_owned());
            files.get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
        })
        .unwrap();
    assert_eq!(
        asked,
        [
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte.gz",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte.gz",
            "t10k-labels-idx1-ubyte",
        ]
    );
    assert_eq!((train.count(), train.image_shape(), train.classes()), (12, [2, 2, 1], 10));
    assert_eq!((test.count(), test.labels()), (3, &[0, 1, 2][..]));
}

#[test]
fn a_missing_file_is_named_in_both_spellings() {
    let mut files = files(1, 1);
    files.remove("t10k-labels-idx1-ubyte");
    assert_eq!(
        message(unpublished(&files)),
        "neither `t10k-labels-idx1-ubyte.gz` nor `t10k-labels-idx1-ubyte` was found: pass the folder that holds one of \
         them with `--data-dir`"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_missing() {
    let error = FASHION_MNIST
        .load(&mut |_| Err(io::Error::new(io::ErrorKind::PermissionDenied, "denied")))
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot read `train-images-idx3-ubyte.gz`");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "denied");
}

#[test]
fn published_sets_refuse_other_sizes_and_other_content() {
    let files = files(12, 3);
    let mut read = |name: &str| files.get(name).cloned().ok_or(io::ErrorKind::NotFound.into());
    assert_eq!(
        message(FASHION_MNIST.load(&mut read)),
        "the header of `train-images-idx3-ubyte` announces 12 x 2 x 2, expected 60000 x 28 x 28: the file is damaged or \
         of another data set"
    );
    let black = idx_file(IMAGES_MAGIC, &[60_000, 28, 28], &vec![0; 60_000 * 28 * 28]);
    let error = message(FASHION_MNIST.load(&mut |_| Ok(black.clone())));
    assert!(
        error.starts_with("the uncompressed bytes of `train-images-idx3-ubyte.gz` have sha256 ")
            && error.contains(
                "expected c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888: "
            ),
        "{error}"
    );
}

#[test]
fn images_and_labels_must_be_equally_many() {
    let mut files = files(12, 3);
    files.insert("train-labels-idx1-ubyte".to_owned(), idx_file(LABELS_MAGIC, &[2], &[0, 1]));
    assert_eq!(
        message(unpublished(&files)),
        "`train-images-idx3-ubyte` holds 12 images and `train-labels-idx1-ubyte` holds 2 labels: check that both are of \
         the same part of the same data set"
    );
}

#[test]
fn both_parts_must_have_images_of_one_size() {
    let mut files = files(12, 3);
    files.insert("t10k-images-idx3-ubyte".to_owned(), idx_file(IMAGES_MAGIC, &[3, 1, 2], &[0; 6]));
    assert_eq!(
        message(unpublished(&files)),
        "training and test data differ: images of 2 x 2 x 1 in 10 classes and images of 1 x 2 x 1 in 10 classes: take \
         both from the same data set"
    );
}

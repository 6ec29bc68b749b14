//! NumPy arrays: files that NumPy wrote, shapes, and what is refused.
//!
//! `bytes.npz` is `savez_compressed` of 6 and 2 images of `[2, 3, 3]` whose bytes count up; `floats.npz` is `savez` of 3 and 1
//! images of `[3, 5, 7]`, the channels first, of float32 that count up in steps of 1/255.

use std::io;

use datasets::numpy::{from_npy, from_npz};
use datasets::{DatasetError, ImageSet, LabelSets, Labels};
use proptest::prelude::*;

use crate::{message, mutations};

const BYTES: &[u8] = include_bytes!("files/bytes.npz");
const FLOATS: &[u8] = include_bytes!("files/floats.npz");

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(data.iter().copied()));
    bytes
}

/// Both parts from the same two arrays.
fn load(images: &[u8], labels: &[u8]) -> Result<(ImageSet, ImageSet), DatasetError> {
    load_as(Labels::One, images, labels)
}

fn load_as(
    labels_of_an_image: Labels,
    images: &[u8],
    labels: &[u8],
) -> Result<(ImageSet, ImageSet), DatasetError> {
    let mut read = |name: &str| match name {
        "x_train.npy" | "x_test.npy" => Ok(images.to_vec()),
        "y_train.npy" | "y_test.npy" => Ok(labels.to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    from_npy(&mut read, 3, labels_of_an_image)
}

/// The shape of the images of a set made from `count` bytes of this shape, with 2 labels.
fn shape_of(shape: &str, count: usize) -> Result<[usize; 3], String> {
    let set = load(&npy("|u1", shape, &vec![1; count]), &npy("|u1", "(2,)", &[0, 1]));
    set.map(|(train, _)| train.image_shape()).map_err(|error| error.to_string())
}

#[test]
fn compressed_bytes_are_read_as_numpy_wrote_them() {
    let (train, test) = from_npz("bytes.npz", BYTES, 3, Labels::One).unwrap();
    assert_eq!(
        (train.count(), train.image_shape(), train.labels()),
        (6, [2, 3, 3], &[0, 1, 2, 0, 1, 2][..])
    );
    let expected: Vec<u8> = (0..6 * 18).collect();
    assert_eq!(train.pixels(), expected);
    assert_eq!(test.pixels(), &expected[..36]);
}

#[test]
fn floats_are_bytes_and_channels_come_last() {
    let (train, test) = from_npz("floats.npz", FLOATS, 2, Labels::One).unwrap();
    assert_eq!((train.count(), test.count(), train.labels()), (3, 1, &[0, 1, 1][..]));
    assert_eq!(train.image_shape(), [5, 7, 3]);
    for (image, y, x, c) in [(0, 0, 0, 0), (1, 4, 6, 2), (2, 3, 1, 1)] {
        let counted = ((image * 3 + c) * 5 + y) * 7 + x;
        assert_eq!(usize::from(train.images()[[image, y, x, c]]), counted % 256);
    }
}

#[test]
fn the_shape_says_where_the_channels_are() {
    assert_eq!(shape_of("(2, 5, 6)", 60), Ok([5, 6, 1]));
    assert_eq!(shape_of("(2, 5, 6, 3)", 180), Ok([5, 6, 3]));
    assert_eq!(shape_of("(2, 3, 5, 6)", 180), Ok([5, 6, 3]));
    assert_eq!(shape_of("(2, 3, 5, 4)", 120), Ok([3, 5, 4]));
    assert_eq!(
        shape_of("(2, 5, 6, 7)", 420).unwrap_err(),
        "`x_train.npy` has the shape [2, 5, 6, 7], expected [image, height, width], or one more axis of at most 4 channels \
         behind or before height and width"
    );
    assert_eq!(
        shape_of("(2, 0, 6)", 0).unwrap_err(),
        "`x_train.npy` has the shape [2, 0, 6], which is empty"
    );
    assert_eq!(
        shape_of("(3, 1, 1)", 3).unwrap_err(),
        "`x_train.npy` holds 3 images and `y_train.npy` holds 2 labels: check that both are of the same part of the same \
         data set"
    );
}

#[test]
fn floats_up_to_255_are_rounded() {
    let floats = |values: [f32; 2]| {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        load(&npy("<f4", "(2, 1, 1)", &data), &npy("|u1", "(2,)", &[0, 1]))
    };
    assert_eq!(floats([0.5, 1.0]).unwrap().0.pixels(), [128, 255]);
    assert_eq!(floats([0.5, 254.6]).unwrap().0.pixels(), [1, 255]);
    for (bad, shown) in [(-0.5, "-0.5"), (256.0, "256"), (f32::NAN, "NaN")] {
        assert_eq!(
            message(floats([1.0, bad])),
            format!(
                "`x_train.npy` has the value {shown}, expected 0 to 1 or 0 to 255: save images before they are normalised"
            )
        );
    }
}

#[test]
fn labels_must_be_classes() {
    let image = npy("|u1", "(1, 1, 1)", &[0]);
    let labels = |descr, shape, data: &[u8]| message(load(&image, &npy(descr, shape, data)));
    assert_eq!(
        labels("<i2", "(1,)", &[255, 255]),
        "`y_train.npy` has label 0 of -1, expected 0 to 2"
    );
    assert_eq!(labels("|u1", "(1,)", &[3]), "`y_train.npy` has label 0 of 3, expected 0 to 2");
    assert_eq!(
        labels("<f4", "(1,)", &[0; 4]),
        "`y_train.npy` has floats, expected whole numbers as labels"
    );
    assert_eq!(
        labels("|u1", "(1, 2)", &[0; 2]),
        "`y_train.npy` has the shape [1, 2], expected one label per image; where images have several, say \
         `labels: several`"
    );
}

#[test]
fn missing_arrays_are_named_with_those_that_are_there() {
    let mut renamed = BYTES.to_vec();
    let at: Vec<usize> =
        (0..renamed.len() - 6).filter(|&at| renamed[at..].starts_with(b"y_test")).collect();
    for at in at {
        renamed[at] = b'z';
    }
    assert_eq!(
        message(from_npz("my.npz", &renamed, 3, Labels::One)),
        "there is no array `y_test` or `test_labels`: found x_train.npy, y_train.npy, x_test.npy, z_test.npy"
    );
    let nothing = from_npy(&mut |_| Err(io::ErrorKind::NotFound.into()), 3, Labels::One);
    assert_eq!(
        message(nothing),
        "there is no array `x_train` or `train_images`: found none of these"
    );
}

#[test]
fn several_labels_are_marks_of_every_class() {
    let images = npy("|u1", "(4, 1, 2)", &[1; 8]);
    let marks = [0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1];
    let sets = LabelSets::new(3, vec![vec![1, 2], vec![], vec![0]]).unwrap();
    let floats: Vec<u8> = marks.iter().flat_map(|&mark| f32::from(mark).to_le_bytes()).collect();
    for (descr, data) in [("|u1", &marks[..]), ("|b1", &marks), ("<f4", &floats)] {
        let labels = npy(descr, "(4, 3)", data);
        let (train, test) = load_as(Labels::Several, &images, &labels).unwrap();
        assert_eq!((train.label_sets(), train.labels()), (Some(&sets), &[0, 1, 2, 0][..]));
        assert_eq!((train.class_counts(), &train), (vec![1, 2, 2], &test));
    }
    let refused =
        |shape, data: &[u8]| message(load_as(Labels::Several, &images, &npy("|u1", shape, data)));
    assert_eq!(
        refused("(4, 3)", &[0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]),
        "`y_train.npy` has 2 for image 1 and class 2, expected 0 or 1"
    );
    for shape in ["(12,)", "(3, 4)", "(4, 3, 1)"] {
        let said = refused(shape, &[0; 12]);
        assert!(said.ends_with("], expected [image, 3]"), "{said}");
    }
    assert_eq!(
        refused("(3, 3)", &[0; 9]),
        "`x_train.npy` holds 4 images and `y_train.npy` holds 3 labels: check that both are of the same part of the same data set"
    );
}

#[test]
fn archives_cut_off_or_changed_are_refused() {
    assert_eq!(
        message(from_npz("my.npz", &BYTES[..BYTES.len() - 1], 3, Labels::One)),
        "`my.npz` is no zip archive, or was cut off: get it again"
    );
    let mut changed = FLOATS.to_vec();
    changed[200] ^= 1;
    assert_eq!(
        message(from_npz("my.npz", &changed, 3, Labels::One)),
        "`my.npz` holds `train_images.npy`, which is not what was packed: get it again"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn damaged_archives_never_panic(bytes in prop_oneof![Just(BYTES.to_vec()), Just(FLOATS.to_vec())].prop_flat_map(mutations)) {
        if let Ok((train, _)) = from_npz("my.npz", &bytes, 3, Labels::One) {
            prop_assert!(train.labels().iter().all(|&label| label < 3));
        }
    }

    #[test]
    fn damaged_arrays_never_panic(
        images in Just(npy("<f8", "(2, 1, 2)", &[0; 32])).prop_flat_map(mutations),
        labels in Just(npy("<i2", "(2,)", &[0; 4])).prop_flat_map(mutations),
    ) {
        for of_an_image in [Labels::One, Labels::Several] {
            if let Ok((train, _)) = load_as(of_an_image, &images, &labels) {
                prop_assert!(train.count() > 0);
            }
        }
    }
}

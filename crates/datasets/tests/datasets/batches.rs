//! Training and evaluation batches.

use std::collections::BTreeMap;

use datasets::{Augmentation, Batches, Evaluation, ImageSet, Normalization, Streams};
use ndarray::Array4;
use proptest::prelude::*;

use crate::message;

const FULL: Augmentation = Augmentation { flip: true, crop: 2 };
const NONE: Augmentation = Augmentation { flip: false, crop: 0 };

/// Images whose every pixel differs, and whose label is their index.
fn numbered(count: usize) -> ImageSet {
    let images = Array4::from_shape_fn((count, 5, 4, 2), |(image, y, x, c)| {
        (image * 17 + y * 40 + x * 8 + c) as u8
    });
    ImageSet::new(images, (0..count as u16).collect(), count).unwrap()
}

fn plain() -> Normalization {
    Normalization::new(vec![0.25, 0.5], vec![0.5, 0.25]).unwrap()
}

fn batches(set: &ImageSet, batch_size: usize, augmentation: Augmentation) -> Batches {
    Batches::new(set, &plain(), batch_size, augmentation, Streams::new(11)).unwrap()
}

/// Each image of the epoch as it was written, by label.
fn written(batches: &Batches, epoch: u64) -> BTreeMap<u32, Vec<f32>> {
    let [size, height, width, channels] = batches.shape();
    let length = height * width * channels;
    let (mut images, mut labels) = (vec![f32::NAN; size * length], vec![u32::MAX; size]);
    let epoch = batches.epoch(epoch);
    let mut written = BTreeMap::new();
    for batch in 0..batches.per_epoch() {
        epoch.fill(batch, &mut images, &mut labels).unwrap();
        assert_eq!(labels, epoch.indices(batch), "the label of a numbered image is its index");
        for (image, &label) in images.chunks_exact(length).zip(&labels) {
            assert!(written.insert(label, image.to_vec()).is_none(), "image {label} twice");
        }
    }
    written
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_epoch_shows_each_image_at_most_once_and_drops_less_than_a_batch(
        count in 1usize..40, size in any::<prop::sample::Index>(), epoch: u64,
    ) {
        let size = size.index(count) + 1;
        let batches = batches(&numbered(count), size, FULL);
        prop_assert_eq!(written(&batches, epoch).len(), count / size * size);
        let mut order = batches.order(epoch);
        order.sort_unstable();
        prop_assert!(order.into_iter().eq(0..count as u32));
    }

    #[test]
    fn augmentation_does_not_depend_on_batch_size(size in 1usize..30, epoch in 0u64..5) {
        let set = numbered(30);
        let singly = written(&batches(&set, 1, FULL), epoch);
        for (index, image) in written(&batches(&set, size, FULL), epoch) {
            prop_assert_eq!(&image, &singly[&index]);
        }
    }
}

#[test]
fn batches_come_in_the_order_of_their_epoch() {
    let batches = batches(&numbered(20), 6, NONE);
    let epoch = batches.epoch(4);
    let order: Vec<u32> = (0..3).flat_map(|batch| epoch.indices(batch).to_vec()).collect();
    assert_eq!(order, batches.order(4)[..18]);
}

#[test]
fn epochs_and_seeds_differ_in_order_and_augmentation() {
    let set = numbered(30);
    let one = batches(&set, 30, FULL);
    let other = Batches::new(&set, &plain(), 30, FULL, Streams::new(12)).unwrap();
    assert_ne!(one.order(0), one.order(1));
    assert_ne!(one.order(0), other.order(0));
    assert_ne!(written(&one, 0), written(&one, 1));
    assert_ne!(written(&one, 0), written(&other, 0));
    assert_eq!(written(&one, 1), written(&batches(&set, 30, FULL), 1));
}

#[test]
fn without_augmentation_pixels_are_normalised_in_place() {
    let set = numbered(30);
    for (index, image) in written(&batches(&set, 7, NONE), 0) {
        let pixels = set.pixels().chunks_exact(40).nth(index as usize).unwrap();
        let expected: Vec<f32> = pixels
            .chunks_exact(2)
            .flat_map(|pixel| {
                [
                    (f64::from(pixel[0]) / 255.0 - 0.25) / 0.5,
                    (f64::from(pixel[1]) / 255.0 - 0.5) / 0.25,
                ]
            })
            .map(|value| value as f32)
            .collect();
        assert_eq!(image, expected);
    }
}

#[test]
fn padding_is_black_before_normalisation() {
    let white =
        ImageSet::new(Array4::from_elem((64, 5, 4, 2), 255), (0..64).collect(), 64).unwrap();
    let images = written(&batches(&white, 64, FULL), 0);
    let mut padded = 0;
    for pixel in images.values().flat_map(|image| image.chunks_exact(2)) {
        assert!(pixel == [1.5, 2.0] || pixel == [-0.5, -2.0], "{pixel:?}");
        padded += usize::from(pixel == [-0.5, -2.0]);
    }
    assert!(padded > 0);
}

#[test]
fn evaluation_shows_every_image_once_in_order_and_pads_with_zeros() {
    let set = numbered(10);
    let whole = written(&batches(&set, 10, NONE), 0);
    for (size, count) in [(4, 3), (5, 2), (10, 1), (64, 1)] {
        let evaluation = Evaluation::new(&set, &plain(), size).unwrap();
        assert_eq!((evaluation.batches(), evaluation.shape()), (count, [size, 5, 4, 2]));
        let mut seen = 0;
        for batch in 0..count {
            let (mut images, mut labels) = (vec![f32::NAN; size * 40], vec![u32::MAX; size]);
            let valid = evaluation.fill(batch, &mut images, &mut labels).unwrap();
            for (image, label) in images.chunks_exact(40).zip(labels.iter()).take(valid) {
                assert_eq!((*label, image), (seen, &whole[&seen][..]));
                seen += 1;
            }
            assert!(images[valid * 40..].iter().all(|&value| value == 0.0));
            assert!(labels[valid..].iter().all(|&label| label == 0));
        }
        assert_eq!(seen, 10);
    }
}

#[test]
fn impossible_batches_are_refused() {
    let (set, normalization, streams) = (numbered(10), plain(), Streams::new(0));
    let refused = |size, augmentation| {
        message(Batches::new(&set, &normalization, size, augmentation, streams))
    };
    for size in [0, 11] {
        assert_eq!(
            refused(size, NONE),
            format!("`batch_size` is {size}, expected 1 to 10, the number of training images")
        );
    }
    assert_eq!(
        refused(1, Augmentation { flip: false, crop: 4 }),
        "`crop` is 4, expected less than 4, the shorter side of the images: a crop must show some of the image"
    );
    assert_eq!(
        message(Evaluation::new(&set, &normalization, 0)),
        "`batch_size` is 0, expected at least 1"
    );
}

/// The order of one epoch, pinned: another value means that no earlier run can be resumed or reproduced.
#[test]
fn the_order_is_that_of_every_platform_and_version() {
    assert_eq!(batches(&numbered(10), 1, NONE).order(0), [3, 8, 5, 7, 1, 4, 2, 0, 6, 9]);
}

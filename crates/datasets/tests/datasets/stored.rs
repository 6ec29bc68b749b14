//! Samples that stay in files: folders of pictures and sound.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use datasets::{
    Augmentation, Batches, Evaluation, Framing, LogMel, Medium, Normalization, ReadRange,
    StoredSet, Streams, class_names, folder,
};
use image::ImageFormat;
use proptest::prelude::*;

use crate::{message, mutations};

const WHOLE: Framing = Framing { centre: 1.0, least_area: 1.0 };
pub(crate) const RANDOM: Framing = Framing { centre: 0.875, least_area: 0.3 };
pub(crate) const FLIP: Augmentation = Augmentation { flip: true, crop: 0 };
const NONE: Augmentation = Augmentation { flip: false, crop: 0 };

/// Files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A picture of `height` x `width` in which every byte depends on `seed` and its place.
pub(crate) fn picture(seed: usize, height: usize, width: usize) -> Vec<u8> {
    let byte = |at: usize| (at * 37 + seed * 101 + at * at / 7) as u8;
    (0..height * width * 3).map(byte).collect()
}

pub(crate) fn encoded(pixels: &[u8], height: usize, width: usize, format: ImageFormat) -> Vec<u8> {
    let picture = image::RgbImage::from_raw(width as u32, height as u32, pixels.to_vec()).unwrap();
    let mut file = io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// `count` PNG files of 9 x 7 in the classes `a`, `b` and `c`, in turn.
pub(crate) fn pictures(count: usize) -> Files {
    let file = |at| encoded(&picture(at, 9, 7), 9, 7, ImageFormat::Png);
    (0..count).map(|at| (format!("{}/{at:03}.png", ["a", "b", "c"][at % 3]), file(at))).collect()
}

pub(crate) fn reader(files: Files) -> Arc<ReadRange> {
    Arc::new(move |name: &str, range: Option<Range<u64>>| {
        let file = files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(match range {
            Some(range) => file[range.start as usize..range.end as usize].to_vec(),
            None => file.clone(),
        })
    })
}

pub(crate) fn set(files: &Files, framing: Framing, shape: [usize; 3]) -> StoredSet {
    let medium = Medium::Pictures { framing, shape };
    let paths: Vec<String> = files.keys().cloned().collect();
    let classes = class_names(&paths, &medium);
    folder(paths, &classes, medium, reader(files.clone())).unwrap()
}

pub(crate) fn plain() -> Normalization {
    Normalization::new(vec![0.0; 3], vec![1.0; 3]).unwrap()
}

/// The batches of an epoch in the order asked for.
pub(crate) fn filled(batches: &Batches, epoch: u64, order: &[usize]) -> Vec<(Vec<f32>, Vec<u32>)> {
    let [size, height, width, channels] = batches.shape();
    let epoch = batches.epoch(epoch);
    let fill = |&batch: &usize| {
        let mut images = vec![f32::NAN; size * height * width * channels];
        let mut labels = vec![u32::MAX; size];
        epoch.fill(batch, &mut images, &mut labels).unwrap();
        (images, labels)
    };
    order.iter().map(fill).collect()
}

#[test]
fn evaluation_shows_every_picture_with_its_class() {
    let files = pictures(20);
    let set = set(&files, WHOLE, [9, 7, 3]);
    assert_eq!((set.count(), set.classes(), set.shape()), (20, 3, [9, 7, 3]));
    let evaluation = Evaluation::new(&set, &plain(), 8).unwrap();
    let mut seen = Vec::new();
    for batch in 0..evaluation.batches() {
        let (mut images, mut labels) = (vec![0.0; 8 * 189], vec![0; 8]);
        let valid = evaluation.fill(batch, &mut images, &mut labels).unwrap();
        for (image, label) in images.chunks_exact(189).zip(labels).take(valid) {
            let pixels: Vec<u8> = image.iter().map(|value| (value * 255.0).round() as u8).collect();
            let at = (0..20).find(|&at| picture(at, 9, 7) == pixels).expect("a picture of the set");
            assert_eq!(label as usize, at % 3);
            seen.push(at);
        }
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..20));
}

#[test]
fn parts_of_a_set_hold_all_classes_and_share_no_sample() {
    let set = set(&pictures(60), WHOLE, [9, 7, 3]);
    let (train, validation) = set.split_last(15).unwrap();
    assert_eq!((train.count(), validation.count(), set.take(5).unwrap().count()), (45, 15, 5));
    let shown = |part: &StoredSet| {
        let batches = Evaluation::new(part, &plain(), part.count()).unwrap();
        let (mut images, mut labels) = (vec![0.0; part.count() * 189], vec![0; part.count()]);
        batches.fill(0, &mut images, &mut labels).unwrap();
        (images, labels)
    };
    let ((all, all_labels), (images, labels), (held, held_labels)) =
        (shown(&set), shown(&train), shown(&validation));
    assert_eq!([images, held].concat(), all);
    assert_eq!([labels, held_labels.clone()].concat(), all_labels);
    assert!((0..3).all(|class| held_labels.contains(&class)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn threads_and_the_order_of_batches_change_no_byte(
        threads in 2usize..9, size in 1usize..12, epoch in 0u64..9, random: bool,
    ) {
        let framing = if random { RANDOM } else { WHOLE };
        let set = set(&pictures(23), framing, [6, 5, 3]);
        let one = Batches::new(&set, &plain(), size, FLIP, Streams::new(4)).unwrap();
        let set = set.with_threads(threads);
        let many = Batches::new(&set, &plain(), size, FLIP, Streams::new(4)).unwrap();
        let forward: Vec<usize> = (0..one.per_epoch()).collect();
        let backward: Vec<usize> = forward.iter().rev().copied().collect();
        let mut resumed = filled(&many, epoch, &backward);
        resumed.reverse();
        prop_assert_eq!(filled(&one, epoch, &forward), resumed);
    }

    #[test]
    fn an_epoch_is_a_permutation(count in 1usize..40, epoch: u64) {
        let batches = Batches::new(set(&pictures(count), WHOLE, [9, 7, 3]), &plain(), 1, NONE, Streams::new(4)).unwrap();
        let mut order = batches.order(epoch);
        order.sort_unstable();
        prop_assert!(order.into_iter().eq(0..count as u32));
    }

    #[test]
    fn no_bytes_make_a_panic(
        png in mutations(encoded(&picture(1, 9, 7), 9, 7, ImageFormat::Png)),
        jpeg in mutations(encoded(&picture(1, 9, 7), 9, 7, ImageFormat::Jpeg)), wav in mutations(sound(0)),
    ) {
        let good = pictures(1).pop_first().unwrap();
        let files = Files::from([("a/1.png".to_owned(), png), ("a/2.png".to_owned(), jpeg), good]);
        let set = set(&files, RANDOM, [4, 4, 3]).accept_corrupt(2);
        let batches = Batches::new(&set, &plain(), 3, FLIP, Streams::new(4)).unwrap();
        filled(&batches, 0, &[0]);
        let files = Files::from([("a/1.wav".to_owned(), wav), ("a/2.wav".to_owned(), sound(1))]);
        let set = sounds(&files).accept_corrupt(1);
        let normalization = Normalization::new(vec![0.0], vec![1.0]).unwrap();
        let batches = Batches::new(&set, &normalization, 2, NONE, Streams::new(4)).unwrap();
        filled(&batches, 0, &[0]);
    }
}

#[test]
fn random_windows_differ_between_epochs_and_show_the_same_class() {
    let set = set(&pictures(12), RANDOM, [6, 5, 3]);
    let batches = Batches::new(&set, &plain(), 12, NONE, Streams::new(4)).unwrap();
    let sorted = |epoch: u64| {
        let (images, labels) = filled(&batches, epoch, &[0]).pop().unwrap();
        let order = batches.order(epoch);
        let samples = order.iter().zip(labels).zip(images.chunks_exact(90).map(<[f32]>::to_vec));
        samples.map(|((&at, label), image)| (at, (label, image))).collect::<BTreeMap<_, _>>()
    };
    let (first, second) = (sorted(0), sorted(1));
    assert!(first.iter().all(|(at, (label, _))| second[at].0 == *label));
    assert!(first.iter().filter(|(at, (_, image))| second[at].1 != *image).count() >= 10);
    assert_eq!(first, sorted(0));
}

#[test]
fn jpeg_pictures_are_close_to_what_was_written() {
    let smooth: Vec<u8> = (0..32 * 32 * 3).map(|at| (at / 96 * 4 + at % 3 * 20) as u8).collect();
    let files = Files::from([("a/x.JPG".to_owned(), encoded(&smooth, 32, 32, ImageFormat::Jpeg))]);
    let batches =
        Batches::new(set(&files, WHOLE, [32, 32, 3]), &plain(), 1, NONE, Streams::new(0)).unwrap();
    let (image, _) = filled(&batches, 0, &[0]).pop().unwrap();
    let error =
        image.iter().zip(&smooth).map(|(found, &wanted)| (found * 255.0 - f32::from(wanted)).abs());
    assert!(error.fold(0.0, f32::max) < 12.0);
}

#[test]
fn corrupt_files_are_named_and_replaced_by_the_next_good_one() {
    let mut files = pictures(12);
    files.insert("a/000.png".to_owned(), b"no picture".to_vec());
    files.get_mut("b/004.png").unwrap().truncate(60);
    let set = set(&files, WHOLE, [9, 7, 3]).accept_corrupt(2);
    let one = Batches::new(&set, &plain(), 12, NONE, Streams::new(2)).unwrap();
    let batch = filled(&one, 0, &[0]);
    let corrupt = set.corrupt();
    let names: Vec<&str> = corrupt.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"`a/000.png`") && names.contains(&"`b/004.png`"), "{names:?}");
    assert!(corrupt.iter().any(|(_, reason)| reason == "is neither a JPEG nor a PNG file"));
    let (images, labels) = &batch[0];
    for (image, &label) in images.chunks_exact(189).zip(labels) {
        let pixels: Vec<u8> = image.iter().map(|value| (value * 255.0).round() as u8).collect();
        let at = (0..12).find(|&at| picture(at, 9, 7) == pixels).expect("a good picture");
        assert_eq!(label as usize, at % 3, "the label of the picture that is shown");
    }
    // The same batch from a set that met the corrupt files in another order, with other threads.
    let again = self::set(&files, WHOLE, [9, 7, 3]).accept_corrupt(2).with_threads(5);
    let again = Batches::new(&again, &plain(), 12, NONE, Streams::new(2)).unwrap();
    filled(&again, 7, &[0]);
    assert_eq!(filled(&again, 0, &[0]), batch);
}

#[test]
fn more_corrupt_files_than_accepted_are_an_error_that_names_them() {
    let mut files = pictures(6);
    files.insert("a/000.png".to_owned(), b"no picture".to_vec());
    let refused = |files: &Files, most| {
        let set = set(files, WHOLE, [9, 7, 3]).accept_corrupt(most);
        let batches = Batches::new(&set, &plain(), 6, NONE, Streams::new(2)).unwrap();
        let (mut images, mut labels) = (vec![0.0; 6 * 189], vec![0; 6]);
        message(batches.epoch(0).fill(0, &mut images, &mut labels))
    };
    assert_eq!(
        refused(&files, 0),
        "1 corrupt samples, of which 0 are accepted: `a/000.png` is neither a JPEG nor a PNG file; remove or replace them, \
         or accept more"
    );
    files.values_mut().for_each(Vec::clear);
    assert!(refused(&files, 9).starts_with("6 corrupt samples, of which 9 are accepted: "));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_at_once() {
    let files = pictures(3);
    let medium = Medium::Pictures { framing: WHOLE, shape: [9, 7, 3] };
    let paths = files.keys().cloned().collect();
    let classes = ["a", "b", "c"].map(str::to_owned);
    let set = folder(paths, &classes, medium, reader(Files::new())).unwrap().accept_corrupt(9);
    let refused = message(set.normalization(1));
    assert!(refused.starts_with("cannot read `"), "{refused}");
}

#[test]
fn folders_that_say_no_class_are_refused() {
    let medium = Medium::Pictures { framing: WHOLE, shape: [9, 7, 3] };
    let refused = |paths: &[&str], classes: &[&str]| {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        message(folder(paths, &classes, medium, reader(Files::new())))
    };
    assert_eq!(
        refused(&["readme.txt", "a/._1.png"], &["a"]),
        "there is no `jpg, jpeg, png` file in a folder of a class: found 2 other files"
    );
    assert_eq!(
        refused(&["1.png"], &["a"]),
        "`1.png` lies in no folder: put every file of a set into the folder of its class, such as `CLASS/1.png`"
    );
    assert_eq!(
        refused(&["z/1.png"], &["a", "b"]),
        "the folder `z` is no class of the training data, whose classes are a, b: name the folders of both parts alike"
    );
}

#[test]
fn impossible_images_are_refused() {
    let refused = |framing, shape| {
        let medium = Medium::Pictures { framing, shape };
        message(folder(vec!["a/1.png".to_owned()], &["a".to_owned()], medium, reader(Files::new())))
    };
    assert_eq!(
        refused(Framing { centre: 1.5, ..WHOLE }, [9, 7, 3]),
        "`centre` of a window is 1.5, expected above 0 and up to 1"
    );
    assert_eq!(
        refused(WHOLE, [9, 7, 2]),
        "images of [9, 7, 2] cannot be made of pictures: expected sides of 1 to 4096 and 1 or 3 channels"
    );
}

/// A WAV file of a tenth of a second.
fn sound(seed: usize) -> Vec<u8> {
    let sample_format = hound::SampleFormat::Int;
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format };
    let mut file = io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for at in 0..1600 {
        writer.write_sample(((at * (seed + 3) * 131) % 20001) as i16).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

fn sounds(files: &Files) -> StoredSet {
    let medium = Medium::Sound(LogMel { frames: 4, mels: 16, ..LogMel::default() });
    let paths: Vec<String> = files.keys().cloned().collect();
    let classes = class_names(&paths, &medium);
    folder(paths, &classes, medium, reader(files.clone())).unwrap()
}

#[test]
fn measured_statistics_make_sound_standard() {
    let files: Files = (0..6).map(|at| (format!("{}/{at}.wav", at % 2), sound(at))).collect();
    let set = sounds(&files);
    assert_eq!((set.shape(), set.classes()), ([4, 16, 1], 2));
    let evaluation = Evaluation::new(&set, &set.normalization(6).unwrap(), 6).unwrap();
    let (mut patches, mut labels) = (vec![0.0; 6 * 64], vec![0; 6]);
    evaluation.fill(0, &mut patches, &mut labels).unwrap();
    let mean = patches.iter().sum::<f32>() / 384.0;
    let variance = patches.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / 384.0;
    assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{mean} {variance}");
    assert_eq!(labels.iter().sum::<u32>(), 3);
    let normalization = Normalization::new(vec![0.0], vec![1.0]).unwrap();
    assert_eq!(
        message(Batches::new(&set, &normalization, 2, FLIP, Streams::new(0))),
        "`augmentation` changes images, and a log-mel patch is none: leave it away"
    );
}

#[test]
fn measured_statistics_of_pictures_are_those_of_their_pixels() {
    let files = pictures(5);
    let pixels: Vec<u8> = (0..5).flat_map(|at| picture(at, 9, 7)).collect();
    let images = ndarray::Array4::from_shape_vec((5, 9, 7, 3), pixels).unwrap();
    let memory = datasets::ImageSet::new(images, vec![0; 5], 1).unwrap();
    let measured = set(&files, WHOLE, [9, 7, 3]).normalization(5).unwrap();
    assert_eq!(measured, Normalization::of(&memory));
}

//! Tar shards of pictures with their classes.

use std::io::Cursor;

use datasets::shards::{self, ShardSample};
use datasets::{
    Augmentation, Batches, Evaluation, Framing, Medium, Normalization, StoredSet, Streams,
};
use image::ImageFormat;
use proptest::prelude::*;

use crate::stored::{Files, encoded, filled, picture, reader};
use crate::{message, mutations};

const MEDIUM: Medium =
    Medium::Pictures { framing: Framing { centre: 1.0, least_area: 1.0 }, shape: [4, 5, 3] };

fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, &content[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Samples `first..last`, whose classes are their numbers modulo 3, written in two ways.
fn shard(first: usize, last: usize) -> Vec<u8> {
    let mut files = Vec::new();
    for at in first..last {
        let png = encoded(&picture(at, 4, 5), 4, 5, ImageFormat::Png);
        let class = at % 3;
        files.push(if at % 2 == 0 {
            (format!("set/{at:04}.cls"), format!("{class}\n").into_bytes())
        } else {
            (
                format!("set/{at:04}.json"),
                format!("{{\"label\": {class}, \"more\": []}}").into_bytes(),
            )
        });
        files.push((format!("set/{at:04}.png"), png));
        files.push((format!("set/{at:04}.txt"), b"a caption".to_vec()));
    }
    archive(&files)
}

fn list(bytes: &[u8]) -> Result<Vec<ShardSample>, datasets::DatasetError> {
    shards::list("s.tar", Cursor::new(bytes), &MEDIUM, 3)
}

/// A set of `count` shards of `size` samples.
fn set(count: usize, size: usize, buffer: usize) -> StoredSet {
    let name = |at: usize| format!("{at:03}.tar");
    let files: Files = (0..count).map(|at| (name(at), shard(at * size, (at + 1) * size))).collect();
    let listed = files.iter().map(|(name, bytes)| (name.clone(), list(bytes).unwrap())).collect();
    shards::shards(listed, 3, MEDIUM, buffer, reader(files)).unwrap()
}

fn plain() -> Normalization {
    Normalization::new(vec![0.0; 3], vec![1.0; 3]).unwrap()
}

fn batches(set: &StoredSet, size: usize) -> Batches {
    Batches::new(set, &plain(), size, Augmentation::default(), Streams::new(6)).unwrap()
}

#[test]
fn every_sample_has_its_picture_and_class() {
    let set = set(3, 4, 5);
    let evaluation = Evaluation::new(&set, &plain(), 12).unwrap();
    let (mut images, mut labels) = (vec![0.0; 12 * 60], vec![0; 12]);
    assert_eq!(evaluation.fill(0, &mut images, &mut labels).unwrap(), 12);
    for (at, (image, label)) in images.chunks_exact(60).zip(labels).enumerate() {
        let pixels: Vec<u8> = image.iter().map(|value| (value * 255.0).round() as u8).collect();
        assert_eq!((pixels, label as usize), (picture(at, 4, 5), at % 3));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn an_epoch_is_a_permutation_in_which_no_sample_comes_early(
        count in 1usize..6, size in 1usize..9, buffer in 1usize..20, epoch in 0u64..50,
    ) {
        let batches = batches(&set(count, size, buffer), 1);
        let order = batches.order(epoch);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert!(sorted.into_iter().eq(0..(count * size) as u32));
        // A shard's place in the stream, from where its samples come first.
        let shard = |sample: u32| sample as usize / size;
        let mut opened: Vec<usize> = Vec::new();
        for (done, &sample) in order.iter().enumerate() {
            if !opened.contains(&shard(sample)) {
                opened.push(shard(sample));
            }
            // The buffer has seen `done + buffer` samples at most.
            prop_assert!(opened.len() <= (done + buffer).div_ceil(size));
        }
    }

    #[test]
    fn any_batch_can_be_asked_for(epoch in 0u64..9, threads in 1usize..5) {
        let set = set(3, 7, 6);
        let one = batches(&set, 4);
        let many = batches(&set.with_threads(threads), 4);
        let mut later = filled(&many, epoch, &[4, 2]);
        later.reverse();
        let all = filled(&one, epoch, &[0, 1, 2, 3, 4]);
        prop_assert_eq!(&later[0], &all[2]);
        prop_assert_eq!(&later[1], &all[4]);
    }

    #[test]
    fn no_archive_makes_a_panic(bytes in mutations(shard(0, 3))) {
        if let Ok(samples) = list(&bytes) {
            for ShardSample { offset, size, label } in samples {
                prop_assert!(offset + u64::from(size) <= bytes.len() as u64 && label < 3);
            }
        }
    }
}

#[test]
fn epochs_have_other_orders_and_a_buffer_of_one_keeps_that_of_shards() {
    let batches_of = |buffer| batches(&set(4, 5, buffer), 1);
    assert_ne!(batches_of(8).order(0), batches_of(8).order(1));
    let kept = batches_of(1).order(0);
    assert!(kept.chunks_exact(5).all(|run| run.is_sorted() && run[0].is_multiple_of(5)));
    assert!(!kept.is_sorted(), "the shards themselves are shuffled");
}

#[test]
fn corrupt_samples_are_named_by_shard_and_place() {
    let mut bytes = shard(0, 3);
    let second = list(&bytes).unwrap()[1].clone();
    bytes[second.offset as usize] = 0;
    let listed = vec![("s.tar".to_owned(), list(&bytes).unwrap())];
    let set =
        shards::shards(listed, 3, MEDIUM, 1, reader(Files::from([("s.tar".to_owned(), bytes)])));
    let set = set.unwrap().accept_corrupt(1);
    let labels = filled(&batches(&set, 3), 0, &[0]).pop().unwrap().1;
    assert_eq!(labels, [0, 2, 2]);
    assert_eq!(set.corrupt()[0].0, format!("`s.tar` at byte {}", second.offset));
}

#[test]
fn samples_without_a_class_are_refused() {
    let png = || encoded(&picture(0, 4, 5), 4, 5, ImageFormat::Png);
    let refused = |class: Option<(&str, &str)>| {
        let mut files = vec![("7.png".to_owned(), png())];
        files.extend(class.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
        message(list(&archive(&files)))
    };
    let none = "sample `7` of `s.tar` has no class: add a `.cls` file with a number, or a `.json` file with a `cls`, beside it";
    assert_eq!(refused(None), none);
    assert_eq!(refused(Some(("7.cls", "cat"))), none);
    assert_eq!(refused(Some(("8.cls", "1"))), none);
    assert_eq!(refused(Some(("7.json", "{\"cls\": -1}"))), none);
    assert_eq!(
        refused(Some(("7.cls", "3"))),
        "sample `7` of `s.tar` has the class 3, expected less than 3"
    );
    let bytes = shard(0, 2);
    assert_eq!(message(list(&bytes[..1200])), "`s.tar` ends in the middle of a file: get it again");
    assert_eq!(
        message(shards::shards(vec![], 3, MEDIUM, 1, reader(Files::new()))),
        "there is no `jpg, jpeg, png` file in a folder of a class: found 0 other files"
    );
}

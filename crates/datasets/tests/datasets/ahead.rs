//! Batches that are filled ahead are those that are filled when they are asked for.

use std::thread;

use datasets::{Augmentation, Bars, Batches, Normalization, Streams};

use crate::stored::{FLIP, Files, RANDOM, pictures, plain, set};

/// Images and labels of the batches from `first` on, filled ahead.
fn ahead(batches: &Batches, first: usize) -> Vec<(Vec<f32>, Vec<u32>)> {
    let epoch = batches.epoch(3);
    thread::scope(|scope| {
        let mut ahead = epoch.ahead(scope, first..batches.per_epoch());
        let mut all = Vec::new();
        for _ in first..batches.per_epoch() {
            let (images, labels) = ahead.next_batch().unwrap();
            all.push((images.to_vec(), labels.to_vec()));
        }
        all
    })
}

#[test]
fn batches_filled_ahead_are_those_of_the_epoch_from_any_on() {
    let stored = set(&pictures(23), RANDOM, [6, 5, 3]).with_threads(2);
    let stored = Batches::new(&stored, &plain(), 4, FLIP, Streams::new(4)).unwrap();
    let (bars, _) = Bars { training: 30, ..Bars::default() }.generate(Streams::new(0)).unwrap();
    let normalization = Normalization::of(&bars);
    let memory =
        Batches::new(&bars, &normalization, 4, Augmentation::default(), Streams::new(4)).unwrap();
    for batches in [stored, memory] {
        let all: Vec<usize> = (0..batches.per_epoch()).collect();
        let expected = crate::stored::filled(&batches, 3, &all);
        for first in [0, 1, batches.per_epoch()] {
            assert_eq!(ahead(&batches, first), expected[first..], "from batch {first} on");
        }
    }
}

#[test]
fn who_stops_early_is_not_kept_waiting() {
    let set = set(&pictures(23), RANDOM, [6, 5, 3]);
    let batches = Batches::new(&set, &plain(), 4, FLIP, Streams::new(4)).unwrap();
    let epoch = batches.epoch(0);
    for used in 0..3 {
        thread::scope(|scope| {
            let mut ahead = epoch.ahead(scope, 0..batches.per_epoch());
            for _ in 0..used {
                ahead.next_batch().unwrap();
            }
        });
    }
}

#[test]
fn a_corrupt_file_is_the_error_of_its_batch() {
    let mut files: Files = pictures(12);
    files.get_mut("b/004.png").unwrap().truncate(20);
    let batches = || {
        let set = set(&files, RANDOM, [6, 5, 3]);
        Batches::new(&set, &plain(), 1, FLIP, Streams::new(4)).unwrap()
    };
    let (mut images, mut labels) = (vec![0.0; 90], vec![0]);
    let (asked, early) = (batches(), batches());
    let (asked, early) = (asked.epoch(0), early.epoch(0));
    let bad = (0..12).position(|batch| asked.fill(batch, &mut images, &mut labels).is_err());
    let bad = bad.unwrap();
    thread::scope(|scope| {
        let mut ahead = early.ahead(scope, 0..12);
        for _ in 0..bad {
            ahead.next_batch().unwrap();
        }
        let error = ahead.next_batch().unwrap_err().to_string();
        assert!(
            error.contains("1 corrupt samples, of which 0 are accepted: `b/004.png`"),
            "{error}"
        );
    });
}

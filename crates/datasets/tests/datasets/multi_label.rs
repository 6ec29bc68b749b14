//! Samples with several labels: tables of files, arrays, generated images.

use std::collections::BTreeMap;

use datasets::{
    Bars, DatasetError, Evaluation, Framing, ImageSet, LabelSets, LabelTable, Medium, Samples,
    Split, StoredSet, Streams, labelled,
};
use image::ImageFormat;
use ndarray::Array4;
use proptest::prelude::*;

use crate::stored::{Files, encoded, picture, plain, reader};
use crate::{message, mutations};

const MEDIUM: Medium =
    Medium::Pictures { framing: Framing { centre: 1.0, least_area: 1.0 }, shape: [9, 7, 3] };
const TRAIN: &str =
    "fname,labels,split\r\na.png,\"dog,cat\",train\r\nx/b.png,cat,val\r\n\r\nc.png,,train\r\n";
const TEST: &str = "fname,labels\na.png,dog\n";

fn table(name: &str, text: &str) -> Result<LabelTable, DatasetError> {
    LabelTable::read(name, text.as_bytes())
}

/// Pictures by path; the pixels are those of the number.
fn files(paths: &[(&str, usize)]) -> Files {
    let file = |seed| encoded(&picture(seed, 9, 7), 9, 7, ImageFormat::Png);
    paths.iter().map(|&(path, seed)| (path.to_owned(), file(seed))).collect()
}

/// Both parts: training files `a.png`, `x/b.png` and `c.png`, a test file `a.png`.
fn parts(train: &str, test: &str) -> Result<[StoredSet; 2], DatasetError> {
    let (train, test) = (table("train.csv", train)?, table("test.csv", test)?);
    let part = |table, paths: &[(&str, usize)]| {
        let files = files(paths);
        (files.keys().cloned().chain(["notes.txt".to_owned()]).collect(), table, reader(files))
    };
    let train_part = part(&train, &[("a.png", 0), ("x/b.png", 1), ("c.png", 2)]);
    let test_part = part(&test, &[("a.png", 3)]);
    labelled([train_part, test_part], &train.class_names(), MEDIUM)
}

/// The classes of every picture of a part, by the number of its pixels.
fn shown(set: &StoredSet) -> BTreeMap<usize, Vec<u32>> {
    let sets = set.label_sets().unwrap();
    let (mut images, mut labels) = (vec![0.0; set.count() * 189], vec![0; set.count()]);
    let evaluation = Evaluation::new(set, &plain(), set.count()).unwrap();
    evaluation.fill(0, &mut images, &mut labels).unwrap();
    let rows = images.chunks_exact(189).zip(labels);
    let seen = rows.map(|(image, label)| {
        let pixels: Vec<u8> = image.iter().map(|value| (value * 255.0).round() as u8).collect();
        let seed = (0..4).find(|&seed| picture(seed, 9, 7) == pixels).expect("one of the pictures");
        (seed, sets.set(label).unwrap().to_vec())
    });
    seen.collect()
}

#[test]
fn a_table_gives_every_file_its_labels() {
    let [train, test] = parts(TRAIN, TEST).unwrap();
    assert_eq!((train.count(), train.classes(), train.class_counts()), (3, 2, vec![2, 1]));
    // The classes are `cat` and `dog`.
    assert_eq!(shown(&train), [(0, vec![0, 1]), (1, vec![0]), (2, vec![])].into());
    assert_eq!(shown(&test), [(3, vec![1])].into());
    assert_eq!(train.label_sets(), test.label_sets());
}

#[test]
fn the_ending_of_sound_may_be_left_out() {
    let medium = Medium::Sound(datasets::LogMel::default());
    let part = |table| (vec!["64760.wav".to_owned()], table, reader(Files::new()));
    let named = table("train.csv", "fname,labels\n64760,\"Guitar,Music\"\n").unwrap();
    let classes = named.class_names();
    assert_eq!(classes, ["Guitar", "Music"]);
    let [train, _] = labelled([part(&named), part(&named)], &classes, medium).unwrap();
    assert_eq!(train.class_counts(), [1, 1]);
}

#[test]
fn a_table_that_is_none_is_refused_with_line_and_column() {
    let refused = |text: &str| message(table("train.csv", text));
    for (text, expected) in [
        ("", "line 1, column 1: the table is empty, expected `fname,labels`"),
        ("a,dog\n", "line 1, column 1: found the columns `a,dog`, expected `fname,labels`"),
        (
            "labels,fname\n",
            "line 1, column 1: found the columns `labels,fname`, expected `fname,labels`",
        ),
        (
            "fname,labels\na,dog\nb,dog,cat\n",
            "line 3, column 1: found 3 fields where the first line has 2: put several labels in quotes",
        ),
        ("fname,labels\n\n,dog\n", "line 3, column 1: a row names no file"),
        ("fname,labels\na,\"dog,,cat\"\n", "line 2, column 3: a label is empty"),
        ("fname,labels\na,\"dog,dog\"\n", "line 2, column 3: the label `dog` stands twice"),
        (
            "fname,labels\n\"a, b\",\"dog, cat\"\n",
            "line 2, column 8: ` cat` has space around it: separate labels by commas alone",
        ),
        (
            "fname,labels\na,dog;cat\n",
            "line 2, column 3: `dog;cat` holds a semicolon: separate labels by commas, in quotes",
        ),
    ] {
        assert_eq!(refused(text), format!("`train.csv`, {expected}"), "{text}");
    }
    assert_eq!(
        message(LabelTable::read("train.csv", b"fname,labels\na,d\xff\n")),
        "`train.csv`, line 2, column 4: is no UTF-8 text"
    );
}

#[test]
fn a_table_of_other_files_or_classes_is_refused() {
    let refused = |train: &str, test: &str| message(parts(train, test));
    assert_eq!(
        refused(&TRAIN.replace("c.png", "d"), TEST),
        "`train.csv`, line 5, column 1: there is no file `d` or `d.wav` in the folder"
    );
    assert_eq!(
        refused(&TRAIN.replace("c.png", "a.png"), TEST),
        "`train.csv`, line 5, column 1: `a.png` has a row already, line 2"
    );
    assert_eq!(
        refused(&TRAIN.replace("c.png,,train\r\n", ""), TEST),
        "`c.png` is not in `train.csv`: add a row for it, or move it elsewhere"
    );
    assert_eq!(
        refused(TRAIN, "fname,labels\na.png,\"dog,bird\"\n"),
        "`test.csv`, line 2, column 7: `bird` is no label of the training data"
    );
}

#[test]
fn images_in_memory_keep_their_sets() {
    let images = Array4::from_shape_fn((4, 2, 2, 1), |(image, ..)| image as u8);
    let sets = LabelSets::new(3, vec![vec![0, 2], vec![], vec![1]]).unwrap();
    let of = |labels: &[u32]| ImageSet::multi_label(images.clone(), labels, sets.clone());
    let set = of(&[0, 1, 2, 0]).unwrap();
    assert_eq!((set.classes(), set.class_counts()), (3, vec![2, 1, 2]));
    let (front, back) = set.split_last(2).unwrap();
    assert_eq!((front.class_counts(), back.class_counts()), (vec![1, 0, 1], vec![1, 1, 1]));
    let small = set.averaged(2).unwrap();
    assert_eq!((small.label_sets(), small.labels()), (Some(&sets), set.labels()));
    assert_eq!(Samples::from(&back).label_sets(), Some(&sets));
    assert_eq!(
        message(of(&[0, 1, 2, 3])),
        "label 3 is 3, expected less than 3: labels count from 0"
    );
    let one = ImageSet::new(images.clone(), vec![0; 4], 3).unwrap();
    assert_eq!(
        message(Split::new(&set, one, 1)),
        "training and test data differ: images of 2 x 2 x 1 in 3 classes, several of which an image may have and images of \
         2 x 2 x 1 in 3 classes: take both from the same data set"
    );
    let many = LabelSets::of_samples(1 << 17, (0..=1 << 16).map(|class| vec![class])).unwrap();
    assert_eq!(
        message(ImageSet::multi_label(images.clone(), &[0; 4], many.0)),
        "images in memory have 65537 different sets of labels, expected at most 65536: use fewer images or classes"
    );
}

/// What can be seen of a direction in an image without noise that is as bright.
fn is_drawn(image: &ndarray::ArrayView3<'_, u8>, direction: u32) -> bool {
    let bright = image.mapv(|value| value >= 160);
    let side = bright.dim().0 as i32;
    let holds = |bar: &dyn Fn(i32, i32) -> bool| {
        bright.indexed_iter().all(|((y, x, _), &pixel)| pixel || !bar(y as i32, x as i32))
    };
    (0..side).any(|y| {
        (0..side).any(|x| match direction {
            0 => holds(&|down, _| down == y),
            1 => holds(&|_, right| right == x),
            _ => holds(&|down, right| (down - y).abs() == (right - x).abs()),
        })
    })
}

#[test]
fn every_bar_is_a_label_of_its_own() {
    let (train, test) = Bars::default().multi_label(Streams::new(2)).unwrap();
    let sets = train.label_sets().unwrap();
    assert_eq!((sets.classes(), sets.count()), (Bars::DIRECTIONS, 8));
    assert_eq!((train.class_counts(), test.class_counts()), (vec![256; 3], vec![128; 3]));
    for (image, &label) in train.images().outer_iter().zip(train.labels()) {
        let drawn: Vec<u32> = (0..3).filter(|&at| is_drawn(&image, at)).collect();
        assert_eq!(drawn, sets.set(label.into()).unwrap());
    }
    let (small, _) = Bars { training: 99, ..Bars::default() }.multi_label(Streams::new(2)).unwrap();
    assert_eq!(train.take(99).unwrap(), small);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn damaged_tables_never_panic(bytes in mutations(TRAIN.as_bytes().to_vec())) {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let said = parts(text, TEST).map_err(|error| error.to_string());
            prop_assert!(said.is_err_and(|said| said.contains("csv") || said.contains("classes"))
                || text.contains("a.png"));
        }
        let _ = LabelTable::read("train.csv", &bytes);
    }
}

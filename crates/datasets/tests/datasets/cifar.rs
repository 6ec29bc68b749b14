//! The CIFAR reader: extracted files, the archive, and what it says of everything else.

use std::collections::BTreeMap;
use std::io;

use datasets::{CIFAR_10, CIFAR_100, CifarImages, CifarSource, DatasetError};
use proptest::prelude::*;

use crate::tar_files::archive;
use crate::{gzip, message, mutations};

type Files = BTreeMap<String, Vec<u8>>;

/// Records of which number `i` has the label `i % classes` and, at `(y, x)`, the colour `(i + y, i + x, y + x)`.
fn records(source: &CifarSource, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..count {
        bytes.extend(vec![200; source.label_bytes - 1]);
        bytes.push((i % source.classes) as u8);
        for channel in 0..3 {
            for (y, x) in (0..32).flat_map(|y| (0..32).map(move |x| (y, x))) {
                bytes.push([i + y, i + x, y + x][channel] as u8);
            }
        }
    }
    bytes
}

/// Every file of a source, with 2 records, then 3, and so on.
fn files(source: &CifarSource) -> Files {
    let names = source.train.iter().chain(source.test).enumerate();
    names.map(|(at, file)| (file.name.to_owned(), records(source, 2 + at))).collect()
}

fn load(source: &CifarSource, files: &Files) -> Result<CifarImages, DatasetError> {
    source.load_unpublished(&mut |name| {
        files.get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    })
}

/// The archive of a source with these files in its folder.
fn packed(source: &CifarSource, files: &Files) -> Files {
    let named: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (format!("{}/{name}", source.folder), bytes.clone()))
        .collect();
    let named: Vec<_> = named.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    BTreeMap::from([(source.archive.to_owned(), gzip(&archive(&named, true)))])
}

#[test]
fn pixels_labels_and_order_are_those_of_the_records() {
    for (source, counts) in [(CIFAR_10, (20, 7)), (CIFAR_100, (2, 3))] {
        let set = load(&source, &files(&source)).unwrap();
        assert_eq!((set.train.count(), set.test.count()), counts);
        assert_eq!((set.train.image_shape(), set.train.classes()), ([32, 32, 3], source.classes));
        assert_eq!(set.train.labels()[..2], [0, 1]);
        let test = set.test.images();
        for (y, x) in [(0, 0), (31, 2), (5, 30)] {
            let pixel = [0, 1, 2].map(|channel| usize::from(test[[2, y, x, channel]]));
            assert_eq!(pixel, [2 + y, 2 + x, y + x]);
        }
    }
}

#[test]
fn the_second_file_follows_the_first() {
    let set = load(&CIFAR_10, &files(&CIFAR_10)).unwrap();
    assert_eq!(set.train.labels()[..9], [0, 1, 0, 1, 2, 0, 1, 2, 3]);
    assert_eq!(set.train.images()[[4, 0, 0, 0]], 2);
}

#[test]
fn extracted_files_their_folder_and_the_archive_read_alike() {
    for source in [CIFAR_10, CIFAR_100] {
        let files = files(&source);
        let plain = load(&source, &files).unwrap();
        let in_folder = files
            .iter()
            .map(|(name, bytes)| (format!("{}/{name}", source.folder), bytes.clone()))
            .collect();
        for other in [in_folder, packed(&source, &files)] {
            let other = load(&source, &other).unwrap();
            assert_eq!((other.train, other.test), (plain.train.clone(), plain.test.clone()));
        }
    }
}

#[test]
fn files_of_other_content_are_named_and_used() {
    let set = load(&CIFAR_100, &files(&CIFAR_100)).unwrap();
    assert_eq!(set.other_content, ["train.bin", "test.bin"]);
}

#[test]
fn a_missing_file_says_where_to_get_it() {
    let expected = |name: &str, archive: &str| {
        format!(
            "`{name}` was not found: get `{archive}` from https://www.cs.toronto.edu/~kriz/cifar.html, and pass the folder \
             that holds it, or what is in it, with `--data-dir`"
        )
    };
    assert_eq!(
        message(load(&CIFAR_10, &Files::new())),
        expected("data_batch_1.bin", "cifar-10-binary.tar.gz")
    );
    let mut files = files(&CIFAR_10);
    files.remove("data_batch_4.bin");
    assert_eq!(
        message(load(&CIFAR_10, &files)),
        expected("data_batch_4.bin", "cifar-10-binary.tar.gz")
    );
    assert_eq!(
        message(load(&CIFAR_10, &packed(&CIFAR_10, &files))),
        "`cifar-10-binary.tar.gz` does not hold `data_batch_4.bin`: it is the archive of another data set"
    );
}

#[test]
fn sizes_and_labels_are_checked() {
    let mut read =
        |name: &str| files(&CIFAR_10).get(name).cloned().ok_or(io::ErrorKind::NotFound.into());
    assert_eq!(
        message(CIFAR_10.load(&mut read)),
        "`data_batch_1.bin` has 6146 bytes, expected 30730000: the file is damaged or of another data set, get it again"
    );
    let mut short = files(&CIFAR_10);
    short.get_mut("test_batch.bin").unwrap().pop();
    assert_eq!(
        message(load(&CIFAR_10, &short)),
        "`test_batch.bin` has 21510 bytes, expected one or more records of 3073"
    );
    let mut label = files(&CIFAR_100);
    label.get_mut("test.bin").unwrap()[3074 + 1] = 100;
    assert_eq!(
        message(load(&CIFAR_100, &label)),
        "label 1 of `test.bin` is 100, expected less than 100: the file is of another data set"
    );
}

#[test]
fn damaged_archives_are_refused() {
    let mut files = packed(&CIFAR_100, &files(&CIFAR_100));
    let bytes = files.get_mut(CIFAR_100.archive).unwrap();
    bytes.truncate(bytes.len() / 2);
    let fault = message(load(&CIFAR_100, &files));
    assert!(
        fault.starts_with("`cifar-100-binary.tar.gz` cannot be read (")
            && fault.ends_with("): get it again"),
        "{fault}"
    );
    files.insert(CIFAR_100.archive.to_owned(), gzip(&[b'x'; 2000]));
    assert_eq!(
        message(load(&CIFAR_100, &files)),
        "`cifar-100-binary.tar.gz` has a header whose checksum is wrong: it is no tar file, or damaged: get it again"
    );
}

/// A record of 1 GiB compresses to 1 MiB; where the size is known, no more than that is unpacked.
#[test]
fn a_published_file_in_the_archive_has_its_published_size() {
    let named = [("cifar-100-binary/train.bin", vec![0; 200 << 20])];
    let archive = gzip(&archive(&named, true));
    assert_eq!(
        message(CIFAR_100.load(&mut |name| {
            if name == CIFAR_100.archive {
                Ok(archive.clone())
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        })),
        "`cifar-100-binary.tar.gz` holds a file of 209715200 bytes, more than the 153700000 that this reader accepts: get it \
         again"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_files_and_archives_never_panic(
        train in Just(records(&CIFAR_100, 3)).prop_flat_map(mutations),
        archive in Just(packed(&CIFAR_100, &files(&CIFAR_100)).remove(CIFAR_100.archive).unwrap()).prop_flat_map(mutations),
        is_packed: bool,
    ) {
        let files = if is_packed {
            Files::from([(CIFAR_100.archive.to_owned(), archive)])
        } else {
            Files::from([("train.bin".to_owned(), train), ("test.bin".to_owned(), records(&CIFAR_100, 1))])
        };
        if let Ok(set) = load(&CIFAR_100, &files) {
            prop_assert!(set.train.labels().iter().all(|&label| label < 100));
        }
    }
}

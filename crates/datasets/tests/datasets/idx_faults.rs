//! What the IDX reader accepts and what it says of everything else.

use datasets::idx::{self, Expectation, IMAGES_MAGIC, LABELS_MAGIC};
use proptest::prelude::*;

use crate::{gzip, idx_file, message, mutations};

const ANY: Expectation<'static> = Expectation { dimensions: None, sha256: None };

/// Two images of 2 x 3.
fn images() -> Vec<u8> {
    idx_file(IMAGES_MAGIC, &[2, 2, 3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255])
}

/// Labels 0, 1, 2, 3.
fn labels() -> Vec<u8> {
    idx_file(LABELS_MAGIC, &[4], &[0, 1, 2, 3])
}

fn images_fault(bytes: &[u8]) -> String {
    message(idx::images("images", bytes, ANY))
}

#[test]
fn plain_and_gzip_files_read_alike() {
    for bytes in [images(), gzip(&images())] {
        let read = idx::images("images", &bytes, ANY).unwrap();
        assert_eq!(read.dim(), (2, 2, 3, 1));
        assert_eq!((read[[0, 1, 0, 0]], read[[1, 1, 2, 0]]), (3, 255));
    }
    for bytes in [labels(), gzip(&labels())] {
        assert_eq!(idx::labels("labels", &bytes, 4, ANY).unwrap(), [0, 1, 2, 3]);
    }
}

#[test]
fn a_truncated_plain_file_says_how_much_is_there() {
    let bytes = images();
    assert_eq!(
        images_fault(&bytes[..20]),
        "`images` is truncated: 4 bytes follow its header, which announces 12: fetch it again"
    );
    assert_eq!(
        images_fault(&bytes[..10]),
        "`images` ends after 10 bytes, inside its IDX header of 16 bytes: fetch it again"
    );
    assert_eq!(
        images_fault(&[]),
        "`images` ends after 0 bytes, inside its IDX header of 16 bytes: fetch it again"
    );
}

#[test]
fn every_truncation_is_refused() {
    for whole in [images(), gzip(&images())] {
        for length in 0..whole.len() {
            assert!(
                idx::images("images", &whole[..length], ANY).is_err(),
                "{length} of {} bytes",
                whole.len()
            );
        }
    }
}

#[test]
fn a_truncated_gzip_file_is_named() {
    let bytes = gzip(&images());
    assert_eq!(
        images_fault(&bytes[..bytes.len() - 4]),
        "`images` is not a complete gzip file (unexpected end of file): fetch it again"
    );
}

#[test]
fn a_gzip_file_with_a_wrong_checksum_is_refused() {
    let mut bytes = gzip(&images());
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    assert_eq!(
        images_fault(&bytes),
        "`images` is not a complete gzip file (corrupt gzip stream does not have a matching checksum): fetch it again"
    );
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = images();
    bytes.push(0);
    let expected = "`images` goes on after the 12 bytes that its header announces: the file is damaged, fetch it again";
    assert_eq!(images_fault(&bytes), expected);
    assert_eq!(images_fault(&gzip(&bytes)), expected);

    let mut bytes = gzip(&images());
    bytes.extend([0; 5]);
    assert_eq!(
        images_fault(&bytes),
        "`images` holds 5 bytes after its gzip data: store it as one gzip member, or uncompressed"
    );
}

#[test]
fn labels_given_for_images_are_recognised() {
    let advice = "check that it is an IDX file and that images and labels are not exchanged";
    assert_eq!(
        images_fault(&gzip(&labels())),
        format!(
            "`images` starts with 0x00000801 (u8 labels), expected 0x00000803 (u8 images): {advice}"
        )
    );
    assert_eq!(
        message(idx::labels("labels", &images(), 10, ANY)),
        format!(
            "`labels` starts with 0x00000803 (u8 images), expected 0x00000801 (u8 labels): {advice}"
        )
    );
    assert_eq!(
        images_fault(b"PNG files start otherwise"),
        format!("`images` starts with 0x504e4720, expected 0x00000803 (u8 images): {advice}")
    );
}

#[test]
fn a_label_out_of_range_is_located() {
    assert_eq!(
        message(idx::labels("labels", &labels(), 2, ANY)),
        "label 2 of `labels` is 2, expected less than 2: the file is of another data set"
    );
}

#[test]
fn a_wrong_hash_is_refused_and_the_right_one_accepted() {
    // sha256sum of the plain file, both for plain and gzip
    let right = "2383cdcb1cc0b08e51bf279a0dbbc95c679a74d29aced85954cca0f56277ee9d";
    let wrong = "00".repeat(32);
    for bytes in [images(), gzip(&images())] {
        let expect = |sha256| Expectation { dimensions: None, sha256: Some(sha256) };
        idx::images("images", &bytes, expect(right)).unwrap();
        assert_eq!(
            message(idx::images("images", &bytes, expect(&wrong))),
            format!(
                "the uncompressed bytes of `images` have sha256 {right}, expected {wrong}: the file is damaged or of \
                 another data set with the same file names; fetch it again, or check `--data-dir`"
            )
        );
    }
}

#[test]
fn other_dimensions_than_expected_are_refused() {
    let expectation = Expectation { dimensions: Some(&[2, 28, 28]), sha256: None };
    assert_eq!(
        message(idx::images("images", &images(), expectation)),
        "the header of `images` announces 2 x 2 x 3, expected 2 x 28 x 28: the file is damaged or of another data set"
    );
}

#[test]
fn a_header_of_too_many_images_is_refused_before_anything_is_read() {
    let header = idx_file(IMAGES_MAGIC, &[u32::MAX, 28, 28], &[]);
    let expected = "the header of `images` announces 4294967295 x 28 x 28, more than the 1073741824 bytes this reader \
                    accepts: the file is damaged";
    assert_eq!(images_fault(&header), expected);
    assert_eq!(images_fault(&gzip(&header)), expected);
    let overflowing = idx_file(IMAGES_MAGIC, &[u32::MAX; 3], &[]);
    assert_eq!(images_fault(&overflowing), expected.replace("28", "4294967295"));
}

#[test]
fn an_empty_dimension_is_refused() {
    assert_eq!(
        images_fault(&idx_file(IMAGES_MAGIC, &[u32::MAX, 0, 28], &[])),
        "the header of `images` announces 4294967295 x 0 x 28, which is empty: every dimension must be at least 1"
    );
}

/// 64 MiB of zeros compress to 64 KiB. The header announces 12 bytes, so 13 are all that is ever decompressed.
#[test]
fn a_gzip_bomb_is_not_unpacked() {
    let bomb = gzip(&idx_file(IMAGES_MAGIC, &[2, 2, 3], &vec![0; 64 << 20]));
    assert!(bomb.len() < 100_000);
    assert_eq!(
        images_fault(&bomb),
        "`images` goes on after the 12 bytes that its header announces: the file is damaged, fetch it again"
    );
}

/// A header of 1 GiB with nothing behind it reserves no more than a small multiple of the file.
#[test]
fn a_large_announcement_alone_is_a_truncated_file() {
    assert_eq!(
        images_fault(&gzip(&idx_file(IMAGES_MAGIC, &[1 << 20, 32, 32], &[7]))),
        "`images` is truncated: 1 bytes follow its header, which announces 1073741824: fetch it again"
    );
}

/// A valid file, plain or gzip, with some bytes overwritten, cut off or inserted.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        Just(images()),
        Just(labels()),
        Just(gzip(&images())),
        Just(gzip(&labels())),
        prop::collection::vec(any::<u8>(), 0..64)
    ];
    whole.prop_flat_map(mutations)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn mutated_files_never_panic_and_what_is_read_is_consistent(bytes in mutated(), classes in 0usize..300) {
        if let Ok(images) = idx::images("images", &bytes, ANY) {
            prop_assert!(!images.is_empty() && images.is_standard_layout());
        }
        if let Ok(labels) = idx::labels("labels", &bytes, classes, ANY) {
            prop_assert!(!labels.is_empty() && labels.iter().all(|&label| usize::from(label) < classes));
        }
    }
}

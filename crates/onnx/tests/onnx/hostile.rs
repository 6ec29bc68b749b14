//! Bad files: errors, no panics, no memory beyond the limits.

use onnx::{ExportOptions, Limits, OnnxError, Options, export, import};
use proptest::{collection, prelude::*, sample::Index};
use testkit::{strategies::cases, toys};

use crate::{golden, random_weights};

/// Enough for the small files below; a file may ask for no more.
const LIMITS: Limits = Limits { values: 1 << 16, records: 1 << 14 };

const OPTIONS: Options = Options { limits: LIMITS, image: None };

/// Real files that use different parts of the format.
fn files() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = [
        "pytorch-converted/test_Conv2d_groups/model.onnx",
        "pytorch-converted/test_ConvTranspose2d/model.onnx",
        "pytorch-converted/test_PixelShuffle/model.onnx",
        "pytorch-converted/test_BatchNorm2d_eval/model.onnx",
        "pytorch-converted/test_Linear/model.onnx",
        "pytorch-converted/test_ReflectionPad2d/model.onnx",
        "pytorch-converted/test_AvgPool1d/model.onnx",
        "pytorch-converted/test_GLU_dim/model.onnx",
        "pytorch-converted/test_MaxPool2d/model.onnx",
        "light/light_squeezenet.onnx",
        "light/light_shufflenet.onnx",
    ]
    .iter()
    .map(|path| golden(path))
    .collect();
    let graph = toys::diamond();
    let weights = random_weights(&graph, 5);
    files.push(export(&graph, &weights, &ExportOptions::default()).expect("a file"));
    files
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn a_damaged_file_is_read_or_refused(
        which in any::<Index>(),
        edits in collection::vec((any::<Index>(), any::<u8>(), 0..5_u8), 1..6),
    ) {
        let files = files();
        let mut bytes = which.get(&files).clone();
        for (place, value, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, value),
                _ => {
                    let piece = bytes[at..(at + usize::from(value)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        if let Err(error) = import(&bytes, &OPTIONS) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn noise_is_read_or_refused(bytes in collection::vec(any::<u8>(), 0..400)) {
        if let Err(error) = import(&bytes, &OPTIONS) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn constants_beyond_the_limit_are_refused_before_they_are_made() {
    let error = import(&golden("light/light_resnet50.onnx"), &OPTIONS).expect_err("it is large");
    assert!(matches!(error, OnnxError::TooLarge { .. } | OnnxError::Refused { .. }));
    assert!(error.to_string().contains("more than the limit of 65536"), "{error}");
}

#[test]
fn a_file_of_empty_nodes_is_refused_before_it_is_decoded() {
    let nodes = [0x0a, 0x00].repeat(1 << 15);
    let length = nodes.len();
    let mut bytes = vec![0x3a];
    bytes.extend([length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8]);
    bytes.extend(nodes);
    let error = import(&bytes, &OPTIONS).expect_err("it has many nodes");
    assert!(matches!(error, OnnxError::TooLarge { limit: 16384, .. }), "{error}");
}

#[test]
fn every_prefix_of_a_file_is_read_or_refused() {
    let bytes = golden("pytorch-converted/test_Conv2d_groups/model.onnx");
    assert!(import(&bytes, &OPTIONS).is_ok());
    for end in 0..bytes.len() {
        if let Err(error) = import(&bytes[..end], &OPTIONS) {
            assert!(!error.to_string().is_empty());
        }
    }
}

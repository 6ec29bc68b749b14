//! Data files that cannot be used: exit code 2, a message that names the file and says what to do, nothing written.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Output;

use crate::program::{Folder, expect_code};

const EXPERIMENT: &str = "
schema: 1
dataset: { fashion-mnist: { train: 64, validation: 64, test: 64 } }
architecture: { inception-v2: { stem: small } }
search:  { epochs: 1, batch_size: 32, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }
retrain: { epochs: 1, batch_size: 32, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }
sweep:   { regularization_strength: [], width_multiplier: [1.0] }
";
const LABELS: &str = "t10k-labels-idx1-ubyte.gz";
const IMAGES: &str = "t10k-images-idx3-ubyte.gz";

/// A run with a copy of the bundled files, in which `change` has changed something.
fn run_after(change: impl FnOnce(&Path)) -> (Folder, Output) {
    let folder = Folder::new();
    fs::write(folder.experiment(), EXPERIMENT).unwrap();
    let data = folder.path("data");
    fs::create_dir(&data).unwrap();
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("crates/datasets/data/fashion-mnist");
    for entry in fs::read_dir(bundled).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), data.join(entry.file_name())).unwrap();
    }
    change(&data);
    let output = folder.run("results", &["--data-dir", data.to_str().unwrap()]);
    (folder, output)
}

/// The error of a run whose data files cannot be used.
fn error_after(change: impl FnOnce(&Path)) -> String {
    let (folder, output) = run_after(change);
    expect_code(&output, 2);
    assert!(!folder.path("results").exists(), "something was written");
    folder.anonymous(&output.stderr)
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Puts a plain file in the place of a packed one.
fn replace(data: &Path, name: &str, bytes: &[u8]) {
    fs::remove_file(data.join(name)).unwrap();
    fs::write(data.join(name.trim_end_matches(".gz")), bytes).unwrap();
}

#[track_caller]
fn assert_tells(error: &str, reason: &str) {
    let start = "error: cannot use the Fashion-MNIST files in `FOLDER/data`";
    assert_eq!(error, format!("{start}: {reason}\n"));
}

#[test]
fn unchanged_files_are_accepted() {
    let (_folder, output) = run_after(|_| ());
    expect_code(&output, 0);
}

#[test]
fn a_missing_file_is_named_with_what_to_do() {
    assert_tells(
        &error_after(|data| fs::remove_file(data.join(LABELS)).unwrap()),
        "neither `t10k-labels-idx1-ubyte.gz` nor `t10k-labels-idx1-ubyte` was found: pass the folder that holds one of \
         them with `--data-dir`",
    );
}

#[test]
fn a_missing_folder_is_named_with_what_to_do() {
    assert_tells(
        &error_after(|data| fs::remove_dir_all(data).unwrap()),
        "neither `train-images-idx3-ubyte.gz` nor `train-images-idx3-ubyte` was found: pass the folder that holds one of \
         them with `--data-dir`",
    );
}

#[test]
fn a_truncated_packed_file_is_refused() {
    let error = error_after(|data| {
        let bytes = fs::read(data.join(IMAGES)).unwrap();
        fs::write(data.join(IMAGES), &bytes[..bytes.len() / 2]).unwrap();
    });
    assert_tells(
        &error,
        "`t10k-images-idx3-ubyte.gz` is not a complete gzip file (incomplete deflate stream): fetch it again",
    );
}

#[test]
fn a_truncated_plain_file_is_refused() {
    let error = error_after(|data| {
        let bytes = unpacked(&data.join(IMAGES));
        replace(data, IMAGES, &bytes[..bytes.len() - 1]);
    });
    assert_tells(
        &error,
        "`t10k-images-idx3-ubyte` is truncated: 7839999 bytes follow its header, which announces 7840000: fetch it again",
    );
}

#[test]
fn a_file_of_the_wrong_kind_is_refused() {
    let error = error_after(|data| {
        fs::copy(data.join(IMAGES), data.join(LABELS)).unwrap();
    });
    assert_tells(
        &error,
        "`t10k-labels-idx1-ubyte.gz` starts with 0x00000803 (u8 images), expected 0x00000801 (u8 labels): check that it \
         is an IDX file and that images and labels are not exchanged",
    );
}

#[test]
fn a_file_with_other_content_is_refused_by_its_hash() {
    let error = error_after(|data| {
        let mut bytes = unpacked(&data.join(IMAGES));
        *bytes.last_mut().unwrap() ^= 1;
        replace(data, IMAGES, &bytes);
    });
    assert_tells(
        &error,
        "the uncompressed bytes of `t10k-images-idx3-ubyte` have sha256 \
         7dcbf550205aafbd8a46589be44311e89d16897a31db5f630b05b608c6000f16, expected \
         5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b: the file is damaged or of another data set \
         with the same file names; fetch it again, or check `--data-dir`",
    );
}

//! Tests of the public interface, one module per subject.

#![expect(clippy::unwrap_used, reason = "in helpers, which clippy does not take for tests")]

mod ahead;
mod batches;
mod bundled;
mod cifar;
mod idx_faults;
mod multi_label;
mod numpy_files;
mod shard_files;
mod sources;
mod stored;
mod synthetic;
mod tar_files;

use proptest::prelude::*;

/// A plain IDX file: magic, dimensions, bytes.
fn idx_file(magic: u32, dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = magic.to_be_bytes().to_vec();
    file.extend(dimensions.iter().flat_map(|side| side.to_be_bytes()));
    file.extend_from_slice(bytes);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn message<T: std::fmt::Debug>(result: Result<T, datasets::DatasetError>) -> String {
    result.unwrap_err().to_string()
}

/// The bytes with some of them overwritten, cut off or inserted.
fn mutations(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..6);
    edits.prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, value, kind) in edits {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, value),
                _ if at < bytes.len() => bytes[at] = value,
                _ => {}
            }
        }
        bytes
    })
}

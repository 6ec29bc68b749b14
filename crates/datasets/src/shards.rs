//! Samples in tar archives as `WebDataset` writes them: files with a common name up to its first dot, one behind the other.
//!
//! | file | holds |
//! |---|---|
//! | `NAME.jpg`, `.jpeg`, `.png` or `.wav` | the sample |
//! | `NAME.cls` | its class, a whole number in digits |
//! | `NAME.json` | or a map in which the class is called `cls`, `class` or `label` |
//!
//! Shards are listed once, by their headers; later a sample is a range of bytes. An epoch has the order of a stream: the shards one
//! after the other, themselves shuffled, through a buffer from which a random sample is drawn and replaced by the next. So
//! files are read nearly in sequence, while that order is known beforehand and any batch can be asked for.

use std::io::{Read, Seek};
use std::sync::Arc;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::stored::Place;
use crate::tar::{TarFault, TarReader};
use crate::{DatasetError, Medium, ReadRange, StoredSet};

/// The longest `.cls` or `.json` file.
const MOST_LABEL: u64 = 1 << 20;

/// A sample in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSample {
    /// Its first byte in the archive.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u32,
    /// Its class.
    pub label: u16,
}

/// The samples of the archive `file`, in order.
///
/// # Errors
///
/// A damaged archive, a sample without a class or with one that is not below `classes`, a class without a sample.
pub fn list(
    file: &str,
    reader: impl Read + Seek,
    medium: &Medium,
    classes: usize,
) -> Result<Vec<ShardSample>, DatasetError> {
    let broken = |fault: TarFault| DatasetError::Archive {
        file: file.to_owned(),
        reason: fault.to_string(),
    };
    let mut archive = TarReader::seeking(reader);
    let mut samples = Vec::new();
    let mut group = Group::default();
    while let Some(found) = archive.next_file().map_err(broken)? {
        let (name, extension) = split(&found.name);
        if name != group.name {
            group.finish(file, classes, &mut samples)?;
            group = Group { name: name.to_owned(), ..Group::default() };
        }
        if medium.holds(&found.name) {
            let size = u32::try_from(found.size).unwrap_or(u32::MAX);
            group.sample = Some((archive.position(), size));
        } else if extension == "cls" || (extension == "json" && group.class.is_none()) {
            let text = archive.read(MOST_LABEL).map_err(broken)?;
            group.class = if extension == "cls" {
                std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok())
            } else {
                class_of_json(&text)
            };
        }
    }
    group.finish(file, classes, &mut samples)?;
    Ok(samples)
}

/// What is known of a sample whose files are passed.
#[derive(Debug, Default)]
struct Group {
    name: String,
    sample: Option<(u64, u32)>,
    class: Option<u64>,
}

impl Group {
    fn finish(
        &self,
        file: &str,
        classes: usize,
        samples: &mut Vec<ShardSample>,
    ) -> Result<(), DatasetError> {
        let refuse = |reason| {
            Err(DatasetError::Shard { file: file.to_owned(), sample: self.name.clone(), reason })
        };
        match (self.sample, self.class) {
            (Some((offset, size)), Some(class)) => match u16::try_from(class) {
                Ok(label) if usize::from(label) < classes => {
                    samples.push(ShardSample { offset, size, label });
                    Ok(())
                }
                Ok(_) | Err(_) => {
                    refuse(format!("has the class {class}, expected less than {classes}"))
                }
            },
            (Some(_), None) => refuse(
                "has no class: add a `.cls` file with a number, or a `.json` file with a `cls`, beside it".to_owned(),
            ),
            // Files of other kinds belong to no sample.
            (None, _) => Ok(()),
        }
    }
}

/// A file's name up to the first dot behind its last folder, and what comes after, in lower case.
fn split(path: &str) -> (&str, String) {
    let base = path.rfind('/').map_or(0, |at| at + 1);
    match path[base..].find('.') {
        Some(dot) => (&path[..base + dot], path[base + dot + 1..].to_ascii_lowercase()),
        None => (path, String::new()),
    }
}

fn class_of_json(text: &[u8]) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    ["cls", "class", "label"].iter().find_map(|key| value.get(key)?.as_u64())
}

/// The samples of shards that were listed, shard after shard; `read` is asked for ranges. Epochs shuffle the shards, and
/// their samples through a buffer of `buffer`; 1 keeps the order in a shard.
///
/// # Errors
///
/// No sample, a medium out of range.
pub fn shards(
    shards: Vec<(String, Vec<ShardSample>)>,
    classes: usize,
    medium: Medium,
    buffer: usize,
    read: Arc<ReadRange>,
) -> Result<StoredSet, DatasetError> {
    let found = shards.len();
    let mut files = Vec::new();
    let mut places = Vec::new();
    for (file, (name, samples)) in (0..).zip(shards) {
        files.push(name.into_boxed_str());
        places.extend(samples.into_iter().map(|ShardSample { offset, size, label }| Place {
            file,
            label: label.into(),
            bytes: Some((offset, size)),
        }));
    }
    if places.is_empty() {
        return Err(DatasetError::NoSamples { extensions: medium.extensions().join(", "), found });
    }
    StoredSet::new(files, places, classes, medium, Some(buffer.max(1)), read)
}

/// The order of samples in files of `runs` samples each: files shuffled, then samples through a buffer.
pub(crate) fn order(runs: &[u32], buffer: usize, random: &mut ChaCha8Rng) -> Vec<u32> {
    let ends = runs.iter().scan(0, |end, &run| {
        *end += run;
        Some(*end)
    });
    let mut files: Vec<_> = ends.zip(runs).map(|(end, run)| end - run..end).collect();
    files.shuffle(random);
    let mut stream = files.into_iter().flatten();
    let mut held: Vec<u32> = stream.by_ref().take(buffer).collect();
    let mut order = Vec::with_capacity(runs.iter().map(|&run| run as usize).sum());
    while !held.is_empty() {
        let at = random.random_range(0..held.len());
        order.push(match stream.next() {
            Some(next) => std::mem::replace(&mut held[at], next),
            None => held.swap_remove(at),
        });
    }
    order
}

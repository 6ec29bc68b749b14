//! Data sets that stay in their files: which files there are, and reading them when they are needed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use datasets::{
    LabelTable, Labels, Medium, ReadRange, Samples, Split, StoredSet, class_names, labelled, shards,
};

use super::{Images, Wanted, enough, read_file};
use crate::plan;
use crate::provenance::DataFile;
use crate::store;

/// Training samples that mean and deviation are measured on.
const MEASURED: usize = 2000;
/// What lies in a folder of files with several labels.
const TABLES: &str = "the folders `train` and `test`, and beside them `train.csv` and `test.csv` with the columns `fname,labels`; of FSD50K \
    (https://zenodo.org/records/4060432) these are FSD50K.dev_audio, FSD50K.eval_audio, and dev.csv and eval.csv of FSD50K.ground_truth";
/// Folders below folders; a link to a folder above would not end.
const DEEPEST: usize = 16;

/// What is known of the files.
pub(super) struct Files<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) medium: Medium,
    /// Samples among which one is drawn, where they lie in archives.
    pub(super) buffer: Option<usize>,
    /// Corrupt samples that are passed over.
    pub(super) corrupt: usize,
    pub(super) images: plan::Images,
}

/// Finds the samples that are wanted in `train` and `test` of `folder`.
pub(super) fn load(files: &Files<'_>, folder: Option<&Path>) -> anyhow::Result<Images> {
    let &Files { wanted, medium, buffer, corrupt, images } = files;
    let name = wanted.dataset.name();
    let folder = folder.with_context(|| match wanted.labels {
        Labels::One => format!("the files of `{name}` do not come with the program: name the folder that holds their folders `train` and `test` with `--data-dir`"),
        Labels::Several => format!("the files of `{name}` do not come with the program: name with `--data-dir` the folder that holds {TABLES}"),
    })?;
    let found = match (buffer, wanted.labels) {
        (Some(buffer), _) => archives(wanted.classes, folder, medium, buffer),
        (None, Labels::One) => folders(wanted.classes, folder, medium),
        (None, Labels::Several) => tables(wanted.classes, folder, medium),
    };
    let [train, test] = found
        .with_context(|| format!("cannot use the files in `{}`", folder.display()))?
        .map(|set| set.accept_corrupt(corrupt));
    enough(&images, [train.count(), test.count()], "the files", folder)?;
    let (train, validation) = train.split_last(images.validation)?;
    let (train, test) = (train.take(images.train)?, test.take(images.test)?);
    let given = wanted.normalization.clone();
    let is_given = given.is_some();
    let normalization = match given {
        Some(normalization) => normalization,
        None => train.normalization(MEASURED)?,
    };
    let split = Split { train, validation, test }.map(Samples::from);
    let files = vec![listing(folder, "train")?, listing(folder, "test")?];
    Ok(Images { split, normalization, is_given, files })
}

/// Which files a part of the samples lies in. There may be millions of bytes in each, which are read when they are needed.
fn listing(folder: &Path, part: &str) -> anyhow::Result<DataFile> {
    let names = files(&folder.join(part))?.join("\n");
    Ok(DataFile { name: format!("{part}/"), sha256: store::digest(names.as_bytes()) })
}

/// The training and the test part of files in one folder per class.
fn folders(classes: usize, folder: &Path, medium: Medium) -> anyhow::Result<[StoredSet; 2]> {
    let train = files(&folder.join("train"))?;
    let names = class_names(&train, &medium);
    ensure!(
        names.len() == classes || names.is_empty(),
        "`train` holds the folders of {} classes, but the experiment says {classes}: change `classes`",
        names.len()
    );
    let test = files(&folder.join("test"))?;
    let part = |part: &str, paths| {
        let set = datasets::folder(paths, &names, medium, reader(folder.join(part)));
        set.with_context(|| format!("in `{part}`"))
    };
    Ok([part("train", train)?, part("test", test)?])
}

/// The training and the test part of files whose labels stand in tables.
fn tables(classes: usize, folder: &Path, medium: Medium) -> anyhow::Result<[StoredSet; 2]> {
    let table = |part: &str| -> anyhow::Result<LabelTable> {
        let name = format!("{part}.csv");
        let bytes = read_file(&folder.join(&name))
            .with_context(|| format!("cannot read `{name}`: the folder holds {TABLES}"))?;
        Ok(LabelTable::read(&name, &bytes)?)
    };
    let (train, test) = (table("train")?, table("test")?);
    let names = train.class_names();
    ensure!(
        names.len() == classes,
        "`train.csv` has {} different labels, but the experiment says {classes} classes: change `classes`",
        names.len()
    );
    let part = |part: &str| -> anyhow::Result<(Vec<String>, Arc<ReadRange>)> {
        let folder = folder.join(part);
        Ok((files(&folder)?, reader(folder)))
    };
    let ((train_files, read_train), (test_files, read_test)) = (part("train")?, part("test")?);
    let parts = [(train_files, &train, read_train), (test_files, &test, read_test)];
    Ok(labelled(parts, &names, medium)?)
}

/// The training and the test part of tar archives.
fn archives(
    classes: usize,
    folder: &Path,
    medium: Medium,
    buffer: usize,
) -> anyhow::Result<[StoredSet; 2]> {
    let part = |part: &str| -> anyhow::Result<StoredSet> {
        let folder = folder.join(part);
        let mut listed = Vec::new();
        for name in files(&folder)?.into_iter().filter(|name| is_archive(name)) {
            let file = File::open(folder.join(&name))
                .with_context(|| format!("cannot read `{part}/{name}`"))?;
            let samples = shards::list(&name, file, &medium, classes)
                .with_context(|| format!("in `{part}`"))?;
            listed.push((name, samples));
        }
        let set = shards::shards(listed, classes, medium, buffer, reader(folder));
        set.with_context(|| format!("in `{part}`"))
    };
    Ok([part("train")?, part("test")?])
}

fn is_archive(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// The paths of all files in a folder and those in it, with `/` between their parts, sorted.
fn files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    walk(folder, "", DEEPEST, &mut found)
        .with_context(|| format!("cannot list the folder `{}`", folder.display()))?;
    found.sort_unstable();
    Ok(found)
}

fn walk(folder: &Path, before: &str, deepest: usize, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{before}{name}");
        if fs::metadata(&path)?.is_dir() {
            if deepest > 0 {
                walk(&path, &format!("{name}/"), deepest - 1, found)?;
            }
        } else {
            found.push(name);
        }
    }
    Ok(())
}

/// Reads files of a folder, or ranges of them.
fn reader(folder: PathBuf) -> Arc<ReadRange> {
    Arc::new(move |name: &str, range: Option<Range<u64>>| {
        let path = folder.join(name);
        let Some(range) = range else { return read_file(&path) };
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        file.take(range.end - range.start).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

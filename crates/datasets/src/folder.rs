//! Files in one folder per class, as in torchvision's `ImageFolder`.

use std::sync::Arc;

use rand::seq::SliceRandom;

use crate::stored::Place;
use crate::{DatasetError, Medium, ReadRange, StoredSet, Streams};

/// The names of the classes in `paths` of files, such as `cat/1.png`: the first folders, sorted. Files of other media are none.
pub fn class_names(paths: &[String], medium: &Medium) -> Vec<String> {
    let files = paths.iter().filter(|path| medium.holds(path));
    let mut names: Vec<String> =
        files.filter_map(|path| path.split_once('/')).map(|(class, _)| class.to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The samples among `paths`, such as `cat/1.png`: the first folder is the class, whose number is its place in `classes`; deeper
/// folders say nothing, and files of other media are passed over. `read` is asked for paths, and without a range.
///
/// The samples are shuffled once, in a way that depends on their number alone, so that any first or last of them are a sample of
/// all classes. Epochs shuffle all of them again.
///
/// # Errors
///
/// No sample, a sample without a folder, a folder that is no class, a medium out of range.
pub fn folder(
    mut paths: Vec<String>,
    classes: &[String],
    medium: Medium,
    read: Arc<ReadRange>,
) -> Result<StoredSet, DatasetError> {
    samples_among(&mut paths, &medium)?;
    let mut places = Vec::with_capacity(paths.len());
    for (file, path) in (0..).zip(&paths) {
        let Some((class, _)) = path.split_once('/') else {
            return Err(DatasetError::NoClass { file: path.clone() });
        };
        let Some(label) = classes.iter().position(|name| name == class) else {
            return Err(DatasetError::UnknownClass {
                class: class.to_owned(),
                known: classes.join(", "),
            });
        };
        places.push(Place { file, label: label as u32, bytes: None });
    }
    shuffled(paths, places, classes.len(), medium, read)
}

/// Leaves the paths of samples, sorted; there must be one.
pub(crate) fn samples_among(paths: &mut Vec<String>, medium: &Medium) -> Result<(), DatasetError> {
    let found = paths.len();
    paths.retain(|path| medium.holds(path));
    paths.sort_unstable();
    if paths.is_empty() {
        return Err(DatasetError::NoSamples { extensions: medium.extensions().join(", "), found });
    }
    Ok(())
}

/// The samples of whole files, shuffled once.
pub(crate) fn shuffled(
    paths: Vec<String>,
    mut places: Vec<Place>,
    classes: usize,
    medium: Medium,
    read: Arc<ReadRange>,
) -> Result<StoredSet, DatasetError> {
    places.shuffle(&mut Streams::new(0).stream("folder/samples"));
    let files = paths.into_iter().map(String::into_boxed_str).collect();
    StoredSet::new(files, places, classes, medium, None, read)
}

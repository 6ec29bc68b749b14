//! Image sets in NumPy arrays: one `.npz` archive, or `.npy` files beside each other.
//!
//! | part | images are called | labels are called |
//! |---|---|---|
//! | training | `x_train`, `train_images` | `y_train`, `train_labels` |
//! | test | `x_test`, `test_images` | `y_test`, `test_labels` |
//!
//! Images have three axes, `[image, height, width]`, or four. Of four, the last is the channels if it has at most 4 values
//! (`[image, height, width, channel]`), otherwise the second must (`[image, channel, height, width]`). Bytes are taken as
//! they are. Floats are rounded to bytes: those from 0 to 1 times 255, those from 0 to 255 as they are. Labels are whole
//! numbers, `[image]` or `[image, 1]`; where images have several, they are `[image, class]`, 1 for the classes of an image and 0
//! for others, of any type.

use std::io;

use ndarray::Array4;

use crate::dataset::check_alike;
use crate::npy::{self, MOST_BYTES, NpyArray, Values};
use crate::{DatasetError, ImageSet, LabelSets, Labels, zip};

const TRAIN: [[&str; 2]; 2] = [["x_train", "train_images"], ["y_train", "train_labels"]];
const TEST: [[&str; 2]; 2] = [["x_test", "test_images"], ["y_test", "test_labels"]];
/// More channels than that are taken for a side of an image.
const MOST_CHANNELS: usize = 4;
/// The longest header of an array and its values.
const MOST_ENTRY: u64 = MOST_BYTES + (1 << 17);

/// Gives the bytes of a file, by its name; `NotFound` when there is none.
type ReadFile<'a> = dyn FnMut(&str) -> io::Result<Vec<u8>> + 'a;
/// Gives an array by its name, and the name to call it by in errors; None when there is none.
type Find<'a> = dyn FnMut(&str) -> Result<Option<(String, NpyArray)>, DatasetError> + 'a;

/// The training and the test part of an `.npz` archive, which `file` names in errors.
///
/// # Errors
///
/// An archive or array that is damaged, missing, too large, or of another shape or type; a label not below `classes`, or of several
/// neither 0 nor 1.
pub fn from_npz(
    file: &str,
    bytes: &[u8],
    classes: usize,
    labels: Labels,
) -> Result<(ImageSet, ImageSet), DatasetError> {
    let broken = |reason| DatasetError::Archive { file: file.to_owned(), reason };
    let entries = zip::entries(bytes).map_err(broken)?;
    let found = parts(classes, labels, &mut |name| {
        let wanted = format!("{name}.npy");
        let Some(entry) = entries.iter().find(|entry| entry.name == wanted) else {
            return Ok(None);
        };
        let content = entry.content(MOST_ENTRY).map_err(broken)?;
        let name = format!("{file}/{wanted}");
        npy::read(&name, &content).map(|array| Some((name.clone(), array)))
    });
    found.map_err(|mut error| {
        if let DatasetError::NoArray { found, .. } = &mut error {
            let names: Vec<&str> = entries.iter().map(|entry| &*entry.name).collect();
            *found = names.join(", ");
        }
        error
    })
}

/// As [`from_npz`], from `.npy` files.
pub fn from_npy(
    read: &mut ReadFile<'_>,
    classes: usize,
    labels: Labels,
) -> Result<(ImageSet, ImageSet), DatasetError> {
    parts(classes, labels, &mut |name| {
        let file = format!("{name}.npy");
        match read(&file) {
            Ok(bytes) => npy::read(&file, &bytes).map(|array| Some((file.clone(), array))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DatasetError::Unreadable { file, source }),
        }
    })
}

fn parts(
    classes: usize,
    labels: Labels,
    find: &mut Find<'_>,
) -> Result<(ImageSet, ImageSet), DatasetError> {
    let (train, test) = match labels {
        Labels::One => {
            let mut part = |names| -> Result<ImageSet, DatasetError> {
                let (images, labels) = part(names, find, &|array| labels_of(array, classes))?;
                ImageSet::new(images, labels, classes)
            };
            (part(TRAIN)?, part(TEST)?)
        }
        Labels::Several => {
            let mut part = |names| part(names, find, &|array| classes_of(array, classes));
            let ((train, train_labels), (test, test_labels)) = (part(TRAIN)?, part(TEST)?);
            let all = train_labels.into_iter().chain(test_labels);
            let (sets, numbers) = LabelSets::of_samples(classes, all)?;
            let (train_labels, test_labels) = numbers.split_at(train.dim().0);
            (
                ImageSet::multi_label(train, train_labels, sets.clone())?,
                ImageSet::multi_label(test, test_labels, sets)?,
            )
        }
    };
    check_alike(&train, &test)?;
    Ok((train, test))
}

/// The images and labels of a part, one label for every image.
fn part<Label>(
    [images, labels]: [[&'static str; 2]; 2],
    find: &mut Find<'_>,
    labels_of: &dyn Fn(NpyArray) -> Result<Vec<Label>, String>,
) -> Result<(Array4<u8>, Vec<Label>), DatasetError> {
    let (name, array) = first(images, find)?;
    let images =
        images_of(array).map_err(|reason| DatasetError::Npy { file: name.clone(), reason })?;
    let (labels_name, array) = first(labels, find)?;
    let labels = labels_of(array)
        .map_err(|reason| DatasetError::Npy { file: labels_name.clone(), reason })?;
    if images.dim().0 != labels.len() {
        return Err(DatasetError::PairCounts {
            images_file: name,
            images: images.dim().0,
            labels_file: labels_name,
            labels: labels.len(),
        });
    }
    Ok((images, labels))
}

fn first(
    names: [&'static str; 2],
    find: &mut Find<'_>,
) -> Result<(String, NpyArray), DatasetError> {
    for name in names {
        if let Some(found) = find(name)? {
            return Ok(found);
        }
    }
    let [name, other] = names;
    Err(DatasetError::NoArray { name, other, found: "none of these".to_owned() })
}

fn images_of(array: NpyArray) -> Result<Array4<u8>, String> {
    let NpyArray { shape, values } = array;
    if shape.contains(&0) {
        return Err(format!("has the shape {shape:?}, which is empty"));
    }
    let pixels = match values {
        Values::U8(pixels) => pixels,
        Values::Float(values) => rounded(&values)?,
        Values::Integer(_) => {
            return Err(
                "has integers of more than one byte: save images with `astype('uint8')`".to_owned()
            );
        }
    };
    let array = |shape| {
        Array4::from_shape_vec(shape, pixels).expect("the values are as many as the shape says")
    };
    match shape[..] {
        [count, height, width] => Ok(array((count, height, width, 1))),
        [count, height, width, channels] if channels <= MOST_CHANNELS => {
            Ok(array((count, height, width, channels)))
        }
        [count, channels, height, width] if channels <= MOST_CHANNELS => {
            Ok(array((count, channels, height, width)).permuted_axes([0, 2, 3, 1]))
        }
        _ => Err(format!(
            "has the shape {shape:?}, expected [image, height, width], or one more axis of at most {MOST_CHANNELS} channels \
             behind or before height and width"
        )),
    }
}

/// Floats from 0 to 1, or from 0 to 255, as bytes.
fn rounded(values: &[f64]) -> Result<Vec<u8>, String> {
    let most = values.iter().copied().fold(0.0, f64::max);
    let scale = if most <= 1.0 { 255.0 } else { 1.0 };
    if let Some(value) = values.iter().find(|value| !(0.0..=255.0).contains(*value)) {
        return Err(format!(
            "has the value {value}, expected 0 to 1 or 0 to 255: save images before they are normalised"
        ));
    }
    Ok(values.iter().map(|value| (scale * value).round() as u8).collect())
}

fn labels_of(array: NpyArray, classes: usize) -> Result<Vec<u16>, String> {
    let NpyArray { shape, values } = array;
    if !matches!(shape[..], [_] | [_, 1]) {
        return Err(format!(
            "has the shape {shape:?}, expected one label per image; where images have several, say `labels: several`"
        ));
    }
    let label = |(index, value): (usize, i64)| match u16::try_from(value) {
        Ok(label) if usize::from(label) < classes => Ok(label),
        Ok(_) | Err(_) => {
            Err(format!("has label {index} of {value}, expected 0 to {}", classes - 1))
        }
    };
    match values {
        Values::U8(values) => values.into_iter().map(i64::from).enumerate().map(label).collect(),
        Values::Integer(values) => values.into_iter().enumerate().map(label).collect(),
        Values::Float(_) => Err("has floats, expected whole numbers as labels".to_owned()),
    }
}

/// The classes of every image, in rising order.
fn classes_of(array: NpyArray, classes: usize) -> Result<Vec<Vec<u32>>, String> {
    let NpyArray { shape, values } = array;
    if !matches!(shape[..], [_, found] if found == classes && found > 0) {
        return Err(format!("has the shape {shape:?}, expected [image, {classes}]"));
    }
    let values: Vec<f64> = match values {
        Values::U8(values) => values.into_iter().map(f64::from).collect(),
        Values::Integer(values) => values.into_iter().map(|value| value as f64).collect(),
        Values::Float(values) => values,
    };
    if let Some(at) = values.iter().position(|value| *value != 0.0 && *value != 1.0) {
        let (image, class, value) = (at / classes, at % classes, values[at]);
        return Err(format!("has {value} for image {image} and class {class}, expected 0 or 1"));
    }
    let members = |row: &[f64]| {
        (0..).zip(row).filter(|(_, value)| **value == 1.0).map(|(class, _)| class).collect()
    };
    Ok(values.chunks_exact(classes).map(members).collect())
}

//! Labelled images in memory, and their division into training, validation and test parts.

use ndarray::{ArcArray, ArcArray1, Array4, ArrayView4, Axis, Ix4, Slice};

use crate::label_sets::class_counts;
use crate::{DatasetError, LabelSets};

/// Labelled images of one size. Clones and parts share the pixels.
///
/// # Shapes
///
/// `images`: `[image, height, width, channel]`, no dimension 0; `labels`: one per image, less than `classes`, or where images have
/// several, less than the number of [`LabelSets`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    images: ArcArray<u8, Ix4>,
    labels: ArcArray1<u16>,
    classes: usize,
    sets: Option<LabelSets>,
}

impl ImageSet {
    /// A set of `images` as `[image, height, width, channel]` with one label per image.
    ///
    /// # Errors
    ///
    /// An empty dimension, other than one label per image, no class or more than 65536, a label not below `classes`.
    pub fn new(images: Array4<u8>, labels: Vec<u16>, classes: usize) -> Result<Self, DatasetError> {
        Self::with_labels(images, labels, classes, None)
    }

    /// As [`ImageSet::new`], of images with several labels: the label of an image is the number of its set.
    ///
    /// # Errors
    ///
    /// As [`ImageSet::new`], and more than 65536 sets.
    pub fn multi_label(
        images: Array4<u8>,
        labels: &[u32],
        sets: LabelSets,
    ) -> Result<Self, DatasetError> {
        let found = sets.count();
        if found > 1 << 16 {
            return Err(DatasetError::LabelSets { found });
        }
        let number = |(index, &label): (usize, &u32)| match u16::try_from(label) {
            Ok(number) if usize::from(number) < found => Ok(number),
            Ok(_) | Err(_) => Err(DatasetError::Label { index, label, classes: found }),
        };
        let labels = labels.iter().enumerate().map(number).collect::<Result<_, _>>()?;
        let classes = sets.classes();
        Self::with_labels(images, labels, classes, Some(sets))
    }

    fn with_labels(
        images: Array4<u8>,
        labels: Vec<u16>,
        classes: usize,
        sets: Option<LabelSets>,
    ) -> Result<Self, DatasetError> {
        let found = images.shape();
        if found.iter().any(|&side| side == 0 || u32::try_from(side).is_err()) {
            return Err(DatasetError::Shape { found: format!("{found:?}") });
        }
        if found[0] != labels.len() {
            return Err(DatasetError::Counts { images: found[0], labels: labels.len() });
        }
        if !(1..=1 << 16).contains(&classes) {
            return Err(DatasetError::Classes { found: classes });
        }
        let end = sets.as_ref().map_or(classes, LabelSets::count);
        if let Some((index, &label)) =
            labels.iter().enumerate().find(|&(_, &label)| usize::from(label) >= end)
        {
            return Err(DatasetError::Label { index, label: label.into(), classes: end });
        }
        let images = if images.is_standard_layout() {
            images
        } else {
            images.as_standard_layout().into_owned()
        };
        Ok(Self { images: images.into_shared(), labels: labels.into(), classes, sets })
    }

    /// How many images there are, at least 1.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// How many classes there are; a class may have no image.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[height, width, channels]`.
    pub fn image_shape(&self) -> [usize; 3] {
        let (_, height, width, channels) = self.images.dim();
        [height, width, channels]
    }

    /// All images, `[image, height, width, channel]`.
    pub fn images(&self) -> ArrayView4<'_, u8> {
        self.images.view()
    }

    /// All pixels, image after image, each `[height, width, channel]`.
    pub fn pixels(&self) -> &[u8] {
        self.images
            .as_slice()
            .expect("the constructor makes the layout standard, and parts are ranges of images")
    }

    /// What labels stand for, if images have several.
    pub fn label_sets(&self) -> Option<&LabelSets> {
        self.sets.as_ref()
    }

    /// The same labels on other images, one for each of these.
    pub(crate) fn with_images(&self, images: Array4<u8>) -> Result<Self, DatasetError> {
        Self::with_labels(images, self.labels().to_vec(), self.classes, self.sets.clone())
    }

    /// The label of each image: its class, or the number of its set of classes.
    pub fn labels(&self) -> &[u16] {
        self.labels.as_slice().expect("one-dimensional and never strided")
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let labels = self.labels().iter().map(|&label| u32::from(label));
        class_counts(self.classes, self.sets.as_ref(), labels)
    }

    /// The first `count` images, 1 to all.
    pub fn take(&self, count: usize) -> Result<Self, DatasetError> {
        if !(1..=self.count()).contains(&count) {
            return Err(DatasetError::Take { found: count, images: self.count() });
        }
        Ok(self.range(0, count))
    }

    /// All but the last `validation` images, and those; neither part may be empty.
    pub fn split_last(&self, validation: usize) -> Result<(Self, Self), DatasetError> {
        let most = self.count() - 1;
        if !(1..=most).contains(&validation) {
            return Err(DatasetError::Validation { found: validation, most });
        }
        let middle = self.count() - validation;
        Ok((self.range(0, middle), self.range(middle, self.count())))
    }

    fn range(&self, start: usize, end: usize) -> Self {
        let mut part = self.clone();
        part.images.slice_axis_inplace(Axis(0), Slice::from(start..end));
        part.labels.slice_axis_inplace(Axis(0), Slice::from(start..end));
        part
    }

    fn outline(&self) -> String {
        let [height, width, channels] = self.image_shape();
        let several = if self.sets.is_some() { ", several of which an image may have" } else { "" };
        format!("images of {height} x {width} x {channels} in {} classes{several}", self.classes)
    }
}

/// The three parts of a data set: weights come from `train`, decisions from `validation`, and `test` is for the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split<Set = ImageSet> {
    /// What is trained on.
    pub train: Set,
    /// What choices are made by: the last samples of the training data.
    pub validation: Set,
    /// What is touched once, at the end.
    pub test: Set,
}

impl<Set> Split<Set> {
    /// The same parts as other sets, such as [`Samples`](crate::Samples).
    pub fn map<Other>(self, mut set: impl FnMut(Set) -> Other) -> Split<Other> {
        Split { train: set(self.train), validation: set(self.validation), test: set(self.test) }
    }
}

impl Split {
    /// Sets the last `validation` images of the training data aside.
    ///
    /// # Errors
    ///
    /// As [`ImageSet::split_last`], and when training and test data differ in image size or classes.
    pub fn new(
        training: &ImageSet,
        test: ImageSet,
        validation: usize,
    ) -> Result<Self, DatasetError> {
        check_alike(training, &test)?;
        let (train, validation) = training.split_last(validation)?;
        Ok(Self { train, validation, test })
    }
}

/// Training and test data must have equal image sizes and classes.
pub(crate) fn check_alike(training: &ImageSet, test: &ImageSet) -> Result<(), DatasetError> {
    let same_sets = training.sets == test.sets;
    let (training, test) = (training.outline(), test.outline());
    if training == test && same_sets { Ok(()) } else { Err(DatasetError::Parts { training, test }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> ImageSet {
        let images = Array4::from_shape_fn((count, 2, 3, 1), |(image, ..)| image as u8);
        ImageSet::new(images, (0..count).map(|image| (image % 3) as u16).collect(), 3).unwrap()
    }

    fn message<T: std::fmt::Debug>(result: Result<T, DatasetError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn parts_share_the_pixels_of_the_whole() {
        let whole = numbered(10);
        let (front, back) = whole.split_last(4).unwrap();
        assert_eq!((front.count(), back.count()), (6, 4));
        assert_eq!(front.pixels().as_ptr(), whole.pixels().as_ptr());
        assert_eq!(back.pixels().as_ptr(), whole.pixels()[6 * 6..].as_ptr());
        assert_eq!(back.pixels(), &whole.pixels()[6 * 6..]);
        assert_eq!(back.labels(), &whole.labels()[6..]);
        assert_eq!(whole.take(2).unwrap().pixels(), &whole.pixels()[..12]);
        assert_eq!(whole.class_counts(), [4, 3, 3]);
    }

    #[test]
    fn a_permuted_array_is_stored_in_standard_order() {
        let images = Array4::from_shape_fn((3, 2, 2, 1), |(y, x, c, image)| {
            (image + 10 * y + 100 * (x + c)) as u8
        });
        let set = ImageSet::new(images.clone().permuted_axes([1, 2, 3, 0]), vec![0, 1], 2).unwrap();
        assert_eq!(set.images(), images.permuted_axes([1, 2, 3, 0]));
        assert_eq!(set.pixels().len(), 12);
    }

    #[test]
    fn bad_sets_are_refused_with_what_was_found() {
        let images = || Array4::zeros((2, 2, 2, 1));
        assert_eq!(
            message(ImageSet::new(images(), vec![0], 2)),
            "there are 2 images and 1 labels: give one label per image"
        );
        assert_eq!(
            message(ImageSet::new(images(), vec![0, 2], 2)),
            "label 1 is 2, expected less than 2: labels count from 0"
        );
        assert_eq!(
            message(ImageSet::new(images(), vec![0, 0], 0)),
            "an image set has 0 classes, expected 1 to 65536"
        );
        assert_eq!(
            message(ImageSet::new(Array4::zeros((2, 0, 2, 1)), vec![0, 0], 1)),
            "an image array of [2, 0, 2, 1] cannot make an image set: every dimension must be between 1 and 4294967295"
        );
    }

    #[test]
    fn no_part_of_a_split_is_empty() {
        let set = numbered(10);
        for validation in [0, 10, 11, usize::MAX] {
            assert_eq!(
                message(set.split_last(validation)),
                format!(
                    "`validation` is {validation}, expected 1 to 9: the training data holds 10 images and must keep one"
                )
            );
        }
        for count in [0, 11] {
            assert_eq!(
                message(set.take(count)),
                format!("`take` is {count}, expected 1 to 10, the number of images there are")
            );
        }
        let split = Split::new(&set, numbered(2), 9).unwrap();
        assert_eq!((split.train.count(), split.validation.count(), split.test.count()), (1, 9, 2));
    }

    #[test]
    fn training_and_test_data_must_be_alike() {
        let other = ImageSet::new(Array4::zeros((1, 3, 3, 1)), vec![0], 3).unwrap();
        assert_eq!(
            message(Split::new(&numbered(4), other, 1)),
            "training and test data differ: images of 2 x 3 x 1 in 3 classes and images of 3 x 3 x 1 in 3 classes: take \
             both from the same data set"
        );
    }
}

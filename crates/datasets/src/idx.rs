//! IDX files of unsigned bytes, plain or gzip: a big-endian `u32` magic, one `u32` per dimension, then the bytes.
//!
//! The format is that of the MNIST handwritten digits. Everything is checked against the header before and
//! after it is read, and no more is ever decompressed than the header announces.

use std::io::Read;

use flate2::bufread::GzDecoder;
use ndarray::Array4;
use sha2::{Digest, Sha256};

use crate::DatasetError;

/// First four bytes of a file of `u8` images: three dimensions.
pub const IMAGES_MAGIC: u32 = 0x0000_0803;
/// First four bytes of a file of `u8` labels: one dimension.
pub const LABELS_MAGIC: u32 = 0x0000_0801;
/// The most bytes that a header may announce: 1 GiB.
pub const MOST_BYTES: u64 = 1 << 30;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a file must contain beyond being well formed. The default accepts any content.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expectation<'a> {
    /// The dimensions that the header must announce: `[images, height, width]`, or `[labels]`.
    pub dimensions: Option<&'a [usize]>,
    /// SHA-256 of the uncompressed file, header included, in lower-case hexadecimal.
    pub sha256: Option<&'a str>,
}

/// Reads images as `[image, height, width, 1]`. `file` names the bytes in errors.
pub fn images(
    file: &str,
    bytes: &[u8],
    expectation: Expectation<'_>,
) -> Result<Array4<u8>, DatasetError> {
    let (dimensions, pixels) = decode(file, bytes, IMAGES_MAGIC, expectation)?;
    let [count, height, width] = dimensions[..] else {
        unreachable!("the magic of images has three dimensions")
    };
    Ok(Array4::from_shape_vec((count, height, width, 1), pixels)
        .expect("the length was checked against the header"))
}

/// Reads labels, each less than `classes`. `file` names the bytes in errors.
pub fn labels(
    file: &str,
    bytes: &[u8],
    classes: usize,
    expectation: Expectation<'_>,
) -> Result<Vec<u16>, DatasetError> {
    let (_, labels) = decode(file, bytes, LABELS_MAGIC, expectation)?;
    if let Some((index, &label)) =
        labels.iter().enumerate().find(|&(_, &label)| usize::from(label) >= classes)
    {
        return Err(DatasetError::FileLabel { file: file.to_owned(), index, label, classes });
    }
    Ok(labels.into_iter().map(u16::from).collect())
}

fn decode(
    file: &str,
    bytes: &[u8],
    magic: u32,
    expectation: Expectation<'_>,
) -> Result<(Vec<usize>, Vec<u8>), DatasetError> {
    if !bytes.starts_with(&GZIP_MAGIC) {
        return parse(file, &mut &*bytes, bytes.len(), magic, expectation);
    }
    let mut decoder = GzDecoder::new(bytes);
    let decoded = parse(file, &mut decoder, bytes.len().saturating_mul(8), magic, expectation)?;
    match decoder.into_inner().len() {
        0 => Ok(decoded),
        extra => Err(DatasetError::AfterGzip { file: file.to_owned(), extra }),
    }
}

/// Reads the dimensions and the bytes after the header. `likely` bounds what is reserved before any byte was seen.
fn parse(
    file: &str,
    reader: &mut dyn Read,
    likely: usize,
    magic: u32,
    expectation: Expectation<'_>,
) -> Result<(Vec<usize>, Vec<u8>), DatasetError> {
    let rank = (magic & 0xff) as usize;
    let mut header = Vec::new();
    read_up_to(file, reader, 4, &mut header)?;
    if header.len() == 4 && word(&header) != magic {
        return Err(DatasetError::Magic {
            file: file.to_owned(),
            found: word(&header),
            expected: magic,
        });
    }
    read_up_to(file, reader, 4 * rank as u64, &mut header)?;
    let header_length = 4 + 4 * rank;
    if header.len() < header_length {
        return Err(DatasetError::HeaderTruncated {
            file: file.to_owned(),
            found: header.len(),
            expected: header_length,
        });
    }
    let dimensions: Vec<usize> =
        header[4..].chunks_exact(4).map(|bytes| word(bytes) as usize).collect();
    let length = announced_length(file, &dimensions, expectation)?;

    let mut body = Vec::with_capacity(length.min(likely));
    read_up_to(file, reader, length as u64 + 1, &mut body)?;
    if body.len() < length {
        return Err(DatasetError::Truncated {
            file: file.to_owned(),
            found: body.len(),
            expected: length,
        });
    }
    if body.len() > length {
        return Err(DatasetError::Trailing { file: file.to_owned(), expected: length });
    }
    check_hash(file, &header, &body, expectation)?;
    Ok((dimensions, body))
}

fn announced_length(
    file: &str,
    dimensions: &[usize],
    expectation: Expectation<'_>,
) -> Result<usize, DatasetError> {
    let file = file.to_owned();
    let found = times(dimensions);
    if let Some(expected) = expectation.dimensions
        && expected != dimensions
    {
        return Err(DatasetError::Dimensions { file, found, expected: times(expected) });
    }
    if dimensions.contains(&0) {
        return Err(DatasetError::EmptyFile { file, found });
    }
    match dimensions.iter().try_fold(1u64, |product, &side| product.checked_mul(side as u64)) {
        Some(length) if length <= MOST_BYTES => Ok(length as usize),
        Some(_) | None => Err(DatasetError::TooLarge { file, found, limit: MOST_BYTES }),
    }
}

fn check_hash(
    file: &str,
    header: &[u8],
    body: &[u8],
    expectation: Expectation<'_>,
) -> Result<(), DatasetError> {
    let Some(expected) = expectation.sha256 else { return Ok(()) };
    let hash = Sha256::new().chain_update(header).chain_update(body).finalize();
    let found = hexadecimal(&hash);
    if found == expected {
        Ok(())
    } else {
        Err(DatasetError::Hash { file: file.to_owned(), found, expected: expected.to_owned() })
    }
}

fn read_up_to(
    file: &str,
    reader: &mut dyn Read,
    most: u64,
    into: &mut Vec<u8>,
) -> Result<(), DatasetError> {
    match reader.take(most).read_to_end(into) {
        Ok(_) => Ok(()),
        Err(error) => Err(DatasetError::Gzip { file: file.to_owned(), reason: error.to_string() }),
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("a word is four bytes"))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(u32::from(digit), 16).expect("half a byte is one digit"))
        .collect()
}

fn times(dimensions: &[usize]) -> String {
    dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

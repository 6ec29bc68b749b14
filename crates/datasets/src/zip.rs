//! Files of a zip archive in memory, stored or deflated: what `numpy.savez` writes. No zip64, no encryption.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const END_LENGTH: usize = 22;
const ENTRY_LENGTH: usize = 46;
const LOCAL_LENGTH: usize = 30;

/// A file in the archive's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: String,
    method: u16,
    crc: u32,
    size: u64,
    packed: &'a [u8],
}

/// The files of an archive, in the order of its directory. Errors are words that follow the archive's name.
pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<Entry<'_>>, String> {
    // The end record is last, but for a comment of at most 65535 bytes.
    let first = bytes.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let end = bytes[first..].windows(END_LENGTH).rposition(|window| window.starts_with(&END));
    let end = first + end.ok_or("is no zip archive, or was cut off")?;
    let count = half(bytes, end + 10)?;
    let mut at = word(bytes, end + 16)? as usize;
    let mut entries = Vec::new();
    for _ in 0..count {
        if bytes.get(at..at.saturating_add(4)) != Some(&ENTRY) {
            return Err(damaged());
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| half(bytes, at + field));
        let (name_length, extra, comment) = (name?.into(), extra?.into(), comment?.into());
        let name = slice(bytes, at + ENTRY_LENGTH, name_length)?;
        let (packed_size, size) = (word(bytes, at + 20)?, word(bytes, at + 24)?);
        if [packed_size, size].contains(&u32::MAX) {
            return Err("is a zip64 archive, which is not supported: save fewer images".to_owned());
        }
        let local = word(bytes, at + 42)? as usize;
        if slice(bytes, local, 4)? != LOCAL {
            return Err(damaged());
        }
        let [skip_name, skip_extra] = [26, 28].map(|field| half(bytes, local + field));
        let skipped = usize::from(skip_name?) + usize::from(skip_extra?);
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            method: half(bytes, at + 10)?,
            crc: word(bytes, at + 16)?,
            size: size.into(),
            packed: slice(bytes, local + LOCAL_LENGTH + skipped, packed_size as usize)?,
        });
        let lengths: [usize; 3] = [name_length, extra, comment];
        at += ENTRY_LENGTH + lengths.iter().sum::<usize>();
    }
    Ok(entries)
}

impl Entry<'_> {
    /// The content, if it has at most `most` bytes; no more than announced is ever unpacked.
    pub(crate) fn content(&self, most: u64) -> Result<Vec<u8>, String> {
        let Self { name, method, crc, size, packed } = self;
        if *size > most {
            return Err(format!(
                "holds `{name}` of {size} bytes, more than the {most} that this reader accepts"
            ));
        }
        let mut content = Vec::new();
        match method {
            0 => content.extend_from_slice(packed),
            8 => {
                let unpacked =
                    DeflateDecoder::new(*packed).take(size + 1).read_to_end(&mut content);
                unpacked.map_err(|error| format!("holds `{name}`, which is damaged ({error})"))?;
            }
            _ => return Err(format!("holds `{name}` packed by method {method}, expected 0 or 8")),
        }
        let mut sum = Crc::new();
        sum.update(&content);
        if content.len() as u64 != *size || sum.sum() != *crc {
            return Err(format!("holds `{name}`, which is not what was packed"));
        }
        Ok(content)
    }
}

fn damaged() -> String {
    "has a damaged directory".to_owned()
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    bytes.get(at..at.saturating_add(length)).ok_or_else(damaged)
}

fn half(bytes: &[u8], at: usize) -> Result<u16, String> {
    let half = slice(bytes, at, 2)?;
    Ok(u16::from_le_bytes([half[0], half[1]]))
}

fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    Ok(u32::from(half(bytes, at)?) | u32::from(half(bytes, at + 2)?) << 16)
}

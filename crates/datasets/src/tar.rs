//! Files of a tar archive, one after the other, from any reader; memory is bounded by the largest file asked for.
//!
//! Formats: ustar, and the two that lengthen names (GNU type `L`, pax type `x` with `path`). What is no regular file is
//! passed over.

use std::io::{self, Read, Seek, SeekFrom};

/// Size of headers, and what sizes of files are rounded up to.
const BLOCK: usize = 512;
/// The longest name, and the longest pax header.
const MOST_NAME: u64 = 64 << 10;

/// A damaged archive, in words that follow its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarFault(String);

impl std::fmt::Display for TarFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TarFault {}

/// Reads the files of an archive in order.
///
/// ```
/// use datasets::tar::TarReader;
///
/// let mut empty = TarReader::new(&[0; 1024][..]);
/// assert_eq!(empty.next_file().unwrap(), None);
/// ```
#[derive(Debug)]
pub struct TarReader<R> {
    reader: R,
    /// Bytes of the present file, and after it of its padding, that are still to come.
    left: u64,
    padding: u64,
    /// Bytes that were taken from the reader or passed over.
    position: u64,
    /// How so many bytes are passed over, and how many could be.
    skip: fn(&mut R, u64) -> io::Result<u64>,
}

/// A file whose content was not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarFile {
    /// Its path in the archive.
    pub name: String,
    /// Its size in bytes, as its header says.
    pub size: u64,
}

impl<R: Read> TarReader<R> {
    /// A reader of uncompressed tar data.
    pub fn new(reader: R) -> Self {
        let skip = |reader: &mut R, count| io::copy(&mut reader.take(count), &mut io::sink());
        Self { reader, left: 0, padding: 0, position: 0, skip }
    }

    /// Where in the archive the content of the file under way starts, if none of it was read yet.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next regular file; what was not read of the one before is passed over. None at the end.
    pub fn next_file(&mut self) -> Result<Option<TarFile>, TarFault> {
        let mut long_name = None;
        loop {
            self.pass_over()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = number(&header[124..136])
                .ok_or_else(|| TarFault("has a header without a size".to_owned()))?;
            self.left = size;
            self.padding = size.wrapping_neg() % BLOCK as u64;
            match header[156] {
                b'L' => {
                    let bytes = self.read(MOST_NAME)?;
                    long_name = Some(text(&bytes));
                }
                b'x' => {
                    let bytes = self.read(MOST_NAME)?;
                    long_name = pax_path(&bytes).or(long_name);
                }
                b'0' | 0 | b'7' => {
                    let name = long_name.unwrap_or_else(|| short_name(&header));
                    return Ok(Some(TarFile { name, size }));
                }
                _ => long_name = None,
            }
        }
    }

    /// The content of the file under way, if it has at most `most` bytes.
    pub fn read(&mut self, most: u64) -> Result<Vec<u8>, TarFault> {
        let size = self.left;
        if size > most {
            return Err(TarFault(format!(
                "holds a file of {size} bytes, more than the {most} that this reader accepts"
            )));
        }
        let mut bytes = Vec::new();
        self.reader.by_ref().take(size).read_to_end(&mut bytes).map_err(unreadable)?;
        self.left -= bytes.len() as u64;
        self.position += bytes.len() as u64;
        if self.left > 0 {
            return Err(cut_off());
        }
        Ok(bytes)
    }

    fn pass_over(&mut self) -> Result<(), TarFault> {
        for rest in [std::mem::take(&mut self.left), std::mem::take(&mut self.padding)] {
            if (self.skip)(&mut self.reader, rest).map_err(unreadable)? < rest {
                return Err(cut_off());
            }
            self.position += rest;
        }
        Ok(())
    }

    /// The next header; None at the end, which is an empty block or the end of the data.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>, TarFault> {
        let mut header = Vec::with_capacity(BLOCK);
        self.reader.by_ref().take(BLOCK as u64).read_to_end(&mut header).map_err(unreadable)?;
        if header.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        self.position += BLOCK as u64;
        let header: [u8; BLOCK] = header.try_into().map_err(|_| cut_off())?;
        let spaces = 8 * u64::from(b' ');
        let others = header[..148].iter().chain(&header[156..]);
        let sum = spaces + others.map(|&byte| u64::from(byte)).sum::<u64>();
        if number(&header[148..156]) == Some(sum) {
            Ok(Some(header))
        } else {
            Err(TarFault(
                "has a header whose checksum is wrong: it is no tar file, or damaged".to_owned(),
            ))
        }
    }
}

impl<R: Read + Seek> TarReader<R> {
    /// A reader that does not read what it passes over: to find the files of a large archive.
    pub fn seeking(reader: R) -> Self {
        let skip = |reader: &mut R, count: u64| {
            let now = reader.stream_position()?;
            let end = reader.seek(SeekFrom::End(0))?;
            let there = end.saturating_sub(now).min(count);
            reader.seek(SeekFrom::Start(now + there))?;
            Ok(there)
        };
        Self { reader, left: 0, padding: 0, position: 0, skip }
    }
}

fn cut_off() -> TarFault {
    TarFault("ends in the middle of a file".to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unreadable(error: io::Error) -> TarFault {
    TarFault(format!("cannot be read ({error})"))
}

/// Octal digits that end with a space or zero, or a big-endian number after a byte 0x80.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        return field[1..].iter().try_fold(0_u64, |number, &byte| {
            (number >> 54 == 0).then_some(number << 8 | u64::from(byte))
        });
    }
    let digits = field.iter().skip_while(|&&byte| byte == b' ');
    let text: String =
        digits.take_while(|byte| byte.is_ascii_digit()).map(|&b| char::from(b)).collect();
    u64::from_str_radix(&text, 8).ok().filter(|&size| size >> 62 == 0)
}

/// The name in a header, with its prefix.
fn short_name(header: &[u8; BLOCK]) -> String {
    let name = text(&header[..100]);
    let prefix = text(&header[345..500]);
    // GNU's own format has times where ustar has the prefix.
    if &header[257..263] == b"ustar\0" && !prefix.is_empty() {
        format!("{prefix}/{name}")
    } else {
        name
    }
}

/// Bytes up to the first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The `path` of a pax header: lines of `LENGTH KEY=VALUE\n`, the length being that of the line.
fn pax_path(mut bytes: &[u8]) -> Option<String> {
    let mut found = None;
    while let Some(space) = bytes.iter().position(|&byte| byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let line = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
        if let Some(path) = line.strip_prefix(b"path=") {
            found = Some(String::from_utf8_lossy(path).into_owned());
        }
        bytes = &bytes[length..];
    }
    found
}

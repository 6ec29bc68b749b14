//! Arrays in NumPy's `.npy` format, versions 1 to 3: a magic, the length of a header, the header, then the values.
//!
//! The header is a Python dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }`.

use crate::DatasetError;

/// The most bytes that an array may have: 1 GiB.
pub const MOST_BYTES: u64 = 1 << 30;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header; NumPy itself writes 118 bytes for most arrays.
const MOST_HEADER: usize = 64 << 10;
const MOST_DIMENSIONS: usize = 32;

/// The values of an array, last index fastest.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// Other integers and booleans.
    Integer(Vec<i64>),
    /// Floats of 4 or 8 bytes.
    Float(Vec<f64>),
}

/// An array with its shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Its dimensions; their product is the number of values.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Values,
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads an array of integers, floats or booleans in C order. `file` names the bytes in errors.
pub fn read(file: &str, bytes: &[u8]) -> Result<NpyArray, DatasetError> {
    parse(bytes).map_err(|reason| DatasetError::Npy { file: file.to_owned(), reason })
}

fn parse(bytes: &[u8]) -> Result<NpyArray, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("does not start as an .npy file does")?;
    let (length, rest) = match *rest {
        [1, _, low, high, ref rest @ ..] => (usize::from(u16::from_le_bytes([low, high])), rest),
        [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        [major, ..] if major > 3 => {
            return Err(format!("has the .npy version {major}, expected 1 to 3"));
        }
        _ => return Err("ends inside its header".to_owned()),
    };
    if length > MOST_HEADER {
        return Err(format!("has a header of {length} bytes, expected at most {MOST_HEADER}"));
    }
    let (header, data) = rest.split_at_checked(length).ok_or("ends inside its header")?;
    let header = std::str::from_utf8(header).map_err(|_| "has a header that is no text")?;
    let Header { kind, width, big_endian, shape } = header_of(header)?;
    let count = shape.iter().try_fold(1u64, |count, &side| count.checked_mul(side as u64));
    let length = count.and_then(|count| count.checked_mul(width as u64));
    let Some(length) = length.filter(|&length| length <= MOST_BYTES) else {
        return Err(format!("announces {shape:?} values, more than {MOST_BYTES} bytes"));
    };
    if data.len() as u64 != length {
        let found = data.len();
        return Err(format!("has {found} bytes of values where its header announces {length}"));
    }
    let words = data.chunks_exact(width).map(|word| {
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(word);
        if big_endian {
            bytes[..width].reverse();
        }
        u64::from_le_bytes(bytes)
    });
    let values = match (kind, width) {
        ('u', 1) => Values::U8(data.to_vec()),
        ('u' | 'b', _) => Values::Integer(words.map(|word| word as i64).collect()),
        ('i', _) => {
            let unused = 64 - 8 * width as u32;
            Values::Integer(words.map(|word| (word as i64) << unused >> unused).collect())
        }
        ('f', 4) => Values::Float(words.map(|word| f32::from_bits(word as u32).into()).collect()),
        _ => Values::Float(words.map(f64::from_bits).collect()),
    };
    Ok(NpyArray { shape, values })
}

struct Header {
    kind: char,
    width: usize,
    big_endian: bool,
    shape: Vec<usize>,
}

fn header_of(text: &str) -> Result<Header, String> {
    let after = |key: &str| {
        let at = text.find(&format!("'{key}'")).ok_or(format!("has a header without `{key}`"))?;
        let value = text[at + key.len() + 2..].trim_start().strip_prefix(':');
        value.map(str::trim_start).ok_or(format!("has a header without a value of `{key}`"))
    };
    let descr = after("descr")?;
    let descr = descr.strip_prefix('\'').and_then(|rest| rest.split('\'').next());
    let descr = descr.ok_or("holds records, expected plain numbers")?;
    let known = || {
        let mut signs = descr.chars();
        let (order, kind) = (signs.next()?, signs.next()?);
        let width: usize = signs.as_str().parse().ok()?;
        let fits = match kind {
            'u' | 'i' => [1, 2, 4, 8].contains(&width),
            'f' => [4, 8].contains(&width),
            'b' => width == 1,
            _ => false,
        };
        let big_endian = match order {
            '<' | '|' | '=' => false,
            '>' => true,
            _ => return None,
        };
        fits.then_some((kind, width, big_endian))
    };
    let (kind, width, big_endian) = known().ok_or_else(|| {
        format!(
            "has values of type {descr:?}, expected integers, booleans or floats of 4 or 8 bytes"
        )
    })?;
    if !after("fortran_order")?.starts_with("False") {
        return Err("is in Fortran order: save `numpy.ascontiguousarray(...)` instead".to_owned());
    }
    let shape = after("shape")?;
    let shape = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (shape, _) = shape.ok_or("has a header without a shape")?;
    let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
    let shape: Result<Vec<usize>, _> = sides.map(str::parse).collect();
    match shape {
        Ok(shape) if shape.len() <= MOST_DIMENSIONS => {
            Ok(Header { kind, width, big_endian, shape })
        }
        Ok(_) | Err(_) => Err("has a shape that is no short list of whole numbers".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of version 1 with this header and these values.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn of(descr: &str, shape: &str, data: &[u8]) -> Result<NpyArray, String> {
        parse(&file(
            &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"),
            data,
        ))
    }

    #[test]
    fn values_of_every_type_are_read() {
        let values = |descr, data: &[u8]| of(descr, "(1,)", data).unwrap().values;
        assert_eq!(values("|u1", &[200]), Values::U8(vec![200]));
        assert_eq!(values("|i1", &[200]), Values::Integer(vec![-56]));
        assert_eq!(values("|b1", &[1]), Values::Integer(vec![1]));
        assert_eq!(values("<u2", &[1, 2]), Values::Integer(vec![513]));
        assert_eq!(values(">u2", &[1, 2]), Values::Integer(vec![258]));
        assert_eq!(values("<i4", &(-7i32).to_le_bytes()), Values::Integer(vec![-7]));
        assert_eq!(values(">i8", &(-7i64).to_be_bytes()), Values::Integer(vec![-7]));
        assert_eq!(values("<f4", &1.5f32.to_le_bytes()), Values::Float(vec![1.5]));
        assert_eq!(values(">f8", &(-2.5f64).to_be_bytes()), Values::Float(vec![-2.5]));
    }

    #[test]
    fn shapes_have_any_number_of_dimensions() {
        assert_eq!(of("|u1", "()", &[1]).unwrap().shape, [0; 0]);
        assert_eq!(of("|u1", "(2, 3)", &[0; 6]).unwrap().shape, [2, 3]);
        assert_eq!(of("|u1", "(0, 3)", &[]).unwrap().values.len(), 0);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(parse(b"PK").unwrap_err(), "does not start as an .npy file does");
        assert_eq!(parse(b"\x93NUMPY\x01").unwrap_err(), "ends inside its header");
        assert_eq!(
            parse(b"\x93NUMPY\x09\0").unwrap_err(),
            "has the .npy version 9, expected 1 to 3"
        );
        assert_eq!(
            of("<c8", "(1,)", &[0; 8]).unwrap_err(),
            "has values of type \"<c8\", expected integers, booleans or floats of 4 or 8 bytes"
        );
        assert_eq!(
            of("|u1", "(3,)", &[0; 2]).unwrap_err(),
            "has 2 bytes of values where its header announces 3"
        );
        assert_eq!(
            of("<f8", "(4294967296, 4294967296, 2)", &[]).unwrap_err(),
            "announces [4294967296, 4294967296, 2] values, more than 1073741824 bytes"
        );
        assert_eq!(
            parse(&file("{'descr': '|u1', 'fortran_order': True, 'shape': (1,)}", &[0]))
                .unwrap_err(),
            "is in Fortran order: save `numpy.ascontiguousarray(...)` instead"
        );
        assert_eq!(
            parse(&file("{'descr': [('a', '<f4')], 'shape': (1,)}", &[0])).unwrap_err(),
            "holds records, expected plain numbers"
        );
    }
}

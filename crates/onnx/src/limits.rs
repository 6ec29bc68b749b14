//! Limits that keep a bad file from taking all memory.

use crate::OnnxError;

/// How much a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Values of all constants together: the weights in the file, what is computed from them, and lists of channels.
    pub values: usize,
    /// Nodes, tensors, attributes and names in the file.
    pub records: usize,
}

impl Default for Limits {
    /// 2^29 values (2 GiB of weights) and 2^19 records.
    fn default() -> Self {
        Self { values: 1 << 29, records: 1 << 19 }
    }
}

/// What is left of [`Limits::values`].
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    /// Takes so many values.
    pub(crate) fn take(&mut self, values: usize) -> Result<(), OnnxError> {
        self.used = self.used.saturating_add(values);
        if self.used > self.limit {
            let (found, limit) = (self.used, self.limit);
            return Err(OnnxError::TooLarge { what: "values of constants", found, limit });
        }
        Ok(())
    }
}

/// Counts the records of an encoded model before it is decoded: an empty record takes two bytes of a file, but many more
/// in memory.
pub(crate) fn check_records(bytes: &[u8], limit: usize) -> Result<(), OnnxError> {
    let mut found = 0;
    count(bytes, Level::Model, &mut found, limit)
}

/// Where in a model the walk is. Fields below a node's attributes and a tensor do not grow in memory.
#[derive(Clone, Copy)]
enum Level {
    Model,
    Graph,
    Node,
    /// A declared value, its type, the tensor in it, its shape.
    Value,
    Type,
    Tensor,
    Shape,
}

impl Level {
    /// The level of a field's content, if it has records of its own; `None` for plain values.
    fn below(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Graph, 1) => Some(Self::Node),
            (Self::Graph, 11 | 12) => Some(Self::Value),
            (Self::Value, 2) => Some(Self::Type),
            (Self::Type, 1) => Some(Self::Tensor),
            (Self::Tensor, 2) => Some(Self::Shape),
            (
                Self::Model
                | Self::Graph
                | Self::Node
                | Self::Value
                | Self::Type
                | Self::Tensor
                | Self::Shape,
                _,
            ) => None,
        }
    }
}

fn count(bytes: &[u8], level: Level, found: &mut usize, limit: usize) -> Result<(), OnnxError> {
    let mut rest = bytes;
    while let Some(tag) = varint(&mut rest) {
        let skipped = match tag & 7 {
            0 => varint(&mut rest).map(|_| ()),
            1 => skip(&mut rest, 8).map(|_| ()),
            5 => skip(&mut rest, 4).map(|_| ()),
            2 => {
                *found += 1;
                if *found > limit {
                    return Err(OnnxError::TooLarge {
                        what: "nodes, tensors, attributes and names",
                        found: *found,
                        limit,
                    });
                }
                let content = varint(&mut rest).and_then(|length| skip(&mut rest, length));
                if let (Some(content), Some(below)) = (content, level.below(tag >> 3)) {
                    count(content, below, found, limit)?;
                }
                content.map(|_| ())
            }
            // Groups and what does not exist: the decoder says what is wrong.
            _ => None,
        };
        if skipped.is_none() {
            break;
        }
    }
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn skip<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let length = usize::try_from(length).ok()?;
    let (content, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(content)
}

//! Where values lie in a device's memory.

/// A matrix of `rows x channels` in device memory: `rows` are positions of all images of a batch (image slowest, then
/// height, then width), so a wire of `height x width x channels` has `batch * height * width` rows.
///
/// Row `r` starts at `offset + r * pitch`. A pitch larger than `channels` makes the tensor a slice of a wider one, which is
/// how branches write into a concatenation without a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Index of the first value.
    pub offset: usize,
    /// Number of rows.
    pub rows: usize,
    /// Values per row.
    pub channels: usize,
    /// Distance between the starts of neighbouring rows, at least `channels`.
    pub pitch: usize,
}

impl Tensor {
    /// A tensor whose rows follow each other without gaps.
    pub fn dense(offset: usize, rows: usize, channels: usize) -> Self {
        Self { offset, rows, channels, pitch: channels }
    }

    /// The same rows, only the channels from `start` on, `channels` of them.
    pub fn slice(self, start: usize, channels: usize) -> Self {
        Self { offset: self.offset + start, channels, ..self }
    }

    /// One past the last index that belongs to the tensor.
    pub fn end(&self) -> usize {
        if self.rows == 0 {
            self.offset
        } else {
            self.offset + (self.rows - 1) * self.pitch + self.channels
        }
    }
}

/// A dense vector in device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index of the first value.
    pub offset: usize,
    /// Number of values.
    pub len: usize,
}

impl Span {
    /// Whether some value belongs to both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.offset < other.offset.saturating_add(other.len)
            && other.offset < self.offset.saturating_add(self.len)
    }

    /// The smallest span that has all values of both.
    pub(crate) fn hull(self, other: Self) -> Self {
        let offset = self.offset.min(other.offset);
        let end = self.offset.saturating_add(self.len).max(other.offset.saturating_add(other.len));
        Self { offset, len: end - offset }
    }

    /// A span from its start and length.
    pub fn new(offset: usize, len: usize) -> Self {
        Self { offset, len }
    }

    /// One past the last index.
    pub fn end(&self) -> usize {
        self.offset + self.len
    }
}

//! How the dimensions of an ONNX value lie on the axes of a wire.
//!
//! A wire is `depth x height x width x channels`; an ONNX value is `[batch, ...]` in any order. Every dimension behind the
//! batch is a row of [`Part`]s, the first one slowest; a part is a piece of one axis. Transposing, squeezing and most
//! reshaping only rearrange parts, and cost nothing until an operator needs another order.

use graph::Shape;

/// An axis of a wire, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Along {
    Depth,
    Height,
    Width,
    Channels,
}

impl Along {
    pub(crate) fn size(self, shape: Shape) -> usize {
        match self {
            Self::Depth => shape.depth,
            Self::Height => shape.height,
            Self::Width => shape.width,
            Self::Channels => shape.channels,
        }
    }
}

/// `size` positions along an axis, `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) along: Along,
    pub(crate) stride: usize,
    pub(crate) size: usize,
}

impl Part {
    pub(crate) fn whole(along: Along, shape: Shape) -> Self {
        Self { along, stride: 1, size: along.size(shape) }
    }
}

/// The dimensions behind the batch. Every position of the wire is in it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) dims: Vec<Vec<Part>>,
}

impl View {
    /// Dimensions made of whole axes.
    pub(crate) fn of(shape: Shape, axes: &[Along]) -> Self {
        let dims = axes.iter().map(|along| vec![Part::whole(*along, shape)]);
        Self { dims: dims.map(merged).collect() }
    }

    /// Channels first, then as many of depth, height and width as the rank (batch included) asks for.
    pub(crate) fn channels_first(shape: Shape, rank: usize) -> Self {
        Self::of(shape, channels_first(rank))
    }

    /// Number of dimensions with the batch.
    pub(crate) fn rank(&self) -> usize {
        self.dims.len() + 1
    }

    /// Sizes of the dimensions behind the batch.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.dims.iter().map(|parts| size(parts)).collect()
    }

    /// All parts in the order of the dimensions.
    pub(crate) fn sequence(&self) -> Vec<Part> {
        merged(self.dims.iter().flatten().copied().collect())
    }

    /// The same values with other sizes; nothing if a size would cut a part unevenly.
    pub(crate) fn reshaped(&self, sizes: &[usize]) -> Option<Self> {
        let mut parts = self.sequence();
        parts.reverse();
        let mut dims = Vec::with_capacity(sizes.len());
        for size in sizes {
            let mut dim = Vec::new();
            let mut left = *size;
            while left > 1 {
                let part = parts.pop()?;
                if left.is_multiple_of(part.size) {
                    left /= part.size;
                    dim.push(part);
                } else if part.size.is_multiple_of(left) {
                    let inner = part.size / left;
                    dim.push(Part { size: left, stride: part.stride * inner, ..part });
                    parts.push(Part { size: inner, ..part });
                    left = 1;
                } else {
                    return None;
                }
            }
            dims.push(merged(dim));
        }
        parts.is_empty().then_some(Self { dims })
    }

    /// The dimension that holds all channels and nothing else, if there is one. A wire with one channel has them in any
    /// dimension of size 1.
    pub(crate) fn channel_dim(&self) -> Option<usize> {
        let of_channels = |parts: &[Part]| parts.iter().all(|part| part.along == Along::Channels);
        let mut with = (0..self.dims.len())
            .filter(|dim| self.dims[*dim].iter().any(|part| part.along == Along::Channels));
        match (with.next(), with.next()) {
            (Some(dim), None) if of_channels(&self.dims[dim]) => Some(dim),
            (None, None) => self.dims.iter().position(Vec::is_empty),
            (Some(_) | None, _) => None,
        }
    }

    /// With the dimension of channels made of whole channels in the wire's order, `shape` being that of the wire.
    pub(crate) fn with_whole_channels(mut self, dim: usize, shape: Shape) -> Self {
        self.dims[dim] = merged(vec![Part::whole(Along::Channels, shape)]);
        self
    }
}

/// The axes of the dimensions behind the batch of a value of this rank.
pub(crate) fn channels_first(rank: usize) -> &'static [Along] {
    use Along::{Channels, Depth, Height, Width};
    match rank {
        0..=2 => &[Channels],
        3 => &[Channels, Width],
        4 => &[Channels, Height, Width],
        _ => &[Channels, Depth, Height, Width],
    }
}

/// Number of positions in a dimension.
pub(crate) fn size(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.size).product()
}

/// Without parts of size 1, neighbours that make one longer part joined.
pub(crate) fn merged(parts: Vec<Part>) -> Vec<Part> {
    let mut merged: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts.into_iter().filter(|part| part.size != 1) {
        match merged.last_mut() {
            Some(last) if last.along == part.along && last.stride == part.stride * part.size => {
                *last = Part { size: last.size * part.size, ..part };
            }
            Some(_) | None => merged.push(part),
        }
    }
    merged
}

/// Places along one axis in the order of the parts, which all lie on it.
pub(crate) fn places(parts: &[Part]) -> Vec<usize> {
    let mut places = vec![0];
    for part in parts {
        places = places
            .iter()
            .flat_map(|place| (0..part.size).map(move |at| place + at * part.stride))
            .collect();
    }
    places
}

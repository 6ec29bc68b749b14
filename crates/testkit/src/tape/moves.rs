//! Tables of operators that only move values.

use graph::{Axis, Interpolation, Pad, Shape};

use super::layout::{Layout, Tap};

/// Values that one value of a resized wire is a mean of.
pub(super) const NEIGHBOURS: usize = 4;

/// Image, row, column and channel.
type Place = [usize; 4];

/// Where a place lies on a wire of this shape.
fn index(shape: Shape, [image, row, column, channel]: Place) -> usize {
    ((image * shape.height + row) * shape.width + column) * shape.channels + channel
}

impl Layout {
    /// All places of this wire, in order.
    fn places(self) -> impl Iterator<Item = Place> {
        let Shape { height, width, channels, .. } = self.shape;
        (0..self.batch * self.shape.elements()).map(move |value| {
            let (at, channel) = (value / channels, value % channels);
            [at / width / height, at / width % height, at % width, channel]
        })
    }

    /// For each value of this wire, its place in whole wires of the shapes `parts`, one after the other, which lie in this
    /// one end to end along an axis.
    pub(super) fn end_to_end(self, axis: Axis, parts: &[Shape]) -> Vec<usize> {
        let (along, size): (usize, fn(&Shape) -> usize) = match axis {
            Axis::Height => (1, |shape| shape.height),
            Axis::Width => (2, |shape| shape.width),
            Axis::Channels => (3, |shape| shape.channels),
        };
        let of = |mut place: Place| {
            let mut start = 0;
            for part in parts {
                if place[along] < size(part) {
                    return start + index(*part, place);
                }
                place[along] -= size(part);
                start += self.batch * part.elements();
            }
            panic!("the parts cover the wire")
        };
        self.places().map(of).collect()
    }

    /// For each value, that of the channel of `input` that is given for its own.
    pub(super) fn selected(self, channels: &[usize], input: Shape) -> Vec<usize> {
        let of = |[image, row, column, channel]: Place| {
            index(input, [image, row, column, channels[channel]])
        };
        self.places().map(of).collect()
    }

    /// For each value, where it was before positions were moved into channels, or with `deeper` false channels into
    /// positions.
    pub(super) fn blocks_of(self, input: Shape, block: usize, deeper: bool) -> Vec<usize> {
        let of = |[image, row, column, channel]: Place| {
            let place = if deeper {
                let (offset, channel) = (channel / input.channels, channel % input.channels);
                [image, row * block + offset / block, column * block + offset % block, channel]
            } else {
                let offset = row % block * block + column % block;
                [image, row / block, column / block, offset * self.shape.channels + channel]
            };
            index(input, place)
        };
        self.places().map(of).collect()
    }

    /// For each value, [`NEIGHBOURS`] values of `input` and their weights.
    pub(super) fn interpolated(
        self,
        input: Shape,
        method: Interpolation,
    ) -> (Vec<usize>, Vec<f64>) {
        let mut taps = Vec::new();
        for [image, row, column, channel] in self.places() {
            for (row, by_row) in method.taps(row, self.shape.height, input.height) {
                for (column, by_column) in method.taps(column, self.shape.width, input.width) {
                    taps.push((index(input, [image, row, column, channel]), by_row * by_column));
                }
            }
        }
        taps.into_iter().unzip()
    }

    /// For each value, that of `input` that it is, or nothing beside the image and its channels.
    pub(super) fn padded(self, input: Shape, pad: &Pad) -> Vec<Tap> {
        let of = |[image, row, column, channel]: Place| {
            let inside = |at: usize, before: usize, size: usize| {
                at.checked_sub(before).filter(|at| *at < size)
            };
            let row = inside(row, pad.top, input.height);
            let column = inside(column, pad.left, input.width);
            match (row, column, inside(channel, pad.channels[0], input.channels)) {
                (Some(row), Some(column), Some(channel)) => {
                    Tap::At(index(input, [image, row, column, channel]))
                }
                _ => Tap::Beside,
            }
        };
        self.places().map(of).collect()
    }

    /// For each value, that of `input` whose coordinate along axis `axes[k]` is this one's along axis `k`.
    pub(super) fn permuted(self, input: Shape, axes: [Axis; 3]) -> Vec<usize> {
        let of = |[image, row, column, channel]: Place| {
            let mut place = [image, 0, 0, 0];
            for (axis, at) in axes.into_iter().zip([row, column, channel]) {
                place[1 + axis as usize] = at;
            }
            index(input, place)
        };
        self.places().map(of).collect()
    }

    /// The `size` channels around each value's own, the larger half after it: `[positions, channels, size]`.
    pub(super) fn neighbours(self, size: usize) -> Vec<Tap> {
        let mut taps = Vec::new();
        for [image, row, column, channel] in self.places() {
            for neighbour in 0..size {
                let other = (channel + neighbour).checked_sub((size - 1) / 2);
                taps.push(match other.filter(|other| *other < self.shape.channels) {
                    Some(other) => Tap::At(index(self.shape, [image, row, column, other])),
                    None => Tap::Beside,
                });
            }
        }
        taps
    }
}

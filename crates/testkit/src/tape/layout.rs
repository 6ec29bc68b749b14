//! Tables of positions: where each value of a gathered row comes from.

use std::{iter, ops::Range};

use graph::{Shape, Window};

/// Where a tap of a window falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tap {
    /// On this value of the input wire.
    At(usize),
    /// On padding.
    Beside,
}

/// A wire for a whole batch, `[batch, height, width, channels]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Number of images.
    pub(super) batch: usize,
    /// Shape for one image.
    pub(super) shape: Shape,
}

impl Layout {
    /// Positions of all images.
    pub(super) fn positions(self) -> usize {
        self.batch * self.shape.area()
    }

    /// The channel of each value of the wire.
    pub(super) fn channel_of_each(self) -> Vec<usize> {
        (0..self.positions()).flat_map(|_| 0..self.shape.channels).collect()
    }

    /// The position of each value of the wire.
    pub(super) fn position_of_each(self) -> Vec<usize> {
        let channels = self.shape.channels;
        (0..self.positions()).flat_map(|at| iter::repeat_n(at, channels)).collect()
    }

    /// The wire as `[channels, positions]`.
    pub(super) fn channels_first(self) -> Vec<usize> {
        let channels = self.shape.channels;
        let of_channel = |channel| (0..self.positions()).map(move |at| at * channels + channel);
        (0..channels).flat_map(of_channel).collect()
    }

    /// For each value of this wire, the value of a wire of shape `other` that it is multiplied with: `other` may have one
    /// position, or one channel, for all.
    pub(super) fn broadcast(self, other: Shape) -> Vec<usize> {
        let area = self.shape.area();
        let mut table = Vec::with_capacity(self.batch * self.shape.elements());
        for at in 0..self.positions() {
            let other_at = if other.area() == 1 { at / area } else { at };
            for channel in 0..self.shape.channels {
                let other_channel = if other.channels == 1 { 0 } else { channel };
                table.push(other_at * other.channels + other_channel);
            }
        }
        table
    }

    /// A wire of shape `input` as `[batch, channels, positions]`.
    pub(super) fn positions_last(self, input: Shape) -> Vec<usize> {
        let (area, channels) = (input.area(), input.channels);
        let mut table = Vec::with_capacity(self.batch * input.elements());
        for image in 0..self.batch {
            for channel in 0..channels {
                table.extend((0..area).map(|at| (image * area + at) * channels + channel));
            }
        }
        table
    }

    /// Windows over a wire of shape `input`, for the channels in `channels`: `[positions, taps, channels]`.
    pub(super) fn patches(self, window: &Window, input: Shape, channels: Range<usize>) -> Vec<Tap> {
        let mut table = Vec::new();
        for taps in self.taps(window, input) {
            for tap in taps {
                table.extend(channels.clone().map(|channel| on(tap, input, channel)));
            }
        }
        table
    }

    /// For each position of this wire, the position of `input` that every tap of a transposed convolution brings here, with
    /// all channels: `[positions, taps, channels]`.
    pub(super) fn sources(self, window: &Window, input: Shape) -> Vec<Tap> {
        let along = |axis: usize, size: usize, out: usize, at: usize, tap: usize| {
            let (found, before) = window.along(axis, out).expect("the graph checked the window");
            assert_eq!(found, size, "the input is the adjoint's output");
            let moved = (at + before).checked_sub(tap * window.dilation[axis])?;
            moved
                .is_multiple_of(window.stride[axis])
                .then_some(moved / window.stride[axis])
                .filter(|source| *source < size)
        };
        let [height, width] = window.kernel;
        let mut table = Vec::new();
        for at in 0..self.positions() {
            let (image, at) = (at / self.shape.area(), at % self.shape.area());
            let (y, x) = (at / self.shape.width, at % self.shape.width);
            for tap in 0..height * width {
                let row = along(0, input.height, self.shape.height, y, tap / width);
                let column = along(1, input.width, self.shape.width, x, tap % width);
                let position = match (row, column) {
                    (Some(row), Some(column)) => {
                        Some((image * input.height + row) * input.width + column)
                    }
                    _ => None,
                };
                table.extend((0..input.channels).map(|channel| on(position, input, channel)));
            }
        }
        table
    }

    /// Windows over a wire of shape `input`: `[positions, channels, taps]`. Where this wire has a multiple of the channels
    /// of `input`, neighbours share one.
    pub(super) fn windows(self, window: &Window, input: Shape) -> Vec<Tap> {
        let multiplier = self.shape.channels / input.channels;
        let mut table = Vec::new();
        for taps in self.taps(window, input) {
            for channel in 0..self.shape.channels {
                table.extend(taps.iter().map(|tap| on(*tap, input, channel / multiplier)));
            }
        }
        table
    }

    /// A kernel `[taps, channels]` as `[positions, channels, taps]`, the same at each position.
    pub(super) fn kernels_per_position(self, taps: usize) -> Vec<usize> {
        let channels = self.shape.channels;
        let of_channel = |channel| (0..taps).map(move |tap| tap * channels + channel);
        (0..self.positions()).flat_map(|_| (0..channels).flat_map(of_channel)).collect()
    }

    /// For each position of this wire, the positions of `input` (over the whole batch) under the window, in kernel order.
    fn taps(self, window: &Window, input: Shape) -> Vec<Vec<Option<usize>>> {
        let along = |axis: usize, size: usize, out: usize| -> Vec<Vec<Option<usize>>> {
            let (found, before) = window.along(axis, size).expect("the graph checked the window");
            assert_eq!(found, out, "the wire is the window's output");
            let tap = |at: usize, tap: usize| {
                let padded = at * window.stride[axis] + tap * window.dilation[axis];
                padded.checked_sub(before).filter(|position| *position < size)
            };
            (0..out).map(|at| (0..window.kernel[axis]).map(|k| tap(at, k)).collect()).collect()
        };
        let rows = along(0, input.height, self.shape.height);
        let columns = along(1, input.width, self.shape.width);
        let mut table = Vec::with_capacity(self.positions());
        for image in 0..self.batch {
            for (ys, xs) in rows.iter().flat_map(|ys| iter::repeat(ys).zip(&columns)) {
                let pairs = ys.iter().flat_map(|y| iter::repeat(y).zip(xs));
                let position = |(y, x): (&Option<usize>, &Option<usize>)| {
                    Some((image * input.height + (*y)?) * input.width + (*x)?)
                };
                table.push(pairs.map(position).collect());
            }
        }
        table
    }
}

/// The columns `range` of a matrix `[rows, columns]`.
pub(super) fn columns(rows: usize, columns: usize, range: Range<usize>) -> Vec<usize> {
    (0..rows).flat_map(|row| range.clone().map(move |column| row * columns + column)).collect()
}

/// A kernel `[taps, out, in]` as `[taps, in, out]`.
pub(super) fn transposed_taps(taps: usize, out: usize, inputs: usize) -> Vec<usize> {
    let of_tap = |tap: usize| {
        let of_input = move |input: usize| (0..out).map(move |o| (tap * out + o) * inputs + input);
        (0..inputs).flat_map(of_input)
    };
    (0..taps).flat_map(of_tap).collect()
}

fn on(position: Option<usize>, input: Shape, channel: usize) -> Tap {
    match position {
        Some(position) => Tap::At(position * input.channels + channel),
        None => Tap::Beside,
    }
}

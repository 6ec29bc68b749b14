//! Values of a wire by position, padded and windowed.

use graph::{Shape, Window};

/// Place of one value on a wire.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    pub(crate) image: usize,
    pub(crate) slice: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) channel: usize,
}

impl Position {
    pub(crate) fn channel(self, channel: usize) -> Self {
        Self { channel, ..self }
    }

    /// Where tap `(i, j)` of the window of this output position lies on the padded input.
    pub(crate) fn tap(self, window: Window, i: usize, j: usize) -> Self {
        Self {
            row: self.row * window.stride[0] + i * window.dilation[0],
            column: self.column * window.stride[1] + j * window.dilation[1],
            ..self
        }
    }
}

/// Values of a wire, `[batch, depth, height, width, channels]`.
pub(crate) struct Images {
    pub(crate) shape: Shape,
    pub(crate) values: Vec<f64>,
}

impl Images {
    pub(crate) fn new(batch: usize, shape: Shape, value: &mut dyn FnMut(Position) -> f64) -> Self {
        let mut values = Vec::with_capacity(batch * shape.elements());
        for image in 0..batch {
            for slice in 0..shape.depth {
                for row in 0..shape.height {
                    for column in 0..shape.width {
                        for channel in 0..shape.channels {
                            values.push(value(Position { image, slice, row, column, channel }));
                        }
                    }
                }
            }
        }
        Self { shape, values }
    }

    fn batch(&self) -> usize {
        self.values.len() / self.shape.elements()
    }

    pub(crate) fn at(&self, at: Position) -> f64 {
        let Shape { depth, height, width, channels } = self.shape;
        let inside = at.slice < depth && at.row < height && at.column < width;
        assert!(inside && at.channel < channels, "out of the image");
        let row = (at.image * depth + at.slice) * height + at.row;
        self.values[(row * width + at.column) * channels + at.channel]
    }

    pub(crate) fn add(&mut self, at: Position, value: f64) {
        let Shape { depth, height, width, channels } = self.shape;
        let row = (at.image * depth + at.slice) * height + at.row;
        self.values[(row * width + at.column) * channels + at.channel] += value;
    }

    /// The value at a position, where one row, column or channel stands for all.
    pub(crate) fn broadcast(&self, at: Position) -> f64 {
        let pick = |index: usize, size: usize| if size == 1 { 0 } else { index };
        self.at(Position {
            slice: pick(at.slice, self.shape.depth),
            row: pick(at.row, self.shape.height),
            column: pick(at.column, self.shape.width),
            channel: pick(at.channel, self.shape.channels),
            ..at
        })
    }

    /// A copy with zeros around it, in which every tap of every window of an output of shape `out` lies.
    pub(crate) fn padded(&self, window: Window, out: Shape) -> Self {
        let (top, left) = (before(window, 0, self.shape), before(window, 1, self.shape));
        let reach = |axis: usize, positions: usize| {
            (positions - 1) * window.stride[axis]
                + (window.kernel[axis] - 1) * window.dilation[axis]
                + 1
        };
        let shape = Shape::new(
            reach(0, out.height).max(top + self.shape.height),
            reach(1, out.width).max(left + self.shape.width),
            self.shape.channels,
        );
        Self::new(self.batch(), shape, &mut |at| {
            let inside = (top..top + self.shape.height).contains(&at.row)
                && (left..left + self.shape.width).contains(&at.column);
            if inside {
                self.at(Position { row: at.row - top, column: at.column - left, ..at })
            } else {
                0.0
            }
        })
    }

    /// The values of the image, without padding, that the window of an output position covers.
    pub(crate) fn window(&self, window: Window, out: Shape, at: Position) -> Vec<f64> {
        assert!(at.row < out.height && at.column < out.width, "out of the image");
        let (top, left) = (before(window, 0, self.shape), before(window, 1, self.shape));
        let mut values = Vec::new();
        for i in 0..window.kernel[0] {
            for j in 0..window.kernel[1] {
                let tap = at.tap(window, i, j);
                let inside = (top..top + self.shape.height).contains(&tap.row)
                    && (left..left + self.shape.width).contains(&tap.column);
                if inside {
                    values.push(self.at(Position {
                        row: tap.row - top,
                        column: tap.column - left,
                        ..tap
                    }));
                }
            }
        }
        values
    }

    /// The values of one channel of one image.
    pub(crate) fn positions(&self, at: Position) -> Vec<f64> {
        let Shape { depth, height, width, .. } = self.shape;
        let rows = (0..depth).flat_map(|slice| (0..height).map(move |row| (slice, row)));
        rows.flat_map(|(slice, row)| {
            (0..width).map(move |column| Position { slice, row, column, ..at })
        })
        .map(|at| self.at(at))
        .collect()
    }

    /// Mean and biased variance of every channel over batch and positions.
    pub(crate) fn statistics(&self, batch: usize) -> Vec<(f64, f64)> {
        let channel = |channel: usize| -> (f64, f64) {
            let values: Vec<f64> = (0..batch)
                .flat_map(|image| {
                    self.positions(Position { image, slice: 0, row: 0, column: 0, channel })
                })
                .collect();
            let center = mean(&values);
            let squares: Vec<f64> = values.iter().map(|value| (value - center).powi(2)).collect();
            (center, mean(&squares))
        };
        (0..self.shape.channels).map(channel).collect()
    }
}

/// Rows above (axis 0) or columns to the left (axis 1) of the image.
fn before(window: Window, axis: usize, input: Shape) -> usize {
    let size = [input.height, input.width][axis];
    window.along(axis, size).expect("the builder proved that the window fits").1
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn maximum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

//! Kernels, strides, dilations and paddings.

use graph::{Pad, Padding, Shape, Window};

use super::attributes::Call;
use crate::error::{Trouble, refuse};

/// What a file says about a window, one entry per axis of the image (width; height and width; or three).
pub(super) struct Spatial {
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) before: Vec<usize>,
    pub(super) after: Vec<usize>,
    /// Whether the surplus is split as in [`Padding::Same`] whatever the size.
    pub(super) same: bool,
}

impl Spatial {
    /// The window of a node over an image with these sizes.
    pub(super) fn of(
        call: &Call<'_>,
        kernel: Vec<usize>,
        image: &[usize],
    ) -> Result<Self, Trouble> {
        let axes = kernel.len();
        let checked = |name: &str, default: usize, count: usize| {
            let sizes = call.sizes(name)?.unwrap_or_else(|| vec![default; count]);
            if sizes.len() == count {
                Ok(sizes)
            } else {
                let problem = format!("{name} has {} entries, expected {count}", sizes.len());
                refuse(problem, "the file is damaged: export it again")
            }
        };
        let stride = checked("strides", 1, axes)?;
        let dilation = checked("dilations", 1, axes)?;
        let mut after = checked("pads", 0, 2 * axes)?;
        if kernel.contains(&0) || stride.contains(&0) || dilation.contains(&0) {
            return refuse(
                "a kernel, stride or dilation of 0",
                "the file is damaged: export it again",
            );
        }
        let mut before: Vec<usize> = after.drain(..axes).collect();
        let mut same = false;
        match call.string("auto_pad", "NOTSET") {
            "NOTSET" => {}
            "VALID" => {
                before.fill(0);
                after.fill(0);
            }
            mode @ ("SAME_UPPER" | "SAME_LOWER") => {
                same = mode == "SAME_UPPER";
                for axis in 0..axes {
                    let extent = extent(kernel[axis], dilation[axis]);
                    let reach = (image[axis].div_ceil(stride[axis]) - 1) * stride[axis] + extent;
                    let surplus = reach.saturating_sub(image[axis]);
                    let smaller = surplus / 2;
                    before[axis] = if same { smaller } else { surplus - smaller };
                    after[axis] = surplus - before[axis];
                }
            }
            other => {
                return refuse(
                    format!("auto_pad is `{other}`"),
                    "use NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                );
            }
        }
        Ok(Self { kernel, stride, dilation, before, after, same })
    }

    /// Number of positions that one window spans along an axis.
    pub(super) fn extent(&self, axis: usize) -> usize {
        extent(self.kernel[axis], self.dilation[axis])
    }

    /// More padding behind, so that the last window, which is only partly on the image, is not left out (`ceil_mode`).
    pub(super) fn round_up(&mut self, image: &[usize]) {
        for (axis, positions) in image.iter().enumerate() {
            let (stride, size) = (self.stride[axis], positions + self.before[axis]);
            let room = (size + self.after[axis]).saturating_sub(self.extent(axis));
            let mut last = room.div_ceil(stride) * stride;
            // A window that begins behind the image is left out.
            if last >= size {
                last = last.saturating_sub(stride);
            }
            let reach = last + self.extent(axis);
            self.after[axis] = self.after[axis].max(reach.saturating_sub(size));
        }
    }

    pub(super) fn is_padded(&self) -> bool {
        self.before.iter().chain(&self.after).any(|padding| *padding > 0)
    }

    /// The window over height and width (`1 x k` for one axis), and what has to be padded before it because padding in a
    /// window may not be wider than the window's reach.
    pub(super) fn flat(&self) -> (Window, Option<Pad>) {
        let [kernel, stride, dilation] =
            [&self.kernel, &self.stride, &self.dilation].map(|sizes| {
                let [height, width] = sizes.as_slice() else { return [1, sizes[0]] };
                [*height, *width]
            });
        let [before, after] = [&self.before, &self.after].map(|sizes| {
            let [height, width] = sizes.as_slice() else { return [0, sizes[0]] };
            [*height, *width]
        });
        let window = Window { kernel, stride, dilation, padding: Padding::Valid };
        if self.same {
            return (window.padding(Padding::Same), None);
        }
        if !self.is_padded() {
            return (window, None);
        }
        let reach = [0, 1].map(|axis| extent(kernel[axis], dilation[axis]) - 1);
        let beyond = (0..2).any(|axis| before[axis].max(after[axis]) > reach[axis]);
        if beyond {
            return (window, Some(self.pad()));
        }
        let [top, left] = before;
        let [bottom, right] = after;
        (window.padding(Padding::Explicit { top, bottom, left, right }), None)
    }

    /// The padding as zeros around the image.
    pub(super) fn pad(&self) -> Pad {
        let pair = |sizes: &[usize]| match sizes {
            [height, width] => [*height, *width],
            [width] => [0, *width],
            _ => [0, 0],
        };
        let ([top, left], [bottom, right]) = (pair(&self.before), pair(&self.after));
        Pad { top, bottom, left, right, channels: [0, 0] }
    }

    /// The padding of a window over a volume, if it is one of the two that exist for volumes.
    pub(super) fn of_volume(&self, image: &[usize]) -> Option<Padding> {
        if !self.is_padded() {
            return Some(Padding::Valid);
        }
        let same = (0..image.len()).all(|axis| {
            let reach = (image[axis].div_ceil(self.stride[axis]) - 1) * self.stride[axis];
            let surplus = (reach + self.kernel[axis]).saturating_sub(image[axis]);
            self.before[axis] == surplus / 2 && self.after[axis] == surplus - surplus / 2
        });
        same.then_some(Padding::Same)
    }
}

fn extent(kernel: usize, dilation: usize) -> usize {
    (kernel - 1).saturating_mul(dilation).saturating_add(1)
}

/// Sizes of the axes of the image that a value of this rank has.
pub(super) fn image_sizes(shape: Shape, rank: usize) -> Vec<usize> {
    match rank {
        0..=2 => Vec::new(),
        3 => vec![shape.width],
        4 => vec![shape.height, shape.width],
        _ => vec![shape.depth, shape.height, shape.width],
    }
}

//! Sums of the gradients of a depthwise kernel and bias over the rows of a block.

use std::ops::Range;

use super::ahead::Ahead;
use super::grad_weight::GradWeight;
use crate::cpu::context::Context;
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to, store_up_to};

/// What positions outside the image hold.
static ZEROS: [f32; MAX_LANES] = [0.0; MAX_LANES];

/// What one block adds to the sums of a vector of channels.
pub(super) struct Sums<'a, const K: usize, const STRIDE: usize> {
    pub(super) instruction: &'a GradWeight<K, STRIDE>,
    pub(super) context: &'a Context<'a>,
    pub(super) images: Range<usize>,
    pub(super) rows: Range<usize>,
    /// First of the channels.
    pub(super) start: usize,
}

/// A row of gradients and some rows of the input that were seen from it.
struct Line<const N: usize> {
    from: [*const f32; N],
    /// Distance between positions.
    pitch: [isize; N],
    gradient: *const f32,
}

impl<const K: usize, const STRIDE: usize> Sums<'_, K, STRIDE> {
    /// Adds to the gradients of the kernel in a part.
    ///
    /// # Safety
    ///
    /// The part is this thread's, the channels exist, and nothing writes to the arena.
    #[inline(always)]
    pub(super) unsafe fn weights<S: Simd>(&self, simd: S, part: *mut f32) {
        // As many rows of the kernel at the same time as leave their sums in registers.
        // SAFETY: the caller's.
        unsafe {
            if K == 3 {
                self.kernel_rows::<S, 3>(simd, part, 0);
            } else {
                let mut row = 0;
                while S::LANES == MAX_LANES && row + 1 < K {
                    self.kernel_rows::<S, 2>(simd, part, row);
                    row += 2;
                }
                while row < K {
                    self.kernel_rows::<S, 1>(simd, part, row);
                    row += 1;
                }
            }
        }
    }

    /// The same for `N` rows of the kernel.
    ///
    /// # Safety
    ///
    /// As for `weights`; the rows exist.
    #[inline(always)]
    unsafe fn kernel_rows<S: Simd, const N: usize>(&self, simd: S, part: *mut f32, first: usize) {
        let mut sums = [[simd.splat(0.0); K]; N];
        for image in self.images.clone() {
            for y in self.rows.clone() {
                if first == 0 {
                    self.ahead(simd, image, y);
                }
                // SAFETY: the caller's.
                sums = unsafe { self.line(simd, &self.seen(image, y, first), sums) };
            }
        }
        let channels = self.instruction.input.channels;
        for n in 0..N {
            for k in 0..K {
                let tap = (first + n) * K + k;
                // SAFETY: the part has all taps and channels of the kernel.
                unsafe { self.add(simd, part.add(tap * channels + self.start), sums[n][k]) };
            }
        }
    }

    /// The row `y` of gradients and what `N` rows of the kernel saw from it.
    #[inline(always)]
    fn seen<const N: usize>(&self, image: usize, y: usize, first: usize) -> Line<N> {
        let GradWeight { input, grad_output, source, target, padding, .. } = *self.instruction;
        let gradient = self.context.row(grad_output, (image * target[0] + y) * target[1]);
        let mut line = Line {
            from: [ZEROS.as_ptr(); N],
            pitch: [0; N],
            gradient: gradient.wrapping_add(self.start),
        };
        for n in 0..N {
            let row = (y * STRIDE + first + n) as isize - padding[0];
            if (0..source[0] as isize).contains(&row) {
                let row = (image * source[0] + row as usize) * source[1];
                line.from[n] = self.context.row(input, row).wrapping_add(self.start);
                line.pitch[n] = input.pitch as isize;
            }
        }
        line
    }

    /// Adds what one row of gradients gives. Step `t` reads input positions `STRIDE * t - padding` and the `STRIDE - 1` that
    /// follow, and gradient `t`: all that these were seen from are then in registers.
    ///
    /// # Safety
    ///
    /// The line exists, and nobody writes it.
    #[inline(always)]
    unsafe fn line<S: Simd, const N: usize>(
        &self,
        simd: S,
        line: &Line<N>,
        mut sums: [[S::V; K]; N],
    ) -> [[S::V; K]; N] {
        let GradWeight { source, target, padding, .. } = *self.instruction;
        let (width, stride, late) = (source[1] as isize, STRIDE as isize, K.div_ceil(STRIDE) - 1);
        let start = padding[1] / stride;
        let end = ((width - 1 + padding[1]) / stride + 1).min((target[1] + late) as isize);
        // The latest first.
        let mut gradients = [simd.splat(0.0); K];
        for i in 0..late {
            // SAFETY: the caller's.
            gradients[i] = unsafe { simd.load(self.gradient(line, start - 1 - i as isize)) };
        }
        for t in start..end {
            let before = gradients;
            // SAFETY: the caller's.
            gradients[0] = unsafe { simd.load(self.gradient(line, t)) };
            for i in 0..K {
                if i >= 1 && i <= late {
                    gradients[i] = before[i - 1];
                }
            }
            for j in 0..STRIDE {
                let at = t * stride - padding[1] + j as isize;
                let inside = STRIDE == 1 || (0..width).contains(&at);
                for n in 0..N {
                    let from = line.from[n].wrapping_offset(at * line.pitch[n]);
                    let from = if inside { from } else { ZEROS.as_ptr() };
                    // SAFETY: the position is inside, or it holds zeros; a vector may reach as far as the arena's slack.
                    let seen = unsafe { simd.load(from) };
                    for i in 0..K {
                        if i * STRIDE + j < K {
                            let sum = &mut sums[n][i * STRIDE + j];
                            *sum = simd.mul_add(seen, gradients[i], *sum);
                        }
                    }
                }
            }
        }
        sums
    }

    /// Where the gradient of a position is, or zeros if there is no such position. A vector may reach as far as the arena's
    /// slack.
    #[inline(always)]
    fn gradient<const N: usize>(&self, line: &Line<N>, at: isize) -> *const f32 {
        let GradWeight { grad_output, target, .. } = *self.instruction;
        if (0..target[1] as isize).contains(&at) {
            line.gradient.wrapping_offset(at * grad_output.pitch as isize)
        } else {
            ZEROS.as_ptr()
        }
    }

    /// Asks for a part of what the next block will see first.
    #[inline(always)]
    fn ahead<S: Simd>(&self, simd: S, image: usize, y: usize) {
        let GradWeight { input, grad_output, source, target, padding, far, .. } = *self.instruction;
        if !far {
            return;
        }
        let Range { start, end } = self.rows;
        let rows = end - start;
        let count = self.images.len() * rows;
        let parts = input.channels.div_ceil(S::LANES) * count;
        let part = self.start / S::LANES * count + (image - self.images.start) * rows + y - start;
        let (last, first) = (self.images.end - 1, ((end - 1) * STRIDE + K) as isize - padding[0]);
        Ahead::new(self.context, input, source, last, (first, count * STRIDE))
            .ask(simd, part, parts);
        Ahead::new(self.context, grad_output, target, last, (end as isize, count))
            .ask(simd, part, parts);
    }

    /// Adds to the gradients of the bias in a part.
    ///
    /// # Safety
    ///
    /// As for `weights`.
    #[inline(always)]
    pub(super) unsafe fn bias<S: Simd>(&self, simd: S, part: *mut f32) {
        let GradWeight { grad_output, target, .. } = *self.instruction;
        let mut total = simd.splat(0.0);
        for image in self.images.clone() {
            for y in self.rows.clone() {
                let gradient = self.seen::<0>(image, y, 0).gradient;
                for x in 0..target[1] {
                    let gradient = gradient.wrapping_add(x * grad_output.pitch);
                    // SAFETY: the position exists, and a vector may reach as far as the arena's slack.
                    total = simd.add(total, unsafe { simd.load(gradient) });
                }
            }
        }
        // SAFETY: the part has all channels of the bias.
        unsafe { self.add(simd, part.add(self.start), total) };
    }

    /// Adds a vector to what the part has, or to as many channels as there are.
    ///
    /// # Safety
    ///
    /// The part has the channels from `to` on.
    #[inline(always)]
    unsafe fn add<S: Simd>(&self, simd: S, to: *mut f32, vector: S::V) {
        let count = self.instruction.input.channels - self.start;
        // SAFETY: the caller's.
        unsafe {
            let sum = simd.add(load_up_to(simd, to, count), vector);
            store_up_to(simd, to, sum, count);
        }
    }
}

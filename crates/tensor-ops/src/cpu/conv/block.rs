//! The part of the source that a unit of work reads, with its padding.

use super::plan::{Plan, Unit};
use crate::Tensor;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};

/// A tensor to make blocks from.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Source {
    /// What the tensor's offset counts from.
    pub(in crate::cpu) memory: *const f32,
    pub(in crate::cpu) tensor: Tensor,
    /// What positions outside the image hold.
    pub(in crate::cpu) fill: f32,
}

impl Source {
    #[inline(always)]
    fn row(self, row: usize) -> *const f32 {
        self.memory.wrapping_add(self.tensor.offset + row * self.tensor.pitch)
    }
}

/// Where the values are that positions of a unit see.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// What the unit's first position sees.
    pub(super) start: *const f32,
    /// Distance between images.
    pub(super) image: usize,
    /// Distance between rows of positions of the source.
    pub(super) row: usize,
    /// Distance between positions of the source.
    pub(super) pixel: usize,
}

impl Block {
    /// The source itself, or a copy in `scratch` with the source's fill around it, which has each channel as often as the plan's
    /// positions have room for.
    ///
    /// # Safety
    ///
    /// The plan was made for the checked `source`, which nobody writes meanwhile, and `scratch` has `plan.block_len()`
    /// values that nobody else touches.
    #[inline(always)]
    pub(super) unsafe fn of<S: Simd>(
        simd: S,
        plan: &Plan,
        source: Source,
        unit: &Unit,
        scratch: *mut f32,
    ) -> Self {
        let [height, width] = plan.source;
        let top = plan.origin[0] + (unit.rows.start * plan.source_step[0]) as i64;
        if plan.direct {
            let row = (unit.images.start * height + top as usize) * width + plan.origin[1] as usize;
            let start = source.row(row);
            return Self {
                start,
                image: height * width * plan.pixel,
                row: width * plan.pixel,
                pixel: plan.pixel,
            };
        }
        let rows = plan.block_rows(unit.rows.len());
        let row_len = plan.width * plan.pixel;
        let left = (-plan.origin[1]).clamp(0, plan.width as i64) as usize;
        let first = plan.origin[1].max(0) as usize;
        let end = (plan.origin[1] + plan.width as i64).clamp(0, width as i64) as usize;
        let copied = end.saturating_sub(first);
        let repeat = plan.pixel / source.tensor.channels;
        let mut to = scratch;
        for image in unit.images.clone() {
            for row in 0..rows {
                let y = top + row as i64;
                // SAFETY: a row of the block has `left + copied` positions and then others up to `width`; copied ones are
                // inside the source image by the clamps above.
                unsafe {
                    if y < 0 || y >= height as i64 {
                        fill(simd, source.fill, to, row_len);
                    } else {
                        fill(simd, source.fill, to, left * plan.pixel);
                        let from = source.row((image * height + y as usize) * width + first);
                        copy(simd, from, source.tensor, to.add(left * plan.pixel), repeat, copied);
                        let filled = (left + copied) * plan.pixel;
                        fill(simd, source.fill, to.add(filled), row_len - filled);
                    }
                    to = to.add(row_len);
                }
            }
        }
        Self { start: scratch, image: rows * row_len, row: row_len, pixel: plan.pixel }
    }
}

/// Sets `len` values.
///
/// # Safety
///
/// `to` is valid for writes of `len` values.
#[inline(always)]
unsafe fn fill<S: Simd>(simd: S, value: f32, to: *mut f32, len: usize) {
    let mut at = 0;
    while at < len {
        // SAFETY: the caller has `len` values at `to`.
        unsafe { store_up_to(simd, to.add(at), simd.splat(value), len - at) };
        at += S::LANES;
    }
}

/// Copies the channels of `count` positions of a tensor, each `repeat` times, to lie side by side.
///
/// # Safety
///
/// `from` is valid for reads of `count` rows of the tensor, `to` for writes of `count * repeat` times its channels.
#[inline(always)]
unsafe fn copy<S: Simd>(
    simd: S,
    from: *const f32,
    source: Tensor,
    to: *mut f32,
    repeat: usize,
    count: usize,
) {
    let Tensor { channels, pitch, .. } = source;
    if repeat > 1 {
        let mut to = to;
        for position in 0..count {
            for channel in 0..channels {
                // SAFETY: the caller has `count` rows of the tensor at `from`, and `repeat` values at `to` for each of them.
                unsafe {
                    fill(simd, *from.add(position * pitch + channel), to, repeat);
                    to = to.add(repeat);
                }
            }
        }
        return;
    }
    let (runs, run) = if pitch == channels { (1, count * channels) } else { (count, channels) };
    for i in 0..runs {
        let mut at = 0;
        while at < run {
            // SAFETY: the caller has as many values at both places.
            unsafe {
                let value = load_up_to(simd, from.add(i * pitch + at), run - at);
                store_up_to(simd, to.add(i * channels + at), value, run - at);
            }
            at += S::LANES;
        }
    }
}

//! Aligned memory for `f32` values.

use std::collections::TryReserveError;

use super::simd::MAX_LANES;
use crate::Span;

const LINE: usize = 16;

/// Values past the end that may be read, never written, so that a vector or a tile may start at any value.
pub(super) const SLACK: usize = 4 * MAX_LANES;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Values on cache line boundaries.
pub struct Arena {
    lines: Vec<Line>,
    len: usize,
    /// What was derived from its values, if they have not changed since.
    pub(super) derived: Option<DerivedFrom>,
}

/// Which values were derived from which part of an arena.
#[derive(Clone, Copy, Debug)]
pub(super) struct DerivedFrom {
    /// The number that the derivation has.
    pub(super) number: u64,
    pub(super) part: Span,
}

impl Arena {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Result<Self, TryReserveError> {
        let count = len.saturating_add(SLACK).div_ceil(LINE);
        let mut lines: Vec<Line> = Vec::new();
        lines.try_reserve_exact(count)?;
        advise(lines.as_ptr().addr(), count * size_of::<Line>());
        lines.resize(count, Line([0.0; LINE]));
        Ok(Self { lines, len, derived: None })
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first value; `len + SLACK` can be read.
    pub(super) fn pointer(&mut self) -> *mut f32 {
        self.lines.as_mut_ptr().cast()
    }

    /// All values.
    pub(super) fn values(&self) -> &[f32] {
        // SAFETY: a line is an array of `f32` without padding, and there are at least `len` values in `lines`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    /// Writes values. What was derived from a part that has some of them is no longer valid.
    ///
    /// # Panics
    ///
    /// If the span lies outside the arena or has another length.
    pub(super) fn write(&mut self, span: Span, values: &[f32]) {
        if self.derived.is_some_and(|derived| derived.part.overlaps(span)) {
            self.derived = None;
        }
        self.values_mut()[span.offset..span.end()].copy_from_slice(values);
    }

    /// All values. What was derived from them stays valid only if none of them is changed.
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `values`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Size of a large page.
const PAGE: usize = 1 << 21;

/// Asks for large pages for all of a stretch of memory that is not touched yet: a walk through many tensors otherwise misses the
/// page tables' caches at every row. Without them everything works as well, only slower.
#[cfg(target_os = "linux")]
fn advise(start: usize, len: usize) {
    let first = start.next_multiple_of(PAGE);
    let end = (start + len) / PAGE * PAGE;
    if first < end {
        // SAFETY: the pages lie inside memory that the caller owns, and the advice changes none of their values.
        unsafe {
            let pages = std::ptr::without_provenance_mut(first);
            libc::madvise(pages, end - first, libc::MADV_HUGEPAGE);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: usize, _len: usize) {}

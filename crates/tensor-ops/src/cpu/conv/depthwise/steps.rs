//! Steps along a row, in each of which every position of the source that comes into sight is read once.

use std::ops::Range;

/// The steps along a row. Those of `body` read and write only what exists.
#[derive(Clone)]
pub(super) struct Steps {
    pub(super) head: Range<isize>,
    pub(super) body: Range<isize>,
    pub(super) tail: Range<isize>,
}

impl Steps {
    fn new(steps: Range<isize>, body: Range<isize>) -> Self {
        let start = body.start.clamp(steps.start, steps.end.max(steps.start));
        let end = body.end.clamp(start, steps.end.max(start));
        Self { head: steps.start..start, body: start..end, tail: end..steps.end }
    }

    /// Step `t` sees positions `stride * t - padding` of the source and the `stride - 1` that follow, and afterwards has all
    /// that target position `t - late` sees.
    pub(super) fn down(
        stride: isize,
        late: isize,
        padding: isize,
        source: usize,
        target: usize,
    ) -> Self {
        let (source, end) = (source as isize, target as isize + late);
        let first = (padding + stride - 1).div_euclid(stride).max(late);
        let last = (source - stride + padding).div_euclid(stride);
        let start = padding.div_euclid(stride).clamp(0, late);
        Self::new(start..end, first..last + 1)
    }

    /// Step `t` sees position `t` of the source, and afterwards has all that is seen by target positions
    /// `stride * t - padding` and the `stride - 1` that follow. A position of the source is seen until `late` steps later.
    pub(super) fn up(
        stride: isize,
        late: isize,
        padding: isize,
        source: usize,
        target: usize,
    ) -> Self {
        let (source, target) = (source as isize, target as isize);
        let start = (padding / stride - late).max(0);
        let end = (target - 1 + padding) / stride + 1;
        let first = (padding + stride - 1) / stride;
        let last = (target - stride + padding).div_euclid(stride);
        Self::new(start..end, first..source.min(last + 1))
    }
}

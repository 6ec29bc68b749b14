//! Units of work: a few images, or a band of rows of one; and the blocks of rows they are worked through in.

use std::ops::Range;

use super::plan::UNITS;

/// Most values that a unit reads and writes, where a row has no more.
const UNIT: usize = 1 << 17;

/// Values that are worth a unit.
const WORTH: usize = 1 << 12;

/// The same of a block: with the next, which is asked for ahead, it stays in a second-level cache while one vector of channels
/// after the other goes through it.
const BLOCK: usize = 1 << 14;

/// How the rows of a batch of images are shared out.
pub(in crate::cpu) struct Bands {
    batch: usize,
    rows: usize,
    images: usize,
    /// Bands per image.
    per_image: usize,
    block_images: usize,
    block_rows: usize,
}

impl Bands {
    /// For images of so many rows, with `values` read and written per row.
    pub(in crate::cpu) fn new(batch: usize, rows: usize, values: usize) -> Self {
        let image = values.saturating_mul(rows).max(1);
        let images = (UNIT / image).clamp(1, (batch / UNITS).max(1));
        let bands = (image / UNIT).max(UNITS.div_ceil(batch).min(image / WORTH)).clamp(1, rows);
        let band = rows.div_ceil(bands);
        let block_images = (BLOCK / image).clamp(1, images);
        let block_rows = band.div_ceil(band.div_ceil((BLOCK / values.max(1)).max(1)));
        Self { batch, rows, images, per_image: bands, block_images, block_rows }
    }

    /// Number of units, a function of shapes alone.
    pub(in crate::cpu) fn units(&self) -> usize {
        self.batch.div_ceil(self.images) * self.per_image
    }

    /// Calls `work` with the images and the rows of every block of a unit: all rows if there are several images.
    #[inline(always)]
    pub(in crate::cpu) fn for_each_block(
        &self,
        unit: usize,
        mut work: impl FnMut(Range<usize>, Range<usize>),
    ) {
        let (first, band) = (unit / self.per_image * self.images, unit % self.per_image);
        let last = self.batch.min(first + self.images);
        let (start, end) =
            (band * self.rows / self.per_image, (band + 1) * self.rows / self.per_image);
        let mut image = first;
        while image < last {
            let images = image..last.min(image + self.block_images);
            let mut row = start;
            while row < end {
                work(images.clone(), row..end.min(row + self.block_rows));
                row += self.block_rows;
            }
            image = images.end;
        }
    }
}

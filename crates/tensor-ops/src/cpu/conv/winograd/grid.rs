//! Tiles of the output and what they see.

use crate::Tensor;

/// The tiles of a batch, numbered along rows, then through rows, then through images.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) batch: usize,
    /// Height and width of the image that is seen.
    pub(super) source: [usize; 2],
    /// Height and width of the image that is cut into tiles.
    pub(super) target: [usize; 2],
    /// Rows above and columns to the left of the source that the first tile sees; may be negative.
    pub(super) padding: [i64; 2],
    /// Outputs along an axis of a tile.
    pub(super) size: usize,
}

/// Where a tile lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    image: usize,
    /// First row and column of the target.
    start: [usize; 2],
}

impl Grid {
    fn along(&self, axis: usize) -> usize {
        self.target[axis].div_ceil(self.size)
    }

    /// Number of tiles.
    pub(super) fn tiles(&self) -> usize {
        self.batch * self.along(0) * self.along(1)
    }

    #[inline(always)]
    pub(super) fn place(&self, tile: usize) -> Place {
        let (row, column) = (tile / self.along(1), tile % self.along(1));
        let (image, row) = (row / self.along(0), row % self.along(0));
        Place { image, start: [row * self.size, column * self.size] }
    }

    /// Rows and columns of the target that a tile has.
    #[inline(always)]
    pub(super) fn extent(&self, place: Place) -> [usize; 2] {
        [0, 1].map(
            #[inline(always)]
            |axis| self.size.min(self.target[axis] - place.start[axis]),
        )
    }

    /// Row of the target tensor where a tile starts.
    #[inline(always)]
    pub(super) fn target_row(&self, place: Place) -> usize {
        let [height, width] = self.target;
        (place.image * height + place.start[0]) * width + place.start[1]
    }

    /// Where `N` rows and columns that a tile sees lie in the source, which starts at `source`.
    #[inline(always)]
    pub(super) fn seen<const N: usize>(
        &self,
        place: Place,
        source: *const f32,
        tensor: Tensor,
    ) -> Patch<N> {
        let [height, width] = self.source;
        let first = [0, 1].map(
            #[inline(always)]
            |axis| place.start[axis] as i64 - self.padding[axis],
        );
        let range = [0, 1].map(
            #[inline(always)]
            |axis| {
                let size = self.source[axis] as i64;
                let start = (-first[axis]).clamp(0, N as i64);
                [start as usize, (size - first[axis]).clamp(start, N as i64) as usize]
            },
        );
        // May lie before the source where the tile does.
        let row = (place.image * height) as i64 + first[0];
        let offset = (row * width as i64 + first[1]) * tensor.pitch as i64;
        Patch {
            start: source.wrapping_offset(offset as isize),
            row: width * tensor.pitch,
            pixel: tensor.pitch,
            rows: range[0],
            columns: range[1],
        }
    }

    /// Where the outputs of a tile lie in the target, which starts at `target`.
    #[inline(always)]
    pub(super) fn outputs<const M: usize>(
        &self,
        place: Place,
        target: *const f32,
        tensor: Tensor,
    ) -> Patch<M> {
        let [rows, columns] = self.extent(place);
        Patch {
            start: target.wrapping_add(self.target_row(place) * tensor.pitch),
            row: self.target[1] * tensor.pitch,
            pixel: tensor.pitch,
            rows: [0, rows],
            columns: [0, columns],
        }
    }
}

/// A square of `N x N` positions of an image, of which some may lie outside.
#[derive(Clone, Copy)]
pub(super) struct Patch<const N: usize> {
    start: *const f32,
    row: usize,
    pixel: usize,
    /// Start and end of the rows inside.
    pub(super) rows: [usize; 2],
    /// Start and end of the columns inside.
    pub(super) columns: [usize; 2],
}

impl<const N: usize> Patch<N> {
    #[inline(always)]
    pub(super) fn is_inside(&self) -> bool {
        self.rows == [0, N] && self.columns == [0, N]
    }

    /// The first value of a position inside.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, column: usize) -> *const f32 {
        self.start.wrapping_add(row * self.row + column * self.pixel)
    }

    /// The first value of all positions; those outside are at `zeros`.
    #[inline(always)]
    pub(super) fn table(&self, zeros: *const f32) -> [[*const f32; N]; N] {
        let mut table = [[zeros; N]; N];
        for row in self.rows[0]..self.rows[1] {
            for column in self.columns[0]..self.columns[1] {
                table[row][column] = self.at(row, column);
            }
        }
        table
    }
}

//! The walk through the positions of a unit of work.

use super::block::Block;
use super::plan::{Pass, Plan, Unit};

/// What a position sees and where its sums go.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) from: *const f32,
    pub(super) to: *mut f32,
}

/// Walks the positions of a unit: along rows, then through rows, then through images.
pub(super) struct Cursor {
    at: Position,
    x: usize,
    y: usize,
    images: usize,
    size: [usize; 2],
    /// Steps of source and target: within a row, from the end of a row to the next, from the end of an image to the next.
    steps: [[isize; 2]; 3],
}

impl Cursor {
    /// The positions of a pass that belong to a unit; `target` is where the sums of the target's first row would go.
    #[inline(always)]
    pub(super) fn new(
        plan: &Plan,
        pass: &Pass,
        unit: &Unit,
        block: Block,
        target: *mut f32,
        pitch: usize,
    ) -> Self {
        let size = [unit.rows.len(), pass.count[1]];
        let [height, width] = plan.target;
        let y = pass.start[0] + unit.rows.start * plan.target_step[0];
        let first = (unit.images.start * height + y) * width + pass.start[1];
        let step = [plan.source_step[1] * block.pixel, plan.target_step[1] * pitch];
        let row = [plan.source_step[0] * block.row, plan.target_step[0] * width * pitch];
        let image = [block.image, height * width * pitch];
        let steps = [0, 1].map(|i| {
            let (step, row, image) = (step[i] as isize, row[i] as isize, image[i] as isize);
            [step, row - size[1] as isize * step, image - size[0] as isize * row]
        });
        Self {
            at: Position { from: block.start, to: target.wrapping_add(first * pitch) },
            x: 0,
            y: 0,
            images: unit.images.len(),
            size,
            steps: [0, 1, 2].map(|kind| [steps[0][kind], steps[1][kind]]),
        }
    }

    /// Number of positions.
    #[inline(always)]
    pub(super) fn positions(&self) -> usize {
        self.images * self.size[0] * self.size[1]
    }

    /// The next `count <= ROWS` positions; others repeat the last.
    #[inline(always)]
    pub(super) fn tile<const ROWS: usize>(&mut self, count: usize) -> [Position; ROWS] {
        if count == ROWS && self.x + ROWS < self.size[1] {
            let [from, to] = self.steps[0];
            let mut positions = [self.at; ROWS];
            for r in 1..ROWS {
                positions[r].from = self.at.from.wrapping_offset(from * r as isize);
                positions[r].to = self.at.to.wrapping_offset(to * r as isize);
            }
            self.x += ROWS;
            self.at.from = self.at.from.wrapping_offset(from * ROWS as isize);
            self.at.to = self.at.to.wrapping_offset(to * ROWS as isize);
            return positions;
        }
        let mut positions = [self.next(); ROWS];
        for r in 1..ROWS {
            positions[r] = if r < count { self.next() } else { positions[r - 1] };
        }
        positions
    }

    /// The current position; moves to the next.
    #[inline(always)]
    fn next(&mut self) -> Position {
        let current = self.at;
        self.step(0);
        self.x += 1;
        if self.x == self.size[1] {
            self.x = 0;
            self.step(1);
            self.y += 1;
            if self.y == self.size[0] {
                self.y = 0;
                self.step(2);
            }
        }
        current
    }

    #[inline(always)]
    fn step(&mut self, kind: usize) {
        let [from, to] = self.steps[kind];
        self.at = Position {
            from: self.at.from.wrapping_offset(from),
            to: self.at.to.wrapping_offset(to),
        };
    }
}

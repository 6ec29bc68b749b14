//! Buffers of a program: who uses which when, and where each lies.
//!
//! A program is emitted twice. The first time, buffers have no place and every use is noted; then places are chosen so that
//! buffers in use at the same time do not overlap; the second time the same emission yields the final instructions.

use tensor_ops::{Span, Tensor};

/// Index of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferId(usize);

/// A view of a buffer, or of a part of the arena that lives from step to step, as rows of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) home: Home,
    /// First value, counted from the start of the home.
    pub(crate) start: usize,
    pub(crate) rows: usize,
    pub(crate) channels: usize,
    pub(crate) pitch: usize,
}

/// What a view looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Buffer(BufferId),
    /// Offset in the arena.
    Fixed(usize),
}

impl View {
    /// Whether rows follow each other without gaps.
    pub(crate) fn is_dense(&self) -> bool {
        self.pitch == self.channels
    }

    /// The channels from `start` on.
    pub(crate) fn slice(self, start: usize, channels: usize) -> Self {
        Self { start: self.start + start, channels, ..self }
    }

    /// The same values with another number of rows; the view must be dense.
    pub(crate) fn reshape(self, rows: usize) -> Self {
        let channels = self.rows * self.channels / rows;
        Self { rows, channels, pitch: channels, ..self }
    }
}

#[derive(Clone, Copy, Debug)]
struct Buffer {
    len: usize,
    uses: Option<(usize, usize)>,
    offset: usize,
}

/// All buffers of a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    buffers: Vec<Buffer>,
}

impl Buffers {
    /// A new dense buffer.
    pub(crate) fn matrix(&mut self, rows: usize, channels: usize) -> View {
        self.buffers.push(Buffer { len: rows * channels, uses: None, offset: 0 });
        let home = Home::Buffer(BufferId(self.buffers.len() - 1));
        View { home, start: 0, rows, channels, pitch: channels }
    }

    /// The tensor of a view, noting that instruction `now` uses it.
    pub(crate) fn tensor(&mut self, view: View, now: usize) -> Tensor {
        let base = match view.home {
            Home::Fixed(offset) => offset,
            Home::Buffer(BufferId(id)) => {
                let buffer = &mut self.buffers[id];
                let (first, _) = buffer.uses.unwrap_or((now, now));
                buffer.uses = Some((first, now));
                buffer.offset
            }
        };
        Tensor {
            offset: base + view.start,
            rows: view.rows,
            channels: view.channels,
            pitch: view.pitch,
        }
    }

    /// Places every buffer at `start` or later and returns the end of the arena.
    ///
    /// Largest first, each at the lowest offset that is free during its life.
    pub(crate) fn place(&mut self, start: usize) -> usize {
        const ALIGNMENT: usize = 16;
        let start = start.next_multiple_of(ALIGNMENT);
        let mut order: Vec<usize> =
            (0..self.buffers.len()).filter(|id| self.buffers[*id].uses.is_some()).collect();
        order.sort_by_key(|id| (std::cmp::Reverse(self.buffers[*id].len), *id));
        let mut placed: Vec<(usize, Span)> = Vec::new();
        let mut end = start;
        for id in order {
            let mut rivals: Vec<Span> = placed
                .iter()
                .filter(|(other, _)| self.meet(id, *other))
                .map(|(_, span)| *span)
                .collect();
            rivals.sort_by_key(|span| span.offset);
            let len = self.buffers[id].len.next_multiple_of(ALIGNMENT);
            let mut offset = start;
            for rival in rivals {
                if offset + len <= rival.offset {
                    break;
                }
                offset = offset.max(rival.end());
            }
            self.buffers[id].offset = offset;
            placed.push((id, Span::new(offset, len)));
            end = end.max(offset + len);
        }
        end
    }

    fn meet(&self, a: usize, b: usize) -> bool {
        match (self.buffers[a].uses, self.buffers[b].uses) {
            (Some((first_a, last_a)), Some((first_b, last_b))) => {
                first_a <= last_b && first_b <= last_a
            }
            (None, _) | (_, None) => false,
        }
    }
}

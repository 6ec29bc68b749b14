//! Transformed weights in the order in which products read them.

use std::ops::Range;

use super::rows::odd_lines;
use super::transform::{Kernel, square};
use crate::Span;
use crate::cpu::context::Context;
use crate::cpu::conv::pack::Direction;
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::{MAX_LANES, Simd, load_up_to};

/// Source channels that are transformed one after the other.
const CHANNELS: usize = 16;

/// Values of the kernel per chunk, about.
const CHUNK: usize = 1 << 13;

/// Panels of target channels, two vectors wide, and at the end perhaps one. A panel holds, for each point and source
/// channel, the weights to its target channels, filled up with zeros.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) direction: Direction,
    pub(super) level: Level,
    pub(super) source: usize,
    pub(super) target: usize,
    /// Number of points.
    pub(super) points: usize,
    pub(super) weight: Span,
}

/// Some target channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// First channel.
    pub(super) start: usize,
    pub(super) vectors: usize,
    /// Values between points.
    pub(super) point: usize,
    /// First value.
    pub(super) offset: usize,
}

impl Weights {
    pub(super) fn panels(&self) -> usize {
        self.target.div_ceil(2 * self.level.lanes())
    }

    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> Panel {
        let lanes = self.level.lanes();
        let start = panel * 2 * lanes;
        let vectors = (self.target - start).div_ceil(lanes).min(2);
        Panel {
            start,
            vectors,
            point: odd_lines(self.source.saturating_mul(vectors * lanes)),
            offset: panel * self.points * odd_lines(self.source.saturating_mul(2 * lanes)),
        }
    }

    /// Values of all panels.
    pub(super) fn len(&self) -> usize {
        let panel = odd_lines(self.source.saturating_mul(2 * self.level.lanes()));
        self.panels().saturating_mul(self.points).saturating_mul(panel)
    }

    /// Blocks of source channels of all panels.
    fn blocks(&self) -> usize {
        self.panels() * self.source.div_ceil(CHANNELS)
    }

    fn per_chunk(&self) -> usize {
        CHUNK.div_ceil(9 * CHANNELS * 2 * self.level.lanes())
    }

    /// Computes all panels.
    pub(super) fn launch(&self, context: &Context<'_>) {
        context.launch_at(self.level, self.blocks().div_ceil(self.per_chunk()), self);
    }

    /// Transforms the weights of some source channels to a panel; those to point 0 from the first channel go to `to`.
    ///
    /// # Safety
    ///
    /// `to` has room for the panel from the first of the channels on, and nobody else touches it.
    #[inline(always)]
    pub(super) unsafe fn transform<S: Simd, const N: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        panel: Panel,
        channels: Range<usize>,
        to: *mut f32,
    ) {
        let (source, target) = (self.source, self.target);
        let first = channels.start;
        for channel in channels {
            for j in 0..panel.vectors {
                let start = panel.start + j * S::LANES;
                let count = target - start;
                let to = to.wrapping_add(((channel - first) * panel.vectors + j) * S::LANES);
                // SAFETY: the span was checked to be `[tap, input, output]`, and the caller's.
                unsafe {
                    let load = match self.direction {
                        Direction::Forward => {
                            let from = context.span(self.weight).add(channel * target + start);
                            let mut kernel = [[simd.splat(0.0); 3]; 3];
                            for tap in 0..9 {
                                let from = from.add(tap * source * target);
                                kernel[tap / 3][tap % 3] = load_up_to(simd, from, count);
                            }
                            kernel
                        }
                        Direction::Gradient => {
                            let from = context.span(self.weight).add(start * source + channel);
                            let mut kernel = [[simd.splat(0.0); 3]; 3];
                            for tap in 0..9 {
                                let from = from.add((8 - tap) * source * target);
                                let mut lanes = [0.0; MAX_LANES];
                                for lane in 0..count.min(S::LANES) {
                                    lanes[lane] = *from.add(lane * source);
                                }
                                kernel[tap / 3][tap % 3] = simd.load(lanes.as_ptr());
                            }
                            kernel
                        }
                    };
                    square::<Kernel, S, 3, N>(
                        simd,
                        #[inline(always)]
                        |row, column| load[row][column],
                        #[inline(always)]
                        |row, points: [S::V; N]| {
                            for column in 0..N {
                                simd.store(
                                    to.add((row * N + column) * panel.point),
                                    points[column],
                                );
                            }
                        },
                    );
                }
            }
        }
    }
}

impl Task for Weights {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let per_panel = self.source.div_ceil(CHANNELS);
        let range = chunk * self.per_chunk()..self.blocks().min((chunk + 1) * self.per_chunk());
        for block in range {
            let panel = self.panel(block / per_panel);
            let first = block % per_panel * CHANNELS;
            let channels = first..self.source.min(first + CHANNELS);
            let offset = panel.offset + first * panel.vectors * S::LANES;
            // SAFETY: the panel lies inside the derived values by `len`, and chunks write different channels.
            unsafe {
                let to = context.derived.add(offset);
                if self.points == 16 {
                    self.transform::<S, 4>(simd, context, panel, channels, to);
                } else {
                    self.transform::<S, 6>(simd, context, panel, channels, to);
                }
            }
        }
    }
}

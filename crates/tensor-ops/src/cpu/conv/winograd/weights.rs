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
#[derive(Clone, Debug)]
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

    /// Transforms the weights of some source channels to a panel; those to point 0 from the first channel go to `to_panel`.
    ///
    /// # Safety
    ///
    /// `to_panel` has room for the panel from the first of the channels on, and nobody else touches it.
    #[inline(always)]
    pub(super) unsafe fn transform<S: Simd, const N: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        panel: Panel,
        channels: Range<usize>,
        to_panel: *mut f32,
    ) {
        let Range { start: first, end } = channels;
        for channel in channels.step_by(CHANNELS) {
            let count = CHANNELS.min(end - channel);
            for j in 0..panel.vectors {
                let start = panel.start + j * S::LANES;
                // SAFETY: the caller's.
                let kernels =
                    unsafe { self.kernels(simd, context, start, channel..channel + count) };
                for i in 0..count {
                    let to = ((channel + i - first) * panel.vectors + j) * S::LANES;
                    let to = to_panel.wrapping_add(to);
                    square::<Kernel, S, 3, N>(
                        simd,
                        // SAFETY: there is a row of the array for each tap and channel.
                        #[inline(always)]
                        |row, column| unsafe { simd.load(kernels[row * 3 + column][i].as_ptr()) },
                        #[inline(always)]
                        |row, points: [S::V; N]| {
                            for column in 0..N {
                                // SAFETY: the caller's.
                                unsafe {
                                    let to = to.add((row * N + column) * panel.point);
                                    simd.store(to, points[column]);
                                }
                            }
                        },
                    );
                }
            }
        }
    }

    /// The weights of all taps from some source channels to a vector of target channels from `start` on.
    ///
    /// # Safety
    ///
    /// The channels exist.
    #[inline(always)]
    unsafe fn kernels<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        start: usize,
        channels: Range<usize>,
    ) -> Kernels {
        let (source, target) = (self.source, self.target);
        let mut kernels = [[[0.0; MAX_LANES]; CHANNELS]; 9];
        for tap in 0..9 {
            // SAFETY: the span was checked to be `[tap, input, output]`.
            unsafe {
                match self.direction {
                    Direction::Forward => {
                        let from = context.span(self.weight).add(tap * source * target + start);
                        for (i, channel) in channels.clone().enumerate() {
                            let value =
                                load_up_to(simd, from.add(channel * target), target - start);
                            simd.store(kernels[tap][i].as_mut_ptr(), value);
                        }
                    }
                    Direction::Gradient => {
                        let tap_from = (8 - tap) * source * target;
                        let from = context.span(self.weight).add(tap_from + start * source);
                        for lane in 0..S::LANES.min(target - start) {
                            for (i, channel) in channels.clone().enumerate() {
                                kernels[tap][i][lane] = *from.add(lane * source + channel);
                            }
                        }
                    }
                }
            }
        }
        kernels
    }
}

/// Kernels of some source channels, tap by tap.
type Kernels = [[[f32; MAX_LANES]; CHANNELS]; 9];

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

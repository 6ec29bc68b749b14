//! Weights in the order in which tiles read them.

use super::plan::Plan;
use crate::Span;
use crate::cpu::context::Context;
use crate::cpu::level::{Level, Task};
use crate::cpu::simd::Simd;

/// Which way weights are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From inputs to outputs.
    Forward,
    /// From outputs to inputs.
    Gradient,
}

/// Channels cut into panels: two vectors wide, and at the end one. A panel holds, for each tap and source channel, the
/// weights to its target channels, filled up with zeros.
#[derive(Debug)]
pub(super) struct Packing {
    pub(super) direction: Direction,
    pub(super) groups: usize,
    /// Channels per group.
    pub(super) source: usize,
    /// Channels per group.
    pub(super) target: usize,
    pub(super) level: Level,
}

/// Some target channels of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// First channel within the group.
    pub(super) start: usize,
    pub(super) vectors: usize,
}

impl Packing {
    /// Target channels per group, in whole vectors.
    fn padded(&self) -> usize {
        self.target.next_multiple_of(self.level.lanes())
    }

    /// Panels of one group.
    pub(super) fn panels(&self) -> usize {
        self.target.div_ceil(2 * self.level.lanes())
    }

    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> Panel {
        let lanes = self.level.lanes();
        let start = panel * 2 * lanes;
        Panel { start, vectors: (self.target - start).div_ceil(lanes).min(2) }
    }

    /// Where a panel's weights are.
    #[inline(always)]
    pub(super) fn offset(&self, plan: &Plan, group: usize, pass: usize, panel: Panel) -> usize {
        (group * plan.taps + plan.passes[pass].earlier) * self.source * self.padded()
            + panel.start * plan.passes[pass].taps.len() * self.source
    }

    /// Values of all panels.
    pub(super) fn len(&self, plan: &Plan) -> usize {
        self.groups
            .saturating_mul(plan.taps)
            .saturating_mul(self.source)
            .saturating_mul(self.padded())
    }
}

/// Computes all panels; one chunk per group, pass and panel.
pub(super) struct Pack<'a> {
    pub(super) packing: &'a Packing,
    pub(super) plan: &'a Plan,
    pub(super) weight: Span,
}

impl Pack<'_> {
    pub(super) fn launch(&self, context: &Context<'_>) {
        let chunks = self.packing.groups * self.plan.passes.len() * self.packing.panels();
        if self.weight.len < 1 << 14 {
            for chunk in 0..chunks {
                self.pack(context, chunk);
            }
        } else {
            context.launch(chunks, self);
        }
    }

    #[inline(always)]
    fn pack(&self, context: &Context<'_>, chunk: usize) {
        let Packing { direction, groups, source, target, level } = *self.packing;
        let (rest, panel) =
            (chunk / self.packing.panels(), self.packing.panel(chunk % self.packing.panels()));
        let (group, pass) = (rest / self.plan.passes.len(), rest % self.plan.passes.len());
        let width = panel.vectors * level.lanes();
        let count = width.min(target - panel.start);
        let offset = self.packing.offset(self.plan, group, pass, panel);
        // Distances in `[tap, input of the group, output]` between source and target channels.
        let (row, per_source, per_target, first) = match direction {
            Direction::Forward => (source, groups * target, 1, group * target + panel.start),
            Direction::Gradient => {
                let outputs = groups * source;
                (target, 1, outputs, group * source + panel.start * outputs)
            }
        };
        let per_tap = row * if direction == Direction::Forward { per_source } else { per_target };
        // SAFETY: the panel lies inside the derived values by `len`, the weights inside the checked span, whose length is
        // taps x inputs of a group x outputs.
        unsafe {
            let mut to = context.derived.add(offset);
            for &tap in &self.plan.passes[pass].taps {
                for i in 0..source {
                    let from =
                        context.span(self.weight).add(tap * per_tap + i * per_source + first);
                    for j in 0..count {
                        *to.add(j) = *from.add(j * per_target);
                    }
                    for j in count..width {
                        *to.add(j) = 0.0;
                    }
                    to = to.add(width);
                }
            }
        }
    }
}

impl Task for Pack<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        self.pack(context, chunk);
    }
}

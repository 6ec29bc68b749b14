//! Convolution and the gradient of its input: sums of products over what each position sees.

use super::block::{Block, Source};
use super::finish::Finish;
use super::pack::{Direction, Pack, Packing};
use super::plan::{Plan, UNITS, collapse};
use super::sweep::Sweep;
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Derived, Kernel, Scratch};
use crate::cpu::level::{Level, Task};
use crate::cpu::rows::Target;
use crate::cpu::simd::Simd;
use crate::{Geometry, Span, Tensor};

pub(in crate::cpu) struct Conv(Product);

impl Conv {
    pub(in crate::cpu) fn new(
        level: Level,
        geometry: Geometry,
        groups: usize,
        input: Tensor,
        weight: Span,
        finish: Finish,
        target: Target,
    ) -> Self {
        let (source, outputs) = (input.channels / groups, target.tensor.channels / groups);
        let level = level.for_channels(outputs);
        Self(Product {
            plan: Plan::forward(collapse(geometry, source), source, Some(input.pitch)),
            packing: Packing {
                direction: Direction::Forward,
                groups,
                source,
                target: outputs,
                level,
            },
            source: input,
            weight,
            finish,
            target,
        })
    }
}

pub(in crate::cpu) struct ConvGradInput(Product);

impl ConvGradInput {
    pub(in crate::cpu) fn new(
        level: Level,
        geometry: Geometry,
        groups: usize,
        grad_output: Tensor,
        weight: Span,
        target: Target,
    ) -> Self {
        let (source, inputs) = (grad_output.channels / groups, target.tensor.channels / groups);
        let level = level.for_channels(inputs);
        Self(Product {
            plan: Plan::gradient(collapse(geometry, source), source, Some(grad_output.pitch)),
            packing: Packing {
                direction: Direction::Gradient,
                groups,
                source,
                target: inputs,
                level,
            },
            source: grad_output,
            weight,
            finish: Finish::nothing(target.tensor.channels),
            target,
        })
    }
}

impl Kernel for Conv {
    fn scratch(&self) -> Scratch {
        self.0.scratch()
    }

    fn derived(&self) -> Derived {
        self.0.derived()
    }

    fn run(&self, context: &Context<'_>) {
        self.0.launch(context);
    }
}

impl Kernel for ConvGradInput {
    fn scratch(&self) -> Scratch {
        self.0.scratch()
    }

    fn derived(&self) -> Derived {
        self.0.derived()
    }

    fn run(&self, context: &Context<'_>) {
        self.0.launch(context);
    }
}

pub(super) struct Product {
    plan: Plan,
    packing: Packing,
    source: Tensor,
    weight: Span,
    finish: Finish,
    target: Target,
}

impl Product {
    fn scratch(&self) -> Scratch {
        Scratch { shared: 0, worker: self.plan.block_len().saturating_add(SLACK) }
    }

    fn derived(&self) -> Derived {
        let mut sources = self.finish.sources();
        sources.push(self.weight);
        Derived { len: self.packed().saturating_add(self.finish.len()), sources }
    }

    /// Number of packed weights; the epilogue's values follow.
    fn packed(&self) -> usize {
        self.packing.len(&self.plan)
    }

    fn launch(&self, context: &Context<'_>) {
        if context.stale {
            self.finish.derive(context, self.packed());
            Pack { packing: &self.packing, plan: &self.plan, weight: self.weight }.launch(context);
        }
        context.launch_at(self.packing.level, self.plan.units() * self.splits(), self);
    }

    /// Panels of all groups.
    fn columns(&self) -> usize {
        self.packing.groups * self.packing.panels()
    }

    /// Chunks that share a unit of positions, each with some of the panels: more than one where units are few.
    #[inline(always)]
    fn splits(&self) -> usize {
        UNITS.div_ceil(self.plan.units()).min(self.columns())
    }
}

impl Task for Product {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let splits = self.splits();
        let (unit, split) = (self.plan.unit(chunk / splits), chunk % splits);
        let columns = self.columns();
        let columns = split * columns / splits..(split + 1) * columns / splits;
        let panels = self.packing.panels();
        for group in columns.start / panels..columns.end.div_ceil(panels) {
            let first = columns.start.max(group * panels) - group * panels;
            let last = columns.end.min((group + 1) * panels) - group * panels;
            let tensor = self.source.slice(group * self.packing.source, self.packing.source);
            let source = Source { memory: context.arena, tensor, fill: 0.0 };
            // SAFETY: the plan was made for this source, and each worker has its own scratch.
            let block =
                unsafe { Block::of(simd, &self.plan, source, &unit, context.worker(worker)) };
            for (index, pass) in self.plan.passes.iter().enumerate() {
                let last_part = &pass.parts[pass.parts.len() - 1];
                for part in &pass.parts {
                    for panel in first..last {
                        let panel = self.packing.panel(panel);
                        let channel = group * self.packing.target + panel.start;
                        let offset = self.packing.offset(&self.plan, group, index, panel)
                            + part.earlier * panel.vectors * S::LANES;
                        let sweep = Sweep {
                            plan: &self.plan,
                            block,
                            pass,
                            part,
                            unit: unit.of(pass),
                            weights: context.derived.wrapping_add(offset),
                            bias: self.finish.bias(context, channel).filter(|_| part.earlier == 0),
                            finishing: self
                                .finish
                                .from(context, self.packed(), channel)
                                .filter(|_| std::ptr::eq(part, last_part)),
                            target: context.row(self.target.tensor, 0).wrapping_add(channel),
                            pitch: self.target.tensor.pitch,
                            channels: self.packing.target - panel.start,
                            accumulate: self.target.accumulate || part.earlier > 0,
                        };
                        // SAFETY: block, weights and target rows are those of this unit, group and panel, which no other chunk has.
                        unsafe {
                            if panel.vectors == 1 {
                                sweep.narrow(simd);
                            } else {
                                sweep.wide(simd);
                            }
                        }
                    }
                }
            }
        }
    }
}

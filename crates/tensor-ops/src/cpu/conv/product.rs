//! Convolution and the gradient of its input: sums of products over what each position sees.

use super::block::{Block, Source};
use super::cursor::{Cursor, Position};
use super::pack::{Direction, Pack, Packing, Panel};
use super::plan::{Pass, Plan, Segment, Unit, collapse};
use crate::cpu::arena::SLACK;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::level::{Level, Task};
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

pub(in crate::cpu) struct Conv(Product);

impl Conv {
    pub(in crate::cpu) fn new(
        level: Level,
        geometry: Geometry,
        groups: usize,
        input: Tensor,
        weight: Span,
        bias: Option<Span>,
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
            bias,
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
            bias: None,
            target,
        })
    }
}

impl Kernel for Conv {
    fn scratch(&self) -> Scratch {
        self.0.scratch()
    }

    fn run(&self, context: &Context<'_>) {
        self.0.launch(context);
    }
}

impl Kernel for ConvGradInput {
    fn scratch(&self) -> Scratch {
        self.0.scratch()
    }

    fn run(&self, context: &Context<'_>) {
        self.0.launch(context);
    }
}

struct Product {
    plan: Plan,
    packing: Packing,
    source: Tensor,
    weight: Span,
    bias: Option<Span>,
    target: Target,
}

impl Product {
    fn scratch(&self) -> Scratch {
        Scratch {
            shared: self.packing.len(&self.plan),
            worker: self.plan.block_len().saturating_add(SLACK),
        }
    }

    fn launch(&self, context: &Context<'_>) {
        Pack { packing: &self.packing, plan: &self.plan, weight: self.weight }.launch(context);
        context.launch_at(self.packing.level, self.plan.units(), self);
    }
}

impl Task for Product {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let unit = self.plan.unit(chunk);
        for group in 0..self.packing.groups {
            let tensor = self.source.slice(group * self.packing.source, self.packing.source);
            let source = Source { memory: context.arena, tensor, fill: 0.0 };
            // SAFETY: the plan was made for this source, and each worker has its own scratch.
            let block =
                unsafe { Block::of(simd, &self.plan, source, &unit, context.worker(worker)) };
            for (index, pass) in self.plan.passes.iter().enumerate() {
                let unit = unit.of(pass);
                for panel in 0..self.packing.panels() {
                    let panel = self.packing.panel(panel);
                    let offset = self.packing.offset(&self.plan, group, index, panel);
                    let weights = context.shared.wrapping_add(offset);
                    let unit = unit.clone();
                    let sweep =
                        Sweep { product: self, context, block, pass, group, panel, weights, unit };
                    // SAFETY: block, weights and target rows are those of this unit, group and panel.
                    unsafe {
                        match (panel.vectors, S::ROWS_ONE, S::ROWS_TWO) {
                            (1, 8, _) => sweep.run::<S, 8, 1>(simd),
                            (1, _, _) => sweep.run::<S, 12, 1>(simd),
                            (_, _, 4) => sweep.run::<S, 4, 2>(simd),
                            (_, _, 6) => sweep.run::<S, 6, 2>(simd),
                            (_, _, _) => sweep.run::<S, 12, 2>(simd),
                        }
                    }
                }
            }
        }
    }
}

/// All positions of a unit for one pass and one panel of target channels.
struct Sweep<'a> {
    product: &'a Product,
    context: &'a Context<'a>,
    block: Block,
    pass: &'a Pass,
    group: usize,
    panel: Panel,
    weights: *const f32,
    unit: Unit,
}

impl Sweep<'_> {
    /// Tile by tile.
    ///
    /// # Safety
    ///
    /// Everything the sweep points to is that of one checked instruction, and no other thread touches its target rows.
    #[inline(always)]
    unsafe fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(&self, simd: S) {
        let channel = self.group * self.product.packing.target + self.panel.start;
        let target = self.context.row(self.product.target.tensor, 0).wrapping_add(channel);
        let pitch = self.product.target.tensor.pitch;
        let mut cursor =
            Cursor::new(&self.product.plan, self.pass, &self.unit, self.block, target, pitch);
        let mut left = cursor.positions();
        let count = (VECTORS * S::LANES).min(self.product.packing.target - self.panel.start);
        let last = count - (VECTORS - 1) * S::LANES;
        let accumulate = self.product.target.accumulate;
        let mut init = [simd.splat(0.0); VECTORS];
        if let Some(bias) = self.product.bias {
            let bias = self.context.span(bias);
            for (j, init) in init.iter_mut().enumerate() {
                let count = if j + 1 < VECTORS { S::LANES } else { last };
                // SAFETY: the span was checked to have one value per output channel.
                *init = unsafe { load_up_to(simd, bias.add(channel + j * S::LANES), count) };
            }
        }
        while left > 0 {
            let rows = left.min(ROWS);
            let positions = cursor.tile::<ROWS>(rows);
            let mut sums = [init; ROWS];
            // SAFETY: the caller's; rows beyond `rows` repeat the last one and are not stored.
            unsafe {
                if accumulate {
                    for r in 0..ROWS {
                        for j in 0..VECTORS {
                            let count = if j + 1 < VECTORS { S::LANES } else { last };
                            let before = load_up_to(simd, positions[r].to.add(j * S::LANES), count);
                            sums[r][j] = simd.add(before, init[j]);
                        }
                    }
                }
                tile(simd, &positions, &self.pass.segments, self.weights, &mut sums);
                for r in 0..ROWS {
                    if r < rows {
                        for j in 0..VECTORS {
                            let count = if j + 1 < VECTORS { S::LANES } else { last };
                            store_up_to(simd, positions[r].to.add(j * S::LANES), sums[r][j], count);
                        }
                    }
                }
            }
            left -= rows;
        }
    }
}

/// Adds to each row's sums the products of what it sees with the weights.
///
/// # Safety
///
/// The segments can be read from each position, and as many rows of weights as they have values.
#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    positions: &[Position; ROWS],
    segments: &[Segment],
    weights: *const f32,
    sums: &mut [[S::V; VECTORS]; ROWS],
) {
    let mut weights = weights;
    let mut totals = *sums;
    for segment in segments {
        let mut from = [positions[0].from; ROWS];
        for r in 0..ROWS {
            from[r] = positions[r].from.wrapping_add(segment.offset);
        }
        for k in 0..segment.len {
            // SAFETY: the caller's.
            unsafe {
                let mut w = [simd.splat(0.0); VECTORS];
                for j in 0..VECTORS {
                    w[j] = simd.load(weights.add(j * S::LANES));
                }
                for r in 0..ROWS {
                    let x = simd.splat(*from[r].add(k));
                    for j in 0..VECTORS {
                        totals[r][j] = simd.mul_add(x, w[j], totals[r][j]);
                    }
                }
                weights = weights.add(VECTORS * S::LANES);
            }
        }
    }
    *sums = totals;
}

//! Convolution and the gradient of its input, in planes.

use super::Grid;
use super::channels::Planes;
use crate::cpu::context::{Context, Derived, Kernel, Scratch};
use crate::cpu::conv::Finish;
use crate::cpu::conv::pack::{Direction, Pack, Packing};
use crate::cpu::conv::plan::Plan;
use crate::cpu::level::{Level, Task};
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, load_up_to, store_up_to};
use crate::{Geometry, Span, Tensor};

/// A unit's images are copied into planes, summed up plane by plane, and copied back.
pub(in crate::cpu::conv) struct PlanesConv {
    grid: Grid,
    /// Order in which the weights are packed.
    plan: Plan,
    packing: Packing,
    source: Tensor,
    weight: Span,
    finish: Finish,
    target: Target,
}

impl PlanesConv {
    pub(in crate::cpu::conv) fn forward(
        level: Level,
        grid: Grid,
        geometry: Geometry,
        input: Tensor,
        weight: Span,
        finish: Finish,
        target: Target,
    ) -> Self {
        let plan = Plan::forward(geometry, input.channels, Some(input.pitch));
        let packing = packing(level, Direction::Forward, input, target);
        Self { grid, plan, packing, source: input, weight, finish, target }
    }

    pub(in crate::cpu::conv) fn grad_input(
        level: Level,
        grid: Grid,
        geometry: Geometry,
        grad_output: Tensor,
        weight: Span,
        target: Target,
    ) -> Self {
        let plan = Plan::gradient(geometry, grad_output.channels, Some(grad_output.pitch));
        let packing = packing(level, Direction::Gradient, grad_output, target);
        let finish = Finish::nothing(target.tensor.channels);
        Self { grid, plan, packing, source: grad_output, weight, finish, target }
    }

    fn packed(&self) -> usize {
        self.packing.len(&self.plan)
    }
}

fn packing(level: Level, direction: Direction, source: Tensor, target: Target) -> Packing {
    let (source, target) = (source.channels, target.tensor.channels);
    Packing { direction, groups: 1, source, target, level: level.for_channels(target) }
}

impl Kernel for PlanesConv {
    fn scratch(&self) -> Scratch {
        let planes = self.source.channels + self.target.tensor.channels;
        Scratch { shared: 0, worker: planes * self.grid.line() }
    }

    fn derived(&self) -> Derived {
        let mut sources = self.finish.sources();
        sources.push(self.weight);
        Derived { len: self.packed().saturating_add(self.finish.len()), sources }
    }

    fn run(&self, context: &Context<'_>) {
        if context.stale {
            self.finish.derive(context, self.packed());
            Pack { packing: &self.packing, plan: &self.plan, weight: self.weight }.launch(context);
        }
        context.launch_at(self.packing.level, self.grid.units(), self);
    }
}

impl Task for PlanesConv {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize) {
        let Grid { source, target, pitch, image, margin, .. } = self.grid;
        let line = self.grid.line();
        let images = self.grid.unit(chunk);
        let (from, to) = (self.source, self.target.tensor);
        let start = context.worker(worker);
        let seen = Planes { start: start.wrapping_add(margin), line, pitch, image };
        let sums = Planes { start: start.wrapping_add(from.channels * line), ..seen };
        let channels = to.channels;
        // SAFETY: the scratch has a plane for each channel of source and target, the images exist, and no other chunk writes
        // them.
        unsafe {
            start.write_bytes(0, from.channels * line);
            seen.fill(simd, context, from, images.clone(), source);
            let mut channel = 0;
            while channel < channels {
                let sweep = Sweep { conv: self, context, seen, sums, channel };
                // As many sums as there are registers for, of channels whose number is as even as can be.
                match channels - channel {
                    1 => channel += sweep.run::<S, 1, 6>(simd),
                    2 | 5 => channel += sweep.run::<S, 2, 4>(simd),
                    3 | 6 => channel += sweep.run::<S, 3, 3>(simd),
                    _ => channel += sweep.run::<S, 4, 2>(simd),
                }
            }
            let finishing = self.finish.from(context, self.packed(), 0);
            let zero = simd.splat(0.0);
            let bias = self.finish.bias(context, 0);
            let bias = bias.map_or(zero, |bias| load_up_to(simd, bias, channels));
            sums.for_each(
                simd,
                channels,
                images,
                target,
                #[inline(always)]
                |row, value| {
                    let to = context.row(to, row);
                    let mut value = simd.add(value, bias);
                    if self.target.accumulate {
                        value = simd.add(load_up_to(simd, to, channels), value);
                    }
                    if let Some(finishing) = finishing {
                        value = finishing.apply(simd, value, 0, channels);
                    }
                    store_up_to(simd, to, value, channels);
                },
            );
        }
    }
}

/// The sums of some target channels from one on.
struct Sweep<'a> {
    conv: &'a PlanesConv,
    context: &'a Context<'a>,
    seen: Planes,
    sums: Planes,
    channel: usize,
}

impl Sweep<'_> {
    /// All places of a unit, `V` vectors at a time; the number of channels.
    ///
    /// # Safety
    ///
    /// The planes exist, and nobody else touches them.
    #[inline(always)]
    unsafe fn run<S: Simd, const C: usize, const V: usize>(&self, simd: S) -> usize {
        let Planes { line, .. } = self.sums;
        let grid = &self.conv.grid;
        let width = self.conv.packing.level.lanes();
        let weights = self.context.derived.wrapping_add(self.channel).cast_const();
        let to = self.sums.start.wrapping_add(self.channel * line);
        let taps = &self.conv.plan.passes[0].taps;
        for place in (0..grid.places()).step_by(V * S::LANES) {
            let mut sums = [[simd.splat(0.0); V]; C];
            let mut weights = weights;
            for &tap in taps {
                let from = self.seen.start.wrapping_add(place).wrapping_offset(grid.offsets[tap]);
                for channel in 0..self.conv.source.channels {
                    // SAFETY: what places see lies inside the plane, with its margin and tail; weights are packed for each
                    // tap and channel.
                    unsafe {
                        let from = from.add(channel * line);
                        let mut seen = [simd.splat(0.0); V];
                        for v in 0..V {
                            seen[v] = simd.load(from.add(v * S::LANES));
                        }
                        for c in 0..C {
                            let weight = simd.splat(*weights.add(c));
                            for v in 0..V {
                                sums[c][v] = simd.mul_add(weight, seen[v], sums[c][v]);
                            }
                        }
                        weights = weights.add(width);
                    }
                }
            }
            for c in 0..C {
                for v in 0..V {
                    // SAFETY: the plane has these places, or its tail.
                    unsafe { simd.store(to.add(c * line + place + v * S::LANES), sums[c][v]) };
                }
            }
        }
        C
    }
}

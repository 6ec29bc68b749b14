//! Pools of small windows, row by row: what a window sees is joined along its columns first, and the columns serve every
//! window that has them.

use std::marker::PhantomData;

use super::factors;
use crate::cpu::context::{Context, Kernel, Scratch};
use crate::cpu::conv::{Bands, Channels};
use crate::cpu::level::Task;
use crate::cpu::rows::Target;
use crate::cpu::simd::{Simd, inlined, load_up_to, store_up_to};
use crate::{Geometry, Tensor};

/// How the values that a window sees become one. Factors are those of means: `1 / taps inside the image`.
pub(super) trait Join: Send + Sync {
    /// What a window sees beside the image.
    const NOTHING: f32;
    /// Whether `first` and `next` use the factors, which are those of the source's positions.
    const SCALES_SEEN: bool;
    /// Whether `finish` uses the factors, which are those of the target's positions.
    const SCALES_JOINED: bool;

    fn first<S: Simd>(simd: S, seen: S::V, factor: f32) -> S::V;
    fn next<S: Simd>(simd: S, joined: S::V, seen: S::V, factor: f32) -> S::V;
    fn join<S: Simd>(simd: S, a: S::V, b: S::V) -> S::V;
    fn finish<S: Simd>(simd: S, joined: S::V, factor: f32) -> S::V;
}

pub(super) struct Maximum;

impl Join for Maximum {
    const NOTHING: f32 = f32::NEG_INFINITY;
    const SCALES_SEEN: bool = false;
    const SCALES_JOINED: bool = false;

    /// Never NaN.
    #[inline(always)]
    fn first<S: Simd>(simd: S, seen: S::V, _factor: f32) -> S::V {
        simd.at_least(simd.splat(f32::NEG_INFINITY), seen)
    }

    #[inline(always)]
    fn next<S: Simd>(simd: S, joined: S::V, seen: S::V, _factor: f32) -> S::V {
        simd.at_least(joined, seen)
    }

    #[inline(always)]
    fn join<S: Simd>(simd: S, a: S::V, b: S::V) -> S::V {
        simd.at_least(a, b)
    }

    #[inline(always)]
    fn finish<S: Simd>(_simd: S, joined: S::V, _factor: f32) -> S::V {
        joined
    }
}

pub(super) struct Mean;

impl Join for Mean {
    const NOTHING: f32 = 0.0;
    const SCALES_SEEN: bool = false;
    const SCALES_JOINED: bool = true;

    #[inline(always)]
    fn first<S: Simd>(_simd: S, seen: S::V, _factor: f32) -> S::V {
        seen
    }

    #[inline(always)]
    fn next<S: Simd>(simd: S, joined: S::V, seen: S::V, _factor: f32) -> S::V {
        simd.add(joined, seen)
    }

    #[inline(always)]
    fn join<S: Simd>(simd: S, a: S::V, b: S::V) -> S::V {
        simd.add(a, b)
    }

    #[inline(always)]
    fn finish<S: Simd>(simd: S, joined: S::V, factor: f32) -> S::V {
        simd.mul(joined, simd.splat(factor))
    }
}

/// With a stride of 1, the windows that see a position are a window themselves.
pub(super) struct MeanGrad;

impl Join for MeanGrad {
    const NOTHING: f32 = 0.0;
    const SCALES_SEEN: bool = true;
    const SCALES_JOINED: bool = false;

    #[inline(always)]
    fn first<S: Simd>(simd: S, seen: S::V, factor: f32) -> S::V {
        simd.mul(seen, simd.splat(factor))
    }

    #[inline(always)]
    fn next<S: Simd>(simd: S, joined: S::V, seen: S::V, factor: f32) -> S::V {
        simd.mul_add(seen, simd.splat(factor), joined)
    }

    #[inline(always)]
    fn join<S: Simd>(simd: S, a: S::V, b: S::V) -> S::V {
        simd.add(a, b)
    }

    #[inline(always)]
    fn finish<S: Simd>(_simd: S, joined: S::V, _factor: f32) -> S::V {
        joined
    }
}

/// Windows of `K * K` taps, of which a target position sees the one at `STRIDE` times its own.
pub(super) struct Rows<J, const K: usize, const STRIDE: usize> {
    source: Tensor,
    target: Target,
    /// Heights and widths.
    seen: [usize; 2],
    made: [usize; 2],
    /// Rows above and columns to the left of the source.
    padding: [usize; 2],
    factors: Vec<f32>,
    bands: Bands,
    join: PhantomData<J>,
}

impl<J: Join, const K: usize, const STRIDE: usize> Rows<J, K, STRIDE> {
    pub(super) fn forward(geometry: &Geometry, source: Tensor, output: Tensor) -> Self {
        let target = Target { tensor: output, accumulate: false };
        let images = [geometry.input, geometry.output];
        Self::new(geometry, images, geometry.padding, (source, target))
    }

    fn new(
        geometry: &Geometry,
        [seen, made]: [[usize; 2]; 2],
        padding: [usize; 2],
        (source, target): (Tensor, Target),
    ) -> Self {
        let scales = J::SCALES_SEEN || J::SCALES_JOINED;
        let factors = if scales { factors(geometry) } else { Vec::new() };
        let row = seen[1].saturating_mul(STRIDE).saturating_add(made[1]);
        let bands = Bands::new(geometry.batch, made[0], row.saturating_mul(source.channels));
        Self { source, target, seen, made, padding, factors, bands, join: PhantomData }
    }
}

impl<const K: usize> Rows<MeanGrad, K, 1> {
    /// No window lies outside the image, so there is less padding than taps.
    pub(super) fn grad_input(geometry: &Geometry, grad_output: Tensor, target: Target) -> Self {
        let padding = geometry.padding.map(|padding| K - 1 - padding);
        let images = [geometry.output, geometry.input];
        Self::new(geometry, images, padding, (grad_output, target))
    }
}

impl<J: Join, const K: usize, const STRIDE: usize> Kernel for Rows<J, K, STRIDE> {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        let level = context.level.for_channels(self.source.channels);
        context.launch_at(level, self.bands.units(), self);
    }
}

impl<J: Join, const K: usize, const STRIDE: usize> Task for Rows<J, K, STRIDE> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let channels = self.source.channels;
        self.bands.for_each_block(
            chunk,
            #[inline(always)]
            |images, rows| {
                for image in images {
                    let mut start = 0;
                    while start < channels {
                        let panel = Channels { start, count: channels - start };
                        for y in rows.clone() {
                            // SAFETY: channels, image and row exist, and this chunk alone writes the row.
                            unsafe { self.line(simd, context, panel, (image, y)) };
                        }
                        start += S::LANES;
                    }
                }
            },
        );
    }
}

impl<J: Join, const K: usize, const STRIDE: usize> Rows<J, K, STRIDE> {
    /// One row of the target.
    ///
    /// # Safety
    ///
    /// Channels, image and row exist, and no other thread touches the row.
    #[inline(always)]
    unsafe fn line<S: Simd>(
        &self,
        simd: S,
        context: &Context<'_>,
        panel: Channels,
        (image, y): (usize, usize),
    ) {
        let top = y * STRIDE;
        let first = top.saturating_sub(self.padding[0]);
        let end = (top + K).saturating_sub(self.padding[0]).min(self.seen[0]);
        let place = (image, y, first);
        // SAFETY: the rows from `first` to `end` exist, and the caller's.
        unsafe {
            match end.saturating_sub(first) {
                0 => self.row::<S, 0>(simd, context, panel, place),
                1 => self.row::<S, 1>(simd, context, panel, place),
                2 => self.row::<S, 2>(simd, context, panel, place),
                _ => self.row::<S, 3>(simd, context, panel, place),
            }
        }
    }

    /// One row of the target that sees `R` rows of the source, from row `first` on.
    ///
    /// # Safety
    ///
    /// As for `line`, and the rows exist.
    #[inline(always)]
    unsafe fn row<S: Simd, const R: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        Channels { start, count }: Channels,
        (image, y, first): (usize, usize, usize),
    ) {
        let (width, left) = (self.seen[1], self.padding[1]);
        let nothing = simd.splat(J::NOTHING);
        let mut from = [context.row(self.source, 0).cast_const(); R];
        let mut seen_factors: [&[f32]; R] = [&[]; R];
        for r in 0..R {
            let row = (image * self.seen[0] + first + r) * width;
            from[r] = context.row(self.source, row).wrapping_add(start);
            if J::SCALES_SEEN {
                seen_factors[r] = &self.factors[(first + r) * width..][..width];
            }
        }
        let column = inlined(
            #[inline(always)]
            |x: usize| {
                // Columns left of the image wrap around to large numbers.
                let x = x.wrapping_sub(left);
                if R == 0 || x >= width {
                    return nothing;
                }
                let mut joined = nothing;
                for r in 0..R {
                    let factor = if J::SCALES_SEEN { seen_factors[r][x] } else { 1.0 };
                    // SAFETY: the row has the column, and a vector may reach as far as the arena's slack.
                    let seen = unsafe { simd.load(from[r].add(x * self.source.pitch)) };
                    joined = if r == 0 {
                        J::first(simd, seen, factor)
                    } else {
                        J::next(simd, joined, seen, factor)
                    };
                }
                joined
            },
        );
        let Target { tensor, accumulate } = self.target;
        let made = self.made[1];
        let to = context.row(tensor, (image * self.made[0] + y) * made).wrapping_add(start);
        let factors = if J::SCALES_JOINED { &self.factors[y * made..][..made] } else { &[] };
        let mut columns = [nothing; K];
        for k in STRIDE..K {
            columns[k] = column(k - STRIDE);
        }
        for x in 0..made {
            for k in STRIDE..K {
                columns[k - STRIDE] = columns[k];
            }
            for k in K - STRIDE..K {
                columns[k] = column(x * STRIDE + k);
            }
            let mut joined = columns[0];
            for k in 1..K {
                joined = J::join(simd, joined, columns[k]);
            }
            let factor = if J::SCALES_JOINED { factors[x] } else { 1.0 };
            let mut value = J::finish(simd, joined, factor);
            // SAFETY: the row has the position and the channels, and the caller's.
            unsafe {
                let to = to.add(x * tensor.pitch);
                if accumulate {
                    value = simd.add(load_up_to(simd, to, count), value);
                }
                store_up_to(simd, to, value, count);
            }
        }
    }
}

//! Dropout with masks made from counters.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target};
use super::simd::Simd;
use crate::{Scalars, Tensor};

/// `target = source * mask / (1 - rate)`; forward and gradient alike.
pub(super) struct Dropout {
    pub(super) rate: f32,
    pub(super) stream: u64,
    pub(super) source: Tensor,
    pub(super) target: Target,
}

/// The finalizer of splitmix64.
#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The increment of splitmix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn key(scalars: Scalars, stream: u64) -> u64 {
    let seed = mix(scalars.seed.wrapping_add(STEP));
    let step = mix(seed ^ scalars.step.wrapping_mul(STEP));
    mix(step ^ stream.wrapping_mul(STEP))
}

impl Kernel for Dropout {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(RowSplit::of(&[self.source]).chunks(), self);
    }
}

impl Task for Dropout {
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let key = key(context.scalars, self.stream);
        let scale = 1.0 / (1.0 - self.rate);
        // A value is dropped if the 24 high bits of its hash, as a fraction, are below the rate.
        let threshold = (f64::from(self.rate) * f64::from(1 << 24)).round() as u64;
        let channels = self.source.channels;
        let (start, rows) = RowSplit::of(&[self.source]).chunk(chunk);
        for row in start..start + rows {
            let from = context.row(self.source, row);
            let to = context.row(self.target.tensor, row);
            for c in 0..channels {
                let index = (row * channels + c) as u64;
                let hash = mix(key.wrapping_add(index.wrapping_mul(STEP)));
                let factor = if hash >> 40 < threshold { 0.0 } else { scale };
                // SAFETY: the tensors were checked, and chunks hold different rows.
                unsafe {
                    let value = *from.add(c) * factor;
                    *to.add(c) = if self.target.accumulate { *to.add(c) + value } else { value };
                }
            }
        }
    }
}

//! Sums of tensors.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::rows::{RowSplit, Target, map_rows};
use super::simd::{Simd, inlined};
use crate::Tensor;

pub(super) struct Sum {
    pub(super) inputs: Vec<Tensor>,
    pub(super) target: Target,
}

impl Sum {
    fn split(&self) -> RowSplit {
        let dense = self.inputs.iter().find(|input| input.pitch != input.channels);
        RowSplit::of(&[self.target.tensor, *dense.unwrap_or(&self.target.tensor)])
    }
}

impl Kernel for Sum {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.split().chunks(), self);
    }
}

impl Task for Sum {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let split = self.split();
        let mut target = self.target;
        let mut rest = &self.inputs[..];
        while let [first, tail @ ..] = rest {
            // SAFETY: the tensors were checked, and chunks hold different rows.
            unsafe {
                if let [second, tail @ ..] = tail {
                    let sources = [*first, *second];
                    let f = inlined(
                        #[inline(always)]
                        |[a, b]: [S::V; 2]| simd.add(a, b),
                    );
                    map_rows(simd, context, split, chunk, sources, target, f);
                    rest = tail;
                } else {
                    let f = inlined(
                        #[inline(always)]
                        |[a]: [S::V; 1]| a,
                    );
                    map_rows(simd, context, split, chunk, [*first], target, f);
                    rest = tail;
                }
            }
            target.accumulate = true;
        }
    }
}

//! Cross entropy of independent labels, and its gradient.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::simd::Simd;
use crate::{Span, Tensor};

pub(super) struct SigmoidCrossEntropy {
    pub(super) logits: Tensor,
    pub(super) targets: Tensor,
    pub(super) smoothing: f32,
    pub(super) losses: Span,
    pub(super) correct: Span,
    pub(super) grad_logits: Option<Tensor>,
}

/// Rows per chunk.
const ROWS: usize = 16;

impl Kernel for SigmoidCrossEntropy {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.logits.rows.div_ceil(ROWS), self);
    }
}

impl Task for SigmoidCrossEntropy {
    /// `loss = max(z, 0) - target * z + log(1 + exp(-|z|))`, in which no exponential overflows.
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let classes = self.logits.channels;
        let smoothing = f64::from(self.smoothing);
        let scale = 1.0 / (self.logits.rows as f64 * classes as f64);
        for row in chunk * ROWS..self.logits.rows.min((chunk + 1) * ROWS) {
            // SAFETY: the operands were checked: rows of logits and targets have `classes` values.
            let (logits, targets) = unsafe {
                (
                    std::slice::from_raw_parts(context.row(self.logits, row), classes),
                    std::slice::from_raw_parts(context.row(self.targets, row), classes),
                )
            };
            let gradient = self.grad_logits.map(|gradient| context.row(gradient, row));
            let (mut best, mut loss) = (0, 0.0);
            for (class, (&logit, &target)) in logits.iter().zip(targets).enumerate() {
                if logit > logits[best] {
                    best = class;
                }
                let z = f64::from(logit);
                let target = (1.0 - smoothing) * f64::from(target) + smoothing / 2.0;
                let small = (-z.abs()).exp();
                loss += z.max(0.0) - target * z + small.ln_1p();
                if let Some(gradient) = gradient {
                    let probability = if z >= 0.0 { 1.0 } else { small } / (1.0 + small);
                    // SAFETY: the gradient has the shape of the logits and does not overlap them.
                    unsafe { *gradient.add(class) = ((probability - target) * scale) as f32 };
                }
            }
            let verdict = if targets[best] > 0.5 { 1.0 } else { 0.0 };
            // SAFETY: the spans have one value per row, and nobody else touches those of this row.
            unsafe {
                *context.span(self.losses).add(row) = (loss / classes as f64) as f32;
                *context.span(self.correct).add(row) = verdict;
            }
        }
    }
}

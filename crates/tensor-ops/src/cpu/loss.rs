//! Softmax, cross entropy and their gradient.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::simd::Simd;
use crate::{Span, Tensor};

pub(super) struct SoftmaxCrossEntropy {
    pub(super) logits: Tensor,
    pub(super) labels: Span,
    pub(super) smoothing: f32,
    pub(super) losses: Span,
    pub(super) correct: Span,
    pub(super) grad_logits: Option<Tensor>,
}

/// Rows per chunk.
const ROWS: usize = 64;

impl Kernel for SoftmaxCrossEntropy {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.logits.rows.div_ceil(ROWS), self);
    }
}

impl Task for SoftmaxCrossEntropy {
    /// `loss = log(sum exp(z)) - sum of target * z` with `z` the logits less their maximum.
    #[inline(always)]
    fn run<S: Simd>(&self, _simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let classes = self.logits.channels;
        let off = f64::from(self.smoothing) / classes as f64;
        let on = 1.0 - f64::from(self.smoothing);
        for row in chunk * ROWS..self.logits.rows.min((chunk + 1) * ROWS) {
            // SAFETY: the operands were checked: a row of logits has `classes` values and the spans one per row.
            let (logits, label) = unsafe {
                let logits = std::slice::from_raw_parts(context.row(self.logits, row), classes);
                (logits, *context.span(self.labels).add(row))
            };
            let mut best = 0;
            for (class, &logit) in logits.iter().enumerate() {
                if logit > logits[best] {
                    best = class;
                }
            }
            let largest = f64::from(logits[best]);
            let mut total = 0.0;
            let mut sum = 0.0;
            for &logit in logits {
                let z = f64::from(logit) - largest;
                total += z.exp();
                sum += z;
            }
            let of_label =
                logits.get(label as usize).map_or(f64::NAN, |&logit| f64::from(logit) - largest);
            let loss = total.ln() - on * of_label - off * sum;
            // SAFETY: as above; nobody else touches this row's values.
            unsafe {
                *context.span(self.losses).add(row) = loss as f32;
                *context.span(self.correct).add(row) =
                    if best == label as usize { 1.0 } else { 0.0 };
            }
            if let Some(gradient) = self.grad_logits {
                let gradient = context.row(gradient, row);
                for (class, &logit) in logits.iter().enumerate() {
                    let target = off + if class == label as usize { on } else { 0.0 };
                    let probability = (f64::from(logit) - largest).exp() / total;
                    let value = (probability - target) / self.logits.rows as f64;
                    // SAFETY: the gradient has the shape of the logits and does not overlap them.
                    unsafe { *gradient.add(class) = value as f32 };
                }
            }
        }
    }
}

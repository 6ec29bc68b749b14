//! Optimizer steps.

use super::context::{Context, Kernel, Scratch};
use super::level::Task;
use super::simd::{Simd, inlined, load_up_to, store_up_to};
use crate::{Span, UpdateRule};

pub(super) struct Update {
    pub(super) parameters: Span,
    pub(super) gradients: Span,
    pub(super) decay: f32,
    pub(super) rule: UpdateRule,
}

/// Values per chunk.
const CHUNK: usize = 1 << 14;

impl Kernel for Update {
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn run(&self, context: &Context<'_>) {
        context.launch(self.parameters.len.div_ceil(CHUNK), self);
    }
}

impl Task for Update {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, _worker: usize) {
        let rate = simd.splat(context.scalars.rate);
        match self.rule {
            UpdateRule::Sgd { momentum, nesterov, velocity } => {
                let momentum = simd.splat(momentum);
                let f = inlined(
                    #[inline(always)]
                    |g: S::V, [v]: [S::V; 1]| {
                        let v = simd.mul_add(momentum, v, g);
                        (if nesterov { simd.mul_add(momentum, v, g) } else { v }, [v])
                    },
                );
                self.step(simd, context, chunk, [velocity], rate, f);
            }
            UpdateRule::RmsProp { decay, momentum, epsilon, mean_square, velocity } => {
                let (keep, renew) = (simd.splat(decay), simd.splat(1.0 - decay));
                let (momentum, epsilon) = (simd.splat(momentum), simd.splat(epsilon));
                let f = inlined(
                    #[inline(always)]
                    |g: S::V, [s, v]: [S::V; 2]| {
                        let s = simd.mul_add(keep, s, simd.mul(renew, simd.mul(g, g)));
                        let v =
                            simd.mul_add(momentum, v, simd.div(g, simd.sqrt(simd.add(s, epsilon))));
                        (v, [s, v])
                    },
                );
                self.step(simd, context, chunk, [mean_square, velocity], rate, f);
            }
            UpdateRule::Adam { beta1, beta2, epsilon, first_moment, second_moment } => {
                let step = context.scalars.step as f64;
                let unbias = |beta: f32| (1.0 / (1.0 - f64::from(beta).powf(step))) as f32;
                let (first_unbias, second_unbias) =
                    (simd.splat(unbias(beta1)), simd.splat(unbias(beta2)));
                let (keep1, renew1) = (simd.splat(beta1), simd.splat(1.0 - beta1));
                let (keep2, renew2) = (simd.splat(beta2), simd.splat(1.0 - beta2));
                let epsilon = simd.splat(epsilon);
                let f = inlined(
                    #[inline(always)]
                    |g: S::V, [m, s]: [S::V; 2]| {
                        let m = simd.mul_add(keep1, m, simd.mul(renew1, g));
                        let s = simd.mul_add(keep2, s, simd.mul(renew2, simd.mul(g, g)));
                        let root = simd.add(simd.sqrt(simd.mul(s, second_unbias)), epsilon);
                        (simd.div(simd.mul(m, first_unbias), root), [m, s])
                    },
                );
                self.step(simd, context, chunk, [first_moment, second_moment], rate, f);
            }
        }
    }
}

impl Update {
    /// `(direction, states) = f(gradient, states); parameter -= rate * direction` on one chunk.
    #[inline(always)]
    fn step<S: Simd, const N: usize>(
        &self,
        simd: S,
        context: &Context<'_>,
        chunk: usize,
        states: [Span; N],
        rate: S::V,
        f: impl Fn(S::V, [S::V; N]) -> (S::V, [S::V; N]),
    ) {
        let minus_rate = simd.sub(simd.splat(0.0), rate);
        let decay = simd.splat(self.decay);
        let end = self.parameters.len.min((chunk + 1) * CHUNK);
        let mut at = chunk * CHUNK;
        while at < end {
            let count = end - at;
            // SAFETY: all spans were checked and have the length of the parameters; `at + min(count, LANES) <= end`.
            unsafe {
                let to = context.span(self.parameters).add(at);
                let parameter = load_up_to(simd, to, count);
                let gradient = load_up_to(simd, context.span(self.gradients).add(at), count);
                let gradient = simd.mul_add(decay, parameter, gradient);
                let mut values = [gradient; N];
                for i in 0..N {
                    values[i] = load_up_to(simd, context.span(states[i]).add(at), count);
                }
                let (direction, values) = f(gradient, values);
                for i in 0..N {
                    store_up_to(simd, context.span(states[i]).add(at), values[i], count);
                }
                store_up_to(simd, to, simd.mul_add(minus_rate, direction, parameter), count);
            }
            at += S::LANES;
        }
    }
}

//! Kernels with tiles against plain loops, on shapes for which they would not be chosen, too.

use proptest::prelude::*;

use super::{Size, WinogradConv, WinogradGradWeight};
use crate::cpu::arena::{Arena, SLACK};
use crate::cpu::context::{Context, Kernel};
use crate::cpu::conv::finish::Finish;
use crate::cpu::level::Level;
use crate::cpu::pool::Pool;
use crate::cpu::rows::Target;
use crate::{Geometry, Scalars, Span, Tensor};

/// Largest error in units of the largest value of the result: the error is a property of the whole sum, also where the
/// sum happens to be small. It is largest where tiles are almost empty.
const TOLERANCE: f64 = 1e-5;

/// A convolution, with operands in an arena of their own.
#[derive(Clone, Debug)]
struct Case {
    geometry: Geometry,
    inputs: usize,
    outputs: usize,
    /// Values between the end of a row of a tensor and the next.
    gap: usize,
    bias: bool,
    accumulate: bool,
}

struct Operands {
    input: Tensor,
    output: Tensor,
    weight: Span,
    bias: Span,
    values: Vec<f32>,
}

impl Case {
    fn operands(&self) -> Operands {
        let Self { geometry, inputs, outputs, gap, .. } = *self;
        let mut len = 3;
        let mut take = |count: usize| {
            let span = Span::new(len, count);
            len += count + 5;
            span
        };
        let mut tensor = |rows: usize, channels: usize| {
            let pitch = channels + gap;
            Tensor { offset: take(rows * pitch).offset, rows, channels, pitch }
        };
        let input = tensor(geometry.input_rows(), inputs);
        let output = tensor(geometry.output_rows(), outputs);
        let (weight, bias) = (take(9 * inputs * outputs), take(outputs));
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let values = (0..len).map(|_| random()).collect();
        Operands { input, output, weight, bias, values }
    }

    /// Calls with the indices of input, weight and output of every product.
    fn products(&self, of: &Operands, mut product: impl FnMut(usize, usize, usize)) {
        let Self { geometry, inputs, outputs, .. } = *self;
        let ([height, width], [rows, columns]) = (geometry.input, geometry.output);
        for position in 0..geometry.output_rows() {
            let (image, y, x) =
                (position / (rows * columns), position / columns % rows, position % columns);
            for tap in 0..9 {
                let (y, x) = (y + tap / 3, x + tap % 3);
                let [above, left] = geometry.padding;
                if (above..above + height).contains(&y) && (left..left + width).contains(&x) {
                    let seen = (image * height + y - above) * width + x - left;
                    for input in 0..inputs {
                        for output in 0..outputs {
                            product(
                                of.input.offset + seen * of.input.pitch + input,
                                of.weight.offset + (tap * inputs + input) * outputs + output,
                                of.output.offset + position * of.output.pitch + output,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn execute(kernel: &dyn Kernel, level: Level, threads: usize, values: &[f32]) -> Vec<f32> {
    let pool = Pool::new(threads).unwrap();
    let mut arena = Arena::zeros(values.len()).unwrap();
    arena.values_mut().copy_from_slice(values);
    let scratch = kernel.scratch();
    let worker_len = scratch.worker.next_multiple_of(SLACK);
    let mut shared = Arena::zeros(scratch.shared).unwrap();
    let mut workers = Arena::zeros(worker_len * threads).unwrap();
    let mut derived = Arena::zeros(kernel.derived().len).unwrap();
    shared.values_mut().fill(f32::NAN);
    workers.values_mut().fill(f32::NAN);
    kernel.run(&Context {
        pool: &pool,
        level,
        scalars: Scalars { rate: 0.0, step: 1, seed: 0 },
        arena: arena.pointer(),
        shared: shared.pointer(),
        workers: workers.pointer(),
        worker_len,
        derived: derived.pointer(),
        stale: true,
    });
    arena.values().to_vec()
}

/// The kernel's result for every level and number of threads is within the tolerance, and touches nothing else.
fn assert_matches(
    case: &Case,
    size: Size,
    target: Span,
    operands: &Operands,
    expected: &[f64],
    kernels: impl Fn(Level) -> Vec<Box<dyn Kernel>>,
) {
    let range = target.offset..target.end();
    let largest = expected[range].iter().fold(1.0, |largest: f64, value| largest.max(value.abs()));
    for level in Level::available() {
        for (order, kernel) in kernels(level).iter().enumerate() {
            let context = format!("{level} {size:?} order {order} {case:?}");
            let found = execute(&**kernel, level, 1, &operands.values);
            for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
                assert!(
                    (f64::from(found) - expected).abs() <= TOLERANCE * largest,
                    "{context}: value {index} is {found}, not {expected}"
                );
            }
            let bits =
                |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let again = execute(&**kernel, level, 3, &operands.values);
            assert!(bits(&found) == bits(&again), "{context}: threads change bits");
        }
    }
}

fn boxed<K: Kernel + 'static, const N: usize>(kernels: [K; N]) -> Vec<Box<dyn Kernel>> {
    kernels.into_iter().map(|kernel| Box::new(kernel) as Box<dyn Kernel>).collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// What is in a tensor before sums are added to it.
fn begin(values: &mut [f64], tensor: Tensor, accumulate: bool, bias: Option<&[f32]>) {
    for row in 0..tensor.rows {
        for channel in 0..tensor.channels {
            let value = &mut values[tensor.offset + row * tensor.pitch + channel];
            let bias = bias.map_or(0.0, |bias| f64::from(bias[channel]));
            *value = if accumulate { *value + bias } else { bias };
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let axis = (1..15_usize, 0..4_usize, 0..3_usize).prop_map(|(input, padding, less)| {
        let input = input.max(3_usize.saturating_sub(2 * padding));
        [input, padding, (input + 2 * padding - 2).saturating_sub(less).max(1)]
    });
    let sizes = ((1..4_usize), [axis.clone(), axis]);
    let channels = (1..72_usize, 1..72_usize, prop_oneof![Just(0_usize), 1..9_usize]);
    (sizes, channels, any::<bool>(), any::<bool>()).prop_map(
        |((batch, axes), (inputs, outputs, gap), bias, accumulate)| Case {
            geometry: Geometry {
                batch,
                input: axes.map(|axis| axis[0]),
                output: axes.map(|axis| axis[2]),
                kernel: [3, 3],
                stride: [1, 1],
                dilation: [1, 1],
                padding: axes.map(|axis| axis[1]),
            },
            inputs,
            outputs,
            gap,
            bias,
            accumulate,
        },
    )
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn convolutions_by_tiles_match_plain_loops(case in case()) {
        let of = case.operands();
        let mut expected = doubles(&of.values);
        let bias = &of.values[of.bias.offset..of.bias.end()];
        begin(&mut expected, of.output, case.accumulate, case.bias.then_some(bias));
        let values = doubles(&of.values);
        case.products(&of, |input, weight, output| {
            expected[output] += values[input] * values[weight];
        });
        let target = Target { tensor: of.output, accumulate: case.accumulate };
        let span = Span::new(of.output.offset, of.output.end() - of.output.offset);
        for size in [Size::Two, Size::Four] {
            assert_matches(&case, size, span, &of, &expected, |level| {
                let finish = Finish {
                    bias: case.bias.then_some(of.bias),
                    ..Finish::nothing(of.output.channels)
                };
                let conv = WinogradConv::forward(
                    level, size, case.geometry, of.input, of.weight, finish, target,
                );
                boxed(conv.orders())
            });
        }
    }

    #[test]
    fn gradients_of_inputs_by_tiles_match_plain_loops(case in case()) {
        let of = case.operands();
        let mut expected = doubles(&of.values);
        begin(&mut expected, of.input, case.accumulate, None);
        let values = doubles(&of.values);
        case.products(&of, |input, weight, output| {
            expected[input] += values[output] * values[weight];
        });
        let target = Target { tensor: of.input, accumulate: case.accumulate };
        let span = Span::new(of.input.offset, of.input.end() - of.input.offset);
        for size in [Size::Two, Size::Four] {
            assert_matches(&case, size, span, &of, &expected, |level| {
                let conv = WinogradConv::grad_input(
                    level, size, case.geometry, of.output, of.weight, target,
                );
                boxed(conv.orders())
            });
        }
    }

    #[test]
    fn gradients_of_kernels_by_tiles_match_plain_loops(case in case()) {
        let of = case.operands();
        let mut expected = doubles(&of.values);
        expected[of.weight.offset..of.weight.end()].fill(0.0);
        let values = doubles(&of.values);
        case.products(&of, |input, weight, output| {
            expected[weight] += values[input] * values[output];
        });
        if case.bias {
            for (channel, bias) in (of.bias.offset..of.bias.end()).enumerate() {
                let at = |row| of.output.offset + row * of.output.pitch + channel;
                expected[bias] = (0..of.output.rows).map(|row| values[at(row)]).sum();
            }
        }
        for size in [Size::Two, Size::Four] {
            assert_matches(&case, size, of.weight, &of, &expected, |level| {
                let bias = case.bias.then_some(of.bias);
                boxed([WinogradGradWeight::new(
                    level, size, case.geometry, of.input, of.output, of.weight, bias,
                )])
            });
        }
    }
}

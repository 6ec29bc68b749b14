//! Arenas of random values with operands laid out at random.

use proptest::test_runner::Config as ProptestConfig;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensor_ops::{Cpu, Device, Instruction, Level, Scalars, Span, Tensor};

use crate::reference;

/// Configuration of property tests.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_global_rejects: 1 << 16,
        ..ProptestConfig::default()
    }
}

pub(crate) const SCALARS: Scalars = Scalars { rate: 0.05, step: 3, seed: 11 };

/// Gives operands places in an arena, some dense and some slices of wider tensors.
pub(crate) struct Layout {
    rng: ChaCha8Rng,
    len: usize,
}

impl Layout {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), len: 0 }
    }

    pub(crate) fn tensor(&mut self, rows: usize, channels: usize) -> Tensor {
        let dense = self.rng.random_bool(0.5);
        let (before, after) = if dense {
            (0, 0)
        } else {
            (self.rng.random_range(0..10), self.rng.random_range(0..10))
        };
        let pitch = before + channels + after;
        let whole = Tensor::dense(self.take(rows * pitch), rows, pitch);
        whole.slice(before, channels)
    }

    pub(crate) fn span(&mut self, len: usize) -> Span {
        Span::new(self.take(len), len)
    }

    pub(crate) fn maybe_span(&mut self, len: usize) -> Option<Span> {
        self.rng.random_bool(0.5).then(|| self.span(len))
    }

    fn take(&mut self, len: usize) -> usize {
        let offset = self.len + self.rng.random_range(0..4);
        self.len = offset + len;
        offset
    }

    /// Random values in `[-1, 1)` for the whole arena.
    pub(crate) fn values(&mut self) -> Vec<f32> {
        (0..self.len).map(|_| self.rng.random_range(-1.0..1.0)).collect()
    }
}

/// The arena after executing the instructions once.
pub(crate) fn execute(cpu: &Cpu, instructions: &[Instruction], values: &[f32]) -> Vec<f32> {
    let mut memory = cpu.allocate(values.len()).unwrap();
    let whole = Span::new(0, values.len());
    cpu.upload(&mut memory, whole, values);
    let mut executable = cpu.prepare(instructions.to_vec(), values.len()).unwrap();
    cpu.execute(&mut memory, &mut executable, SCALARS);
    let mut result = vec![0.0; values.len()];
    cpu.download(&memory, whole, &mut result);
    result
}

/// Asserts that every level with 1, 2 and 3 threads does to the whole arena what the reference does, within `tolerance`
/// times the larger of 1 and the value, and that the threads change no bit.
pub(crate) fn assert_matches_reference(
    instructions: &[Instruction],
    values: &[f32],
    tolerance: f64,
) {
    let mut expected: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
    for instruction in instructions {
        reference::execute(instruction, &mut expected, SCALARS);
    }
    for level in Level::available() {
        let found = execute(&Cpu::with_level(1, level).unwrap(), instructions, values);
        for (i, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            let error = (f64::from(found) - expected).abs();
            assert!(
                error <= tolerance * expected.abs().max(1.0),
                "{level}: value {i} is {found}, not {expected}, after {instructions:?}"
            );
        }
        assert_threads_change_nothing(level, instructions, values, &found);
    }
}

pub(crate) fn assert_threads_change_nothing(
    level: Level,
    instructions: &[Instruction],
    values: &[f32],
    expected: &[f32],
) {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for threads in [2, 3] {
        let found = execute(&Cpu::with_level(threads, level).unwrap(), instructions, values);
        assert!(
            bits(&found) == bits(expected),
            "{level}: {threads} threads differ after {instructions:?}"
        );
    }
}

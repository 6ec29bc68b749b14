//! What the machine can do at most, by measurement.

use tensor_ops::{Cpu, Device, Instruction, Scalars, Tensor, Work};

use crate::clock::Stopwatch;

/// Seconds that each measurement takes.
const SECONDS: f64 = 0.3;

/// Values of each of three vectors: together far beyond any cache.
const FAR: usize = 1 << 24;

/// Speed of arithmetic and of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    pub(super) flops_per_second: f64,
    pub(super) bytes_per_second: f64,
}

impl Machine {
    pub(super) fn measure(device: &Cpu) -> anyhow::Result<Self> {
        Ok(Self { flops_per_second: peak(device)?, bytes_per_second: bandwidth(device)? })
    }

    /// The share of the roof that work done in some seconds is at: of the larger of arithmetic and traffic at full speed.
    pub(super) fn share(&self, work: Work, seconds: f64) -> f64 {
        let arithmetic = work.flops as f64 / self.flops_per_second;
        arithmetic.max(work.bytes as f64 / self.bytes_per_second) / seconds
    }
}

/// FLOPs per second of multiply-adds on registers: the best of several runs.
pub(super) fn peak(device: &Cpu) -> anyhow::Result<f64> {
    const ROUNDS: usize = 1 << 20;
    best(|| Ok(device.multiply_add(ROUNDS)? as f64))
}

/// Bytes per second between memory and processor, read or written by the instructions: the best of a copy and of a sum of two
/// vectors.
fn bandwidth(device: &Cpu) -> anyhow::Result<f64> {
    let mut memory = device.allocate(3 * FAR)?;
    let [first, second, third] = [0, 1, 2].map(|at| Tensor::dense(at * FAR, FAR / 64, 64));
    let mut fastest = 0.0_f64;
    for inputs in [vec![first], vec![first, second]] {
        let instruction = Instruction::Sum { inputs, output: third, accumulate: false };
        let bytes = instruction.work().bytes as f64;
        let mut executable = device.prepare(vec![instruction], 3 * FAR)?;
        let scalars = Scalars { rate: 0.0, step: 1, seed: 0 };
        // The first run only makes the pages.
        device.execute(&mut memory, &mut executable, scalars);
        let found = best(|| {
            device.execute(&mut memory, &mut executable, scalars);
            Ok(bytes)
        });
        fastest = fastest.max(found?);
    }
    Ok(fastest)
}

/// The most that is done in a second, of runs that say how much they did.
fn best(mut run: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let (whole, mut best) = (Stopwatch::start(), 0.0_f64);
    while best == 0.0 || whole.elapsed().as_secs_f64() < SECONDS {
        let watch = Stopwatch::start();
        let done = run()?;
        best = best.max(done / watch.elapsed().as_secs_f64());
    }
    Ok(best)
}

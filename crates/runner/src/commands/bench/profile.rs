//! Time and work of the instructions of a training step, one by one in their order.

use std::collections::BTreeMap;

use tensor_ops::{Cpu, Instruction, Work};
use training::{TrainError, TrainingPass};

use super::super::dry_run::aligned;
use super::cases::Case;
use super::machine::Machine;
use super::recipe;
use crate::clock::Stopwatch;

/// Rounds, of which the median counts.
const ROUNDS: usize = 7;

/// What was measured of some instructions together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) count: usize,
    pub(super) seconds: f64,
    pub(super) work: Work,
}

impl Spent {
    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.work.flops = self.work.flops.saturating_add(other.work.flops);
        self.work.bytes = self.work.bytes.saturating_add(other.work.bytes);
    }
}

/// Sums over the instructions of a step that have the same key: medians of times, and work.
pub(super) fn spent<Key: Ord>(
    case: &Case,
    device: &Cpu,
    key: impl Fn(&Instruction) -> Key,
) -> Result<BTreeMap<Key, Spent>, TrainError> {
    let mut pass = TrainingPass::new(&case.network, &recipe(case.batch as usize), device)?;
    let instructions: Vec<(Key, Work)> =
        pass.instructions().map(|(it, _)| (key(it), it.work())).collect();
    let mut times = vec![Vec::new(); instructions.len()];
    for round in 0..=ROUNDS {
        for (step, times) in times.iter_mut().enumerate() {
            let watch = Stopwatch::start();
            pass.run_step(step)?;
            if round > 0 {
                times.push(watch.elapsed().as_secs_f64());
            }
        }
    }
    let mut sums: BTreeMap<Key, Spent> = BTreeMap::new();
    for ((key, work), times) in instructions.into_iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let seconds = times[times.len() / 2];
        sums.entry(key).or_default().add(Spent { count: 1, seconds, work });
    }
    Ok(sums)
}

/// The kinds of instructions of a step, the longest first.
pub(super) fn table(case: &Case, device: &Cpu, machine: Machine) -> Result<String, TrainError> {
    let sums = spent(case, device, Instruction::kind)?;
    let total: f64 = sums.values().map(|spent| spent.seconds).sum();
    let mut sorted: Vec<_> = sums.into_iter().collect();
    sorted.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
    let mut rows = vec![
        ["instruction", "count", "ms", "share", "GFLOP/s", "GB/s", "of roof"].map(str::to_owned),
    ];
    rows.extend(sorted.into_iter().map(|(kind, Spent { count, seconds, work })| {
        [
            kind.to_owned(),
            count.to_string(),
            format!("{:.3}", 1e3 * seconds),
            format!("{:.1} %", 100.0 * seconds / total),
            format!("{:.1}", work.flops as f64 / seconds / 1e9),
            format!("{:.1}", work.bytes as f64 / seconds / 1e9),
            format!("{:.0} %", 100.0 * machine.share(work, seconds)),
        ]
    }));
    Ok(aligned(&rows, &[0]))
}

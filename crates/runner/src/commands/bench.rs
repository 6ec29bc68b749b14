//! `runner bench`: how fast networks train and run on this machine.

use std::collections::BTreeMap;
use std::fmt::Write;

use cost_models::Summary;
use datasets::Augmentation;
use serde::Serialize;
use tensor_ops::{Cpu, Device};
use training::{
    Curve, ForwardPass, GateRecipe, Network, Optimizer, Recipe, Schedule, TrainError, TrainingPass,
};

use super::dry_run::aligned;
use super::{FAILED, Outcome};
use crate::cli::{BenchOptions, Mode};
use crate::clock::Stopwatch;
use crate::measure::Resident;
use crate::network::{Named, named};

/// Steps that are not counted: memory is touched, caches and branch predictors are warm afterwards.
const WARM_UP: usize = 2;

/// Fewest steps whose median is taken.
const FEWEST: usize = 3;

/// Seconds that the peak is measured for.
const PEAK_SECONDS: f64 = 0.3;

/// What was measured of a network.
#[derive(Debug, Serialize)]
struct Measured {
    network: String,
    mode: &'static str,
    batch: u32,
    threads: usize,
    device: String,
    /// Median time of a step.
    milliseconds: f64,
    images_per_second: f64,
    /// Of kernels: 2 per multiply-add forward, three times that in a training step.
    flops_per_second: f64,
    /// Of multiply-adds on registers.
    peak_flops_per_second: f64,
    /// Memory that the engine plans for a step.
    arena_bytes: usize,
    /// By how much the network and its steps raised the resident memory of the process; of one network alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
}

/// Times what the options name.
pub fn bench(options: &BenchOptions) -> Outcome {
    let before = Resident::read();
    let mut networks = Vec::new();
    for text in &options.networks {
        match named(text, options.input, options.classes) {
            Ok(named) => networks.push(named),
            Err(faults) => return Outcome::bad_input(&faults),
        }
    }
    match measure(options, &networks, before) {
        Ok(text) => Outcome::success(text),
        Err(error) => {
            Outcome { stderr: format!("error: {error:#}\n"), code: FAILED, ..Outcome::default() }
        }
    }
}

fn measure(
    options: &BenchOptions,
    networks: &[Named],
    before: Option<Resident>,
) -> anyhow::Result<String> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.map_or_else(cores, usize::from);
    let device = Cpu::new(threads)?;
    let peak = peak(&device)?;
    let mut rows = vec![
        ["network", "mode", "batch", "ms", "images/s", "GFLOP/s", "of peak", "MiB"]
            .map(str::to_owned),
    ];
    let (mut lines, mut profiles) = (String::new(), String::new());
    for Named { name, network } in networks {
        let found = one(options, name, network, &device, peak, before)?;
        if options.json {
            let _ = writeln!(lines, "{}", serde_json::to_string(&found)?);
            continue;
        }
        rows.push([
            found.network.clone(),
            found.mode.to_owned(),
            found.batch.to_string(),
            format!("{:.2}", found.milliseconds),
            format!("{:.0}", found.images_per_second),
            format!("{:.1}", found.flops_per_second / 1e9),
            format!("{:.0} %", 100.0 * found.flops_per_second / peak),
            format!("{:.1}", found.arena_bytes as f64 / f64::from(1 << 20)),
        ]);
        if options.profile {
            let _ = write!(profiles, "\n{name}\n{}", profile(network, options.batch, &device)?);
        }
    }
    if options.json {
        return Ok(lines);
    }
    let head = format!("{}, peak {:.0} GFLOP/s", device.name(), peak / 1e9);
    Ok(format!("{head}\n\n{}{profiles}", aligned(&rows, &[0, 1])))
}

/// FLOPs per second of multiply-adds on registers: the best of several runs.
fn peak(device: &Cpu) -> anyhow::Result<f64> {
    const ROUNDS: usize = 1 << 20;
    let (whole, mut best) = (Stopwatch::start(), 0.0_f64);
    while best == 0.0 || whole.elapsed().as_secs_f64() < PEAK_SECONDS {
        let watch = Stopwatch::start();
        let flops = device.multiply_add(ROUNDS)?;
        best = best.max(flops as f64 / watch.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn one(
    options: &BenchOptions,
    name: &str,
    network: &Network,
    device: &Cpu,
    peak: f64,
    before: Option<Resident>,
) -> anyhow::Result<Measured> {
    let batch = options.batch as usize;
    let flops = Summary::of(&network.graph).flops as f64;
    let (mode, factor, arena_bytes, seconds) = match options.mode {
        Mode::Train => {
            let mut pass = TrainingPass::new(network, &recipe(batch), device)?;
            let seconds = median_of(options.seconds, || {
                let _ = pass.run();
            });
            ("train", 3.0, pass.arena_bytes(), seconds)
        }
        Mode::Inference => {
            let mut pass = ForwardPass::new(network, batch, device)?;
            let seconds = median_of(options.seconds, || pass.run());
            ("inference", 1.0, pass.arena_bytes(), seconds)
        }
    };
    let images_per_second = f64::from(options.batch) / seconds;
    let grown = before.zip(Resident::read()).map(|(before, after)| after.most - before.now);
    Ok(Measured {
        network: name.to_owned(),
        mode,
        batch: options.batch,
        threads: device.threads(),
        device: device.name(),
        milliseconds: seconds * 1e3,
        images_per_second,
        flops_per_second: factor * flops * images_per_second,
        peak_flops_per_second: peak,
        arena_bytes,
        memory_bytes: grown.filter(|_| options.networks.len() == 1),
    })
}

/// Median of the times that something takes, repeated for some seconds.
fn median_of(seconds: f64, mut once: impl FnMut()) -> f64 {
    (0..WARM_UP).for_each(|_| once());
    let (whole, mut times) = (Stopwatch::start(), Vec::new());
    while times.len() < FEWEST || whole.elapsed().as_secs_f64() < seconds {
        let watch = Stopwatch::start();
        once();
        times.push(watch.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What is usual: momentum and decay, a small rate so that no value grows.
fn recipe(batch_size: usize) -> Recipe {
    Recipe {
        epochs: 1,
        batch_size,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate: 1e-4 } },
        weight_decay: 1e-4,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        batch_norm_momentum: 0.1,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    }
}

/// Rounds of a profile.
const ROUNDS: usize = 7;

/// Time of the instructions of a training step by kind, the longest first: sums of medians.
fn profile(network: &Network, batch: u32, device: &Cpu) -> Result<String, TrainError> {
    let mut pass = TrainingPass::new(network, &recipe(batch as usize), device)?;
    let kinds: Vec<&str> = pass.instructions().map(|(it, _)| it.kind()).collect();
    let mut times = vec![Vec::new(); kinds.len()];
    for round in 0..=ROUNDS {
        for (step, times) in times.iter_mut().enumerate() {
            let watch = Stopwatch::start();
            pass.run_step(step)?;
            if round > 0 {
                times.push(watch.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for (kind, times) in kinds.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let sum = sums.entry(kind).or_default();
        *sum = (sum.0 + 1, sum.1 + times[times.len() / 2]);
    }
    let total: f64 = sums.values().map(|(_, time)| time).sum();
    let mut sorted: Vec<_> = sums.into_iter().collect();
    sorted.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    let mut rows = vec![["instruction", "count", "ms", "share"].map(str::to_owned)];
    rows.extend(sorted.into_iter().map(|(kind, (count, time))| {
        let share = format!("{:.1} %", 100.0 * time / total);
        [kind.to_owned(), count.to_string(), format!("{time:.3}"), share]
    }));
    Ok(aligned(&rows, &[0]))
}

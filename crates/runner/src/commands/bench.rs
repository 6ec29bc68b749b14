//! `runner bench`: how fast networks train and run on this machine.

mod cases;
mod machine;
mod profile;
mod roofline;
mod search;
mod widths;

use std::fmt::Write;

use cost_models::Summary;
use datasets::Augmentation;
use serde::Serialize;
use tensor_ops::{Cpu, Device};
use training::{Curve, ForwardPass, GateRecipe, Optimizer, Recipe, Schedule, TrainingPass};

use self::cases::{Case, cases};
use self::machine::Machine;
use super::dry_run::aligned;
use super::{FAILED, Outcome};
use crate::cli::{BenchOptions, Mode};
use crate::clock::Stopwatch;
use crate::measure::Resident;

/// Steps that are not counted: memory is touched, caches and branch predictors are warm afterwards.
const WARM_UP: usize = 2;

/// Fewest steps whose median is taken.
const FEWEST: usize = 3;

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
    let cases = match cases(options) {
        Ok(cases) => cases,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    match measure(options, &cases, before) {
        Ok(text) => Outcome::success(text),
        Err(error) => {
            Outcome { stderr: format!("error: {error:#}\n"), code: FAILED, ..Outcome::default() }
        }
    }
}

fn measure(
    options: &BenchOptions,
    cases: &[Case],
    before: Option<Resident>,
) -> anyhow::Result<String> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let device = Cpu::at(options.threads.map_or_else(cores, usize::from), options.simd)?;
    if let Some(figure) = &options.widths {
        return widths::measure(options.batch as usize, &device, figure);
    }
    if let Some(figure) = &options.roofline {
        return roofline::measure(cases, &device, figure);
    }
    if let Some(file) = &options.search {
        return search::measure(cases, options.seconds, &device, file);
    }
    let peak = machine::peak(&device)?;
    let mut rows = vec![
        ["network", "mode", "batch", "ms", "images/s", "GFLOP/s", "of peak", "MiB"]
            .map(str::to_owned),
    ];
    let mut lines = String::new();
    for case in cases {
        let found = one(options, case, &device, peak, before)?;
        if options.json {
            let _ = writeln!(lines, "{}", serde_json::to_string(&found)?);
            continue;
        }
        rows.push([
            found.network,
            found.mode.to_owned(),
            found.batch.to_string(),
            format!("{:.2}", found.milliseconds),
            format!("{:.0}", found.images_per_second),
            format!("{:.1}", found.flops_per_second / 1e9),
            format!("{:.0} %", 100.0 * found.flops_per_second / peak),
            format!("{:.1}", found.arena_bytes as f64 / f64::from(1 << 20)),
        ]);
    }
    if options.json {
        return Ok(lines);
    }
    let mut text =
        format!("{}, peak {:.0} GFLOP/s\n\n{}", device.name(), peak / 1e9, aligned(&rows, &[0, 1]));
    if options.profile {
        let machine = Machine::measure(&device)?;
        for case in cases {
            let _ = write!(text, "\n{}\n{}", case.name, profile::table(case, &device, machine)?);
        }
    }
    Ok(text)
}

fn one(
    options: &BenchOptions,
    Case { name, network, batch }: &Case,
    device: &Cpu,
    peak: f64,
    before: Option<Resident>,
) -> anyhow::Result<Measured> {
    let flops = Summary::of(&network.graph).flops as f64;
    let (mode, factor, arena_bytes, seconds) = match options.mode {
        Mode::Train => {
            let mut pass = TrainingPass::new(network, &recipe(*batch as usize), device)?;
            let seconds = median_of(options.seconds, || {
                let _ = pass.run();
            });
            ("train", 3.0, pass.arena_bytes(), seconds)
        }
        Mode::Inference => {
            let mut pass = ForwardPass::new(network, *batch as usize, device)?;
            let seconds = median_of(options.seconds, || pass.run());
            ("inference", 1.0, pass.arena_bytes(), seconds)
        }
    };
    let images_per_second = f64::from(*batch) / seconds;
    let grown = before.zip(Resident::read()).map(|(before, after)| after.most - before.now);
    Ok(Measured {
        network: name.clone(),
        mode,
        batch: *batch,
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

/// A name as a cell of a CSV file.
fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

//! `runner calibrate`: measures this machine and writes a device file.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::Path;

use cost_models::{Calibration, CostForm, DeviceFile, Grid, Measured};
use datasets::Streams;
use graph::Graph;
use tensor_ops::{Cpu, Device};
use training::Network;

use super::dry_run::aligned;
use super::{FAILED, Outcome};
use crate::calibrate::{self, Identity};
use crate::cli::CalibrateOptions;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::{clock, measure, spec, store};

/// Seed of the grid of networks; part of the file.
const GRID_SEED: u64 = 1;

/// Measures, fits and writes.
pub(super) fn calibrate(options: &CalibrateOptions) -> Outcome {
    let mut others = Vec::new();
    for name in &options.against {
        match named(name) {
            Ok(graph) => others.push((name.clone(), graph)),
            Err(faults) => return Outcome::bad_input(&faults),
        }
    }
    let attempt = || {
        let calibration = measured(options)?;
        Ok((compared(options, &calibration, &others)?, calibration))
    };
    match attempt() {
        Ok((comparison, calibration)) => {
            Outcome::success(summary(options, &calibration) + &comparison)
        }
        Err::<_, anyhow::Error>(error) => {
            Outcome { stderr: format!("error: {error:#}\n"), code: FAILED, ..Outcome::default() }
        }
    }
}

fn measured(options: &CalibrateOptions) -> anyhow::Result<Calibration> {
    let device = Cpu::new(usize::from(options.threads))?;
    let stem = options.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let identity = Identity {
        name: options.name.clone().or(stem).unwrap_or_default(),
        host: format!("{}, {}", processor()?, device.name()),
        date: clock::today(),
    };
    let (networks, batch) = (options.networks as usize, options.batch as usize);
    let grid = Grid { seed: GRID_SEED, networks, batch };
    let terminal = std::io::stderr().is_terminal();
    let calibration = calibrate::calibrate(&device, identity, grid, &mut |done| {
        if terminal || done.is_multiple_of(networks.div_ceil(10)) {
            let (end, mut stderr) = (if terminal { "\r" } else { "\n" }, std::io::stderr());
            let _ = write!(stderr, "{done} of {networks} networks measured{end}");
        }
    })?;
    store::write_json(&options.file, &DeviceFile::Measured(Box::new(calibration.clone())))?;
    Ok(calibration)
}

/// A network by its name, for images that it was made for.
fn named(name: &str) -> Result<Graph, Diagnostics> {
    let architecture = spec::named(name)?;
    let (input, classes) = (architecture.natural_input(), architecture.natural_classes());
    let graph = architecture.build(input, classes);
    Ok(graph.map_err(|error| Diagnostic::new(error.to_string()))?)
}

/// Predicted against measured time of a whole network.
#[derive(Debug)]
struct Comparison<'a> {
    network: &'a str,
    predicted_ms: f64,
    measured_ms: f64,
    /// Predicted over measured, less 1, in percent.
    error_percent: f64,
}

/// Times networks that are not in the grid, and writes what the table says of them beside the device file.
fn compared(
    options: &CalibrateOptions,
    calibration: &Calibration,
    networks: &[(String, Graph)],
) -> anyhow::Result<String> {
    if networks.is_empty() {
        return Ok(String::new());
    }
    let device = Cpu::new(usize::from(options.threads))?;
    let batch = options.batch as usize;
    let model = Measured { table: calibration.table.clone(), batch };
    let mut rows = Vec::new();
    for (network, graph) in networks {
        let predicted_ms = CostForm::of(&model, graph).at(&graph.widths()) / 1e6;
        let seed = Network::init(graph.clone(), Streams::new(0));
        let measured_ms = measure::whole(&seed, batch, &device)? / 1e6;
        let error_percent = (predicted_ms / measured_ms - 1.0) * 100.0;
        rows.push(Comparison { network, predicted_ms, measured_ms, error_percent });
    }
    let mean = rows.iter().map(|row| row.error_percent.abs()).sum::<f64>() / rows.len() as f64;
    let mut csv = String::from("network,predicted_ms,measured_ms,error_percent\n");
    let mut lines = vec![["network", "predicted", "measured", "error"].map(str::to_owned)];
    for Comparison { network, predicted_ms, measured_ms, error_percent } in &rows {
        let _ = writeln!(csv, "{network},{predicted_ms:.4},{measured_ms:.4},{error_percent:.2}");
        lines.push([
            (*network).to_owned(),
            format!("{predicted_ms:.2} ms"),
            format!("{measured_ms:.2} ms"),
            format!("{error_percent:+.1} %"),
        ]);
    }
    store::write(&options.file.with_extension("csv"), csv.as_bytes())?;
    let table = aligned(&lines, &[0]);
    Ok(format!("\n{table}\nmean absolute error {mean:.1} %\n"))
}

/// The processor's own name where the system gives it, else its kind.
fn processor() -> anyhow::Result<String> {
    let text = store::read(Path::new("/proc/cpuinfo"))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let named = text.lines().filter_map(|line| line.split_once(':'));
    let mut names = named.filter(|(key, _)| key.trim() == "model name");
    let name = names.next().map(|(_, name)| name.trim());
    Ok(name.unwrap_or(std::env::consts::ARCH).to_owned())
}

fn summary(options: &CalibrateOptions, calibration: &Calibration) -> String {
    let Calibration { table, data, grid } = calibration;
    let mut text = format!(
        "{}: {} nodes of {} networks, batch {}, {}\n\n",
        options.file.display(),
        data.len(),
        grid.networks,
        grid.batch,
        table.host
    );
    for (class, terms) in &table.classes {
        for term in terms {
            let steps = match (term.input_step, term.output_step) {
                (1, 1) => String::new(),
                (input, output) => format!(", widths in steps of {input} and {output}"),
            };
            let (per, each) = (term.per, term.nanoseconds);
            let _ = writeln!(text, "{class:<12} {each:.6} ns per {per}{steps}");
        }
    }
    text
}

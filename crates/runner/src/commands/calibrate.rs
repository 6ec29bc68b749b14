//! `runner calibrate`: measures this machine and writes a device file.

use std::io::{IsTerminal, Write};
use std::path::Path;

use cost_models::{Calibration, DeviceFile, Grid};
use tensor_ops::{Cpu, Device};

use super::{FAILED, Outcome};
use crate::calibrate::{self, Identity};
use crate::cli::CalibrateOptions;
use crate::{clock, store};

/// Seed of the grid of networks; part of the file.
const GRID_SEED: u64 = 1;

/// Measures, fits and writes.
pub(super) fn calibrate(options: &CalibrateOptions) -> Outcome {
    match measured(options) {
        Ok(calibration) => Outcome::success(summary(options, &calibration)),
        Err(error) => {
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

/// The processor's own name where the system gives it, else its kind.
fn processor() -> anyhow::Result<String> {
    let text = store::read(Path::new("/proc/cpuinfo"))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let named = text.lines().filter_map(|line| line.split_once(':'));
    let name = named.filter(|(key, _)| key.trim() == "model name").map(|(_, name)| name.trim());
    Ok(name.last().unwrap_or(std::env::consts::ARCH).to_owned())
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
            text.push_str(&format!("{class:<12} {each:.6} ns per {per}{steps}\n"));
        }
    }
    text
}

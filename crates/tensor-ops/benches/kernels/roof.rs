//! What kernels are held against, measured in the same run, and the table that says so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use tensor_ops::{Cpu, Device, Instruction, Scalars, Tensor, Work};

const SCALARS: Scalars = Scalars { rate: 0.0, step: 1, seed: 0 };

/// How long each measurement of the machine takes.
const WHILE: Duration = Duration::from_millis(150);

/// Smallest and largest arena that a copy is timed in, in values.
const SIZES: [usize; 2] = [1 << 12, 1 << 26];

#[expect(clippy::disallowed_methods, reason = "benches read the clock")]
pub(crate) fn timed(mut run: impl FnMut()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// Kernels that were timed, and the machine.
pub(crate) struct Roof {
    flops_per_second: f64,
    /// By the size of the arena.
    bytes_per_second: RefCell<BTreeMap<usize, f64>>,
    kernels: RefCell<Vec<Row>>,
}

struct Row {
    name: String,
    work: Work,
    seconds: f64,
}

impl Roof {
    /// Measures the arithmetic peak of a thread.
    pub(crate) fn new(cpu: &Cpu) -> Self {
        let run = || cpu.multiply_add(1 << 18).expect("a vector fits into memory") as f64;
        let flops_per_second = fastest(run);
        Self { flops_per_second, bytes_per_second: RefCell::default(), kernels: RefCell::default() }
    }

    /// Notes a time of a kernel; the shortest of a name counts.
    pub(crate) fn note(&self, name: &str, work: Work, seconds: f64) {
        let mut kernels = self.kernels.borrow_mut();
        match kernels.iter_mut().find(|row| row.name == name) {
            Some(row) => row.seconds = row.seconds.min(seconds),
            None => kernels.push(Row { name: name.to_owned(), work, seconds }),
        }
    }

    /// Bytes per second of a copy that touches about as many bytes, so that it is served by the same cache.
    fn bytes_per_second(&self, cpu: &Cpu, bytes: u64) -> f64 {
        let values = (bytes as usize / size_of::<f32>()).next_power_of_two();
        let values = values.clamp(SIZES[0], SIZES[1]);
        *self.bytes_per_second.borrow_mut().entry(values).or_insert_with(|| copy(cpu, values))
    }

    /// The table of what was noted.
    pub(crate) fn table(&self, cpu: &Cpu) -> String {
        let kernels = self.kernels.borrow();
        let widest = kernels.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut text = format!(
            "\n{}: {:.1} GFLOP/s; bandwidth is that of a copy of as many bytes, roof the lower of peak and bandwidth * FLOPs / bytes\n\n\
             {:<widest$} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}\n",
            cpu.name(),
            self.flops_per_second / 1e9,
            "kernel",
            "us",
            "GFLOP/s",
            "of peak",
            "GB/s",
            "of copy",
            "of roof"
        );
        for Row { name, work, seconds } in kernels.iter() {
            let [flops, bytes] = [work.flops, work.bytes].map(|amount| amount as f64 / seconds);
            let of_peak = 100.0 * flops / self.flops_per_second;
            let of_copy = 100.0 * bytes / self.bytes_per_second(cpu, work.bytes);
            let _ = writeln!(
                text,
                "{name:<widest$} {:>10.1} {:>8.1} {of_peak:>6.0} % {:>8.1} {of_copy:>6.0} % {:>6.0} %",
                seconds * 1e6,
                flops / 1e9,
                bytes / 1e9,
                of_peak.max(of_copy)
            );
        }
        text
    }
}

fn copy(cpu: &Cpu, values: usize) -> f64 {
    let [input, output] = [0, values / 2].map(|at| Tensor::dense(at, values / 128, 64));
    let sum = Instruction::Sum { inputs: vec![input], output, accumulate: false };
    let bytes = sum.work().bytes as f64;
    let mut memory = cpu.allocate(values).expect("arenas are small");
    let mut executable = cpu.prepare(vec![sum], values).expect("operands fit");
    // The first run only makes the pages.
    cpu.execute(&mut memory, &mut executable, SCALARS);
    fastest(|| {
        cpu.execute(&mut memory, &mut executable, SCALARS);
        bytes
    })
}

/// The most that is done in a second, of runs that say how much they did.
fn fastest(mut run: impl FnMut() -> f64) -> f64 {
    let (mut best, mut whole) = (0.0_f64, Duration::ZERO);
    while whole < WHILE {
        let mut done = 0.0;
        let time = timed(|| done = run());
        whole += time.max(Duration::from_nanos(1));
        best = best.max(done / time.as_secs_f64().max(1e-9));
    }
    best
}

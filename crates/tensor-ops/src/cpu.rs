//! The processor as a device.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the level, see `Task`"
)]
#![expect(clippy::needless_range_loop, reason = "tiles are unrolled from loops over indices")]

mod activation;
mod arena;
mod batch_norm;
mod binary;
mod check;
mod context;
mod conv;
mod dropout;
mod gate;
mod kernels;
mod level;
mod loss;
mod maps;
mod multi_label_loss;
mod peak;
mod pool;
mod pooling;
mod response_norm;
mod rows;
mod simd;
mod softmax;
mod sum;
mod sum_rows;
mod update;

use self::arena::{Arena, SLACK};
use self::context::{Context, Kernel};
pub use self::level::Level;
use self::peak::MultiplyAdds;
use self::pool::Pool;
use crate::{Device, DeviceError, Instruction, Scalars, Span};

/// The processor: kernels for its vector instructions on a fixed number of threads.
///
/// Work is cut into chunks that depend on shapes alone and sums are merged in order, so the number of threads changes no
/// bit of any result. Different [`Level`]s round differently.
pub struct Cpu {
    level: Level,
    threads: usize,
    pool: Pool,
}

/// Instructions that fit an arena, and scratch for the largest of them.
pub struct Executable {
    kernels: Vec<Box<dyn Kernel>>,
    len: usize,
    scratch: Arena,
    shared_len: usize,
    worker_len: usize,
    threads: usize,
}

/// Scratch that any instruction may have, whatever its operands: 256 MiB.
const SCRATCH: usize = 1 << 26;

impl Cpu {
    /// `threads` threads, the calling one among them, with the machine's best level. At least 1.
    pub fn new(threads: usize) -> Result<Self, DeviceError> {
        let best = Level::available().into_iter().max().unwrap_or(Level::Portable);
        Self::with_level(threads, best)
    }

    /// As [`Cpu::new`], with another level than the best if one is given.
    pub fn at(threads: usize, level: Option<Level>) -> Result<Self, DeviceError> {
        level.map_or_else(|| Self::new(threads), |level| Self::with_level(threads, level))
    }

    /// As [`Cpu::new`] with one of [`Level::available`].
    pub fn with_level(threads: usize, level: Level) -> Result<Self, DeviceError> {
        if !Level::available().contains(&level) {
            return Err(DeviceError::Unsupported { level });
        }
        if threads == 0 {
            return Err(DeviceError::Threads {
                threads,
                reason: "at least one is needed".to_owned(),
            });
        }
        let pool = Pool::new(threads)
            .map_err(|error| DeviceError::Threads { threads, reason: error.to_string() })?;
        Ok(Self { level, threads, pool })
    }

    /// Number of threads, the calling one among them.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Multiplies and adds on registers alone, on all threads: the peak that no kernel can pass. Every accumulator is added to
    /// `rounds` times. The FLOPs done.
    pub fn multiply_add(&self, rounds: usize) -> Result<u64, DeviceError> {
        let (task, worker_len) = (MultiplyAdds { rounds }, SLACK);
        let mut scratch = self.zeros(worker_len * self.threads)?;
        let start = scratch.pointer();
        let context = Context {
            pool: &self.pool,
            level: self.level,
            scalars: Scalars { rate: 0.0, step: 1, seed: 0 },
            arena: start,
            shared: start,
            workers: start,
            worker_len,
        };
        context.launch(self.threads, &task);
        Ok(task.flops(self.level.lanes()) * self.threads as u64)
    }

    fn zeros(&self, len: usize) -> Result<Arena, DeviceError> {
        let bytes = len.saturating_mul(size_of::<f32>());
        Arena::zeros(len).map_err(|_| DeviceError::OutOfMemory { device: self.name(), bytes })
    }
}

impl Device for Cpu {
    type Memory = Arena;
    type Executable = Executable;

    fn name(&self) -> String {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        format!("cpu ({} {threads}, {})", self.threads, self.level)
    }

    fn allocate(&self, len: usize) -> Result<Arena, DeviceError> {
        self.zeros(len)
    }

    fn prepare(
        &self,
        instructions: Vec<Instruction>,
        len: usize,
    ) -> Result<Executable, DeviceError> {
        let (mut shared_len, mut worker_len) = (0, 0);
        let mut kernels: Vec<Box<dyn Kernel>> = Vec::new();
        for (index, instruction) in instructions.into_iter().enumerate() {
            let name = instruction.kind();
            let malformed = |problem| DeviceError::Malformed { index, instruction: name, problem };
            check::check(&instruction, len).map_err(malformed)?;
            for kernel in kernels::of(instruction, self.level) {
                let scratch = kernel.scratch();
                let values = scratch.worker.saturating_add(scratch.shared);
                if values > len.saturating_mul(16).max(SCRATCH) {
                    return Err(malformed(format!(
                        "needs {values} values of scratch for an arena of {len}"
                    )));
                }
                shared_len = shared_len.max(scratch.shared);
                worker_len = worker_len.max(scratch.worker);
                kernels.push(kernel);
            }
        }
        let shared_len = shared_len.saturating_add(SLACK).next_multiple_of(SLACK);
        let worker_len = worker_len.saturating_add(SLACK).next_multiple_of(SLACK);
        let scratch =
            self.zeros(worker_len.saturating_mul(self.threads).saturating_add(shared_len))?;
        Ok(Executable { kernels, len, scratch, shared_len, worker_len, threads: self.threads })
    }

    /// # Panics
    ///
    /// If the executable was prepared for an arena of another length, or by a device with fewer threads.
    fn execute(&self, memory: &mut Arena, executable: &mut Executable, scalars: Scalars) {
        let Executable { kernels, len, scratch, shared_len, worker_len, threads } = executable;
        assert_eq!(
            memory.len(),
            *len,
            "an executable runs on an arena of the length it was prepared for"
        );
        assert!(
            self.threads <= *threads,
            "an executable has scratch for the threads of its own device"
        );
        let shared = scratch.pointer();
        let context = Context {
            pool: &self.pool,
            level: self.level,
            scalars,
            arena: memory.pointer(),
            shared,
            workers: shared.wrapping_add(*shared_len),
            worker_len: *worker_len,
        };
        for kernel in kernels {
            kernel.run(&context);
        }
    }

    /// # Panics
    ///
    /// If the span lies outside the arena or has another length.
    fn upload(&self, memory: &mut Arena, span: Span, values: &[f32]) {
        memory.values_mut()[span.offset..span.end()].copy_from_slice(values);
    }

    /// # Panics
    ///
    /// If the span lies outside the arena or has another length.
    fn download(&self, memory: &Arena, span: Span, values: &mut [f32]) {
        values.copy_from_slice(&memory.values()[span.offset..span.end()]);
    }
}

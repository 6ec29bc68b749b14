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
mod filters;
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

use std::sync::atomic::{AtomicU64, Ordering};

use self::arena::{Arena, DerivedFrom, SLACK};
use self::context::{Context, Kernel};
pub use self::level::Level;
use self::peak::MultiplyAdds;
use self::pool::Pool;
use crate::instruction::operands;
use crate::{Device, DeviceError, Instruction, Scalars, Span, Tensor};

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
    kernels: Vec<Ready>,
    /// Derived values that are kept, the number of their derivation, and the hull of what they come from.
    kept: Arena,
    derivation: u64,
    sources: Option<Span>,
    len: usize,
    scratch: Arena,
    shared_len: usize,
    worker_len: usize,
    threads: usize,
}

/// A kernel and where its derived values are.
struct Ready {
    kernel: Box<dyn Kernel>,
    derived: Place,
}

/// Offset of derived values.
#[derive(Clone, Copy)]
enum Place {
    /// In the shared scratch, to be computed in every run.
    Shared(usize),
    /// In memory of their own: their sources are not written by the instructions.
    Kept(usize),
}

/// Scratch that any instruction may have, whatever its operands: 256 MiB.
const SCRATCH: usize = 1 << 26;

/// Most derived values that an executable keeps: 1 GiB.
const KEPT: usize = 1 << 28;

/// Number of the next derivation.
static NEXT: AtomicU64 = AtomicU64::new(1);

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

    /// The vector instructions that it computes with.
    pub fn level(&self) -> Level {
        self.level
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
            derived: start,
            stale: true,
        };
        context.launch(self.threads, &task);
        Ok(task.flops(self.level.lanes()) * self.threads as u64)
    }

    fn zeros(&self, len: usize) -> Result<Arena, DeviceError> {
        let bytes = len.saturating_mul(size_of::<f32>());
        Arena::zeros(len).map_err(|_| DeviceError::OutOfMemory { device: self.name(), bytes })
    }
}

/// What instructions write.
fn written(instructions: &[Instruction]) -> Vec<Tensor> {
    let operands = instructions.iter().flat_map(|instruction| operands(instruction).all);
    operands.filter(|operand| operand.written).map(|operand| operand.region).collect()
}

/// Whether a span lies between the first and the last value of one of the regions.
fn overlaps_any(regions: &[Tensor], span: Span) -> bool {
    regions.iter().any(|region| {
        let len = region.rows.saturating_sub(1).saturating_mul(region.pitch);
        span.overlaps(Span::new(region.offset, len.saturating_add(region.channels)))
    })
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
        let mut kernels: Vec<Ready> = Vec::new();
        let (mut sources, mut kept_len): (Option<Span>, usize) = (None, 0);
        let written = written(&instructions);
        for (index, instruction) in instructions.into_iter().enumerate() {
            let name = instruction.kind();
            let malformed = |problem| DeviceError::Malformed { index, instruction: name, problem };
            check::check(&instruction, len).map_err(malformed)?;
            for kernel in kernels::of(instruction, self.level) {
                let scratch = kernel.scratch();
                let derived = kernel.derived();
                let shared = scratch.shared.saturating_add(SLACK).next_multiple_of(SLACK);
                let place = if derived.len > 0
                    && derived.len <= KEPT - kept_len
                    && !derived.sources.iter().any(|source| overlaps_any(&written, *source))
                {
                    let place = Place::Kept(kept_len);
                    kept_len += derived.len.next_multiple_of(SLACK);
                    for source in derived.sources {
                        sources = Some(sources.map_or(source, |hull| hull.hull(source)));
                    }
                    place
                } else {
                    shared_len = shared_len.max(shared.saturating_add(derived.len));
                    Place::Shared(shared)
                };
                let values =
                    scratch.worker.saturating_add(scratch.shared).saturating_add(derived.len);
                if values > len.saturating_mul(16).max(SCRATCH) {
                    return Err(malformed(format!(
                        "needs {values} values of scratch for an arena of {len}"
                    )));
                }
                shared_len = shared_len.max(scratch.shared);
                worker_len = worker_len.max(scratch.worker);
                kernels.push(Ready { kernel, derived: place });
            }
        }
        let shared_len = shared_len.saturating_add(SLACK).next_multiple_of(SLACK);
        let worker_len = worker_len.saturating_add(SLACK).next_multiple_of(SLACK);
        let scratch =
            self.zeros(worker_len.saturating_mul(self.threads).saturating_add(shared_len))?;
        Ok(Executable {
            kernels,
            kept: self.zeros(kept_len)?,
            derivation: 0,
            sources,
            len,
            scratch,
            shared_len,
            worker_len,
            threads: self.threads,
        })
    }

    /// # Panics
    ///
    /// If the executable was prepared for an arena of another length, or by a device with fewer threads.
    fn execute(&self, memory: &mut Arena, executable: &mut Executable, scalars: Scalars) {
        let Executable {
            kernels,
            kept,
            derivation,
            sources,
            len,
            scratch,
            shared_len,
            worker_len,
            threads,
        } = executable;
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
        let valid = memory.derived.is_some_and(|derived| derived.number == *derivation);
        if !valid {
            *derivation = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        let mut context = Context {
            pool: &self.pool,
            level: self.level,
            scalars,
            arena: memory.pointer(),
            shared,
            workers: shared.wrapping_add(*shared_len),
            worker_len: *worker_len,
            derived: shared,
            stale: true,
        };
        let kept = kept.pointer();
        for Ready { kernel, derived } in kernels {
            (context.derived, context.stale) = match *derived {
                Place::Shared(offset) => (shared.wrapping_add(offset), true),
                Place::Kept(offset) => (kept.wrapping_add(offset), !valid),
            };
            kernel.run(&context);
        }
        memory.derived = sources.map(|part| DerivedFrom { number: *derivation, part });
    }

    /// # Panics
    ///
    /// If the span lies outside the arena or has another length.
    fn upload(&self, memory: &mut Arena, span: Span, values: &[f32]) {
        memory.write(span, values);
    }

    /// # Panics
    ///
    /// If the span lies outside the arena or has another length.
    fn download(&self, memory: &Arena, span: Span, values: &mut [f32]) {
        values.copy_from_slice(&memory.values()[span.offset..span.end()]);
    }
}

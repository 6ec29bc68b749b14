//! What a kernel sees while it runs.

use super::level::{Level, Task, run_chunk};
use super::pool::Pool;
use crate::{Scalars, Span, Tensor};

/// Scratch values a kernel needs besides its operands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scratch {
    /// For all workers together.
    pub(super) shared: usize,
    /// For each worker alone.
    pub(super) worker: usize,
}

/// Values that a kernel computes from parameters alone. They are kept as long as nobody writes those.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// Number of values.
    pub(super) len: usize,
    /// What they are computed from.
    pub(super) sources: Vec<Span>,
}

/// An instruction made ready.
pub(super) trait Kernel: Send + Sync {
    /// The scratch that `run` uses.
    fn scratch(&self) -> Scratch;

    /// What `run` leaves in, or finds in, the context's `derived`.
    fn derived(&self) -> Derived {
        Derived::default()
    }

    /// Executes the instruction. The context's arena is the one that the instruction was checked against, and its scratch
    /// is as large as `scratch` says.
    fn run(&self, context: &Context<'_>);
}

/// Memory, threads and the step's scalars.
pub(super) struct Context<'a> {
    pub(super) pool: &'a Pool,
    pub(super) level: Level,
    pub(super) scalars: Scalars,
    pub(super) arena: *mut f32,
    pub(super) shared: *mut f32,
    pub(super) workers: *mut f32,
    pub(super) worker_len: usize,
    /// Where the kernel's derived values are.
    pub(super) derived: *mut f32,
    /// Whether the derived values have to be computed.
    pub(super) stale: bool,
}

// SAFETY: the pointers are to memory borrowed exclusively for the length of `execute`, in which tasks write disjoint parts.
unsafe impl Sync for Context<'_> {}

impl Context<'_> {
    /// Runs all chunks of a task at the device's level.
    pub(super) fn launch<T: Task>(&self, chunks: usize, task: &T) {
        self.launch_at(self.level, chunks, task);
    }

    /// Runs all chunks of a task at a level that the device's level implies.
    pub(super) fn launch_at<T: Task>(&self, level: Level, chunks: usize, task: &T) {
        self.pool.run(chunks, &|chunk, worker| {
            // SAFETY: `Cpu` is only made with levels that the machine has, and those imply lower ones.
            unsafe { run_chunk(level, task, self, chunk, worker) };
        });
    }

    /// First value of a row of a tensor that was checked against the arena.
    #[inline(always)]
    pub(super) fn row(&self, tensor: Tensor, row: usize) -> *mut f32 {
        self.arena.wrapping_add(tensor.offset + row * tensor.pitch)
    }

    /// First value of a span that was checked against the arena.
    #[inline(always)]
    pub(super) fn span(&self, span: Span) -> *mut f32 {
        self.arena.wrapping_add(span.offset)
    }

    /// Scratch of one worker.
    #[inline(always)]
    pub(super) fn worker(&self, worker: usize) -> *mut f32 {
        self.workers.wrapping_add(worker * self.worker_len)
    }
}

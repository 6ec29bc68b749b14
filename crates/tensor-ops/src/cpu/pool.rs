//! Threads that share the chunks of one task at a time, without allocating.

use std::cell::UnsafeCell;
use std::hint;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The caller and `threads - 1` workers.
pub(super) struct Pool {
    shared: Arc<Shared>,
    turn: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

/// Waiting for the next job, a worker spins this often before it sleeps: about 50 microseconds, longer than the serial
/// gaps inside a step.
const SPINS: u32 = 3000;

/// Spins before a waiting thread lets others have its core.
const SPINS_BEFORE_YIELD: u32 = 200;

const OPEN: u64 = 1 << 31;
const EPOCH: u32 = 32;

struct Shared {
    /// Written by the caller while the gate is closed and nobody is inside, read by workers that have passed it.
    job: UnsafeCell<Option<Job>>,
    next: AtomicUsize,
    /// Number of the job, whether workers may still enter, and how many are inside: `epoch << 32 | open << 31 | inside`.
    gate: AtomicU64,
    asleep: AtomicUsize,
    bed: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
    panicked: AtomicBool,
}

#[derive(Clone, Copy)]
struct Job {
    /// Points to a closure of the type that `call` is made for.
    work: *const (),
    call: unsafe fn(*const (), usize, usize),
    chunks: usize,
}

/// # Safety
///
/// `work` points to a living `W`.
unsafe fn call<W: Fn(usize, usize)>(work: *const (), chunk: usize, worker: usize) {
    // SAFETY: the caller's.
    unsafe { (*work.cast::<W>())(chunk, worker) };
}

// SAFETY: `job` is only written while no worker is inside the gate, see `Pool::run`; the closure behind its pointer is `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Pool {
    /// Starts `threads - 1` workers.
    pub(super) fn new(threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(None),
            next: AtomicUsize::new(0),
            gate: AtomicU64::new(0),
            asleep: AtomicUsize::new(0),
            bed: Mutex::new(()),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        });
        let mut pool = Self { shared, turn: Mutex::new(()), workers: Vec::new() };
        for worker in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let handle = thread::Builder::new()
                .name(format!("tensor-ops {worker}"))
                .spawn(move || shared.serve(worker))?;
            pool.workers.push(handle);
        }
        Ok(pool)
    }

    /// Calls `work` with the numbers of chunk and worker once for every chunk, and returns when all calls have returned. Worker numbers are below the number of
    /// threads, and no two calls at the same time have the same.
    pub(super) fn run<W: Fn(usize, usize) + Sync>(&self, chunks: usize, work: &W) {
        let _turn = lock(&self.turn);
        if self.workers.is_empty() || chunks <= 1 {
            (0..chunks).for_each(|chunk| work(chunk, 0));
            return;
        }
        let shared = &*self.shared;
        // The pointer is followed by workers inside the gate only, and `inside` below does not let this function end before the
        // gate is closed and empty.
        let job = Job { work: ptr::from_ref(work).cast(), call: call::<W>, chunks };
        // SAFETY: the gate is closed and empty, and `turn` keeps other callers out.
        unsafe { *shared.job.get() = Some(job) };
        shared.next.store(0, Ordering::Relaxed);
        let epoch = (shared.gate.load(Ordering::Relaxed) >> EPOCH).wrapping_add(1);
        shared.gate.store(epoch << EPOCH | OPEN, Ordering::SeqCst);
        if shared.asleep.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.bed));
            shared.wake.notify_all();
        }
        let inside = Inside { shared };
        shared.take_chunks(job, 0);
        drop(inside);
        assert!(!shared.panicked.load(Ordering::Relaxed), "a worker thread has panicked");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.bed));
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker's panic has been reported by `run`.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn take_chunks(&self, job: Job, worker: usize) {
        loop {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            if chunk >= job.chunks {
                return;
            }
            // SAFETY: this thread is inside the gate or is the caller itself, so the work is alive.
            unsafe { (job.call)(job.work, chunk, worker) };
        }
    }

    fn serve(&self, worker: usize) {
        let mut seen = 0;
        while self.wait_for_job(seen) {
            let mut gate = self.gate.load(Ordering::Relaxed);
            loop {
                seen = gate >> EPOCH;
                if gate & OPEN == 0 {
                    break;
                }
                let entered = gate + 1;
                match self.gate.compare_exchange_weak(
                    gate,
                    entered,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        let entered = Entered { shared: self };
                        // SAFETY: a job is written before its gate opens, and not again before this thread has left.
                        if let Some(job) = unsafe { *self.job.get() } {
                            self.take_chunks(job, worker);
                        }
                        drop(entered);
                        break;
                    }
                    Err(now) => gate = now,
                }
            }
        }
    }

    /// Returns whether there is a job other than `seen`, when there is one or the pool ends.
    fn wait_for_job(&self, seen: u64) -> bool {
        let new = || self.gate.load(Ordering::SeqCst) >> EPOCH != seen;
        let stop = || self.stop.load(Ordering::SeqCst);
        for spin in 0..SPINS {
            if new() {
                return true;
            }
            if stop() {
                return false;
            }
            pause(spin);
        }
        let mut bed = lock(&self.bed);
        self.asleep.fetch_add(1, Ordering::SeqCst);
        while !new() && !stop() {
            bed = self.wake.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.fetch_sub(1, Ordering::SeqCst);
        !stop()
    }
}

/// A worker inside the gate; leaves when dropped.
struct Entered<'a> {
    shared: &'a Shared,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.panicked.store(true, Ordering::Relaxed);
        }
        self.shared.gate.fetch_sub(1, Ordering::Release);
    }
}

/// The caller's side of an open gate; dropped, closes it and waits until everybody has left.
struct Inside<'a> {
    shared: &'a Shared,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let gate = &self.shared.gate;
        let mut inside = gate.fetch_and(!OPEN, Ordering::Acquire) & (OPEN - 1);
        let mut spin = 0;
        while inside != 0 {
            pause(spin);
            spin = spin.wrapping_add(1);
            inside = gate.load(Ordering::Acquire) & (OPEN - 1);
        }
    }
}

fn pause(spin: u32) {
    if spin % SPINS_BEFORE_YIELD == SPINS_BEFORE_YIELD - 1 {
        thread::yield_now();
    } else {
        hint::spin_loop();
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
